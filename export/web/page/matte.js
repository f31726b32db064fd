// Work on an alpha after the network and before the composite, with the constants and in the order of tfseg.matte.

import { boxBlur, neighbours, reflectInside, resizeArea, round } from "./picture.js";
import { depthOf, Regions } from "./regions.js";

const ISLAND_SHARE = 0.03; // of the largest person's area: what is smaller is no second person
const HOLE_SHARE = 0.01; // of the largest person's area: the gap between arm and body is larger
const EDGE_SHARE = 0.008; // of the longer side: how far a soft edge reaches on each side of the outline
const HALF_STEP = 1 / 510; // alpha nearer to 0 or 1 than this is written as 0 or 255
const WORKING_SIDE = 384; // pixels; smooth colours lose nothing by being found in a smaller picture

/** From a network's alpha, a plane in 0..1, to that of a composite, by a bundle's contract: specks, pinholes, haze and doubt out. */
export function finish(alpha, { threshold, doubt }) {
  return firm(cleanMask(alpha, threshold), threshold, doubt);
}

/**
 * Removes specks beside the person, fills pinholes in the person, and takes haze away: what lies deeper inside than a
 * soft edge reaches is all person, what lies farther outside is none.
 */
export function cleanMask(alpha, threshold) {
  const { width, height } = alpha;
  const person = new Uint8Array(width * height);
  for (let i = 0; i < person.length; i++) person[i] = alpha.data[i] >= threshold ? 1 : 0;
  const found = new Regions(person, width, height);
  const largest = found.regions.reduce((most, { value, area }) => Math.max(most, value * area), 0);
  if (!largest) return alpha;
  const kept = found.paint(found.regions.map(({ value, area }) => value === 1 && area >= ISLAND_SHARE * largest));
  const around = new Regions(kept, width, height); // an island goes with its own holes
  const filled = around.paint(around.regions.map(({ value, area, frame }) => !value && !frame && area < HOLE_SHARE * largest));
  const solid = kept.map((each, i) => each | filled[i]);
  const within = depthOf(solid, width, height);
  const without = depthOf(solid.map((each) => 1 - each), width, height);
  const reach = Math.max(2, EDGE_SHARE * Math.max(width, height));
  const data = new Float32Array(person.length);
  for (let i = 0; i < data.length; i++) {
    const most = Math.max(0, 1 - without[i] / reach);
    data[i] = filled[i] ? 1 : Math.min(most, Math.max(alpha.data[i], within[i] / reach));
  }
  return { data, width, height };
}

/** Takes the last doubt out of an alpha: the threshold becomes one half, and `doubt` beside it 0 or 1. */
export function firm({ data, width, height }, threshold, doubt) {
  const room = Math.min(doubt, threshold, 1 - threshold);
  const firmed = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    firmed[i] = Math.min(1, Math.max(0, 0.5 + (data[i] - threshold) / (2 * room)));
  }
  return { data: firmed, width, height };
}

/** The size at which the picture's longer side is at most `side` pixels. */
export function within(side, { width, height }) {
  const scale = Math.min(1, side / Math.max(width, height));
  return [Math.max(1, round(width * scale)), Math.max(1, round(height * scale))];
}

/**
 * The person's own colours where the photo shows person and background mixed, so that no old background is left: blur
 * fusion in two passes, wide then narrow (Forte 2021, "Approximate Fast Foreground Colour Estimation").
 *
 * @param image the photo, RGBA, 0..255.
 * @param alpha a plane in 0..1.
 * @param side pixels of the longer side at which smooth colours are looked for.
 * @returns the photo with other colours where alpha is neither 0 nor 1.
 */
export function estimateForeground(image, alpha, side = WORKING_SIDE) {
  const size = within(side, image);
  const longer = Math.max(...size);
  const photo = colours(resizeArea(image, ...size));
  const weight = resizeArea(alpha, ...size).data;
  let [foreground, background] = [photo, photo];
  for (const radius of [Math.max(4, Math.floor(longer / 20)), Math.max(2, Math.floor(longer / 150))]) {
    foreground = weightedMean(foreground, weight, radius);
    background = weightedMean(
      background,
      weight.map((value) => 1 - value),
      radius,
    );
    foreground = restored(photo, weight, foreground, background);
  }
  return withColours(image, alpha, foreground, background);
}

/** Photo, RGBA, to float RGB. */
function colours({ data, width, height }) {
  const result = new Float32Array(width * height * 3);
  for (let i = 0; i < result.length; i++) result[i] = data[i + Math.floor(i / 3)];
  return { data: result, width, height };
}

/** Mean of the colours around each pixel, as far as they have weight. */
function weightedMean({ data, width, height }, weight, radius) {
  const weighted = data.map((value, i) => value * weight[Math.floor(i / 3)]);
  const sum = boxBlur({ data: weighted, width, height }, radius, reflectInside).data;
  const share = boxBlur({ data: weight, width, height }, radius, reflectInside).data;
  return { data: sum.map((value, i) => value / (share[Math.floor(i / 3)] + 1e-5)), width, height };
}

/** Puts back into smooth foreground colours what the photo shows beyond the mixture they explain. */
function restored(photo, alpha, foreground, background) {
  const data = foreground.data.map((value, i) => {
    return restore(photo.data[i], alpha[Math.floor(i / 3)], value, background.data[i]);
  });
  return { ...foreground, data };
}

function restore(photo, alpha, foreground, background) {
  const value = foreground + alpha * (photo - alpha * foreground - (1 - alpha) * background);
  return Math.min(255, Math.max(0, value));
}

/** The photo, its mixed pixels restored from the colours found in a smaller picture. */
function withColours(image, alpha, foreground, background) {
  const { width, height } = image;
  const data = image.data.slice();
  const rows = neighbours(foreground.height, height);
  const columns = neighbours(foreground.width, width);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const share = alpha.data[i];
      if (share <= HALF_STEP || share > 1 - HALF_STEP) continue;
      for (let channel = 0; channel < 3; channel++) {
        const before = between(foreground, columns, x, rows, y, channel);
        const behind = between(background, columns, x, rows, y, channel);
        data[4 * i + channel] = restore(data[4 * i + channel], share, before, behind);
      }
    }
  }
  return { data, width, height };
}

/** A colour of an RGB picture between its pixels. */
function between({ data, width }, columns, x, rows, y, channel) {
  const [left, right] = [3 * columns.first[x] + channel, 3 * columns.second[x] + channel];
  const [above, below] = [3 * width * rows.first[y], 3 * width * rows.second[y]];
  const first = data[above + left] + columns.share[x] * (data[above + right] - data[above + left]);
  const second = data[below + left] + columns.share[x] * (data[below + right] - data[below + left]);
  return first + rows.share[y] * (second - first);
}
