/**
 * A WAMP client: procedures to call and to offer, topics to hear and to publish to, over one
 * WebSocket that comes back by itself.
 *
 *     const wamp = connect("/ws", "members", {onState: (state) => show(state)});
 *     await wamp.joined;
 *     const task = await wamp.call("board.add", ["Buy milk"]);
 *     await wamp.subscribe("board.task_added", ({args: [task]}) => draw(task));
 *     await wamp.register("window.title", () => document.title);
 *     await wamp.leave();
 *
 * To use it, copy the folder wamp/: plain ES modules, typed by JSDoc, without a build and
 * without dependencies. They speak the subprotocol wamp.2.json. In a runtime without a global
 * WebSocket, such as node 20, pass that of the package ws as an option. Signing in by ticket or
 * WAMP-CRA is in auth.js.
 *
 * When the connection is lost it is tried again, ever more patiently, and subscriptions and
 * registrations are put in place again. Requests under way are not repeated, and without a
 * connection new ones are rejected at once, with "client.connection_lost". The client stays
 * away when the server has said that it should: see `reconnectAfter`.
 */

import {Backoff, askedFor} from "./backoff.js";
import {notify, report} from "./callbacks.js";
import {Connection} from "./connection.js";
import {deferred} from "./deferred.js";
import {Handshake} from "./handshake.js";
import {Insistence} from "./insistence.js";
import {Invocations} from "./invocations.js";
import {Liveness} from "./liveness.js";
import {
  ABORT, CALL, CHALLENGE, ERROR, EVENT, GOODBYE, INTERRUPT, INVOCATION,
  PUBLISH, PUBLISHED, REGISTER, REGISTERED, RESULT, SUBSCRIBE, SUBSCRIBED, UNREGISTER,
  UNREGISTERED, UNSUBSCRIBE, UNSUBSCRIBED, WELCOME, decode,
} from "./messages.js";
import {withDefaults} from "./options.js";
import {watchPage} from "./page.js";
import {Requests} from "./requests.js";
import {Registration, Standing, Subscription} from "./standing.js";
import {AbortError, Result, WampError, connectionLost, isLoss, payload} from "./values.js";

export {AbortError, Registration, Result, Subscription, WampError};

/**
 * @typedef {import("./options.js").State} State
 * @typedef {import("./options.js").Options} Options
 * @typedef {import("./options.js").CallOptions} CallOptions
 * @typedef {import("./options.js").PublishOptions} PublishOptions
 * @typedef {import("./options.js").SubscribeOptions} SubscribeOptions
 * @typedef {import("./options.js").RegisterOptions} RegisterOptions
 * @typedef {import("./messages.js").Dict} Dict
 * @typedef {import("./messages.js").Message} Message
 * @typedef {import("./invocations.js").CallContext} CallContext
 */

/**
 * @template {any[]} [Args=any[]]
 * @template {Dict} [Kwargs=Dict]
 * @typedef {import("./standing.js").WampEvent<Args, Kwargs>} WampEvent
 */

/**
 * @template {any[]} [Args=any[]]
 * @template {Dict} [Kwargs=Dict]
 * @typedef {import("./invocations.js").Procedure<Args, Kwargs>} Procedure
 */

/** Milliseconds for the router to answer our GOODBYE. */
const GOODBYE_PATIENCE = 2_000;

/** In the place of a request's id, where the router acts by itself. */
const UNASKED = 0;

/** The largest id there is; no router gives it to a subscription. */
const NOBODYS_ID = 2 ** 53;

/**
 * Open a session and keep it open.
 *
 * @param {string | URL} url of the WebSocket: ws: or wss:, or relative to the page
 * @param {string} realm
 * @param {Options} [options]
 * @returns {Session}
 */
export function connect(url, realm, options = {}) {
  return new Session(url, realm, options);
}

/** One client in one realm, over as many connections as it takes. */
export class Session {
  /** @type {State} */ #state = "connecting";
  /** @type {number | null} */ #id = null;
  /** @type {Dict} */ #details = {};
  #url; #options;
  /** @type {Connection | null} */ #connection = null;
  /** Of an attempt to connect, a delay or a goodbye. @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #handshake; #backoff; #stopWatching;
  #joined = deferred();
  /** Set once we leave. @type {import("./deferred.js").Deferred | null} */ #leaving = null;

  #send = (/** @type {unknown[]} */ message) => this.#connection?.send(message);
  #requests = new Requests(this.#send);
  /** @type {Standing<Subscription>} */ #subscriptions = new Standing(this.#requests, SUBSCRIBE);
  /** @type {Standing<Registration>} */ #registrations = new Standing(this.#requests, REGISTER);
  #insistence = new Insistence(this.#registrations);
  #invocations = new Invocations(this.#send);
  #liveness;

  /** @param {string | URL} url @param {string} realm @param {Options} options */
  constructor(url, realm, options) {
    this.#url = url;
    this.#options = withDefaults(options);
    this.#handshake = new Handshake(realm, this.#options);
    this.#backoff = new Backoff(this.#options);
    this.#liveness = new Liveness(
      this.#options.heartbeat,
      // Every router answers it, no application hears of it, and nobody has to allow it.
      () => this.#requests.ask(UNSUBSCRIBE, [NOBODYS_ID]).catch(() => {}),
      () => this.#lost("the router has fallen silent"),
    );
    this.#open();
    this.#stopWatching = watchPage(this.#options.page ?? {}, {
      onSeen: () => this.reconnectNow(),
      onOnline: () => this.#reconnectSoon(),
    });
  }

  get state() {
    return this.#state;
  }

  /** The session id of the router, anew with every connection; null without one. */
  get id() {
    return this.#id;
  }

  /** What the last WELCOME said: authid, authrole, authextra and so on. */
  get details() {
    return this.#details;
  }

  /** Resolves when the session is joined, or as soon as it is; rejects once closed for good. */
  get joined() {
    return this.#joined.promise;
  }

  /**
   * Call a procedure.
   *
   * @template [R=any]
   * @param {string} procedure
   * @param {any[]} [args]
   * @param {Dict} [kwargs]
   * @param {CallOptions} [options]
   * @returns {Promise<R>} nothing: undefined; one positional result: that; else a Result.
   *   Rejects with a WampError, or with the signal's reason.
   */
  async call(procedure, args = [], kwargs = {}, options = {}) {
    const {onProgress, signal, cancelMode, ...rest} = options;
    const own = onProgress ? {...rest, receive_progress: true} : rest;
    return this.#requests.ask(CALL, [own, procedure, ...payload(args, kwargs)], {
      onProgress: onProgress && ((progress) => notify(onProgress, progress)),
      signal,
      cancelMode,
    });
  }

  /**
   * Offer a procedure, now and after every reconnection.
   *
   * Without a connection it is remembered and takes effect with the next one. A second
   * procedure of the same URI and match is refused at once, as a router would.
   *
   * What the procedure returns is the result; a WampError that it throws goes to the caller as
   * it is; anything else that it throws is reported to the page, and the caller hears of a
   * wamp.error.runtime_error only.
   *
   * @template {any[]} [Args=any[]]
   * @template {Dict} [Kwargs=Dict]
   * @param {string} uri
   * @param {Procedure<Args, Kwargs>} procedure
   * @param {RegisterOptions} [options]
   * @returns {Promise<Registration>}
   */
  register(uri, procedure, options = {}) {
    const anyProcedure = /** @type {Procedure} */ (/** @type {unknown} */ (procedure));
    return this.#registrations.add(new Registration(uri, anyProcedure, options));
  }

  /**
   * Take back a procedure; what is at work ends undisturbed.
   *
   * @param {Registration} registration
   * @returns {Promise<void>}
   */
  unregister(registration) {
    return this.#registrations.remove(registration);
  }

  /**
   * Subscribe to a topic, now and after every reconnection.
   *
   * Without a connection it is remembered and takes effect with the next one.
   *
   * @template {any[]} [Args=any[]]
   * @template {Dict} [Kwargs=Dict]
   * @param {string} topic
   * @param {(event: WampEvent<Args, Kwargs>) => void} handler
   * @param {SubscribeOptions} [options]
   * @returns {Promise<Subscription>}
   */
  subscribe(topic, handler, options = {}) {
    const anyHandler = /** @type {(event: WampEvent) => void} */ (handler);
    return this.#subscriptions.add(new Subscription(topic, anyHandler, options));
  }

  /**
   * Take back one subscription; its handler is not called again.
   *
   * @param {Subscription} subscription
   * @returns {Promise<void>}
   */
  unsubscribe(subscription) {
    return this.#subscriptions.remove(subscription);
  }

  /**
   * Publish an event, and wait until the router has taken it.
   *
   * @template {PublishOptions} [O={}]
   * @param {string} topic
   * @param {any[]} [args]
   * @param {Dict} [kwargs]
   * @param {O} [options]
   * @returns {Promise<O extends {acknowledge: false} ? undefined : number>} the id of the
   *   publication; with `acknowledge: false` undefined, as soon as it is sent.
   */
  async publish(topic, args = [], kwargs = {}, options) {
    const rest = [{acknowledge: true, ...options}, topic, ...payload(args, kwargs)];
    if (options?.acknowledge !== false) return this.#requests.ask(PUBLISH, rest);
    this.#requests.tell(PUBLISH, rest);
    return /** @type {any} */ (undefined);
  }

  /**
   * Leave the realm and close the connection, for good.
   *
   * @param {string} [reason]
   * @returns {Promise<void>} resolves when the router has said goodbye, or has not in time.
   */
  leave(reason = "wamp.close.normal") {
    if (this.#leaving) return this.#leaving.promise;
    this.#leaving = deferred();
    const {promise} = this.#leaving;
    if (this.#state === "closed") {
      this.#leaving.resolve();
    } else if (this.#id === null) {
      this.#end(new WampError(reason));
    } else {
      this.#send([GOODBYE, {}, reason]);
      this.#requests.refuseNew();
      this.#setTimer(GOODBYE_PATIENCE, () => this.#end(new WampError(reason)));
    }
    return promise;
  }

  /**
   * Try again at once instead of after the delay, or find out whether a connection still is
   * one. A session does so by itself when somebody comes back to its page.
   */
  reconnectNow() {
    if (this.#state === "waiting") this.#reopen();
    else if (this.#requests.isOpen) this.#liveness.check();
  }

  /** Many hear of a network that is back at the same moment: not all at once, then. */
  #reconnectSoon() {
    if (this.#state !== "waiting") return this.reconnectNow();
    this.#backoff.reset();
    this.#reopenLater();
  }

  #open() {
    const {WebSocket, joinTimeout} = this.#options;
    this.#connection = new Connection(this.#url, WebSocket, {
      onOpen: () => this.#send(this.#handshake.hello()),
      onData: (data) => this.#receive(data),
      onClose: ({code, reason}) => this.#lost(reason || "connection lost", {code}),
    });
    this.#handshake.start();
    this.#setTimer(joinTimeout, () => this.#lost("no welcome in time"));
    this.#setState("connecting", null);
  }

  #reopen() {
    try {
      this.#open();
    } catch (error) {
      this.#lost(String(error));
    }
  }

  /** @param {number | null} [delay] milliseconds; null: as the attempts before suggest. */
  #reopenLater(delay = null) {
    const own = this.#backoff.next();
    this.#setTimer(delay ?? own, () => this.#reopen());
  }

  /** @param {unknown} data */
  #receive(data) {
    this.#liveness.heard();
    try {
      const message = decode(data);
      const handlers = this.#id === null ? this.#whileJoining : this.#onceWelcome;
      if (!handlers[message[0]]) throw new TypeError(`message ${message[0]} is untimely`);
      handlers[message[0]](message);
    } catch (error) {
      this.#refuse("wamp.error.protocol_violation", error, {message: String(error)});
    }
  }

  /** @type {Record<number, (message: Message) => void>} */
  #whileJoining = {
    [WELCOME]: ([, id, details]) => {
      clearTimeout(this.#timer);
      this.#id = id;
      this.#details = details;
      this.#requests.open();
      this.#liveness.start();
      this.#restore();
    },
    [CHALLENGE]: ([, method, extra]) => { this.#authenticate(method, extra); },
    [ABORT]: ([, details, reason]) => this.#end(this.#handshake.failure(reason, details)),
    [GOODBYE]: ([, details, reason]) => {
      if (!this.#leaving) this.#send([GOODBYE, {}, "wamp.close.goodbye_and_out"]);
      this.#end(new WampError(reason, details.message ? [details.message] : [], details));
    },
  };

  /** @type {Record<number, (message: Message) => void>} */
  #onceWelcome = {
    [ABORT]: ([, details, reason]) => this.#end(new AbortError(reason, details)),
    [GOODBYE]: this.#whileJoining[GOODBYE],
    [ERROR]: (message) => this.#requests.fail(message),
    [PUBLISHED]: ([, request, id]) => this.#requests.succeed(PUBLISH, request, id),
    [SUBSCRIBED]: ([, request, id]) => this.#requests.succeed(SUBSCRIBE, request, id),
    [UNSUBSCRIBED]: ([, request, details]) => {
      if (request !== UNASKED) return this.#requests.succeed(UNSUBSCRIBE, request);
      this.#revoked(this.#subscriptions.revoke(details?.subscription), details);
    },
    [REGISTERED]: ([, request, id]) => this.#requests.succeed(REGISTER, request, id),
    [UNREGISTERED]: ([, request, details]) => {
      if (request !== UNASKED) return this.#requests.succeed(UNREGISTER, request);
      this.#revoked(this.#registrations.revoke(details?.registration), details);
    },
    [RESULT]: (message) => this.#requests.result(message),
    [EVENT]: ([, id, publication, details, args = [], kwargs = {}]) => {
      for (const subscription of this.#subscriptions.withId(id)) {
        const topic = details.topic ?? subscription.uri;
        const event = {args, kwargs, topic, publication, details};
        // An earlier handler may have taken it back, or have left.
        if (this.#leaving || !this.#subscriptions.wants(subscription)) continue;
        notify(subscription.handler, event);
      }
    },
    [INVOCATION]: (message) => {
      if (this.#leaving) return;
      const [registration] = this.#registrations.withId(message[2]);
      this.#invocations.run(message, registration?.procedure);
    },
    [INTERRUPT]: (message) => this.#invocations.interrupt(message),
  };

  /** @param {string} method @param {Dict} extra */
  async #authenticate(method, extra) {
    const connection = this.#connection;
    try {
      const answer = await this.#handshake.answer(method, extra);
      if (this.#connection === connection) this.#send(answer);
    } catch (error) {
      if (this.#connection !== connection) return;
      // What went wrong is not for the router to know: it may be about the secret.
      this.#refuse("wamp.error.authentication_failed", error, {});
    }
  }

  /** End the session from our side. @param {string} uri @param {unknown} cause @param {Dict} details */
  #refuse(uri, cause, details) {
    this.#send([ABORT, details, uri]);
    this.#end(new AbortError(uri, {message: String(cause)}, cause));
  }

  /** Put everything in place again, and only then say that we are back. */
  async #restore() {
    const connection = this.#connection;
    const [subscriptions, registrations] = await Promise.all([
      this.#subscriptions.restore(),
      this.#registrations.restore(),
    ]);
    if (this.#connection !== connection || this.#leaving) return;
    this.#backoff.joined();
    this.#joined.resolve();
    this.#insistence.start(registrations);
    this.#setState("joined", null);
    for (const {entry, error} of [...subscriptions, ...registrations]) {
      notify(this.#options.onRefused, error, entry);
    }
  }

  /** @param {string} message @param {Dict} [kwargs] */
  #lost(message, kwargs) {
    this.#end(connectionLost(message, kwargs));
  }

  /** @param {(Subscription | Registration)[]} entries @param {Dict} [details] */
  #revoked(entries, details = {}) {
    const error = new WampError(details.reason ?? "wamp.error.not_authorized", [], details);
    for (const entry of entries) notify(this.#options.onRevoked, error, entry);
  }

  /** The session is over: fail what is under way, then come back or not. @param {WampError} reason */
  #end(reason) {
    const connection = this.#connection;
    this.#connection = null;
    connection?.close();
    clearTimeout(this.#timer);
    this.#insistence.stop();
    this.#liveness.stop();
    this.#id = null;
    this.#subscriptions.forget();
    this.#registrations.forget();
    const lost = isLoss(reason) ? reason : connectionLost(reason.message);
    this.#requests.close(lost);
    this.#invocations.close(lost);
    if (this.#comesBack(reason)) this.#wait(reason);
    else this.#close(reason);
  }

  /** @param {WampError} reason */
  #comesBack(reason) {
    try {
      return !this.#leaving && this.#options.reconnectAfter(reason);
    } catch (error) {
      report(error);
      return false;
    }
  }

  /** @param {WampError} reason */
  #wait(reason) {
    // Who waited for it has it; whoever asks from now on waits for the next.
    if (this.#state === "joined") this.#joined = deferred();
    this.#reopenLater(askedFor(reason));
    this.#setState("waiting", reason);
  }

  /** @param {WampError} reason */
  #close(reason) {
    this.#stopWatching();
    this.#subscriptions.close();
    this.#registrations.close();
    if (this.#state === "joined") this.#joined = deferred();
    this.#setState("closed", reason);
    this.#joined.reject(reason);
    this.#leaving?.resolve();
  }

  /** @param {number} delay @param {() => void} act */
  #setTimer(delay, act) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(act, delay);
  }

  /** @param {State} state @param {WampError | null} reason */
  #setState(state, reason) {
    if (this.#state === state) return;
    this.#state = state;
    notify(this.#options.onState, state, reason);
  }
}
