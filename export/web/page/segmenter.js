// A person's alpha from a photo: which of the bundle's networks to ask, and what to make of its answer.

import { letterbox } from "./letterbox.js";
import { refineAlpha } from "./refine.js";
import { Runtime } from "./runtime.js";

const GPU_KIND = "float16"; // WebGPU takes float ends only, and computes in float

/** A bundle's networks, upright and wide, on one delegate. */
export class Segmenter {
  /**
   * Loads model.json and the network for upright photos; the one for wide photos follows when it is asked for.
   *
   * @param folder URL of the bundle, with its final slash.
   * @param delegate "webgpu" or "wasm"; without it, WebGPU where it is there and right, WebAssembly otherwise.
   * @param kind of model, such as "int8"; without it, the bundle's default, and on WebGPU the float one.
   */
  static async load(folder, { delegate, kind } = {}) {
    const response = await fetch(`${folder}model.json`);
    if (!response.ok) throw new Error(`${folder}model.json: the server answered ${response.status}.`);
    const contract = await response.json();
    const runtime = await Runtime.load(delegate);
    if (runtime.delegate === "webgpu") {
      try {
        return await new Segmenter(folder, contract, runtime, kind ?? GPU_KIND).proven();
      } catch (error) {
        if (delegate) throw error;
        console.info(`WebGPU is not used: ${error.message}`);
      }
    }
    return new Segmenter(folder, contract, runtime.onWebAssembly(), kind ?? contract.default).proven();
  }

  constructor(folder, contract, runtime, kind) {
    if (!(kind in contract.models)) throw new Error(`The bundle holds no ${kind} model.`);
    Object.assign(this, { folder, contract, runtime, kind, networks: {} });
    this.delegate = runtime.name;
  }

  async proven() {
    await this.network(this.kind);
    return this;
  }

  /** The network for a photo: as wide photos have a model of their own in a bundle, so they have here. */
  networkFor({ width, height }) {
    const landscape = `${this.kind}_landscape`;
    return this.network(width > height && landscape in this.contract.models ? landscape : this.kind);
  }

  /** A model of the bundle, fetched once, which has answered a golden pair as it should. */
  network(name) {
    this.networks[name] ??= this.runtime.network(this.folder, name, this.contract).catch((error) => {
      delete this.networks[name];
      throw error;
    });
    return this.networks[name];
  }

  /**
   * How much of each pixel is person.
   *
   * @param image the photo, RGBA, 0..255; its alpha channel is not looked at.
   * @param mirror whether to ask about the mirrored photo too and to take the mean: better, for twice the time.
   * @returns a plane in 0..1 of the photo's size.
   */
  async alpha(image, mirror = false) {
    const network = await this.networkFor(image);
    const { frame, small, box } = letterbox(image, network.height, network.width, this.contract.input.resize.pad_value);
    const answer = await network.run(frame);
    if (mirror) {
      const mirrored = await network.run(flipped(frame, network.width, 3));
      flipped(mirrored, network.width, 1).forEach((value, i) => (answer[i] = (answer[i] + value) / 2));
    }
    const probability = { data: new Float32Array(box.width * box.height), width: box.width, height: box.height };
    for (let y = 0; y < box.height; y++) {
      const start = (box.top + y) * network.width + box.left;
      probability.data.set(answer.subarray(start, start + box.width), y * box.width);
    }
    return refineAlpha(probability, small, image, this.contract.output.upsample);
  }
}

function flipped(values, width, channels) {
  const result = new values.constructor(values.length);
  const line = width * channels;
  for (let start = 0; start < values.length; start += line) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < channels; c++)
        result[start + x * channels + c] = values[start + (width - 1 - x) * channels + c];
    }
  }
  return result;
}
