/**
 * From the opening of a connection to WELCOME: saying who one is, and proving it.
 */

import {ROLES} from "./features.js";
import {AUTHENTICATE, HELLO} from "./messages.js";
import {AbortError, connectionLost} from "./values.js";

/** Milliseconds since the opening of a connection after which no HELLO can be called prompt. */
const LATE = 1_000;

export class Handshake {
  #realm; #options;
  #openedAt = 0;
  #isHelloHeard = false;

  /** @param {string} realm @param {import("./options.js").Options} options */
  constructor(realm, options) {
    this.#realm = realm;
    this.#options = options;
  }

  /** A connection begins to open. */
  start() {
    this.#openedAt = Date.now();
    this.#isHelloHeard = false;
  }

  /** @returns {unknown[]} the message to begin with */
  hello() {
    const {authid, authmethods, authextra} = this.#options;
    return [HELLO, this.#realm, {roles: ROLES, authid, authmethods, authextra}];
  }

  /**
   * @param {string} method of a CHALLENGE
   * @param {Record<string, any>} extra
   * @returns {Promise<unknown[]>} the message that answers it
   */
  async answer(method, extra) {
    this.#isHelloHeard = true;
    const {onChallenge} = this.#options;
    if (!onChallenge) throw new Error("no onChallenge was given");
    return [AUTHENTICATE, await onChallenge(method, extra), {}];
  }

  /**
   * What it means that a router answers with ABORT: a refusal or, where it may only have given
   * up waiting for HELLO, a loss. Routers have no URI of their own for the latter.
   *
   * A computer that fell asleep just then, or a slow network, does not break the protocol. A
   * router that found fault with what HELLO says would have told so at once.
   *
   * @param {string} reason
   * @param {Record<string, any>} details
   */
  failure(reason, details) {
    const isLate = !this.#isHelloHeard && Date.now() - this.#openedAt >= LATE;
    if (isLate && reason === "wamp.error.protocol_violation") {
      return connectionLost(details.message ?? "HELLO came late", details);
    }
    return new AbortError(reason, details);
  }
}
