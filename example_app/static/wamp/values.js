/**
 * What calls bring back and what handlers may return: results and errors with a URI.
 */

/**
 * Several results, or results with names.
 *
 * What a call with such an answer resolves to, and what a handler returns to give one.
 *
 * @template {any[]} [Args=any[]]
 * @template {Record<string, any>} [Kwargs=Record<string, any>]
 */
export class Result {
  /** @param {Args} args @param {Kwargs} [kwargs] */
  constructor(args, kwargs = /** @type {Kwargs} */ ({})) {
    this.args = args;
    this.kwargs = kwargs;
  }
}

/**
 * An error with a WAMP URI: the answer to a request, or the reason for the end of a session.
 *
 * URIs that begin with "client." are this module's own.
 */
export class WampError extends Error {
  /**
   * @param {string} uri
   * @param {any[]} [args] what goes with it, a text for people first if there is one.
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

/** The router refused the session, or one side ended it; `cause` says why we did. */
export class AbortError extends WampError {
  /**
   * @param {string} reason
   * @param {Record<string, any>} details
   * @param {unknown} [cause]
   */
  constructor(reason, details, cause) {
    super(reason, details.message === undefined ? [] : [details.message], details);
    this.name = "AbortError";
    this.cause = cause;
  }
}

/**
 * There is no connection, or no longer: whether the other side acted is not known.
 *
 * @param {string} message
 * @param {Record<string, any>} [kwargs]
 */
export function connectionLost(message, kwargs) {
  return new WampError("client.connection_lost", [message], kwargs);
}

/** @param {unknown} error */
export function isLoss(error) {
  return error instanceof WampError && error.uri === "client.connection_lost";
}

/**
 * The trailing elements of a message, left out where empty.
 *
 * @param {any[]} args
 * @param {Record<string, any>} kwargs
 * @returns {[] | [any[]] | [any[], Record<string, any>]}
 */
export function payload(args, kwargs) {
  if (!Array.isArray(args)) throw new TypeError("args is a list");
  if (Object.keys(kwargs).length > 0) return [args, kwargs];
  return args.length > 0 ? [args] : [];
}

/**
 * What a caller gets: nothing, the one result, or a Result.
 *
 * @param {any[]} [args]
 * @param {Record<string, any>} [kwargs]
 * @returns {any}
 */
export function simplified(args = [], kwargs = {}) {
  if (args.length > 1 || Object.keys(kwargs).length > 0) return new Result(args, kwargs);
  return args[0];
}

/** The other way round, for what a handler returns. @param {unknown} value */
export function spread(value) {
  if (value instanceof Result) return payload(value.args, value.kwargs);
  return value === undefined ? [] : [[value]];
}
