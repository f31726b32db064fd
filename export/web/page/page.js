// The page: what happens when the visitor drops, chooses, pastes, turns on, changes or downloads something.
//
// ?delegate=wasm or webgpu and ?kind=int8 or float16 in the address choose for themselves, to compare.

import { Camera } from "./camera.js";
import { Client } from "./client.js";
import { Effects } from "./effects.js";
import { keep } from "./offline.js";
import { Stage } from "./stage.js";

const MAX_PIXELS = 4096 * 4096; // what the canvas of every current browser takes
const UNREADABLE = "is not a picture that this browser can read. Choose a JPEG, PNG or WebP.";

const client = new Client();
const stage = new Stage();
const effects = new Effects(update);
const [photoInput, backgroundInput] = ["photo", "background"].map((name) => document.querySelector(`[name=${name}]`));
let name = "photo"; // of the file to download, without its ending
let camera = null;
let turn = 0; // of the photo or camera that is shown; what was begun for an earlier one is dropped
let segmented = -1; // turn of the photo that the worker holds
let composing = null; // "once", or "again" when another effect was chosen meanwhile
const ready = start();
ready.catch((error) => stage.notice(error.message));

async function start() {
  const kept = await keep();
  const { delegate, kind } = Object.fromEntries(new URLSearchParams(location.search));
  try {
    const loaded = await client.run("load", { folder: "model/", delegate, kind });
    document.querySelector(".delegate").textContent = `${loaded.delegate} · ${loaded.kind}`;
  } catch (error) {
    document.querySelector(".delegate").textContent = "No model";
    throw new Error(`The model could not be started: ${error.message}`);
  }
  client.run("complete").then(
    () => (document.querySelector(".offline").hidden = !kept),
    () => {},
  );
}

async function openPhoto(file) {
  stage.notice();
  let bitmap;
  try {
    bitmap = await decoded(file);
  } catch {
    stage.notice(`“${file.name}” ${UNREADABLE}`);
    return;
  }
  closeCamera();
  const mine = ++turn;
  name = file.name.replace(/\.\w+$/, "") || "photo";
  stage.open(bitmap);
  pressOriginal(false);
  figures(`${bitmap.width} × ${bitmap.height}`);
  await shown(mine, "Finding the person…", async () => {
    await ready;
    const began = performance.now();
    const { found } = await client.run("segment", { bitmap: await createImageBitmap(bitmap) });
    if (mine !== turn) return;
    segmented = mine;
    await compose();
    const seconds = (performance.now() - began) / 1000;
    if (mine !== turn) return;
    figures(`${bitmap.width} × ${bitmap.height} · ${seconds.toFixed(2)} s`);
    if (!found) stage.notice("No person was found in this photo.");
  });
}

/** Does something for the picture of a turn, and tells the visitor when it fails. */
async function shown(mine, waiting, work) {
  stage.busy(waiting);
  try {
    await work();
  } catch (error) {
    if (mine === turn) stage.notice(error.message);
  }
  if (mine === turn) stage.busy();
}

/** A picture file as a bitmap, upright, and no larger than a canvas can be. */
async function decoded(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.sqrt(MAX_PIXELS / (bitmap.width * bitmap.height));
  if (scale >= 1) return bitmap;
  const [resizeWidth, resizeHeight] = [bitmap.width, bitmap.height].map((side) =>
    Math.max(1, Math.floor(side * scale)),
  );
  stage.notice(`The photo is larger than a browser's canvas and was reduced to ${resizeWidth} × ${resizeHeight}.`);
  return createImageBitmap(bitmap, { resizeWidth, resizeHeight, resizeQuality: "high" });
}

/** Shows the photo with the effect that is chosen now. */
async function compose() {
  const mine = turn;
  const bitmap = await client.run("compose", { effect: effects.effect });
  pressOriginal(false);
  if (mine === turn) stage.show(bitmap);
}

/** Another effect was chosen; while one is being made, the last choice waits. */
async function update() {
  if (segmented !== turn || composing === "again") return;
  if (composing) {
    composing = "again";
    return;
  }
  composing = "once";
  await shown(turn, "Making the picture…", compose);
  const again = composing === "again";
  composing = null;
  if (again) update();
}

async function openCamera() {
  stage.notice();
  let opened;
  try {
    opened = await Camera.open();
  } catch (error) {
    stage.notice(error.message);
    return;
  }
  closeCamera();
  camera = opened;
  const mine = ++turn;
  name = "camera";
  stage.state = "camera";
  await shown(mine, "Finding the person…", async () => {
    await ready;
    await film(mine);
  });
}

async function film(mine) {
  while (mine === turn && camera.open) {
    const bitmap = await client.run("frame", { bitmap: await camera.frame(), effect: effects.effect });
    if (mine !== turn) return;
    stage.busy();
    stage.show(bitmap);
    const rate = camera.rate();
    figures(`${bitmap.width} × ${bitmap.height}${rate ? ` · ${rate.toFixed(1)} frames per second` : ""}`);
  }
  if (mine === turn) throw new Error("The camera was turned off.");
}

function closeCamera() {
  camera?.close();
  camera = null;
}

async function openBackground(file) {
  try {
    await client.run("setBackground", { bitmap: await decoded(file) });
    effects.choosePicture(URL.createObjectURL(file));
    stage.notice();
    update();
  } catch {
    stage.notice(`“${file.name}” ${UNREADABLE}`);
  }
}

async function openExample() {
  const response = await fetch("example.jpg");
  openPhoto(new File([await response.blob()], "example.jpg"));
}

function pressOriginal(pressed) {
  document.querySelector("[data-action=original]").setAttribute("aria-pressed", pressed);
}

function figures(text) {
  document.querySelector(".figures").textContent = text;
}

const actions = {
  open: () => photoInput.click(),
  background: () => backgroundInput.click(),
  camera: openCamera,
  example: openExample,
  download: () => stage.download(name, effects.effect.name),
  original: ({ currentTarget }) => {
    const pressed = currentTarget.getAttribute("aria-pressed") !== "true";
    pressOriginal(pressed);
    stage.showOriginal(pressed);
  },
};
document.querySelectorAll("[data-action]").forEach((button) => {
  button.addEventListener("click", actions[button.dataset.action]);
});

for (const [input, open] of [
  [photoInput, openPhoto],
  [backgroundInput, openBackground],
]) {
  input.addEventListener("change", () => {
    if (input.files.length) open(input.files[0]);
    input.value = "";
  });
}

addEventListener("paste", ({ clipboardData }) => {
  if (clipboardData.files.length) openPhoto(clipboardData.files[0]);
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dragging");
});
addEventListener("dragleave", ({ relatedTarget }) => {
  if (!relatedTarget) document.body.classList.remove("dragging");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  if (event.dataTransfer.files.length) openPhoto(event.dataTransfer.files[0]);
});
