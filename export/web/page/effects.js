// The visitor's choice of what to make of the background.

export class Effects {
  #form = document.querySelector(".controls");

  /** @param changed called when another picture is to be made. */
  constructor(changed) {
    this.#form.addEventListener("input", (event) => {
      if (event.target.name === "colour") this.#form.elements.behind.value = "colour";
      this.#arrange();
      changed();
    });
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#form.querySelectorAll(".swatches label").forEach((label) => {
      label.style.setProperty("--swatch", label.querySelector("input").value);
    });
    this.#arrange();
  }

  /** As worker.js takes it: `name`, and `strength` of a blur or the `colour` of a replacement; null for a picture. */
  get effect() {
    const { effect, strength, behind, colour } = this.#form.elements;
    if (effect.value === "blur") return { name: "blur", strength: Number(strength.value) };
    if (effect.value === "replace") {
      const code = behind.value === "colour" ? colour.value : behind.value;
      return {
        name: "replace",
        colour: code === "picture" ? null : code.match(/\w\w/g).map((part) => parseInt(part, 16)),
      };
    }
    return { name: "cutout" };
  }

  /** A background picture is there from now on; it is chosen. */
  choosePicture(url) {
    const label = this.#form.querySelector(".picture");
    label.hidden = false;
    label.style.setProperty("--swatch", `center / cover url("${url}")`);
    this.#form.elements.behind.value = "picture";
  }

  #arrange() {
    const { effect, colour } = this.#form.elements;
    this.#form.querySelectorAll(".option").forEach((option) => {
      option.hidden = option.dataset.for !== effect.value;
    });
    this.#form.querySelector(".any").style.setProperty("--swatch", colour.value);
  }
}
