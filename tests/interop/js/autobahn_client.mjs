// Autobahn|JS, driven by a test.

import autobahn from "autobahn";
import WebSocket from "ws";
import { payloadOf, serve, WampError } from "./driver.mjs";

// Before version 22, node has no WebSocket of its own.
globalThis.WebSocket ??= WebSocket;

const { CBORSerializer, JSONSerializer, MsgpackSerializer } = autobahn.serializer;
const SERIALIZERS = { cbor: CBORSerializer, json: JSONSerializer, msgpack: MsgpackSerializer };

async function errorsOf(request) {
  try {
    return await request;
  } catch (error) {
    if (!(error instanceof autobahn.Error)) throw error;
    throw new WampError(error.error, error.args, error.kwargs);
  }
}

// Autobahn gives one positional result without a wrapping.
function resultOf(value) {
  if (value instanceof autobahn.Result) return payloadOf(value.args, value.kwargs);
  return payloadOf(value === null ? [] : [value]);
}

class AutobahnClient {
  #connection;
  #session;
  #closed;

  join({ url, realm, serializer, authid, authmethod, secret }, sentAway) {
    const { protocol, hostname, port } = new URL(url);
    const rawSocket = { type: "rawsocket", host: hostname, port: Number(port) };
    this.#connection = new autobahn.Connection({
      // By RawSocket it speaks JSON only.
      ...(protocol === "rs:"
        ? { transports: [rawSocket] }
        : { url, serializers: [new SERIALIZERS[serializer]()] }),
      realm,
      max_retries: 0,
      ...(authmethod && {
        authid,
        authmethods: [authmethod],
        onchallenge: (_session, method, extra) => answerTo(method, extra, secret),
      }),
      // Procedures fail here because a test wants it.
      on_user_error: () => {},
    });
    return new Promise((resolve, reject) => {
      let close;
      this.#closed = new Promise((resolve) => { close = resolve; });
      this.#connection.onopen = (session, details) => {
        this.#session = session;
        resolve({ ...details, session: session.id });
      };
      this.#connection.onclose = (_how, { reason }) => {
        if (!this.#session) reject(new WampError(reason));
        else if (!this.isLeaving) sentAway(reason);
        close();
        return true;
      };
      this.#connection.open();
    });
  }

  async leave() {
    this.isLeaving = true;
    this.#connection.close();
    await this.#closed;
  }

  // Options are sent as they are; of the details it shows those that it knows.

  call(procedure, { args, kwargs }, options, report) {
    const call = this.#session.call(procedure, args, kwargs, { ...options, ...(report && { receive_progress: true }) });
    const onProgress = report && ((value) => report(resultOf(value)));
    return {
      result: errorsOf(call.then(resultOf, null, onProgress)),
      // Without a mode, or with "killnowait", it closes its connection when the router answers.
      cancel: (mode) => call.cancel({ mode: mode ?? "kill" }),
      send: () => { throw new Error("Autobahn sends no second chunk"); },
    };
  }

  async register(uri, options, procedure) {
    const registration = await errorsOf(this.#session.register(uri, async (args, kwargs, details) => {
      const report = details.progress && ((payload) => details.progress(payload.args, payload.kwargs));
      try {
        const { caller, caller_authid, caller_authrole } = details;
        const shown = { caller, caller_authid, caller_authrole };
        const result = await procedure(details.procedure, payloadOf(args, kwargs), shown, report);
        return new autobahn.Result(result.args, result.kwargs);
      } catch (error) {
        throw new autobahn.Error(error.uri, error.args, error.kwargs);
      }
    }, options));
    return () => errorsOf(registration.unregister());
  }

  async subscribe(uri, options, listener) {
    const subscription = await errorsOf(this.#session.subscribe(uri, (args, kwargs, { topic, ...details }) => {
      const { publisher, publisher_authid, publisher_authrole, retained } = details;
      listener(topic, payloadOf(args, kwargs), { publisher, publisher_authid, publisher_authrole, retained });
    }, options));
    return () => errorsOf(subscription.unsubscribe());
  }

  async publish(topic, { args, kwargs }, options) {
    await errorsOf(this.#session.publish(topic, args, kwargs, options));
  }
}

function answerTo(method, { challenge, salt, iterations, keylen }, secret) {
  if (method === "ticket") return secret;
  const { derive_key, sign } = autobahn.auth_cra;
  return sign(salt ? derive_key(secret, salt, iterations, keylen) : secret, challenge);
}

serve(() => new AutobahnClient());
