// Keeps the page on the device, so that it works without a network after the first load.
//
// A file is served from this version's cache, and fetched and kept when it is not there yet. A new version of the site
// waits until no page of the old one is open.

const VERSION = "development"; // the builder puts in the checksum of all files of the site
const SHELL = []; // and the names of those that every visit needs

self.addEventListener("install", (event) => {
  const shell = SHELL.map((name) => new Request(name, { cache: "reload" }));
  event.waitUntil(caches.open(VERSION).then((cache) => cache.addAll(shell)));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(removeOthers().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const here = new URL(event.request.url).origin === self.location.origin;
  if (here && event.request.method === "GET") event.respondWith(kept(event.request));
});

async function kept(request) {
  const cache = await caches.open(VERSION);
  const found = await cache.match(request, { ignoreSearch: true });
  if (found) return found;
  const response = await fetch(request, { cache: "no-cache" });
  if (response.status === 200) await cache.put(request, response.clone());
  return response;
}

async function removeOthers() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name !== VERSION).map((name) => caches.delete(name)));
}
