/**
 * Procedures of this client at work: every INVOCATION is answered once, in its own session.
 */

import {report} from "./callbacks.js";
import {ERROR, INVOCATION, YIELD} from "./messages.js";
import {WampError, payload, spread} from "./values.js";

/**
 * @typedef {import("./messages.js").Message} Message
 *
 * @typedef {object} CallContext what a procedure may want to know besides its arguments.
 * @property {(value: unknown) => void} progress
 *   sends a progressive result, if the caller wants any.
 * @property {AbortSignal} signal aborts when the caller cancels or the session ends.
 * @property {Record<string, any>} details
 *   such as `procedure`, for a pattern, and `caller`, where callers are disclosed.
 */

/**
 * @template {any[]} [Args=any[]]
 * @template {Record<string, any>} [Kwargs=Record<string, any>]
 * @typedef {(args: Args, kwargs: Kwargs, context: CallContext) => unknown} Procedure
 *   returns the result, or a promise of it: undefined for none, a Result for several.
 */

export class Invocations {
  #send;
  /** @type {Map<number, AbortController>} */ #running = new Map();

  /** @param {(message: unknown[]) => void} send */
  constructor(send) {
    this.#send = send;
  }

  /**
   * Run a procedure and send what it returns or throws.
   *
   * @param {Message} message the INVOCATION
   * @param {Procedure | undefined} procedure none, if it has just been unregistered.
   */
  async run([, id, , details, args = [], kwargs = {}], procedure) {
    const running = new AbortController();
    this.#running.set(id, running);
    // An id begins anew in the next session, where a late answer must not be heard.
    const isOpen = () => this.#running.get(id) === running;
    const progress = (/** @type {unknown} */ value) => {
      if (!details.receive_progress || !isOpen()) return;
      this.#send([YIELD, id, {progress: true}, ...spread(value)]);
    };
    try {
      if (!procedure) throw new WampError("wamp.error.no_such_procedure");
      const context = {progress, signal: running.signal, details};
      const value = await procedure(args, kwargs, context);
      if (isOpen()) this.#send([YIELD, id, {}, ...spread(value)]);
    } catch (error) {
      if (isOpen()) this.#fail(id, error, running.signal.aborted);
    } finally {
      if (isOpen()) this.#running.delete(id);
    }
  }

  /** @param {Message} message an INTERRUPT */
  interrupt([, id, {mode, reason}]) {
    const running = this.#running.get(id);
    // Nobody waits for the answer then, and a router need not remember that it asked.
    if (mode === "killnowait") this.#running.delete(id);
    running?.abort(new WampError(reason ?? "wamp.error.canceled"));
  }

  /** The session is over. @param {WampError} reason */
  close(reason) {
    const all = [...this.#running.values()];
    this.#running.clear();
    for (const running of all) running.abort(reason);
  }

  /** @param {number} id @param {unknown} error @param {boolean} isCanceled */
  #fail(id, error, isCanceled) {
    const refuse = (/** @type {string} */ uri, /** @type {unknown[]} */ ...rest) =>
      this.#send([ERROR, INVOCATION, id, {}, uri, ...rest]);
    if (isCanceled) return refuse("wamp.error.canceled");
    try {
      if (error instanceof WampError) return refuse(error.uri, ...payload(error.args, error.kwargs));
    } catch (unsendable) {
      error = unsendable;
    }
    // What happened is for the author of the procedure to know, and not for its caller.
    refuse("wamp.error.runtime_error");
    report(error);
  }
}
