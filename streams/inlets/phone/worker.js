// Keeps the page on the phone, so that it opens without reception. Reports and tasks never pass through here: they
// wait in the page's own queue, and what the gateway says is always asked of the gateway.
"use strict";
const CACHE = "onegrid-m-@VERSION@";
const SHELL = ["/m", "/m/phone.js", "/m/phone.css", "/m/manifest.json", "/m/icon.svg"];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(SHELL)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches.keys()
      .then((names) => Promise.all(names.filter((name) => name.startsWith("onegrid-m-") && name !== CACHE)
        .map((name) => caches.delete(name))))
      .then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== location.origin || !SHELL.includes(url.pathname)) return;
  // The network first, so that a new version is seen at once; after two seconds, or without it, what is kept.
  event.respondWith((async () => {
    const kept = await caches.match(url.pathname);
    try {
      const wait = new AbortController();
      const timer = kept ? setTimeout(() => wait.abort(), 2000) : 0;
      const fresh = await fetch(event.request, { signal: wait.signal });
      clearTimeout(timer);
      if (fresh.ok) (await caches.open(CACHE)).put(url.pathname, fresh.clone());
      return fresh;
    } catch (error) {
      if (kept) return kept;
      throw error;
    }
  })());
});
