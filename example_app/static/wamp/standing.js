/**
 * What a client wants in place in every session: its subscriptions and registrations.
 */

import {REGISTER, SUBSCRIBE, UNREGISTER, UNSUBSCRIBE} from "./messages.js";
import {WampError, connectionLost, isLoss} from "./values.js";

/** What a router says of a procedure that has a handler already. */
export const ALREADY_EXISTS = "wamp.error.procedure_already_exists";

/**
 * @typedef {import("./requests.js").Requests} Requests
 * @typedef {import("./messages.js").Dict} Dict
 *
 * @typedef {object} Entry
 * @property {string} uri
 * @property {Dict} options
 * @property {number | null} id the router's, in this session.
 */

/**
 * @template {any[]} [Args=any[]]
 * @template {Dict} [Kwargs=Dict]
 * @typedef {object} WampEvent
 * @property {Args} args
 * @property {Kwargs} kwargs
 * @property {string} topic
 * @property {number} publication
 * @property {Dict} details
 */

/**
 * @template {Entry} E
 * @typedef {{entry: E, error: WampError}} Refusal what the router would not put in place, and why.
 */

/** One handler's subscription to one topic; give it to `unsubscribe`. */
export class Subscription {
  /** The router's id, while in place. @type {number | null} */
  id = null;

  /** @param {string} uri @param {(event: WampEvent) => void} handler @param {Dict} options */
  constructor(uri, handler, options) {
    this.uri = uri;
    this.handler = handler;
    this.options = options;
  }
}

/** One procedure of this client; give it to `unregister`. */
export class Registration {
  /** The router's id, while in place. @type {number | null} */
  id = null;

  /**
   * @param {string} uri
   * @param {import("./invocations.js").Procedure} procedure
   * @param {Dict} options
   */
  constructor(uri, procedure, options) {
    this.uri = uri;
    this.procedure = procedure;
    this.options = options;
  }
}

/** @template {Entry} E */
export class Standing {
  #requests; #type; #undo;
  /** To the router all handlers of a topic are one subscription; a procedure has one handler. */
  #mayShare;
  #isClosed = false;
  /** @type {Set<E>} */ #wanted = new Set();
  /** Asked for and not yet answered. @type {Set<E>} */ #underWay = new Set();
  /** By the router's id, which several subscriptions may share. @type {Map<number, Set<E>>} */
  #inPlace = new Map();

  /** @param {Requests} requests @param {typeof SUBSCRIBE | typeof REGISTER} type */
  constructor(requests, type) {
    this.#requests = requests;
    this.#type = type;
    this.#mayShare = type === SUBSCRIBE;
    this.#undo = type === SUBSCRIBE ? UNSUBSCRIBE : UNREGISTER;
  }

  /**
   * Want it from now on. Without a session it takes effect in the next one.
   *
   * @param {E} entry
   * @returns {Promise<E>} rejects with the router's refusal, with the same one at once where a
   *   procedure has a handler already, or once there is no next session; then it is not wanted.
   */
  async add(entry) {
    if (this.#isClosed) throw connectionLost("the session is closed for good");
    if (!this.#mayShare && this.#twins(entry).length > 0) {
      throw new WampError(ALREADY_EXISTS, ["this client has it registered"]);
    }
    this.#wanted.add(entry);
    if (!this.#requests.isOpen) return entry;
    try {
      await this.#establish(entry);
    } catch (error) {
      if (this.#isClosed || !isLoss(error)) {
        this.#wanted.delete(entry);
        throw error;
      }
    }
    return entry;
  }

  /** Want it no more; the router is told. @param {E} entry */
  async remove(entry) {
    if (!this.#wanted.delete(entry)) return;
    const {id} = entry;
    if (id !== null) await this.#end(entry, id);
  }

  /** @param {E} entry */
  wants(entry) {
    return this.#wanted.has(entry);
  }

  /** @param {number} id the router's @returns {E[]} */
  withId(id) {
    return [...this.#inPlace.get(id) ?? []];
  }

  /**
   * Put in place what is not, or those of it that are named.
   *
   * @param {Iterable<E>} [entries]
   * @returns {Promise<Refusal<E>[]>}
   */
  async restore(entries = this.#wanted) {
    const missing = [...entries].filter((entry) => this.wants(entry) && entry.id === null);
    const outcomes = await Promise.allSettled(missing.map((entry) => this.#establish(entry)));
    return outcomes.flatMap((outcome, index) =>
      outcome.status === "rejected" ? [{entry: missing[index], error: outcome.reason}] : []);
  }

  /** @param {E} entry */
  async #establish(entry) {
    this.#underWay.add(entry);
    try {
      await this.#requests.ask(this.#type, [entry.options, entry.uri], {
        // Not after an await: an event may follow SUBSCRIBED in the same turn.
        onSuccess: (id) => {
          this.#place(entry, id);
          // It was taken back meanwhile.
          if (!this.wants(entry)) this.#end(entry, id).catch(() => {});
        },
      });
    } finally {
      this.#underWay.delete(entry);
    }
  }

  /**
   * The router has taken it away. In this session it is not asked for again.
   *
   * @param {number} id the router's
   * @returns {E[]} what of it is wanted still
   */
  revoke(id) {
    const entries = this.withId(id);
    for (const entry of entries) this.#displace(entry);
    return entries.filter((entry) => this.wants(entry));
  }

  /** The session is over, and its ids mean nothing any more. */
  forget() {
    for (const entries of this.#inPlace.values()) for (const entry of entries) entry.id = null;
    this.#inPlace.clear();
  }

  /** There will be no next session. */
  close() {
    this.#isClosed = true;
    this.#wanted.clear();
  }

  /**
   * Tell the router, unless another handler has the topic, or is about to.
   *
   * @param {E} entry
   * @param {number} id
   */
  async #end(entry, id) {
    const isShared = this.#mayShare &&
      this.#twins(entry).some((twin) => twin.id !== null || this.#underWay.has(twin));
    try {
      if (!isShared) await this.#requests.ask(this.#undo, [id]);
    } catch (error) {
      // Lost is gone as well, and so is what was revoked meanwhile.
      if (!isLoss(error) && entry.id === id) throw error;
    } finally {
      // What comes until the router has confirmed is still for this entry.
      this.#displace(entry);
    }
  }

  /** What else is wanted of the same name. @param {E} entry @returns {E[]} */
  #twins(entry) {
    return [...this.#wanted].filter((other) => other !== entry && isSame(other, entry));
  }

  /** @param {E} entry @param {number} id */
  #place(entry, id) {
    entry.id = id;
    const entries = this.#inPlace.get(id) ?? new Set();
    this.#inPlace.set(id, entries.add(entry));
  }

  /** @param {E} entry */
  #displace(entry) {
    if (entry.id === null) return;
    const entries = this.#inPlace.get(entry.id);
    entries?.delete(entry);
    if (entries?.size === 0) this.#inPlace.delete(entry.id);
    entry.id = null;
  }
}

/** @param {Entry} one @param {Entry} other */
function isSame(one, other) {
  return one.uri === other.uri && (one.options.match ?? "exact") === (other.options.match ?? "exact");
}
