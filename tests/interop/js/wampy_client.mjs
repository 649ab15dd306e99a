// wampy.js, driven by a test.

import { Wampy } from "wampy";
import { JsonSerializer } from "wampy/JsonSerializer.js";
import { MsgpackSerializer } from "wampy/MsgpackSerializer.js";
import { sign } from "wampy/wampcra.js";
import WebSocket from "ws";
import { payloadOf, serve, WampError } from "./driver.mjs";

const SERIALIZERS = { json: JsonSerializer, msgpack: MsgpackSerializer };
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
    return errorsOf(this.#wampy.connect());
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

  call(procedure, payload, report) {
    const progress_callback = ({ argsList, argsDict }) => report(payloadOf(argsList, argsDict));
    const answer = this.#wampy.call(procedure, argsOf(payload), report ? { progress_callback } : {});
    const { reqId } = this.#wampy.getOpStatus();
    return {
      result: errorsOf(answer.then(({ argsList, argsDict }) => payloadOf(argsList, argsDict))),
      cancel: () => this.#wampy.cancel(reqId, { mode: "kill" }),
    };
  }

  async callInChunks(procedure, payloads, report) {
    const [first, ...others] = payloads.map(argsOf);
    const progress_callback = ({ argsList, argsDict }) => report(payloadOf(argsList, argsDict));
    const { result, sendData } = this.#wampy.progressiveCall(procedure, first, { progress_callback });
    others.forEach((chunk, number) => sendData(chunk, { progress: number < others.length - 1 }));
    const { argsList, argsDict } = await errorsOf(result);
    return payloadOf(argsList, argsDict);
  }

  async register(uri, match, procedure) {
    await errorsOf(this.#wampy.register(uri, async ({ details, argsList, argsDict, result_handler }) => {
      const report = (payload) => result_handler({ ...argsOf(payload), options: { progress: true } });
      try {
        const payload = payloadOf(argsList, argsDict);
        const result = await procedure(details.procedure ?? uri, payload, details.receive_progress ? report : null);
        return argsOf(result);
      } catch ({ uri: error, args, kwargs }) {
        throw { error, ...argsOf({ args, kwargs }) };
      }
    }, match ? { match } : undefined));
    return () => errorsOf(this.#wampy.unregister(uri));
  }

  async subscribe(uri, match, listener) {
    const { subscriptionId } = await errorsOf(this.#wampy.subscribe(uri, ({ details, argsList, argsDict }) => {
      listener(details.topic ?? uri, payloadOf(argsList, argsDict));
    }, match ? { match } : undefined));
    return () => errorsOf(this.#wampy.unsubscribe(subscriptionId));
  }

  // wampy asks for an acknowledgement always.
  publish(topic, payload, acknowledge) {
    const published = errorsOf(this.#wampy.publish(topic, argsOf(payload)));
    return acknowledge ? published : published.catch(() => {});
  }
}

serve(() => new WampyClient());
