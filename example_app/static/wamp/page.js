/**
 * What a page notices of the world: that somebody looks at it, and that the network is back.
 *
 * @typedef {object} Page what is used of a window, or of a worker's global scope.
 * @property {EventTarget["addEventListener"]} [addEventListener]
 * @property {EventTarget & {readonly hidden: boolean}} [document]
 */

/**
 * @param {Page} page
 * @param {{onSeen: () => void, onOnline: () => void}} handlers
 *   onSeen: somebody came back to the page, perhaps from a sleep of the computer.
 * @returns {() => void} ends the watching.
 */
export function watchPage(page, {onSeen, onOnline}) {
  const {document} = page;
  const ending = new AbortController();
  const {signal} = ending;
  page.addEventListener?.("online", onOnline, {signal});
  page.addEventListener?.("pageshow", (event) => {
    // Back out of the browser's history, where a page has no connections.
    if (/** @type {PageTransitionEvent} */ (event).persisted) onSeen();
  }, {signal});
  document?.addEventListener("visibilitychange", () => {
    if (!document.hidden) onSeen();
  }, {signal});
  return () => ending.abort();
}
