// Connected regions of a two-valued mask, whose rows are looked at as runs of pixels, and distances inside of regions.

const FAR = 1e6; // pixels; more than any photo has
const DIAGONAL = 1.4; // length of a step to the diagonal neighbour, and of a knight's move, of which distances are made
const KNIGHT = 2.1969;

/** The 8-connected regions of pixels of equal value in a mask, Uint8Array [height, width] of 0 and 1. */
export class Regions {
  constructor(mask, width, height) {
    Object.assign(this, { mask, width, height });
    this.#findRuns();
    const parents = this.#connect();
    this.#measure(parents);
  }

  /** `starts` holds the first pixel of every run and `rows` the first run of every row; both have an end more. */
  #findRuns() {
    const { mask, width, height } = this;
    const [starts, rows] = [[], [0]];
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0; x < width; x++, i++) if (x === 0 || mask[i] !== mask[i - 1]) starts.push(i);
      rows.push(starts.length);
    }
    starts.push(mask.length);
    Object.assign(this, { starts, rows });
  }

  /** A forest of runs: those of one region have one root. */
  #connect() {
    const { mask, width, height, starts, rows } = this;
    const parents = Int32Array.from(starts.keys());
    for (let y = 1; y < height; y++) {
      let above = rows[y - 1];
      for (let run = rows[y]; run < rows[y + 1]; run++) {
        const [start, end] = [starts[run] - width, starts[run + 1] - width];
        while (starts[above + 1] < start) above++;
        for (let other = above; other < rows[y] && starts[other] <= end; other++) {
          if (mask[starts[other]] === mask[starts[run]]) parents[rootOf(parents, run)] = rootOf(parents, other);
        }
      }
    }
    return parents;
  }

  /** `of` says to which of `regions` a run belongs; these have a value, an area and whether they touch the frame. */
  #measure(parents) {
    const { mask, width, height, starts, rows } = this;
    const index = new Map();
    this.of = new Int32Array(starts.length - 1);
    this.regions = [];
    for (let y = 0; y < height; y++) {
      for (let run = rows[y]; run < rows[y + 1]; run++) {
        const root = rootOf(parents, run);
        if (!index.has(root))
          index.set(root, this.regions.push({ value: mask[starts[run]], area: 0, frame: false }) - 1);
        const region = this.regions[(this.of[run] = index.get(root))];
        region.area += starts[run + 1] - starts[run];
        region.frame ||=
          y === 0 || y === height - 1 || starts[run] === y * width || starts[run + 1] === (y + 1) * width;
      }
    }
  }

  /** The pixels of some regions, Uint8Array [height, width] of 0 and 1; `chosen` says of every region if it is meant. */
  paint(chosen) {
    const pixels = new Uint8Array(this.width * this.height);
    this.of.forEach((region, run) => {
      if (chosen[region]) pixels.fill(1, this.starts[run], this.starts[run + 1]);
    });
    return pixels;
  }
}

function rootOf(parents, run) {
  while (parents[run] !== run) run = parents[run] = parents[parents[run]];
  return run;
}

/**
 * How far inside a region each pixel lies, in pixels: 0 outside, below 1 on its rim. Distances are sums of steps in a
 * 5x5 neighbourhood (Borgefors 1986), as OpenCV's are.
 *
 * @param region Uint8Array [height, width] of 0 and 1.
 * @returns Float32Array [height, width].
 */
export function depthOf(region, width, height) {
  const stride = width + 4; // two pixels of margin on every side, so that every neighbour is there
  const distance = new Float32Array(stride * (height + 4)).fill(FAR);
  const first = 2 * stride + 2;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0, at = first + y * stride; x < width; x++, i++, at++) if (!region[i]) distance[at] = 0;
  }
  for (let y = 0; y < height; y++) {
    for (let x = 0, at = first + y * stride; x < width; x++, at++) if (distance[at]) approach(distance, at, 1, stride);
  }
  const depth = new Float32Array(width * height);
  for (let y = height - 1, i = depth.length - 1; y >= 0; y--) {
    for (let x = width - 1, at = first + y * stride + x; x >= 0; x--, i--, at--) {
      if (distance[at]) approach(distance, at, -1, -stride);
      depth[i] = Math.max(0, distance[at] - 0.5);
    }
  }
  return depth;
}

/** The shortest way to a pixel over the neighbours that were looked at before it. */
function approach(distance, at, across, down) {
  const above = at - down;
  const beside = Math.min(distance[at - across], distance[above]) + 1;
  const diagonal = Math.min(distance[above - across], distance[above + across]) + DIAGONAL;
  const near = Math.min(distance[above - 2 * across], distance[above + 2 * across]);
  const far = Math.min(distance[above - down - across], distance[above - down + across]);
  distance[at] = Math.min(distance[at], beside, diagonal, Math.min(near, far) + KNIGHT);
}
