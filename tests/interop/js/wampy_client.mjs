// wampy.js, driven by a test.

import { Wampy } from "wampy";
import { CborSerializer } from "wampy/CborSerializer.js";
import { JsonSerializer } from "wampy/JsonSerializer.js";
import { MsgpackSerializer } from "wampy/MsgpackSerializer.js";
import { sign } from "wampy/wampcra.js";
import WebSocket from "ws";
import { payloadOf, serve, WampError } from "./driver.mjs";

const SERIALIZERS = { cbor: CborSerializer, json: JsonSerializer, msgpack: MsgpackSerializer };
const GOODBYE = 6;

const argsOf = ({ args, kwargs }) => ({ argsList: args, argsDict: kwargs });

async function errorsOf(request) {
  try {
    return await request;
  } catch (error) {
    if (!error.errorUri) throw error;
    throw new WampError(error.errorUri, error.argsList, error.argsDict);
  }
}

class WampyClient {
  #wampy;
  #closed;
  #reason = null;

  async join({ url, realm, serializer, authid, authmethod, secret }, sentAway) {
    let close;
    this.#closed = new Promise((resolve) => { close = resolve; });
    this.#wampy = new Wampy(url, {
      realm,
      ws: this.#witness(new SERIALIZERS[serializer]()),
      serializer: new SERIALIZERS[serializer](),
      payloadSerializers: { msgpack: new MsgpackSerializer() },
      autoReconnect: false,
      uriValidation: "loose",
      ...(authmethod && {
        authid,
        authmethods: [authmethod],
        onChallenge: authmethod === "wampcra" ? sign(secret) : () => secret,
      }),
      onClose: () => {
        if (!this.isLeaving && this.#reason) sentAway(this.#reason);
        close();
      },
      onError: () => {},
    });
    const welcome = await errorsOf(this.#wampy.connect());
    return { ...welcome, session: this.#wampy.getSessionId() };
  }

  // wampy tells nobody the reason of a GOODBYE; its frames are the only witness.
  #witness(serializer) {
    const see = ([code, , reason]) => { if (code === GOODBYE) this.#reason = reason; };
    return class extends WebSocket {
      constructor(...args) {
        super(...args);
        this.on("message", (data) => see(serializer.decode(data)));
      }
    };
  }

  async leave() {
    this.isLeaving = true;
    await this.#wampy.disconnect();
    await this.#closed;
  }

  // wampy sends the options that it knows.

  call(procedure, payload, options, report) {
    const progress_callback = report && (({ argsList, argsDict }) => report(payloadOf(argsList, argsDict)));
    const { answer, send } = this.#start(procedure, payload, { ...options, ...(report && { progress_callback }) });
    const { reqId } = this.#wampy.getOpStatus();
    return {
      result: errorsOf(answer.then(({ argsList, argsDict }) => payloadOf(argsList, argsDict))),
      cancel: (mode) => this.#wampy.cancel(reqId, { mode: mode ?? "kill" }),
      send,
    };
  }

  #start(procedure, payload, options) {
    if (!options.progress) return { answer: this.#wampy.call(procedure, argsOf(payload), options) };
    const { result, sendData } = this.#wampy.progressiveCall(procedure, argsOf(payload), options);
    return { answer: result, send: (payload, last) => sendData(argsOf(payload), { progress: !last }) };
  }

  async register(uri, options, procedure) {
    await errorsOf(this.#wampy.register(uri, async ({ details, argsList, argsDict, result_handler }) => {
      const report = (payload) => result_handler({ ...argsOf(payload), options: { progress: true } });
      try {
        const payload = payloadOf(argsList, argsDict);
        const where = details.receive_progress ? report : null;
        const { options, ...result } = await procedure(details.procedure ?? uri, payload, details, where);
        return { ...argsOf(result), options };
      } catch ({ uri: error, args, kwargs }) {
        throw { error, ...argsOf({ args, kwargs }) };
      }
    }, options));
    return () => errorsOf(this.#wampy.unregister(uri));
  }

  // What has been subscribed with options, even without any in them, it cannot unsubscribe.
  async subscribe(uri, options, listener) {
    const given = Object.keys(options).length ? options : undefined;
    const { subscriptionId } = await errorsOf(this.#wampy.subscribe(uri, ({ details, argsList, argsDict }) => {
      listener(details.topic ?? uri, payloadOf(argsList, argsDict), details);
    }, given));
    return () => errorsOf(this.#wampy.unsubscribe(subscriptionId));
  }

  // wampy asks for an acknowledgement always.
  publish(topic, payload, options) {
    const published = errorsOf(this.#wampy.publish(topic, argsOf(payload), options));
    return options.acknowledge ? published : published.catch(() => {});
  }
}

serve(() => new WampyClient());
