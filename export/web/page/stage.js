// Where the picture is shown.

const FILES = { cutout: ["cutout", "image/png"], blur: ["blurred", "image/jpeg"], replace: ["replaced", "image/jpeg"] };
const QUALITY = 0.92; // of JPEG files

export class Stage {
  #element = document.querySelector(".stage");
  #canvas = this.#element.querySelector("canvas");
  #busy = this.#element.querySelector(".busy");
  #notice = document.querySelector(".notice");
  #result;
  #original;

  /** "empty", "photo" or "camera". */
  set state(state) {
    document.body.dataset.state = this.#element.dataset.state = state;
  }

  get state() {
    return this.#element.dataset.state;
  }

  /** A photo before its result is there. */
  open(bitmap) {
    this.#original = bitmap;
    this.state = "photo";
    this.#draw(bitmap);
  }

  show(bitmap) {
    this.#result = bitmap;
    this.#draw(bitmap);
  }

  showOriginal(whether) {
    const bitmap = whether ? this.#original : this.#result;
    if (bitmap) this.#draw(bitmap);
  }

  #draw(bitmap) {
    const canvas = this.#canvas;
    if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
      [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
    }
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, 0, 0);
  }

  /** Says what is being waited for; nothing when there is no text. */
  busy(text = "") {
    this.#busy.hidden = !text;
    this.#busy.querySelector(".busy-text").textContent = text;
    this.#element.setAttribute("aria-busy", Boolean(text));
  }

  /** Says what went wrong, or nothing. */
  notice(text = "") {
    this.#notice.hidden = !text;
    this.#notice.textContent = text;
  }

  /** Saves the result as a file named after the photo. */
  async download(name, effect) {
    const [suffix, type] = FILES[effect];
    const blob = await new Promise((resolve) => this.#canvas.toBlob(resolve, type, QUALITY));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${name}-${suffix}.${type === "image/png" ? "png" : "jpg"}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }
}
