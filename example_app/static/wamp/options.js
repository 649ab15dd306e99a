/**
 * What can be said to a Session: its options, those of its requests, and their defaults.
 */

import {isLoss} from "./values.js";

/**
 * @typedef {"connecting" | "joined" | "waiting" | "closed"} State
 *   connecting: on the way; joined: in the realm, with subscriptions and registrations in
 *   place; waiting: the connection is lost and will be tried again; closed: for good.
 *
 * @typedef {import("./connection.js").SocketType} SocketType
 * @typedef {import("./messages.js").Dict} Dict
 * @typedef {import("./page.js").Page} Page
 * @typedef {import("./standing.js").Registration} Registration
 * @typedef {import("./standing.js").Subscription} Subscription
 * @typedef {import("./values.js").WampError} WampError
 */

/**
 * @typedef {object} Options
 * @property {(state: State, reason: WampError | null) => void} [onState]
 *   called at every change of `state`; `reason` says why the session ended.
 * @property {(error: WampError, refused: Subscription | Registration) => void} [onRefused]
 *   a subscription or registration is not in place after a reconnection; it is tried again
 *   at the next one. By default it is logged to the console.
 * @property {(error: WampError, revoked: Subscription | Registration) => void} [onRevoked]
 *   the router has taken a subscription or registration away, as it does when the role of a
 *   session changes; it is tried again after the next reconnection. By default it is logged.
 * @property {(error: WampError) => boolean} [reconnectAfter]
 *   whether to come back after this end. By default: after a lost connection and after what
 *   says that the server or the realm is away for a while (PASSING_REASONS below), never after
 *   any other ABORT or GOODBYE.
 * @property {string} [authid]
 * @property {string[]} [authmethods]
 * @property {Dict} [authextra]
 * @property {(method: string, extra: Dict) => string | Promise<string>} [onChallenge]
 *   returns the signature of AUTHENTICATE; see auth.js.
 * @property {number} [joinTimeout] milliseconds until WELCOME; 15,000.
 * @property {number} [minDelay] milliseconds before the first new attempt, at most; 1,000.
 * @property {number} [maxDelay] milliseconds between attempts, at most; 30,000.
 * @property {number} [heartbeat]
 *   milliseconds of silence after which the router is asked whether it is there; 30,000.
 *   0 for never: for a server that does one request after the other, however long it takes.
 * @property {Page | null} [page]
 *   the window or worker that tells when somebody looks or the network is back; the present
 *   one. null: nobody tells.
 * @property {() => number} [random] in [0, 1), like Math.random.
 * @property {SocketType} [WebSocket] the constructor to use instead of the global one.
 *
 * @typedef {"exact" | "prefix" | "wildcard"} Match
 *
 * @typedef {object} CallOptions
 * @property {(progress: any) => void} [onProgress] gets each progressive result.
 * @property {AbortSignal} [signal] cancels the call.
 * @property {import("./requests.js").CancelMode} [cancelMode]
 *   what `signal` does. killnowait, the default: the procedure is interrupted, the call
 *   rejects at once. kill: it is interrupted and has the last word. skip: it goes on unheard.
 * @property {number} [timeout] milliseconds that the router gives the procedure.
 * @property {boolean} [disclose_me] tells the procedure who calls.
 *
 * @typedef {object} PublishOptions
 * @property {boolean} [acknowledge] false: do not wait until the router has taken the event.
 * @property {boolean} [exclude_me] false: also to this session, if subscribed.
 * @property {boolean} [disclose_me] tells subscribers who publishes.
 * @property {number[]} [eligible] sessions that may have it, and no others.
 * @property {string[]} [eligible_authid]
 * @property {string[]} [eligible_authrole]
 * @property {number[]} [exclude] sessions that may not.
 * @property {string[]} [exclude_authid]
 * @property {string[]} [exclude_authrole]
 *
 * @typedef {object} SubscribeOptions
 * @property {Match} [match]
 *
 * @typedef {object} RegisterOptions
 * @property {Match} [match]
 * @property {"single" | "roundrobin" | "random" | "first" | "last"} [invoke]
 *   which of several clients with the same procedure is called.
 * @property {boolean} [disclose_caller] asks to be told who calls, in `details`.
 */

/** Reasons after which the same client may well be welcome again in a moment. */
const PASSING_REASONS = new Set([
  "wamp.close.system_shutdown",
  "wamp.close.close_realm",
  "wamp.error.unavailable",
  // Something broke, or took too long: nobody has found fault with who we are.
  "wamp.error.authentication_failed",
]);

/** @param {WampError} error */
function isPassing(error) {
  // What has a cause we have said ourselves, and would say again.
  return isLoss(error) || (PASSING_REASONS.has(error.uri) && error.cause === undefined);
}

/** @type {NonNullable<Options["onRefused"] & Options["onRevoked"]>} */
const warn = (error, {uri}) => console.warn(`${uri} is not in place:`, error);

const DEFAULTS = {
  reconnectAfter: isPassing,
  onRefused: warn,
  onRevoked: warn,
  joinTimeout: 15_000,
  minDelay: 1_000,
  maxDelay: 30_000,
  heartbeat: 30_000,
  random: Math.random,
};

/** @param {Options} options @returns {Options & typeof DEFAULTS} */
export function withDefaults(options) {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const {WebSocket} = globalThis;
  return {...DEFAULTS, WebSocket, page: globalThis, ...Object.fromEntries(given)};
}
