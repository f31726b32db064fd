// Connected regions of a two-valued mask, and what lies near to some of them. Rows are looked at as runs of pixels.

import { round } from "./picture.js";

const EDGE_SHARE = 0.01; // of the longer side: how far a soft edge reaches

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

  /** The pixels of some regions and the soft edge around them; `chosen` says of every region whether it is meant. */
  near(chosen) {
    const { width, height } = this;
    const reach = Math.max(2, round(EDGE_SHARE * Math.max(width, height))) + 1;
    const near = new Uint8Array(width * height);
    if (!chosen.includes(true)) return near;
    const changes = new Int32Array((width + 1) * height); // how many discs begin less end at a pixel of a row
    for (let y = 0; y < height; y++) this.#addDiscs(changes, y, reach, chosen);
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0, at = y * (width + 1), discs = 0; x < width; x++, i++) {
        discs += changes[at++];
        near[i] = discs > 0 ? 1 : 0;
      }
    }
    return near;
  }

  /** Spreads the chosen runs of a row to the rows around it, as far as a disc about each pixel reaches there. */
  #addDiscs(changes, y, reach, chosen) {
    const { width, height, starts, rows, of } = this;
    for (let run = rows[y]; run < rows[y + 1]; run++) {
      if (!chosen[of[run]]) continue;
      const [start, end] = [starts[run] - y * width, starts[run + 1] - y * width];
      for (let dy = Math.max(1 - reach, -y); dy < Math.min(reach, height - y); dy++) {
        const across = Math.ceil(Math.sqrt(reach * reach - dy * dy)) - 1;
        const row = (y + dy) * (width + 1);
        changes[row + Math.max(0, start - across)]++;
        changes[row + Math.min(width, end + across)]--;
      }
    }
  }

  /** The pixels of some regions, Uint8Array [height, width] of 0 and 1. */
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
