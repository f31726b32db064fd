// Says so when the browser cannot run the page; written so that old browsers can read it.

(function () {
  var reason;
  if (location.protocol === "file:") {
    reason =
      "A page opened from a folder cannot load its model. Serve the folder, for example with: python -m http.server";
  } else if (!("noModule" in document.createElement("script")) || !window.WebAssembly || !window.Worker) {
    reason = "This browser is too old to run the model. Use a current Chrome, Edge, Firefox or Safari.";
  } else if (!window.OffscreenCanvas || !window.createImageBitmap) {
    reason = "This browser cannot draw beside the page. Use a current Chrome, Edge, Firefox or Safari (16.4 or later).";
  }
  if (!reason) return;
  var notice = document.querySelector(".notice");
  notice.textContent = reason;
  notice.hidden = false;
  document.documentElement.className = "unsupported";
  document.querySelector(".delegate").textContent = "Cannot run here";
})();
