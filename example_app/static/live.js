/**
 * The page's connection, in a state that everybody can see.
 *
 * While it is away the page says so, and what cannot work without it is disabled: every
 * control with the attribute "data-needs-connection".
 */

import {element} from "./dom.js";
import {connect} from "./wamp/wamp.js";

/** @type {Record<string, string>} */
const TEXTS = {
  connecting: "Connecting…",
  joined: "Live",
  waiting: "Reconnecting…",
  closed: "Signed out",
};

let isLive = false;
/** What had the focus when it was disabled. @type {HTMLElement | null} */
let focused = null;

/**
 * Join a realm of this site's router, and stay.
 *
 * @param {string} realm
 * @param {object} handlers
 * @param {Partial<import("./wamp/auth.js").SignIn>} [handlers.signIn] who is there, where no
 *   cookie says it.
 * @param {() => void} [handlers.onLive] called after every time it was joined.
 * @param {(reason: import("./wamp/wamp.js").WampError | null) => void} [handlers.onClosed]
 *   called when it is closed for good.
 * @param {(reason: import("./wamp/wamp.js").WampError) => boolean} [handlers.reconnectAfter]
 *   whether to come back after this; as the client does by default.
 * @returns {import("./wamp/wamp.js").Session}
 */
export function liveConnection(
  realm, {signIn, onLive = () => {}, onClosed = () => {}, reconnectAfter},
) {
  let wasLive = false;
  const wamp = connect("/ws", realm, {...signIn, reconnectAfter, onState: (state, reason) => {
    element("connection").dataset.state = state;
    element("connection").textContent = TEXTS[state];
    wasLive ||= state === "joined";
    const isAway = wasLive && (state === "waiting" || state === "connecting");
    for (const hint of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".away"))) {
      hint.hidden = !isAway;
    }
    setLive(state === "joined");
    if (state === "joined") onLive();
    if (state === "closed") onClosed(reason);
  }});
  element("try-now").addEventListener("click", () => wamp.reconnectNow());
  return wamp;
}

/** Enable or disable what needs the connection in a part of the page. @param {ParentNode} part */
export function reflectConnection(part) {
  for (const control of part.querySelectorAll("[data-needs-connection]")) {
    /** @type {HTMLButtonElement} */ (control).disabled = !isLive;
  }
}

/** @param {boolean} value */
function setLive(value) {
  if (isLive === value) return;
  isLive = value;
  const active = /** @type {HTMLElement | null} */ (document.activeElement);
  if (!isLive && active?.matches("[data-needs-connection]")) focused = active;
  reflectConnection(document);
  // Who was there with the keyboard goes on from there.
  if (isLive && focused && document.activeElement === document.body) focused.focus();
  if (isLive) focused = null;
}
