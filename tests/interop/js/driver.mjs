// Has a WAMP client do what a test says; the clients in JavaScript share it.
//
// `serve` is told how to make a client. It prints one JSON object with the port on which it listens, and each
// connection to that port is one client of its own. What is said there stands in ../remote_client.py;
// ../python/driver.py is the same for Python, and says what a client must be able to do:
//
//   join({url, realm, serializer, authid, authmethod, secret}, sentAway)   returns what WELCOME said
//   leave()
//   call(procedure, payload, options, report)     returns {result: a promise, cancel(mode), send(payload, last)};
//                                                 `report` may be null
//   register(uri, options, procedure)             returns how to undo it
//   subscribe(uri, options, listener)             returns how to undo it
//   publish(topic, payload, options)
//
// A payload is {args, kwargs}. A procedure is called with its URI, a payload, the details that the client shows and a
// way to report progress, or null; it returns a promise of a payload and its options. A listener is called with the
// topic, a payload and the details. What fails throws WampError.

import { createServer } from "node:net";
import { createInterface } from "node:readline";

export class WampError extends Error {
  constructor(uri, args, kwargs) {
    super(uri);
    Object.assign(this, { uri, args: args ?? [], kwargs: kwargs ?? {} });
  }
}

export const payloadOf = (args, kwargs) => ({ args: args ?? [], kwargs: kwargs ?? {} });

class Conversation {
  #client;
  #socket;
  #calls = new Map();
  #serving = new Map();
  #registered = new Map();
  #subscribed = new Map();
  #isJoined = false;
  #isJson = false;

  constructor(client, socket) {
    this.#client = client;
    this.#socket = socket;
  }

  async hold() {
    for await (const line of createInterface({ input: this.#socket })) this.#obey(JSON.parse(line));
    try {
      await this.leave();
    } finally {
      this.#socket.end();
    }
  }

  crash(error) {
    this.#say({ note: "crash", error: String(error.stack ?? error) });
  }

  async #obey({ id, order, ...details }) {
    try {
      this.#say({ id, answer: (await this[order](details)) ?? null });
    } catch (error) {
      // Anything else, such as what the library cannot do, is for the test's report.
      const { uri = `not a WAMP error: ${error.stack ?? error}`, args, kwargs } = error;
      this.#say({ id, error: uri, ...this.#told(payloadOf(args, kwargs)) });
    }
  }

  #say(line) {
    this.#socket.write(JSON.stringify(line) + "\n");
  }

  // --- Orders --------------------------------------------------------------------------

  async join(joining) {
    this.#isJson = joining.serializer === "json";
    const { session, realm, authid, authrole, authmethod } = await this.#client.join(joining, (reason) => {
      this.#isJoined = false;
      this.#say({ note: "sent away", reason });
    });
    this.#isJoined = true;
    return { session: Number(session), realm, authid, authrole, authmethod };
  }

  async leave() {
    if (!this.#isJoined) return;
    this.#isJoined = false;
    await this.#client.leave();
  }

  async call({ call, procedure, args, kwargs, options: { receive_progress, ...options } }) {
    const reports = [];
    const report = (payload) => reports.push(this.#told(payload).args);
    const started = this.#client.call(procedure, this.#read(args, kwargs), options, receive_progress ? report : null);
    this.#calls.set(call, started);
    try {
      return { ...this.#told(await started.result), progress: reports };
    } finally {
      this.#calls.delete(call);
    }
  }

  async chunk({ call, args, kwargs, last }) {
    this.#calls.get(call).send(this.#read(args, kwargs), last);
  }

  async cancel({ call, mode }) {
    this.#calls.get(call).cancel(mode);
  }

  async register({ uri, options }) {
    this.#registered.set(uri, await this.#client.register(uri, options, this.#serve));
  }

  unregister = ({ uri }) => this.#registered.get(uri)();

  #serve = (procedure, payload, details, report) => {
    const invocation = this.#serving.size + 1;
    this.#say({ note: "invocation", invocation, procedure, details: outward(details), ...this.#told(payload) });
    return new Promise((resolve, reject) => this.#serving.set(invocation, { resolve, reject, report }));
  };

  async yield({ invocation, args, kwargs, options }) {
    const { resolve, report } = this.#serving.get(invocation);
    const payload = this.#read(args, kwargs);
    if (!options.progress) resolve({ ...payload, options });
    else if (report) report(payload);
    else throw new Error("nowhere to send progressive results to");
  }

  async fail({ invocation, error, args, kwargs }) {
    const payload = this.#read(args, kwargs);
    this.#serving.get(invocation).reject(new WampError(error, payload.args, payload.kwargs));
  }

  async subscribe({ uri, options }) {
    const listener = (topic, payload, details) => {
      this.#say({ note: "event", topic, details: outward(details), ...this.#told(payload) });
    };
    this.#subscribed.set(uri, await this.#client.subscribe(uri, options, listener));
  }

  unsubscribe = ({ uri }) => this.#subscribed.get(uri)();

  async publish({ topic, args, kwargs, options }) {
    await this.#client.publish(topic, this.#read(args, kwargs), options);
  }

  // --- Bytes: both libraries leave WAMP's form of them in JSON, a NUL and base64, to their user ----------

  #read = (args, kwargs) => ({ args: this.#inward(args), kwargs: this.#inward(kwargs) });
  #told = ({ args, kwargs }) => ({ args: outward(args), kwargs: outward(kwargs) });

  #inward(value) {
    if (typeof value?.hex !== "string") return mapped(value, (each) => this.#inward(each));
    const bytes = Buffer.from(value.hex, "hex");
    return this.#isJson ? "\0" + bytes.toString("base64") : new Uint8Array(bytes);
  }
}

function outward(value) {
  if (value instanceof Uint8Array) return { hex: Buffer.from(value).toString("hex") };
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "string" || !value.startsWith("\0")) return mapped(value, outward);
  return { hex: Buffer.from(value.slice(1), "base64").toString("hex") };
}

function mapped(value, change) {
  if (Array.isArray(value)) return value.map(change);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, change(each)]));
}

export function serve(makeClient) {
  const conversations = new Set();
  const server = createServer({ allowHalfOpen: true }, async (socket) => {
    const conversation = new Conversation(makeClient(), socket);
    conversations.add(conversation);
    await conversation.hold();
    conversations.delete(conversation);
  });
  // What a library throws where nobody can catch it fails the test at work, and no other.
  process.on("uncaughtException", (error) => conversations.forEach((each) => each.crash(error)));
  server.listen(0, "127.0.0.1", () => {
    process.stdout.write(JSON.stringify({ port: server.address().port }) + "\n");
  });
}
