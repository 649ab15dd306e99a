/**
 * Asking again for the names that a session which was lost still holds: the router may take a
 * while to miss it as well.
 */

import {ALREADY_EXISTS} from "./standing.js";

/**
 * @typedef {import("./standing.js").Registration} Registration
 * @typedef {import("./standing.js").Refusal<Registration>} Refusal
 */

/** Milliseconds between attempts. */
const INTERVAL = 5_000;

export class Insistence {
  #registrations;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  /** @param {import("./standing.js").Standing<Registration>} registrations */
  constructor(registrations) {
    this.#registrations = registrations;
  }

  /** @param {Refusal[]} refusals of what was to be put in place again */
  start(refusals) {
    const held = refusals.filter(({error}) => error.uri === ALREADY_EXISTS);
    if (held.length === 0) return;
    const timer = setTimeout(async () => {
      const again = await this.#registrations.restore(held.map(({entry}) => entry));
      if (this.#timer === timer) this.start(again);
    }, INTERVAL);
    this.#timer = timer;
  }

  /** The session is over. */
  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
