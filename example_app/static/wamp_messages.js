/**
 * WAMP messages as wamp.js needs them: their numbers, their JSON, and errors with a URI.
 */

export const HELLO = 1, WELCOME = 2, ABORT = 3, CHALLENGE = 4, AUTHENTICATE = 5, GOODBYE = 6;
export const ERROR = 8, PUBLISH = 16, PUBLISHED = 17, SUBSCRIBE = 32, SUBSCRIBED = 33;
export const UNSUBSCRIBE = 34, UNSUBSCRIBED = 35, EVENT = 36, CALL = 48, CANCEL = 49, RESULT = 50;

/**
 * An error with a WAMP URI: the answer to a request, or the reason for the end of a session.
 *
 * URIs that begin with "client." are this module's own.
 */
export class WampError extends Error {
  /**
   * @param {string} uri
   * @param {any[]} [args]
   * @param {Record<string, any>} [kwargs]
   */
  constructor(uri, args = [], kwargs = {}) {
    super(typeof args[0] === "string" ? `${uri}: ${args[0]}` : uri);
    this.name = "WampError";
    this.uri = uri;
    this.args = args;
    this.kwargs = kwargs;
  }
}

/** The router refused the session, or ended it for a violation. */
export class AbortError extends WampError {
  /** @param {string} reason @param {Record<string, any>} details */
  constructor(reason, details) {
    super(reason, details.message === undefined ? [] : [details.message], details);
    this.name = "AbortError";
  }
}

/** The trailing elements of a message, left out where empty. @param {any[]} args @param {any} kwargs */
export function payload(args, kwargs) {
  if (Object.keys(kwargs).length > 0) return [args, kwargs];
  return args.length > 0 ? [args] : [];
}

/** @param {any[]} args @param {Record<string, any>} kwargs */
export function simplified(args, kwargs) {
  if (args.length > 1 || Object.keys(kwargs).length > 0) return {args, kwargs};
  return args[0];
}

/** JSON, with bytes as WAMP has them: "\0" and base64. @param {any[]} message */
export function encode(message) {
  return JSON.stringify(message, (_, value) =>
    value instanceof Uint8Array
      ? "\0" + btoa(Array.from(value, (byte) => String.fromCharCode(byte)).join(""))
      : value);
}

/** @param {string} text @returns {any[]} */
export function decode(text) {
  const revive = (/** @type {string} */ _, /** @type {any} */ value) =>
    typeof value === "string" && value.startsWith("\0")
      ? Uint8Array.from(atob(value.slice(1)), (character) => character.charCodeAt(0))
      : value;
  const message = JSON.parse(text, text.includes("\\u0000") ? revive : undefined);
  if (!Array.isArray(message)) throw new TypeError("a WAMP message is a list");
  return message;
}
