// The visitor's camera, as pictures one after the other.

const REASONS = {
  NotAllowedError: "The camera was not allowed. Allow it in the browser's address bar, then try again.",
  NotFoundError: "No camera was found on this device.",
  NotReadableError: "The camera is in use by another program. Close that, then try again.",
};

export class Camera {
  #stream;
  #video = document.createElement("video");
  #times = [];

  /** Turns the camera on. Throws an Error that a visitor understands. */
  static async open() {
    if (!navigator.mediaDevices) throw new Error("The camera needs an address that begins with https.");
    const camera = new Camera();
    try {
      const wanted = { facingMode: "user", width: { ideal: 640 }, height: { ideal: 480 } };
      camera.#stream = await navigator.mediaDevices.getUserMedia({ video: wanted });
    } catch (error) {
      throw new Error(REASONS[error.name] ?? `The camera could not be opened: ${error.message}`);
    }
    camera.#video.srcObject = camera.#stream;
    camera.#video.muted = camera.#video.playsInline = true;
    await camera.#video.play();
    return camera;
  }

  get open() {
    return this.#stream.active;
  }

  /** The next picture, once the page is about to be drawn again. */
  async frame() {
    await new Promise(requestAnimationFrame);
    return createImageBitmap(this.#video);
  }

  /** Frames per second over the last two seconds; call it once a frame. */
  rate() {
    const now = performance.now();
    this.#times = [...this.#times.filter((time) => now - time < 2000), now];
    const seconds = (now - this.#times[0]) / 1000;
    return seconds ? (this.#times.length - 1) / seconds : 0;
  }

  close() {
    this.#stream.getTracks().forEach((track) => track.stop());
  }
}
