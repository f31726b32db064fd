// Pictures made from a photo and its alpha, as tfseg.composite makes them.
//
// Light adds up, coded pixel values do not: blends and blurs are done on linear light, so that edges get no dark seam
// and blurred lamps stay bright.

import { estimateForeground, within } from "./matte.js";
import { blank, reflectInside, resizeArea, resizeLinear, round } from "./picture.js";

const BLUR_RADIUS = 12; // pixels, of a disc that looks round; a wider one is taken in a picture as much smaller
const LEVELS = 1 << 14; // steps of linear light that are told apart when it is coded

/** The person on a transparent background; `side` as of `estimateForeground`. */
export function cutOut(image, alpha, side) {
  const result = estimateForeground(image, alpha, side);
  for (let i = 0; i < alpha.data.length; i++) result.data[4 * i + 3] = alpha.data[i] * 255;
  return result;
}

/**
 * The person before a background out of focus. The blur is taken over background pixels alone (normalised convolution,
 * Knutsson and Westin 1993), so that the person does not bleed into it.
 *
 * @param strength radius of the blur as a share of the longer side, 0..0.2.
 * @param side pixels of the longer side at which the background is blurred at most, and colours are looked for.
 */
export function blurBackground(image, alpha, strength, side) {
  const size = within(Math.min(side ?? Infinity, BLUR_RADIUS / strength), image);
  const radius = round(strength * Math.max(...size));
  if (radius === 0) return { ...image, data: image.data.slice() };
  const small = resizeArea(image, ...size);
  const weight = resizeArea(alpha, ...size).data;
  const light = { data: new Float32Array(weight.length * 4), width: size[0], height: size[1] };
  for (let i = 0; i < weight.length; i++) {
    for (let c = 0; c < 3; c++) light.data[4 * i + c] = LINEAR[small.data[4 * i + c]] * (1 - weight[i]);
    light.data[4 * i + 3] = 1 - weight[i];
  }
  const sum = discBlur(light, radius).data;
  const blurred = blank(image, ...size);
  for (let i = 0; i < sum.length; i++) blurred.data[i] = i % 4 < 3 ? coded(sum[i] / (sum[i | 3] + 1e-6)) : 255;
  return blend(image, alpha, resizeLinear(blurred, image.width, image.height), side);
}

/** Mean over a disc, which is what a wide-open lens makes of a point; four channels. */
function discBlur({ data, width, height }, radius) {
  const reaches = Int32Array.from({ length: radius + 1 }, (_, dy) => round(Math.sqrt(radius * radius - dy * dy)));
  const area = reaches.reduce((sum, reach, dy) => sum + (2 * reach + 1) * (dy ? 2 : 1), 0);
  const columns = Int32Array.from({ length: width + 2 * radius }, (_, i) => 4 * reflectInside(i - radius, width));
  const stride = 4 * (columns.length + 1);
  const sums = new Float64Array(stride * height); // along each row, from its mirrored beginning on
  for (let y = 0; y < height; y++) {
    for (let i = 0, at = y * stride; i < columns.length; i++, at += 4) {
      for (let c = 0; c < 4; c++) sums[at + 4 + c] = sums[at + c] + data[4 * y * width + columns[i] + c];
    }
  }
  const result = { data: new Float32Array(data.length), width, height };
  for (let y = 0; y < height; y++) {
    for (let dy = -radius; dy <= radius; dy++) {
      const reach = reaches[Math.abs(dy)];
      const start = reflectInside(y + dy, height) * stride + 4 * (radius - reach);
      const span = 4 * (2 * reach + 1);
      for (let i = 0, out = 4 * y * width; i < 4 * width; i++, out++) {
        result.data[out] += (sums[start + span + i] - sums[start + i]) / area;
      }
    }
  }
  return result;
}

/** The person before `background`, RGBA of the photo's size. */
export function blend(image, alpha, background, side) {
  const foreground = estimateForeground(image, alpha, side);
  const result = { ...image, data: background.data.slice() };
  for (let i = 0, at = 0; i < alpha.data.length; i++, at += 4) {
    const share = alpha.data[i];
    if (share <= 0) continue;
    for (let c = at; c < at + 3; c++) {
      const [before, behind] = [foreground.data[c], background.data[c]];
      result.data[c] = share >= 1 ? before : coded(LINEAR[before] * share + LINEAR[behind] * (1 - share));
    }
  }
  return result;
}

/** A plain background, RGBA of the photo's size; `colour` is [red, green, blue], 0..255. */
export function plain(colour, like) {
  const result = blank(like, like.width, like.height);
  new Uint32Array(result.data.buffer).fill(new Uint32Array(Uint8Array.of(...colour, 255).buffer)[0]);
  return result;
}

/** A picture, RGBA, scaled and cropped about its centre to fill the photo. */
export function fill(picture, { width, height }) {
  const scale = Math.max(height / picture.height, width / picture.width);
  const size = [Math.max(width, round(picture.width * scale)), Math.max(height, round(picture.height * scale))];
  const filled = (scale < 1 ? resizeArea : resizeLinear)(picture, ...size);
  const [top, left] = [(size[1] - height) >> 1, (size[0] - width) >> 1];
  const result = blank(picture, width, height);
  for (let y = 0; y < height; y++) {
    const start = 4 * ((top + y) * size[0] + left);
    result.data.set(filled.data.subarray(start, start + 4 * width), 4 * y * width);
  }
  return result;
}

/** sRGB codes to linear light 0..1 (IEC 61966-2-1). */
const LINEAR = Float32Array.from({ length: 256 }, (_, code) => {
  const value = code / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
});

const CODED = Uint8ClampedArray.from({ length: LEVELS + 1 }, (_, level) => {
  const light = level / LEVELS;
  return 255 * (light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055);
});

/** Linear light to sRGB codes. */
function coded(light) {
  return CODED[Math.min(LEVELS, Math.max(0, Math.round(light * LEVELS)))];
}
