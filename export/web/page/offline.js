// The service worker, which keeps the page for later.

/**
 * Puts the service worker before the page, so that what is loaded from then on is kept.
 *
 * @returns whether it is there; it is not on an address without https, and in some private windows.
 */
export async function keep() {
  const container = navigator.serviceWorker;
  if (!container) return false;
  try {
    const registration = await container.register("service-worker.js");
    if (!registration.active) await taken(container, registration.installing ?? registration.waiting);
  } catch (error) {
    console.info(`Not kept for offline use: ${error.message}`);
  }
  return Boolean(container.controller);
}

/** The first service worker of a visitor has taken the page over, or could not be installed. */
function taken(container, worker) {
  return new Promise((resolve) => {
    container.addEventListener("controllerchange", resolve, { once: true });
    worker.addEventListener("statechange", () => worker.state === "redundant" && resolve());
  });
}
