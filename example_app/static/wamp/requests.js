/**
 * Requests of one client that wait for their answers; their ids start over in every session.
 */

import {CALL, CANCEL} from "./messages.js";
import {WampError, connectionLost, simplified} from "./values.js";

/**
 * @typedef {"killnowait" | "kill" | "skip"} CancelMode
 *
 * @typedef {object} Hooks
 * @property {(value: any) => void} [onSuccess] runs before anything else that is received.
 * @property {(progress: any) => void} [onProgress]
 * @property {AbortSignal} [signal] cancels a call.
 * @property {CancelMode} [cancelMode]
 *
 * @typedef {object} Request
 * @property {number} type
 * @property {(value: any) => void} resolve
 * @property {(reason: unknown) => void} reject
 * @property {(progress: any) => void} [onProgress]
 * @property {() => void} release
 */

export class Requests {
  #send;
  #isOpen = false;
  #lastId = 0;
  /** By id. @type {Map<number, Request>} */
  #pending = new Map();

  /** @param {(message: unknown[]) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /** Whether there is a session that takes requests. */
  get isOpen() {
    return this.#isOpen;
  }

  /** A session begins. */
  open() {
    this.#isOpen = true;
    this.#lastId = 0;
  }

  /** We are leaving: what is under way may still be answered. */
  refuseNew() {
    this.#isOpen = false;
  }

  /** The session is over. @param {WampError} reason */
  close(reason) {
    this.#isOpen = false;
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(reason);
  }

  /**
   * Send a request and wait for its answer.
   *
   * @param {number} type
   * @param {unknown[]} rest of the message, after the request id.
   * @param {Hooks} [hooks]
   * @returns {Promise<any>}
   */
  async ask(type, rest, {onSuccess, onProgress, signal, cancelMode = "killnowait"} = {}) {
    signal?.throwIfAborted();
    const id = this.tell(type, rest);
    return new Promise((resolve, reject) => {
      const cancel = () => this.#cancel(id, cancelMode, signal?.reason);
      signal?.addEventListener("abort", cancel, {once: true});
      this.#pending.set(id, {
        type,
        resolve: (value) => { onSuccess?.(value); resolve(value); },
        reject,
        onProgress,
        release: () => signal?.removeEventListener("abort", cancel),
      });
    });
  }

  /**
   * Send a request that is not answered.
   *
   * @param {number} type
   * @param {unknown[]} rest of the message, after the request id.
   * @returns {number} its id
   */
  tell(type, rest) {
    if (!this.#isOpen) throw connectionLost("there is no connection");
    // Counted only once sent: a cyclic argument, for instance, is refused by `send`.
    this.#send([type, this.#lastId + 1, ...rest]);
    this.#lastId += 1;
    return this.#lastId;
  }

  /**
   * Take in a positive answer. One that nobody waits for any more is ignored: it may have
   * crossed a cancellation.
   *
   * @param {number} type of the request
   * @param {number} id
   * @param {unknown} [value]
   */
  succeed(type, id, value) {
    this.#take(id, type)?.resolve(value);
  }

  /** @param {import("./messages.js").Message} message an ERROR */
  fail([, type, id, , uri, args, kwargs]) {
    this.#take(id, type)?.reject(new WampError(uri, args, kwargs));
  }

  /** @param {import("./messages.js").Message} message a RESULT */
  result([, id, details, args, kwargs]) {
    const result = simplified(args, kwargs);
    if (!details.progress) return this.succeed(CALL, id, result);
    this.#pending.get(id)?.onProgress?.(result);
  }

  /** @param {number} id @param {CancelMode} mode @param {unknown} reason */
  #cancel(id, mode, reason) {
    this.#send([CANCEL, id, {mode}]);
    // Killed, a procedure has the last word, with an error or even with its result.
    if (mode !== "kill") this.#take(id)?.reject(reason);
  }

  /** Take a request off the books. @param {number} id @param {number} [type] */
  #take(id, type) {
    const request = this.#pending.get(id);
    if (!request) return undefined;
    if (type !== undefined && request.type !== type) {
      throw new TypeError(`request ${id} is not of type ${type}`);
    }
    this.#pending.delete(id);
    request.release();
    return request;
  }
}
