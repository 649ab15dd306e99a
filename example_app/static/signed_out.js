/** What is left of the page when its member is signed out. */

import {element} from "./dom.js";

/** @type {[string, string]} */
const BY_ONESELF = [
  "You are signed out",
  "You have signed out in another tab or browser. The board stays closed here until you sign in again.",
];

/** Heading and sentence, by the reason why the session ended. @type {Record<string, [string, string]>} */
const REASONS = {
  "board.close.signed_out_by_administrator": [
    "An administrator signed you out",
    "You are signed out in every browser. If you may, sign in again.",
  ],
  "wamp.close.killed": BY_ONESELF,
  "wamp.close.logout": BY_ONESELF,
  "wamp.close.expired": [
    "Please sign in again",
    "A sign-in lasts for a working day, and yours is over.",
  ],
  "wamp.error.authentication_denied": [
    "That did not work",
    "That name and password do not belong together, or were wrong too often.",
  ],
  "wamp.error.authentication_required": [
    "Please sign in again",
    "Your sign-in has ended. The board stays closed here until you sign in again.",
  ],
  "wamp.error.no_such_realm": [
    "The board is closed",
    "The board is not being served at the moment.",
  ],
};
const OTHERWISE = [
  "You are signed out",
  "The server has ended the connection. The board stays closed here until you sign in again.",
];

/** @param {import("./wamp/wamp.js").WampError | null} reason */
export function showSignedOut(reason) {
  const [heading, sentence] = REASONS[reason?.uri ?? ""] ?? OTHERWISE;
  for (const id of ["board", "member", "sign-out", "footer"]) element(id).hidden = true;
  element("signed-out-heading").textContent = heading;
  element("signed-out-reason").textContent = sentence;
  element("signed-out").hidden = false;
  element("signed-out-heading").focus();
}
