/** The browser's WAMP client against a scripted WebSocket: no network, no clock. */

import assert from "node:assert/strict";
import {afterEach, beforeEach, mock, test} from "node:test";

import {AbortError, WampError, connect} from "../../../example_app/static/wamp.js";

/** What the client sees of a WebSocket; the test plays the router. */
class FakeWebSocket {
  static OPEN = 1;
  static all = [];
  static get last() { return FakeWebSocket.all.at(-1); }

  readyState = 0;
  sent = [];

  constructor(url, protocols) {
    Object.assign(this, {url, protocols});
    FakeWebSocket.all.push(this);
  }

  open() { this.readyState = 1; this.onopen({}); }
  send(text) { this.sent.push(JSON.parse(text)); }
  close() { this.readyState = 3; }
  receive(...message) { this.onmessage({data: JSON.stringify(message)}); }
  receiveText(data) { this.onmessage({data}); }
  drop(reason = "") { this.readyState = 3; this.onclose({reason}); }
}

/** Let promises that are settled already be heard. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

const states = [];
const settings = {
  WebSocket: FakeWebSocket,
  random: () => 1,
  onState: (state, reason) => states.push([state, reason?.uri ?? null]),
};

function start(options = {}) {
  const session = connect("ws://server/ws", "members", {...settings, ...options});
  FakeWebSocket.last.open();
  return {session, socket: FakeWebSocket.last};
}

async function join(options = {}) {
  const {session, socket} = start(options);
  socket.receive(2, 7001, {authid: "5", authrole: "member", roles: {broker: {}, dealer: {}}});
  await session.joined;
  socket.sent.length = 0;
  return {session, socket};
}

/** Answer the re-subscriptions of a new connection after its WELCOME. */
async function rejoin(socket, id = 7002) {
  socket.open();
  socket.receive(2, id, {});
  for (const [type, request] of socket.sent.slice(1)) {
    assert.equal(type, 32);
    socket.receive(33, request, 900 + request);
  }
  await settled();
}

beforeEach(() => {
  mock.timers.enable({apis: ["setTimeout"]});
  FakeWebSocket.all.length = 0;
  states.length = 0;
});
afterEach(() => mock.timers.reset());

test("HELLO names the realm, the three client roles and their features", () => {
  const {socket} = start({authid: "joe", authmethods: ["ticket"]});
  assert.deepEqual(socket.protocols, ["wamp.2.json"]);
  const [type, realm, details] = socket.sent[0];
  assert.deepEqual([type, realm], [1, "members"]);
  assert.deepEqual(Object.keys(details.roles).sort(), ["caller", "publisher", "subscriber"]);
  assert.equal(details.roles.caller.features.progressive_call_results, true);
  assert.equal(details.roles.caller.features.call_canceling, true);
  assert.deepEqual([details.authid, details.authmethods], ["joe", ["ticket"]]);
});

test("WELCOME gives the session its id and details and makes it joined", async () => {
  const {session} = await join();
  assert.equal(session.id, 7001);
  assert.equal(session.details.authid, "5");
  assert.deepEqual(states, [["joined", null]]);
});

test("CHALLENGE is answered with what onChallenge returns", async () => {
  const {socket} = start({onChallenge: async (method, extra) => `${method}-${extra.n}`});
  socket.receive(4, "ticket", {n: 1});
  await settled();
  assert.deepEqual(socket.sent[1], [5, "ticket-1", {}]);
});

test("a CHALLENGE that cannot be answered ends the session for good", async () => {
  const {session, socket} = start();
  socket.receive(4, "ticket", {});
  await assert.rejects(session.joined, {uri: "wamp.error.authentication_failed"});
  assert.equal(socket.sent[1][0], 3);
  assert.equal(session.state, "closed");
});

test("ABORT is a typed error, and the client stays away", async () => {
  const {session, socket} = start();
  socket.receive(3, {message: "sign in"}, "wamp.error.authentication_required");
  await assert.rejects(session.joined, (error) => {
    assert.ok(error instanceof AbortError && error instanceof WampError);
    assert.equal(error.uri, "wamp.error.authentication_required");
    assert.match(error.message, /sign in/);
    return true;
  });
  mock.timers.tick(600_000);
  assert.equal(FakeWebSocket.all.length, 1);
  assert.deepEqual(states, [["closed", "wamp.error.authentication_required"]]);
});

test("no WELCOME in time counts as a lost connection", () => {
  const {session} = start({joinTimeout: 1_000});
  mock.timers.tick(1_000);
  assert.equal(session.state, "waiting");
});

test("a call sends its arguments and resolves with the one result", async () => {
  const {session, socket} = await join();
  const answer = session.call("board.add", ["milk"], {urgent: true});
  assert.deepEqual(socket.sent, [[48, 1, {}, "board.add", ["milk"], {urgent: true}]]);
  socket.receive(50, 1, {}, [{id: 3}]);
  assert.deepEqual(await answer, {id: 3});
});

test("empty payloads are left off, and no result is undefined", async () => {
  const {session, socket} = await join();
  const answer = session.call("board.ping");
  assert.deepEqual(socket.sent[0], [48, 1, {}, "board.ping"]);
  socket.receive(50, 1, {});
  assert.equal(await answer, undefined);
});

test("several results or named ones come as args and kwargs", async () => {
  const {session, socket} = await join();
  const answer = session.call("p");
  socket.receive(50, 1, {}, [1, 2], {n: 3});
  assert.deepEqual(await answer, {args: [1, 2], kwargs: {n: 3}});
});

test("answers find their calls in any order", async () => {
  const {session, socket} = await join();
  const answers = [session.call("a"), session.call("b")];
  socket.receive(50, 2, {}, ["b"]);
  socket.receive(50, 1, {}, ["a"]);
  assert.deepEqual(await Promise.all(answers), ["a", "b"]);
});

test("ERROR is a WampError with URI, args and kwargs", async () => {
  const {session, socket} = await join();
  const answer = session.call("p");
  socket.receive(8, 48, 1, {}, "board.error.no_such_task", ["gone"], {id: 9});
  await assert.rejects(answer, (error) => {
    assert.deepEqual(
      [error.uri, error.args, error.kwargs],
      ["board.error.no_such_task", ["gone"], {id: 9}],
    );
    return true;
  });
});

test("progress is asked for only with onProgress, and delivered before the result", async () => {
  const {session, socket} = await join();
  const seen = [];
  const answer = session.call("export", [], {}, {onProgress: (value) => seen.push(value)});
  assert.deepEqual(socket.sent[0][2], {receive_progress: true});
  socket.receive(50, 1, {progress: true}, [10]);
  socket.receive(50, 1, {progress: true}, [20]);
  socket.receive(50, 1, {}, ["done"]);
  assert.equal(await answer, "done");
  assert.deepEqual(seen, [10, 20]);
});

test("aborting the signal cancels the call and silences its progress", async () => {
  const {session, socket} = await join();
  const controller = new AbortController();
  const seen = [];
  const answer = session.call("export", [], {}, {
    signal: controller.signal,
    onProgress: (value) => seen.push(value),
  });
  controller.abort();
  await assert.rejects(answer, {name: "AbortError"});
  assert.deepEqual(socket.sent[1], [49, 1, {mode: "killnowait"}]);
  socket.receive(50, 1, {progress: true}, [10]);
  socket.receive(8, 48, 1, {}, "wamp.error.canceled");
  assert.deepEqual(seen, []);
  assert.equal(session.state, "joined");
});

test("aborting after the answer sends nothing", async () => {
  const {session, socket} = await join();
  const controller = new AbortController();
  const answer = session.call("p", [], {}, {signal: controller.signal});
  socket.receive(50, 1, {}, ["done"]);
  controller.abort();
  assert.equal(await answer, "done");
  assert.equal(socket.sent.length, 1);
});

test("a signal that is aborted already sends nothing", async () => {
  const {session, socket} = await join();
  await assert.rejects(session.call("p", [], {}, {signal: AbortSignal.abort()}));
  assert.deepEqual(socket.sent, []);
});

test("an argument that JSON cannot carry fails the call and uses up no request id", async () => {
  const {session, socket} = await join();
  const cycle = [];
  cycle.push(cycle);
  await assert.rejects(session.call("p", [cycle]), TypeError);
  session.call("p").catch(() => {});
  assert.equal(socket.sent[0][1], 1);
});

test("events reach the handler with args, kwargs and topic", async () => {
  const {session, socket} = await join();
  const events = [];
  const subscribing = session.subscribe("news", (event) => events.push(event));
  assert.deepEqual(socket.sent, [[32, 1, {}, "news"]]);
  socket.receive(33, 1, 55);
  // In the same turn as SUBSCRIBED, before the promise is heard.
  socket.receive(36, 55, 99, {}, ["a"], {b: 1});
  await subscribing;
  const details = {};
  assert.deepEqual(events, [{args: ["a"], kwargs: {b: 1}, topic: "news", publication: 99, details}]);
});

test("a pattern's events carry the topic that was published to", async () => {
  const {session, socket} = await join();
  const topics = [];
  session.subscribe("chat.", ({topic}) => topics.push(topic), {match: "prefix"});
  assert.deepEqual(socket.sent[0], [32, 1, {match: "prefix"}, "chat."]);
  socket.receive(33, 1, 56);
  socket.receive(36, 56, 1, {topic: "chat.room"});
  assert.deepEqual(topics, ["chat.room"]);
});

test("a refused subscription rejects and is not tried again", async () => {
  const {session, socket} = await join();
  const subscribing = session.subscribe("secret", () => {});
  socket.receive(8, 32, 1, {}, "wamp.error.not_authorized");
  await assert.rejects(subscribing, {uri: "wamp.error.not_authorized"});
  socket.drop();
  mock.timers.tick(500);
  FakeWebSocket.last.open();
  FakeWebSocket.last.receive(2, 7002, {});
  await settled();
  assert.deepEqual(FakeWebSocket.last.sent.map(([type]) => type), [1]);
});

test("UNSUBSCRIBE goes out with the last handler of a topic only", async () => {
  const {session, socket} = await join();
  const heard = [];
  const first = session.subscribe("news", () => heard.push("first"));
  const second = session.subscribe("news", () => heard.push("second"));
  socket.receive(33, 1, 55);
  socket.receive(33, 2, 55);
  await session.unsubscribe(await first);
  socket.receive(36, 55, 1, {});
  assert.deepEqual(heard, ["second"]);
  assert.equal(socket.sent.length, 2);
  const leaving = session.unsubscribe(await second);
  assert.deepEqual(socket.sent[2], [34, 3, 55]);
  socket.receive(35, 3);
  await leaving;
});

test("a handler that throws disturbs neither the others nor the session", async (t) => {
  const {session, socket} = await join();
  const uncaught = [];
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.once("uncaughtException", (error) => uncaught.push(error.message));
  t.after(() => listeners.forEach((one) => process.on("uncaughtException", one)));
  const heard = [];
  session.subscribe("news", () => { throw new Error("mine"); });
  session.subscribe("news", () => heard.push("other"));
  socket.receive(33, 1, 55);
  socket.receive(33, 2, 55);
  socket.receive(36, 55, 1, {});
  await settled();
  assert.deepEqual([heard, uncaught, session.state], [["other"], ["mine"], "joined"]);
});

test("publish waits for PUBLISHED and gives the publication's id", async () => {
  const {session, socket} = await join();
  const publishing = session.publish("news", ["hi"], {}, {exclude_me: false});
  assert.deepEqual(socket.sent, [[16, 1, {exclude_me: false, acknowledge: true}, "news", ["hi"]]]);
  socket.receive(17, 1, 4242);
  assert.equal(await publishing, 4242);
});

test("bytes travel as NUL and base64, nested, both ways", async () => {
  const {session, socket} = await join();
  const answer = session.call("p", [{data: Uint8Array.of(0, 255)}]);
  assert.deepEqual(socket.sent[0][4], [{data: "\0AP8="}]);
  socket.receive(50, 1, {}, [["\0AQI="]]);
  assert.deepEqual(await answer, [Uint8Array.of(1, 2)]);
});

test("a lost connection fails the calls under way and refuses new ones", async () => {
  const {session, socket} = await join();
  const answer = session.call("p");
  socket.drop();
  await assert.rejects(answer, {uri: "client.connection_lost"});
  await assert.rejects(session.call("p"), {uri: "client.connection_lost"});
  assert.deepEqual(states.at(-1), ["waiting", "client.connection_lost"]);
});

test("attempts to reconnect get rarer up to the maximum, and start over after a join", async () => {
  const {socket} = await join({minDelay: 100, maxDelay: 400});
  let current = socket;
  for (const delay of [100, 200, 400, 400]) {
    current.drop();
    mock.timers.tick(delay - 1);
    assert.equal(FakeWebSocket.last, current, `before ${delay} ms`);
    mock.timers.tick(1);
    assert.notEqual(FakeWebSocket.last, current, `after ${delay} ms`);
    current = FakeWebSocket.last;
  }
  await rejoin(current);
  current.drop();
  mock.timers.tick(100);
  assert.notEqual(FakeWebSocket.last, current);
});

test("the lot takes off up to half of the delay", async () => {
  const {socket} = await join({minDelay: 100, random: () => 0});
  socket.drop();
  mock.timers.tick(49);
  assert.equal(FakeWebSocket.last, socket);
  mock.timers.tick(1);
  assert.notEqual(FakeWebSocket.last, socket);
});

test("after a reconnection the subscriptions are in place before it says joined", async () => {
  const {session, socket} = await join();
  const heard = [];
  const subscribing = session.subscribe("news", ({args}) => heard.push(...args));
  socket.receive(33, 1, 55);
  await subscribing;
  socket.drop();
  mock.timers.tick(500);
  const next = FakeWebSocket.last;
  next.open();
  next.receive(2, 7002, {});
  await settled();
  assert.equal(session.state, "connecting");
  assert.deepEqual(next.sent[1], [32, 1, {}, "news"]);
  next.receive(33, 1, 77);
  await settled();
  assert.equal(session.state, "joined");
  next.receive(36, 55, 1, {}, ["old id"]);
  next.receive(36, 77, 2, {}, ["new id"]);
  assert.deepEqual(heard, ["new id"]);
});

test("a subscription made without a connection takes effect with the next one", async () => {
  const {session, socket} = await join();
  socket.drop();
  const heard = [];
  await session.subscribe("news", ({args}) => heard.push(...args));
  mock.timers.tick(500);
  await rejoin(FakeWebSocket.last);
  FakeWebSocket.last.receive(36, 901, 1, {}, ["late"]);
  assert.deepEqual([heard, session.state], [["late"], "joined"]);
});

test("a connection lost while subscribing anew does not count as joined", async () => {
  const {session, socket} = await join();
  session.subscribe("news", () => {});
  socket.receive(33, 1, 55);
  socket.drop();
  mock.timers.tick(500);
  FakeWebSocket.last.open();
  FakeWebSocket.last.receive(2, 7002, {});
  FakeWebSocket.last.drop();
  await settled();
  assert.equal(session.state, "waiting");
});

test("reconnectNow leaves a session alone that is joined or closed", async () => {
  const {session} = await join();
  session.reconnectNow();
  assert.deepEqual([FakeWebSocket.all.length, session.state], [1, "joined"]);
  const leaving = session.leave();
  FakeWebSocket.last.receive(6, {}, "wamp.close.goodbye_and_out");
  await leaving;
  session.reconnectNow();
  assert.equal(FakeWebSocket.all.length, 1);
});

test("reconnectNow does not sit out the delay", async () => {
  const {session, socket} = await join();
  socket.drop();
  session.reconnectNow();
  assert.notEqual(FakeWebSocket.last, socket);
  assert.equal(session.state, "connecting");
  mock.timers.tick(500);
  assert.equal(FakeWebSocket.all.length, 2);
});

test("GOODBYE from the router is answered; killed means staying away", async () => {
  const {session, socket} = await join();
  socket.receive(6, {message: "bye"}, "wamp.close.killed");
  assert.deepEqual(socket.sent, [[6, {}, "wamp.close.goodbye_and_out"]]);
  mock.timers.tick(600_000);
  assert.equal(FakeWebSocket.all.length, 1);
  assert.equal(session.state, "closed");
  assert.deepEqual(states.at(-1), ["closed", "wamp.close.killed"]);
});

test("a router that shuts down is tried again", async () => {
  const {session, socket} = await join();
  socket.receive(6, {}, "wamp.close.system_shutdown");
  assert.equal(session.state, "waiting");
  mock.timers.tick(500);
  assert.equal(FakeWebSocket.all.length, 2);
});

test("reconnectAfter decides which ends are final", async () => {
  const {session, socket} = await join({reconnectAfter: ({uri}) => uri === "wamp.close.killed"});
  socket.receive(6, {}, "wamp.close.killed");
  assert.equal(session.state, "waiting");
  mock.timers.tick(500);
  FakeWebSocket.last.drop();
  assert.equal(session.state, "closed");
});

test("leave says goodbye, waits for the answer and does not come back", async () => {
  const {session, socket} = await join();
  const leaving = session.leave();
  assert.deepEqual(socket.sent, [[6, {}, "wamp.close.normal"]]);
  assert.equal(session.state, "joined");
  socket.receive(6, {}, "wamp.close.goodbye_and_out");
  await leaving;
  assert.equal(session.state, "closed");
  assert.equal(socket.readyState, 3);
  mock.timers.tick(600_000);
  assert.equal(FakeWebSocket.all.length, 1);
});

test("leave ends though the router does not answer", async () => {
  const {session} = await join();
  const leaving = Promise.all([session.leave(), session.leave()]);
  mock.timers.tick(2_000);
  await leaving;
  assert.equal(session.state, "closed");
});

test("leave while waiting to reconnect stops the waiting", async () => {
  const {session, socket} = await join();
  socket.drop();
  await session.leave();
  mock.timers.tick(600_000);
  assert.equal(FakeWebSocket.all.length, 1);
  assert.equal(session.state, "closed");
});

for (const [name, text] of [
  ["not JSON", "hello"],
  ["no list", "{}"],
  ["an unknown type", "[999]"],
  ["a message for routers", "[48, 1, {}, \"p\"]"],
  ["a type that is no number", "[\"constructor\"]"],
  ["broken base64", "[36, 1, 1, {}, [\"\\u0000!\"]]"],
]) {
  test(`a router that sends ${name} is left with ABORT`, async () => {
    const {session, socket} = await join();
    socket.receiveText(text);
    assert.equal(socket.sent[0][0], 3);
    assert.equal(socket.sent[0][2], "wamp.error.protocol_violation");
    assert.equal(session.state, "closed");
  });
}

test("answers to requests that nobody waits for are ignored", async () => {
  const {session, socket} = await join();
  socket.receive(50, 77, {}, ["?"]);
  socket.receive(8, 48, 78, {}, "wamp.error.canceled");
  socket.receive(36, 79, 1, {});
  assert.equal(session.state, "joined");
});

test("a socket given up is not listened to any more", async () => {
  const {session, socket} = await join();
  socket.drop();
  socket.receive(6, {}, "wamp.close.killed");
  assert.equal(session.state, "waiting");
});
