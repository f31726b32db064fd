// The photo fitted to the network's frame without stretching it, by the rule in model.json.

import { resizeArea, resizeLinear, round } from "./picture.js";

/** The largest centred box of the photo's proportions inside a frame of `height` x `width`, in pixels of the frame. */
export function letterboxBox(image, height, width) {
  const scale = Math.min(height / image.height, width / image.width);
  const boxHeight = Math.min(height, Math.max(1, round(image.height * scale)));
  const boxWidth = Math.min(width, Math.max(1, round(image.width * scale)));
  return { top: (height - boxHeight) >> 1, left: (width - boxWidth) >> 1, height: boxHeight, width: boxWidth };
}

/**
 * The photo in the frame, and where it lies.
 *
 * @param image the photo, RGBA, 0..255.
 * @param padValue 0..255, what the frame holds beside the photo.
 * @returns {frame, small, box}: RGB bytes [height, width, 3], the photo (RGBA) at the size of the box, and the box.
 */
export function letterbox(image, height, width, padValue) {
  const box = letterboxBox(image, height, width);
  const shrinks = box.height < image.height || box.width < image.width;
  const small = (shrinks ? resizeArea : resizeLinear)(image, box.width, box.height);
  const frame = new Uint8Array(height * width * 3).fill(padValue);
  for (let y = 0; y < box.height; y++) {
    for (let x = 0; x < box.width; x++) {
      const from = (y * box.width + x) * 4;
      const to = ((box.top + y) * width + box.left + x) * 3;
      for (let channel = 0; channel < 3; channel++) frame[to + channel] = small.data[from + channel];
    }
  }
  return { frame, small, box };
}
