// The service worker, which keeps the page for later.

const PATIENCE = 5000; // milliseconds that a first visit waits for it

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
    if (!registration.active) {
      const taken = new Promise((resolve) => container.addEventListener("controllerchange", resolve, { once: true }));
      await Promise.race([taken, new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
    }
  } catch (error) {
    console.info(`Not kept for offline use: ${error.message}`);
  }
  return Boolean(container.controller);
}
