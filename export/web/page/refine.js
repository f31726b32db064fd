// A network's answer at the photo's own size, along the photo's own edges.

import { boxBlur, greyOf, reflect, resizeLinear } from "./picture.js";

/**
 * Brings a probability to the photo's size along the photo's own edges: the fast guided filter (He and Sun 2015,
 * arXiv:1505.00996). A local linear model from grey to probability is fitted in the small frame and applied to the
 * large photo.
 *
 * @param probability plane in 0..1.
 * @param small the photo at the probability's size, RGBA.
 * @param image the photo, RGBA.
 * @param rule of model.json: the filter's `radius` in pixels of the small frame, and its `epsilon`.
 * @returns a plane in 0..1 of the photo's size.
 */
export function refineAlpha(probability, small, image, { radius, epsilon }) {
  const guide = greyOf(small);
  const mean = (values) => boxBlur({ ...guide, data: values }, radius, reflect).data;
  const meanGuide = mean(guide.data);
  const meanProbability = mean(probability.data);
  const meanProduct = mean(guide.data.map((value, i) => value * probability.data[i]));
  const meanSquare = mean(guide.data.map((value) => value * value));
  const slope = meanGuide.map((value, i) => {
    return (meanProduct[i] - value * meanProbability[i]) / (meanSquare[i] - value * value + epsilon);
  });
  const offset = meanProbability.map((value, i) => value - slope[i] * meanGuide[i]);
  const [largeSlope, largeOffset] = [slope, offset].map((values) => {
    return resizeLinear({ ...guide, data: mean(values) }, image.width, image.height).data;
  });
  const alpha = greyOf(image);
  for (let i = 0; i < alpha.data.length; i++) {
    alpha.data[i] = Math.min(1, Math.max(0, largeSlope[i] * alpha.data[i] + largeOffset[i]));
  }
  return alpha;
}
