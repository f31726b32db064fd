// Pictures of any number of channels, resampled and blurred as OpenCV does it.
//
// A picture is {data, width, height}: a typed array, row by row, channels together. Photos are RGBA, Uint8ClampedArray,
// 0..255; planes are Float32Array of one channel. A Uint8ClampedArray rounds what is stored in it, halves to even.

/** A picture of the same kind of numbers, all zero. */
export function blank(like, width, height, channels = channelsOf(like)) {
  return { data: new like.data.constructor(width * height * channels), width, height };
}

export function channelsOf({ data, width, height }) {
  return data.length / (width * height);
}

/** Python's round: half to even. */
export function round(value) {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value);
}

/** Luma of a photo, as cv2.COLOR_RGB2GRAY: a plane in 0..1, in steps of 1/255. */
export function greyOf({ data, width, height }) {
  const grey = new Float32Array(width * height);
  for (let i = 0, at = 0; i < grey.length; i++, at += 4) {
    grey[i] = ((9798 * data[at] + 19235 * data[at + 1] + 3735 * data[at + 2] + 16384) >> 15) / 255;
  }
  return { data: grey, width, height };
}

/** The picture at a smaller size, each pixel the mean of the area it covers, as cv2.INTER_AREA. */
export function resizeArea(picture, width, height) {
  if (picture.width === width && picture.height === height) return picture;
  const channels = channelsOf(picture);
  const columns = coverage(picture.width, width);
  const rows = coverage(picture.height, height);
  const result = blank(picture, width, height);
  const sum = new Float64Array(width * channels);
  const line = new Float64Array(width * channels);
  const upwards = picture.width === 2 * width && picture.height === 2 * height ? 1e-6 : 0; // it rounds means of four up
  let lineRow = -1;
  for (let y = 0; y < height; y++) {
    sum.fill(upwards);
    for (let row = rows.first[y], k = rows.start[y]; k < rows.start[y + 1]; row++, k++) {
      if (row !== lineRow) shrinkRow(picture.data, row * picture.width * channels, channels, columns, line);
      lineRow = row;
      for (let i = 0; i < sum.length; i++) sum[i] += rows.weights[k] * line[i];
    }
    result.data.set(sum, y * width * channels);
  }
  return result;
}

/** Which pixels, from `first` on, each of `to` cells covers among `from`, and with what weights (from `start` on). */
function coverage(from, to) {
  const first = new Int32Array(to);
  const start = new Int32Array(to + 1);
  const weights = [];
  for (let cell = 0; cell < to; cell++) {
    const begin = (cell * from) / to;
    const end = ((cell + 1) * from) / to;
    first[cell] = Math.floor(begin + 1e-9);
    for (let pixel = first[cell]; pixel < Math.min(from, end - 1e-9); pixel++) {
      weights.push((Math.min(pixel + 1, end) - Math.max(pixel, begin)) / (end - begin));
    }
    start[cell + 1] = weights.length;
  }
  return { first, start, weights: Float64Array.from(weights) };
}

function shrinkRow(data, offset, channels, { first, start, weights }, line) {
  line.fill(0);
  for (let x = 0; x < first.length; x++) {
    let at = offset + first[x] * channels;
    for (let k = start[x]; k < start[x + 1]; k++) {
      for (let channel = 0; channel < channels; channel++) line[x * channels + channel] += weights[k] * data[at++];
    }
  }
}

/** The picture at another size, bilinearly, as cv2.INTER_LINEAR. */
export function resizeLinear(picture, width, height) {
  if (picture.width === width && picture.height === height) return picture;
  const channels = channelsOf(picture);
  const columns = neighbours(picture.width, width);
  const rows = neighbours(picture.height, height);
  const result = blank(picture, width, height);
  const stride = picture.width * channels;
  const line = new Float32Array(stride);
  for (let y = 0, out = 0; y < height; y++) {
    const above = rows.first[y] * stride;
    const below = rows.second[y] * stride;
    for (let i = 0; i < stride; i++) {
      line[i] = picture.data[above + i] + rows.share[y] * (picture.data[below + i] - picture.data[above + i]);
    }
    for (let x = 0; x < width; x++) {
      const left = columns.first[x] * channels;
      const right = columns.second[x] * channels;
      for (let channel = 0; channel < channels; channel++) {
        const value = line[left + channel];
        result.data[out++] = value + columns.share[x] * (line[right + channel] - value);
      }
    }
  }
  return result;
}

/** Between which two of `from` pixels the centre of each of `to` pixels lies, and how far towards the second. */
export function neighbours(from, to) {
  const first = new Int32Array(to);
  const second = new Int32Array(to);
  const share = new Float32Array(to);
  for (let i = 0; i < to; i++) {
    const centre = Math.max(0, ((i + 0.5) * from) / to - 0.5);
    first[i] = Math.min(from - 1, Math.floor(centre));
    second[i] = Math.min(from - 1, first[i] + 1);
    share[i] = centre - Math.floor(centre);
  }
  return { first, second, share };
}

/** Mean over a square of `2 * radius + 1` pixels; beyond its border the picture is mirrored by `mirror`. */
export function boxBlur(picture, radius, mirror) {
  const { width, height } = picture;
  const channels = channelsOf(picture);
  const across = blank(picture, width, height);
  slide(picture.data, across.data, radius, mirror, {
    lines: height,
    line: width * channels,
    length: width,
    step: channels,
    channels,
  });
  const result = blank(picture, width, height);
  slide(across.data, result.data, radius, mirror, {
    lines: 1,
    line: 0,
    length: height,
    step: width * channels,
    channels: width * channels,
  });
  return result;
}

/** A running mean along lines of `length` places, `step` numbers apart, for `channels` numbers beside each other. */
function slide(from, to, radius, mirror, { lines, line, length, step, channels }) {
  const side = 2 * radius + 1;
  const places = Int32Array.from({ length: length + 2 * radius + 1 }, (_, i) => mirror(i - radius, length) * step);
  const sum = new Float64Array(channels);
  for (let offset = 0, n = 0; n < lines; n++, offset += line) {
    sum.fill(0);
    for (let i = 0; i < side; i++) for (let c = 0; c < channels; c++) sum[c] += from[offset + places[i] + c];
    for (let i = 0; i < length; i++) {
      const entering = offset + places[i + side];
      const leaving = offset + places[i];
      for (let c = 0, at = offset + i * step; c < channels; c++, at++) {
        to[at] = sum[c] / side;
        sum[c] += from[entering + c] - from[leaving + c];
      }
    }
  }
}

/** cv2.BORDER_REFLECT: cba|abc|cba. */
export function reflect(i, length) {
  while (i < 0 || i >= length) i = i < 0 ? -1 - i : 2 * length - 1 - i;
  return i;
}

/** cv2.BORDER_REFLECT_101: cb|abc|ba. */
export function reflectInside(i, length) {
  while (length > 1 && (i < 0 || i >= length)) i = i < 0 ? -i : 2 * length - 2 - i;
  return length > 1 ? i : 0;
}
