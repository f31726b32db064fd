// What is computed beside the page, so that the page never stands still: a classic worker, because LiteRT.js loads its
// WebAssembly with importScripts.
//
// The page sends {id, task, ...}; what comes back is {id, result} or {id, error}.

const SMALL_SIDE = 320; // pixels, at which a camera's background is blurred and colours are looked for
const modules = Promise.all(["./segmenter.js", "./matte.js", "./composite.js"].map((name) => import(name)));

let segmenter;
let photo; // {image, alpha}, the last one segmented
let background = {}; // {bitmap, filled}: the background picture, and how it was last made to fill a photo

const tasks = {
  async load({ folder, delegate, kind }) {
    const [{ Segmenter }] = await modules;
    segmenter = await Segmenter.load(folder, { delegate, kind });
    return { delegate: segmenter.delegate, kind: segmenter.kind };
  },

  /** Fetches and compiles what wide photos need, so that it is there without a network too. */
  async complete() {
    await segmenter.networkFor({ width: 2, height: 1 });
  },

  /** Finds the person in a photo, which stays here for `compose`; says whether there is one. */
  async segment({ bitmap }) {
    const image = pixels(bitmap);
    photo = { image, alpha: await alphaOf(image, true) };
    return { found: photo.alpha.data.some((value) => value >= 0.5) };
  },

  /** Takes a picture to put behind people. */
  async setBackground({ bitmap }) {
    background = { picture: pixels(bitmap) };
  },

  /** The photo that was segmented last, with an effect. */
  async compose({ effect }) {
    return toBitmap(await composed(photo, effect));
  },

  /** One picture of a camera, with an effect. */
  async frame({ bitmap, effect }) {
    const image = pixels(bitmap);
    return toBitmap(await composed({ image, alpha: await alphaOf(image, false) }, effect, SMALL_SIDE));
  },
};

async function alphaOf(image, mirror) {
  const [, { finish }] = await modules;
  return finish(await segmenter.alpha(image, mirror), segmenter.contract);
}

async function composed({ image, alpha }, effect, side) {
  const [, , { blend, blurBackground, cutOut, plain }] = await modules;
  if (effect.name === "cutout") return cutOut(image, alpha, side);
  if (effect.name === "blur") return blurBackground(image, alpha, effect.strength, side);
  return blend(image, alpha, effect.colour ? plain(effect.colour, image) : await filled(image), side);
}

async function filled(image) {
  const [, , { fill }] = await modules;
  if (background.filled?.width !== image.width || background.filled?.height !== image.height) {
    background.filled = fill(background.picture, image);
  }
  return background.filled;
}

/** RGBA of a bitmap, which is used up; transparency is laid over white. */
function pixels(bitmap) {
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { data: context.getImageData(0, 0, width, height).data, width, height };
}

function toBitmap({ data, width, height }) {
  return createImageBitmap(new ImageData(data, width, height));
}

async function answer({ id, task, ...given }) {
  try {
    const result = await tasks[task](given);
    self.postMessage({ id, result }, result instanceof ImageBitmap ? [result] : []);
  } catch (error) {
    self.postMessage({ id, error: error.message ?? String(error) });
  }
}

let queue = Promise.resolve(); // one task after the other, but for what may take as long as the network does
self.onmessage = ({ data }) => {
  if (data.task === "complete") answer(data);
  else queue = queue.then(() => answer(data));
};
