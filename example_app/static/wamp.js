/**
 * A small WAMP client: calls, subscriptions and publications over one WebSocket.
 *
 *     const wamp = connect("wss://example.org/ws", "members");
 *     await wamp.joined;
 *     await wamp.subscribe("board.task_added", ({args: [task]}) => show(task));
 *     const task = await wamp.call("board.add", ["Buy milk"]);
 *
 * It speaks the subprotocol wamp.2.json, depends on nothing but wamp_messages.js beside it,
 * and needs no build. When the
 * connection is lost it comes back by itself, ever more patiently, and subscribes anew. It
 * stays away when the server has said that it should: see `reconnectAfter`.
 *
 * In a runtime without a global WebSocket pass one: `{WebSocket: (await import("ws")).default}`.
 */

import {
  ABORT, AUTHENTICATE, CALL, CANCEL, CHALLENGE, ERROR, EVENT, GOODBYE, HELLO, PUBLISH,
  PUBLISHED, RESULT, SUBSCRIBE, SUBSCRIBED, UNSUBSCRIBE, UNSUBSCRIBED, WELCOME,
  AbortError, WampError, decode, encode, payload, simplified,
} from "./wamp_messages.js";

export {AbortError, WampError};

const ROLES = {
  caller: {features: {progressive_call_results: true, call_canceling: true}},
  publisher: {features: {publisher_exclusion: true, subscriber_blackwhite_listing: true}},
  subscriber: {features: {pattern_based_subscription: true, publisher_identification: true}},
};

/** Reasons after which the same client may well be welcome again in a moment. */
const PASSING_REASONS = new Set([
  "wamp.close.system_shutdown",
  "wamp.close.close_realm",
  "wamp.error.unavailable",
]);

/**
 * @typedef {"connecting" | "joined" | "waiting" | "closed"} State
 *   connecting: on the way; joined: in the realm, subscriptions in place; waiting: the
 *   connection is lost and will be tried again; closed: for good.
 *
 * @typedef {object} Event
 * @property {any[]} args
 * @property {Record<string, any>} kwargs
 * @property {string} topic
 * @property {number} publication
 * @property {Record<string, any>} details
 *
 * @typedef {object} Options
 * @property {(state: State, reason: WampError | null) => void} [onState]
 *   called at every change of `state`; `reason` says why the session ended.
 * @property {(error: WampError) => boolean} [reconnectAfter]
 *   whether to come back after this end. By default: after a lost connection and after the
 *   reasons of a server that restarts, never after any other ABORT or GOODBYE.
 * @property {string} [authid]
 * @property {string[]} [authmethods]
 * @property {Record<string, any>} [authextra]
 * @property {(method: string, extra: Record<string, any>) => string | Promise<string>} [onChallenge]
 *   returns the signature of AUTHENTICATE: the ticket, for the method "ticket".
 * @property {number} [joinTimeout] milliseconds until WELCOME; 15,000.
 * @property {number} [minDelay] milliseconds before the first new attempt, at most; 500.
 * @property {number} [maxDelay] milliseconds between attempts, at most; 30,000.
 * @property {() => number} [random] in [0, 1), like Math.random.
 * @property {any} [WebSocket] the constructor to use instead of the global one.
 */

/**
 * Open a session and keep it open.
 *
 * @param {string | URL} url of the WebSocket, ws: or wss:
 * @param {string} realm
 * @param {Options} [options]
 * @returns {Session}
 */
export function connect(url, realm, options = {}) {
  return new Session(url, realm, options);
}

/** One client in one realm, over as many connections as it takes. */
export class Session {
  /** @type {State} */
  state = "connecting";
  /** The session id of the router, anew with every connection. @type {number | null} */
  id = null;
  /** What WELCOME said: authid, authrole, authextra and so on. @type {Record<string, any>} */
  details = {};

  #url; #realm; #options;
  /** @type {any} */ #socket = null;
  #lastRequest = 0;
  #attempts = 0;
  /** Requests under way, by id. @type {Map<number, any>} */
  #requests = new Map();
  /** @type {Set<Subscription>} */ #subscriptions = new Set();
  /** @type {any} */ #timer = null;
  /** @type {{promise: Promise<void>, resolve: () => void, reject: (reason: any) => void}} */
  #firstJoin;
  /** Set once we leave. @type {{promise: Promise<void>, resolve: () => void} | null} */
  #leaving = null;

  /** @param {string | URL} url @param {string} realm @param {Options} options */
  constructor(url, realm, options) {
    this.#url = url;
    this.#realm = realm;
    this.#options = {
      reconnectAfter: isPassing,
      onState: () => {},
      joinTimeout: 15_000,
      minDelay: 500,
      maxDelay: 30_000,
      random: Math.random,
      WebSocket: globalThis.WebSocket,
      ...options,
    };
    this.#firstJoin = deferred();
    this.#firstJoin.promise.catch(() => {});  // Who does not wait for it hears of it in onState.
    this.#open();
  }

  /** Resolves at the first WELCOME; rejects if the session closes for good before it. */
  get joined() {
    return this.#firstJoin.promise;
  }

  /**
   * Call a procedure.
   *
   * @param {string} procedure
   * @param {any[]} [args]
   * @param {Record<string, any>} [kwargs]
   * @param {object} [options]
   * @param {(progress: any) => void} [options.onProgress] gets each progressive result.
   * @param {AbortSignal} [options.signal] cancels the call.
   * @param {number} [options.timeout] milliseconds the router gives the call.
   * @returns {Promise<any>} nothing: undefined; one positional result: that; else
   *   `{args, kwargs}`. Rejects with a WampError, or with the signal's reason.
   */
  call(procedure, args = [], kwargs = {}, {onProgress, signal, timeout} = {}) {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const options = {
      ...(onProgress && {receive_progress: true}),
      ...(timeout !== undefined && {timeout}),
    };
    return this.#request(CALL, [options, procedure, ...payload(args, kwargs)], {
      onProgress,
      signal,
    });
  }

  /**
   * Subscribe to a topic, now and after every reconnection.
   *
   * Without a connection it is remembered and takes effect with the next one.
   *
   * @param {string} topic
   * @param {(event: Event) => void} handler
   * @param {{match?: "exact" | "prefix" | "wildcard"}} [options]
   * @returns {Promise<Subscription>}
   */
  async subscribe(topic, handler, options = {}) {
    const subscription = new Subscription(topic, handler, options);
    this.#subscriptions.add(subscription);
    if (this.id === null) return subscription;
    try {
      await this.#establish(subscription);
    } catch (error) {
      if (!isLoss(error)) {
        this.#subscriptions.delete(subscription);
        throw error;
      }
    }
    return subscription;
  }

  /**
   * Take back one subscription; its handler is not called again.
   *
   * @param {Subscription} subscription
   */
  async unsubscribe(subscription) {
    const {id} = subscription;
    subscription.id = null;
    if (this.#subscriptions.delete(subscription) && id !== null) await this.#drop(subscription, id);
  }

  /**
   * Publish an event, and wait until the router has taken it.
   *
   * @param {string} topic
   * @param {any[]} [args]
   * @param {Record<string, any>} [kwargs]
   * @param {Record<string, any>} [options] WAMP's own, such as `exclude_me`.
   * @returns {Promise<number>} the id of the publication.
   */
  publish(topic, args = [], kwargs = {}, options = {}) {
    return this.#request(PUBLISH, [
      {...options, acknowledge: true},
      topic,
      ...payload(args, kwargs),
    ]);
  }

  /**
   * Leave the realm and close the connection, for good.
   *
   * @param {string} [reason]
   * @returns {Promise<void>} resolves when the router has said goodbye, or has not in time.
   */
  leave(reason = "wamp.close.normal") {
    if (this.state === "closed") return Promise.resolve();
    if (this.#leaving) return this.#leaving.promise;
    const {promise} = this.#leaving = deferred();
    const ending = new WampError(reason);
    if (this.id === null) {
      this.#end(ending);
    } else {
      this.#send([GOODBYE, {}, reason]);
      this.#setTimer(2_000, () => this.#end(ending));
    }
    return promise;
  }

  /** Try again at once instead of after the delay; call it when the network is back. */
  reconnectNow() {
    if (this.state === "waiting") this.#open();
  }

  #open() {
    this.#setState("connecting", null);
    const socket = new this.#options.WebSocket(String(this.#url), ["wamp.2.json"]);
    this.#socket = socket;
    this.#setTimer(this.#options.joinTimeout, () => this.#lost("no welcome in time"));
    // An older socket may still speak after it has been given up.
    const ifCurrent = (/** @type {(event: any) => void} */ act) =>
      (/** @type {any} */ event) => { if (this.#socket === socket) act(event); };
    socket.onopen = ifCurrent(() => this.#hello());
    socket.onmessage = ifCurrent(({data}) => this.#receive(data));
    socket.onclose = ifCurrent(({reason}) => this.#lost(reason || "connection lost"));
    socket.onerror = () => {};  // A close event follows.
  }

  #hello() {
    const {authid, authmethods, authextra} = this.#options;
    const details = {roles: ROLES, authid, authmethods, authextra};
    this.#send([HELLO, this.#realm, details]);
  }

  /** @param {string} data */
  #receive(data) {
    try {
      const message = decode(data);
      const handle = Object.hasOwn(this.#handlers, message[0]) && this.#handlers[message[0]];
      if (!handle) throw new TypeError(`unexpected message type ${message[0]}`);
      handle.call(this, message);
    } catch (error) {
      this.#refuse("wamp.error.protocol_violation", error);
    }
  }

  /** One function for each message that a router sends. @type {Record<number, (message: any) => void>} */
  #handlers = {
    [WELCOME]: ([, id, details]) => {
      clearTimeout(this.#timer);
      this.id = id;
      this.details = details;
      this.#rejoin();
    },
    [ABORT]: ([, details, reason]) => this.#end(new AbortError(reason, details)),
    [CHALLENGE]: ([, method, extra]) => { this.#authenticate(method, extra); },
    [GOODBYE]: ([, details, reason]) => {
      if (this.#leaving) return this.#end(new WampError(reason));
      this.#send([GOODBYE, {}, "wamp.close.goodbye_and_out"]);
      this.#end(new WampError(reason, details.message ? [details.message] : [], details));
    },
    [ERROR]: ([, , request, , uri, args, kwargs]) =>
      this.#settle(request)?.reject(new WampError(uri, args, kwargs)),
    [PUBLISHED]: ([, request, publication]) => this.#settle(request)?.resolve(publication),
    [SUBSCRIBED]: ([, request, id]) => this.#settle(request)?.resolve(id),
    [UNSUBSCRIBED]: ([, request]) => this.#settle(request)?.resolve(undefined),
    [EVENT]: ([, id, publication, details, args = [], kwargs = {}]) => {
      for (const subscription of [...this.#subscriptions]) {
        if (subscription.id !== id) continue;
        const topic = details.topic ?? subscription.topic;
        isolated(subscription.handler, {args, kwargs, topic, publication, details});
      }
    },
    [RESULT]: ([, request, details, args = [], kwargs = {}]) => {
      const result = simplified(args, kwargs);
      if (!details.progress) return this.#settle(request)?.resolve(result);
      const {onProgress} = this.#requests.get(request) ?? {};
      if (onProgress) isolated(onProgress, result);
    },
  };

  /** @param {string} method @param {Record<string, any>} extra */
  async #authenticate(method, extra) {
    const socket = this.#socket;
    try {
      const {onChallenge} = this.#options;
      if (!onChallenge) throw new Error("no onChallenge was given");
      const signature = await onChallenge(method, extra);
      if (this.#socket === socket) this.#send([AUTHENTICATE, signature, {}]);
    } catch (error) {
      if (this.#socket === socket) this.#refuse("wamp.error.authentication_failed", error);
    }
  }

  /** End the session from our side, for good. @param {string} uri @param {unknown} cause */
  #refuse(uri, cause) {
    const details = {message: String(cause)};
    this.#send([ABORT, details, uri]);
    this.#end(new AbortError(uri, details), {final: true});
  }

  /** Put the subscriptions in place again, and only then say that we are back. */
  async #rejoin() {
    const {id} = this;
    const subscriptions = [...this.#subscriptions];
    const outcomes = await Promise.allSettled(subscriptions.map((one) => this.#establish(one)));
    if (this.id !== id) return;
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") console.warn("cannot subscribe:", outcome.reason);
    }
    this.#attempts = 0;
    this.#setState("joined", null);
    this.#firstJoin.resolve();
  }

  /** @param {Subscription} subscription */
  async #establish(subscription) {
    await this.#request(SUBSCRIBE, [subscription.options, subscription.topic], {
      // Not after an await: an event may follow SUBSCRIBED in the same turn.
      onSuccess: (/** @type {number} */ id) => {
        if (this.#subscriptions.has(subscription)) subscription.id = id;
        else this.#drop(subscription, id).catch(() => {});  // It was taken back meanwhile.
      },
    });
  }

  /**
   * Tell the router, unless another handler needs the topic: to the router they are one.
   *
   * @param {Subscription} subscription
   * @param {number} id
   */
  async #drop({topic, options}, id) {
    for (const other of this.#subscriptions) {
      if (other.topic === topic && other.options.match === options.match) return;
    }
    try {
      await this.#request(UNSUBSCRIBE, [id]);
    } catch (error) {
      if (!isLoss(error)) throw error;  // Lost is gone as well.
    }
  }

  /**
   * Send a request and wait for its answer.
   *
   * @param {number} type
   * @param {any[]} rest of the message, after the request id.
   * @param {{onProgress?: any, onSuccess?: any, signal?: AbortSignal}} [options]
   * @returns {Promise<any>}
   */
  #request(type, rest, {onProgress, onSuccess, signal} = {}) {
    if (this.id === null) return Promise.reject(new WampError("client.connection_lost"));
    const id = ++this.#lastRequest;
    return new Promise((resolve, reject) => {
      const cancel = () => {
        this.#send([CANCEL, id, {mode: "killnowait"}]);
        reject(signal?.reason);
      };
      signal?.addEventListener("abort", cancel, {once: true});
      this.#requests.set(id, {
        resolve: (/** @type {any} */ value) => { onSuccess?.(value); resolve(value); },
        reject,
        onProgress: onProgress && ((/** @type {any} */ progress) => {
          if (!signal?.aborted) onProgress(progress);
        }),
        release: () => signal?.removeEventListener("abort", cancel),
      });
      try {
        this.#send([type, id, ...rest]);
      } catch (error) {  // A cyclic argument, for instance: nothing was sent.
        this.#lastRequest -= 1;
        this.#settle(id).reject(error);
      }
    });
  }

  /** Take a request off the books. @param {number} id */
  #settle(id) {
    const request = this.#requests.get(id);
    this.#requests.delete(id);
    request?.release();
    return request;
  }

  /** @param {string} message */
  #lost(message) {
    this.#end(new WampError("client.connection_lost", [message]));
  }

  /**
   * The session is over: fail what is under way, then come back or not.
   *
   * @param {WampError} reason
   * @param {{final?: boolean}} [options]
   */
  #end(reason, {final = this.#leaving !== null} = {}) {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.id = null;
    this.#lastRequest = 0;
    for (const subscription of this.#subscriptions) subscription.id = null;
    const lost = new WampError("client.connection_lost", [reason.message]);
    for (const id of [...this.#requests.keys()]) this.#settle(id).reject(lost);
    if (!final && this.#options.reconnectAfter(reason)) return this.#wait(reason);
    this.#setState("closed", reason);
    this.#firstJoin.reject(reason);
    this.#leaving?.resolve();
  }

  /** @param {WampError} reason */
  #wait(reason) {
    const {minDelay, maxDelay, random} = this.#options;
    const ceiling = Math.min(maxDelay, minDelay * 2 ** this.#attempts);
    this.#attempts += 1;
    // Half of it by lot, so that the clients of a restarted server do not come as one.
    this.#setTimer(ceiling * (0.5 + random() / 2), () => this.#open());
    this.#setState("waiting", reason);
  }

  /** @param {number} delay @param {() => void} act */
  #setTimer(delay, act) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, delay);
  }

  /** @param {any[]} message */
  #send(message) {
    const {WebSocket} = this.#options;
    const text = encode(message);
    // Between the closing of a socket and its event there is a moment of neither.
    if (this.#socket?.readyState === (WebSocket.OPEN ?? 1)) this.#socket.send(text);
  }

  /** @param {State} state @param {WampError | null} reason */
  #setState(state, reason) {
    if (this.state === state) return;
    this.state = state;
    isolated((arg) => this.#options.onState(arg, reason), state);
  }
}

/** One handler's subscription to one topic; give it to `unsubscribe`. */
export class Subscription {
  /** The router's id, while connected. @type {number | null} */
  id = null;

  /**
   * @param {string} topic
   * @param {(event: Event) => void} handler
   * @param {Record<string, any>} options
   */
  constructor(topic, handler, options) {
    this.topic = topic;
    this.handler = handler;
    this.options = options;
  }
}

/** @param {unknown} error */
function isLoss(error) {
  return error instanceof WampError && error.uri === "client.connection_lost";
}

/** @param {WampError} error */
function isPassing(error) {
  return isLoss(error) || PASSING_REASONS.has(error.uri);
}

/**
 * A handler that throws is its author's to hear of, and must not end the session.
 *
 * @param {(argument: any) => void} handler @param {any} argument
 */
function isolated(handler, argument) {
  try {
    handler(argument);
  } catch (error) {
    queueMicrotask(() => { throw error; });
  }
}

/** @returns {any} */
function deferred() {
  /** @type {any} */
  const result = {};
  result.promise = new Promise((resolve, reject) => Object.assign(result, {resolve, reject}));
  return result;
}
