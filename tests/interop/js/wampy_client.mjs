// wampy.js as a user of our server: says what it saw, one JSON object a line.
//
// Run as "node wampy_client.mjs SCENARIO URL SERIALIZER [TICKET]" by the tests above this directory.
// Autobahn|Python plays the same scenarios and says the same things in autobahn_client.py.

import { once } from "node:events";
import { text } from "node:stream/consumers";
import { Wampy } from "wampy";
import { JsonSerializer } from "wampy/JsonSerializer.js";
import { MsgpackSerializer } from "wampy/MsgpackSerializer.js";
import { sign } from "wampy/wampcra.js";
import WebSocket from "ws";

const PATIENCE = 15_000;
const SERIALIZERS = { json: JsonSerializer, msgpack: MsgpackSerializer };
const BINARY = Buffer.from([0, 255, 128, 13, 10, 0]);

const [scenario, url, serializer, ticket] = process.argv.slice(2);

// wampy leaves WAMP's form of binary in JSON, a NUL and base64, to the application.
const binary = (data) =>
  serializer === "json" ? "\0" + data.toString("base64") : new Uint8Array(data);

function plain(_key, value) {
  if (value instanceof Uint8Array) return { hex: Buffer.from(value).toString("hex") };
  if (typeof value === "string" && value.startsWith("\0")) {
    return { hex: Buffer.from(value.slice(1), "base64").toString("hex") };
  }
  if (typeof value === "bigint") return Number(value);
  return value;
}

// Buffer.toJSON would run before `plain` sees the value.
delete Buffer.prototype.toJSON;

function say(step, seen = {}) {
  process.stdout.write(JSON.stringify({ step, ...seen }, plain) + "\n");
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function within(promise) {
  const late = sleep(PATIENCE).then(() => { throw new Error("waited in vain"); });
  return Promise.race([promise, late]);
}

function newClient(realm, options = {}) {
  return new Wampy(url, {
    realm,
    ws: WebSocket,
    serializer: new SERIALIZERS[serializer](),
    autoReconnect: false,
    uriValidation: "loose",
    onError: (error) => say("client error", { error: error.errorUri ?? String(error) }),
    ...options,
  });
}

async function enter(realm) {
  const client = newClient(realm);
  const details = await within(client.connect());
  say("joined", { realm: details.realm, authrole: details.authrole });
  return client;
}

async function leave(client) {
  await within(client.disconnect());
  say("left");
}

class Events {
  #seen = [];
  #wake = () => {};
  note = ({ argsList, argsDict }) => {
    this.#seen.push({ args: argsList ?? [], kwargs: argsDict ?? {} });
    this.#wake();
  };
  async next() {
    if (!this.#seen.length) await within(new Promise((resolve) => { this.#wake = resolve; }));
    return this.#seen.shift();
  }
  get waiting() { return this.#seen.length; }
}

const call = (client, procedure, ...argsList) =>
  within(client.call(procedure, { argsList, argsDict: {} }));
const value = async (...request) => (await call(...request)).argsList?.[0];

async function refusal(step, request, full = false) {
  try {
    say(step, { unexpected: await within(request) });
  } catch (error) {
    const seen = { error: error.errorUri ?? String(error) };
    if (full) Object.assign(seen, { args: error.argsList, kwargs: error.argsDict });
    say(step, seen);
  }
}

async function progressOf(client, procedure) {
  const progress = [];
  const result = await within(client.call(procedure, [3], {
    progress_callback: ({ argsList }) => { progress.push(argsList[0]); },
  }));
  say("progress", { progress, result: result.argsList[0] });
}

// --- Scenarios ------------------------------------------------------------------------

async function hosted() {
  const client = await enter("demo");
  await hostedCalls(client);
  const events = new Events();
  const { subscriptionId } = await within(client.subscribe("news", events.note));
  await call(client, "news.send", "from a procedure");
  say("event", await events.next());
  say("post me");
  say("event", await events.next());
  await hostedRefusals(client);
  say("still there", { result: await value(client, "math.add", 1, 2) });
  await within(client.unsubscribe(subscriptionId));
  await call(client, "news.send", "nobody hears this");
  say("unheard", { events: events.waiting });
  await leave(client);
}

async function hostedCalls(client) {
  say("call", { result: await value(client, "math.add", 2, 3) });
  const greeting = { argsList: [], argsDict: { name: "Zoë 🎉", greeting: "Grüß" } };
  say("kwargs", { result: (await within(client.call("text.greet", greeting))).argsList[0] });
  say("binary", { result: await value(client, "data.reverse", binary(BINARY)) });
  const several = await call(client, "text.split", "a-b-c");
  say("several", { args: several.argsList, kwargs: several.argsDict });
  await refusal("invalid argument", call(client, "math.add", "two", 3));
  await refusal("unknown procedure", call(client, "no.such"));
  await refusal("typed error", call(client, "text.fail"), true);
  await progressOf(client, "count.up");
}

async function hostedRefusals(client) {
  await refusal("publish", client.publish("news", "a rumour"));
  await refusal("register", client.register("my.own", () => null));
  await refusal("subscribe", client.subscribe("undeclared.topic", () => {}));
}

const ticketed = () => signIn("joe", "ticket", () => ticket);
const cra = (authid) => () => signIn(authid, "wampcra", sign(ticket));

async function signIn(authid, authmethod, onChallenge) {
  const client = newClient("members", {
    authid,
    authmethods: [authmethod],
    onChallenge,
    onError: () => {},
  });
  let details;
  try {
    details = await within(client.connect());
  } catch (error) {
    say("refused", { reason: error.errorUri });
    return;
  }
  say("joined", { authid: details.authid, authmethod: details.authmethod });
  say("call", { result: await value(client, "who.am.i") });
  await leave(client);
}

async function stay() {
  let closed;
  const end = new Promise((resolve) => { closed = resolve; });
  // wampy tells nobody the reason of a GOODBYE; its frames are the only witness.
  let reason = null;
  class Witness extends WebSocket {
    constructor(...args) {
      super(...args);
      this.on("message", (data) => {
        const [code, , given] = new SERIALIZERS[serializer]().decode(data);
        if (code === 6) reason = given;
      });
    }
  }
  const client = newClient("demo", { onClose: closed, ws: Witness });
  const details = await within(client.connect());
  say("joined", { realm: details.realm, authrole: details.authrole });
  await within(end);
  say("sent away", { reason });
}

async function callee() {
  const client = await enter("lab");
  const events = new Events();
  await within(client.register("lab.echo", ({ argsList, argsDict }) => ({ argsList, argsDict })));
  await within(client.register("lab.fail", () => {
    throw { error: "lab.error.refused", argsList: ["not today"], argsDict: { code: 7 } };
  }));
  await within(client.register("lab.slow", () => {
    say("slow started");
    return new Promise(() => {});
  }));
  await within(client.register("lab.count", async ({ argsList, result_handler }) => {
    for (let number = 1; number <= argsList[0]; number += 1) {
      result_handler({ argsList: [number], options: { progress: true } });
    }
    return { argsList: ["done"] };
  }));
  await within(client.subscribe("lab.topic", events.note));
  say("ready");
  await text(process.stdin);
  while (events.waiting) say("event", await events.next());
  await leave(client);
}

async function caller() {
  const client = await enter("lab");
  const echoed = await within(client.call("lab.echo", {
    argsList: [1, "zwei 🎉", [3.5, null]], argsDict: { key: true },
  }));
  say("echo", { args: echoed.argsList, kwargs: echoed.argsDict });
  say("binary", { result: await value(client, "lab.echo", binary(BINARY)) });
  await refusal("typed error", call(client, "lab.fail"), true);
  await progressOf(client, "lab.count");
  await cancelSlow(client);
  const { publicationId } = await within(client.publish("lab.topic", ["one"]));
  say("published", { acknowledged: publicationId > 0 });
  await within(client.publish("lab.topic", { argsList: ["two"], argsDict: { n: 2 } }));
  await call(client, "lab.echo", "after the event");
  await leave(client);
}

async function cancelSlow(client) {
  const slow = client.call("lab.slow");
  const { reqId } = client.getOpStatus();
  const error = slow.catch((reason) => reason);
  await call(client, "lab.echo", "so that lab.slow has started");
  client.cancel(reqId, { mode: "kill" });
  say("cancelled", { answered: (await within(error)).errorUri === "wamp.error.canceled" });
}

const SCENARIOS = {
  hosted,
  ticket: ticketed,
  wampcra: cra("joe"),
  "wampcra-salted": cra("zoë"),
  stay,
  callee,
  caller,
};
await SCENARIOS[scenario]();
if (process.stdout.writableLength) await once(process.stdout, "drain");
process.exit(0);
