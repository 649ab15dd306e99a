/** Who is there: the cookie says it, or whoever fills in the form on this page. */

import {element} from "./dom.js";
import {ticket} from "./wamp/auth.js";

/**
 * Wait until it is known how to sign in.
 *
 * @returns {Promise<Partial<import("./wamp/auth.js").SignIn>>} options for the connection;
 *   none where the page has no form, because the cookie says it.
 */
export async function signIn() {
  const card = element("sign-in");
  if (card === null) return {};
  const form = card.querySelector("form");
  await new Promise((resolve) => {
    form.addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      resolve(undefined);
    });
  });
  const {name, password} = Object.fromEntries(new FormData(form));
  // It is kept in this module, for reconnections, and nowhere else.
  form.reset();
  card.hidden = true;
  return ticket(String(name).trim(), String(password));
}
