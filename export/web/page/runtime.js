// LiteRT.js, which runs the bundle's .tflite files on WebGPU or, compiled to WebAssembly, on the processor.

const FOLDER = new URL("litert/", self.location.href).href;

/** LiteRT.js on one delegate. */
export class Runtime {
  /** @param delegate "webgpu" or "wasm"; without it, WebGPU if there is a real GPU. */
  static async load(delegate) {
    const { loadLiteRt, supportsFeature, Tensor } = await import("./litert/core.js");

    const threads = self.crossOriginIsolated && (await supportsFeature("relaxedSimd"));
    self.Module = {
      locateFile: (name) => FOLDER + name,
      mainScriptUrlOrBlob: `${FOLDER}litert_wasm_threaded_internal.js`,
      print: () => {},
      printErr: () => {}, // what goes wrong is thrown as well
    };
    const litert = await loadLiteRt(FOLDER, { threads });
    const adapter = litert.getWebGpuDevice()?.adapterInfo;
    if (delegate === "webgpu" && !adapter) throw new Error("This browser offers no WebGPU.");
    const real = adapter && !adapter.isFallbackAdapter; // a GPU in software is slower than WebAssembly
    return new Runtime(litert, Tensor, delegate ?? (real ? "webgpu" : "wasm"));
  }

  constructor(litert, Tensor, delegate) {
    Object.assign(this, { litert, Tensor, delegate });
  }

  onWebAssembly() {
    return new Runtime(this.litert, this.Tensor, "wasm");
  }

  get name() {
    if (this.delegate === "webgpu") return "WebGPU";
    const threads = this.litert.liteRtWasm.getThreadCount();
    return threads > 1 ? `WebAssembly, ${threads} threads` : "WebAssembly";
  }

  /**
   * A model of a bundle, which has answered a golden pair as it should.
   *
   * @param folder URL of the bundle.
   * @param name of the model in the contract, such as "int8_landscape".
   * @param contract content of model.json.
   */
  async network(folder, name, contract) {
    const model = contract.models[name];
    const bytes = await verified(folder + model.file, model.sha256);
    const options = { accelerator: this.delegate, gpuOptions: { precision: "fp32" } };
    const compiled = await this.litert.loadAndCompile(bytes, options);
    if (this.delegate === "webgpu" && !compiled.isFullyAccelerated)
      throw new Error(`${model.file} does not run on it whole.`);
    const network = new Network(compiled, model, this);
    await network.prove(folder, name, contract.golden);
    return network;
  }
}

/** One .tflite file at its fixed input size. */
class Network {
  constructor(compiled, model, { Tensor, delegate }) {
    Object.assign(this, { compiled, model, Tensor, delegate });
    [, this.height, this.width] = model.input.shape;
  }

  /** Person probability, Float32Array [height, width], of a frame, RGB bytes [height, width, 3]. */
  async run(frame) {
    const { scale, zero_point: zeroPoint } = this.model.output;
    return Float32Array.from(await this.answer(frame), (value) => (value - zeroPoint) * scale);
  }

  /** The output tensor's own numbers. */
  async answer(frame) {
    const { shape, dtype, scale, zero_point: zeroPoint } = this.model.input;
    const values = dtype === "float32" ? Float32Array : Uint8ClampedArray;
    const fed = values.from(frame, (value) => value / scale + zeroPoint);
    let input = new this.Tensor(dtype === "float32" ? fed : new Uint8Array(fed.buffer), shape);
    if (this.delegate === "webgpu") input = await input.moveTo("webgpu");
    const [output] = await this.compiled.run([input]);
    const answer = (await output.data()).slice();
    input.delete();
    output.delete();
    return answer;
  }

  /** Throws unless the network answers its first golden pair within the contract's tolerance. */
  async prove(folder, name, golden) {
    const pair = golden.pairs.find((each) => name in each);
    const [input, expected] = await Promise.all([pair.input, pair[name]].map((file) => pixelsOf(folder + file)));
    const frame = Uint8Array.from({ length: this.width * this.height * 3 }, (_, i) => input[i + Math.floor(i / 3)]);
    const step = this.model.output.dtype === "uint8" ? 1 : 1 / 255;
    const answer = await this.answer(frame);
    const difference =
      answer.reduce((sum, value, i) => sum + Math.abs(value / step - expected[4 * i]), 0) / answer.length;
    if (!(difference <= golden.mean_absolute_tolerance)) {
      throw new Error(
        `${this.model.file} answers ${pair.input} otherwise, by ${difference.toFixed(1)} of 255 on average.`,
      );
    }
  }
}

/** The bytes of a file, which must have this checksum (hexadecimal). */
async function verified(url, sha256) {
  const digest = btoa(String.fromCharCode(...sha256.match(/../g).map((byte) => parseInt(byte, 16))));
  try {
    const response = await fetch(url, { integrity: `sha256-${digest}` }); // the browser refuses another content
    if (!response.ok) throw new Error(`the server answered ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    throw new Error(`${url} did not arrive, or is not the file that model.json describes (${error.message}).`);
  }
}

/** RGBA bytes of a picture file. */
async function pixelsOf(url) {
  const bitmap = await createImageBitmap(await (await fetch(url)).blob(), { colorSpaceConversion: "none" });
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height).data;
}
