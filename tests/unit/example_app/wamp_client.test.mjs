/** The client in one session: joining, calls, events, leaving. */

import assert from "node:assert/strict";
import {getEventListeners} from "node:events";
import {mock, test} from "node:test";

import {AbortError, Result, WampError, connect} from "../../../example_app/static/wamp/wamp.js";
import {FakeWebSocket, join, settled, start, states, uncaughtErrors} from "./fake_router.mjs";

test("HELLO names the realm, the four client roles and their features", () => {
  const {socket} = start({authid: "joe", authmethods: ["ticket"]});
  assert.deepEqual(socket.protocols, ["wamp.2.json"]);
  const [type, realm, details] = socket.sent[0];
  assert.deepEqual([type, realm], [1, "members"]);
  assert.deepEqual(Object.keys(details.roles).sort(), ["callee", "caller", "publisher", "subscriber"]);
  for (const role of ["caller", "callee"]) {
    assert.equal(details.roles[role].features.progressive_call_results, true);
    assert.equal(details.roles[role].features.call_canceling, true);
  }
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
  await assert.rejects(session.joined, (error) => {
    assert.equal(error.uri, "wamp.error.authentication_failed");
    assert.match(error.cause.message, /no onChallenge/);
    return true;
  });
  assert.deepEqual(socket.sent[1], [3, {}, "wamp.error.authentication_failed"]);
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

test("several results or named ones come as a Result", async () => {
  const {session, socket} = await join();
  const answer = session.call("p");
  socket.receive(50, 1, {}, [1, 2], {n: 3});
  assert.deepEqual(await answer, new Result([1, 2], {n: 3}));
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
  mock.timers.tick(1_000);
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
  const uncaught = uncaughtErrors(t);
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
  assert.deepEqual(socket.sent, [[16, 1, {acknowledge: true, exclude_me: false}, "news", ["hi"]]]);
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

for (const [name, data] of [
  ["not JSON", "hello"],
  ["no list", "{}"],
  ["an unknown type", "[999]"],
  ["a message for routers", "[48, 1, {}, \"p\"]"],
  ["a type that is no number", "[\"constructor\"]"],
  ["broken base64", "[36, 1, 1, {}, [\"\\u0000!\"]]"],
  ["bytes", new ArrayBuffer(2)],
  ["a RESULT without details", "[50, 1]"],
  ["an EVENT whose arguments are no list", "[36, 1, 1, {}, \"hello\"]"],
  ["an ERROR without a URI", "[8, 48, 1, {}]"],
  ["a second WELCOME", "[2, 7002, {}]"],
  ["a late CHALLENGE", "[4, \"ticket\", {}]"],
]) {
  test(`a router that sends ${name} is left with ABORT`, async () => {
    const {session, socket} = await join();
    socket.receiveText(data);
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

for (const [name, message] of [
  ["an EVENT", [36, 1, 1, {}]],
  ["a RESULT", [50, 1, {}]],
  ["a WELCOME without an id", [2, null, {}]],
]) {
  test(`a router that begins with ${name} is left with ABORT`, () => {
    const {session, socket} = start();
    socket.receive(...message);
    assert.equal(socket.sent[1][2], "wamp.error.protocol_violation");
    assert.equal(session.state, "closed");
  });
}

test("an answer of another type than its request is a violation", async () => {
  const {session, socket} = await join();
  const answer = session.call("p");
  socket.receive(33, 1, 55);
  await assert.rejects(answer, {uri: "client.connection_lost"});
  assert.equal(session.state, "closed");
});

test("where there is no WebSocket, connect says so at once", () => {
  const {WebSocket} = globalThis;
  delete globalThis.WebSocket;
  try {
    assert.throws(() => connect("ws://server/ws", "members"), /no WebSocket/);
  } finally {
    if (WebSocket) globalThis.WebSocket = WebSocket;
  }
});

test("a URL that is none is refused at once", () => {
  assert.throws(() => connect("ws://", "members", {WebSocket: FakeWebSocket}), TypeError);
  assert.equal(FakeWebSocket.all.length, 0);
});

test("http: is taken for ws:, and a path is one of the page's server", (t) => {
  connect("http://server/ws", "members", {WebSocket: FakeWebSocket, page: null});
  assert.equal(FakeWebSocket.last.url, "ws://server/ws");
  globalThis.location = {href: "https://shop.example/cart?n=1"};
  t.after(() => delete globalThis.location);
  connect("/ws", "members", {WebSocket: FakeWebSocket, page: null});
  assert.equal(FakeWebSocket.last.url, "wss://shop.example/ws");
});

test("options that are undefined are as if left out", () => {
  const {session} = start({joinTimeout: undefined, onState: undefined, random: undefined});
  mock.timers.tick(14_999);
  assert.equal(session.state, "connecting");
  mock.timers.tick(1);
  assert.equal(session.state, "waiting");
});

test("WAMP's own options of a call go along", async () => {
  const {session, socket} = await join();
  session.call("p", [], {}, {timeout: 500, disclose_me: true}).catch(() => {});
  assert.deepEqual(socket.sent[0][2], {timeout: 500, disclose_me: true});
});

test("arguments that are no list fail the call", async () => {
  const {session, socket} = await join();
  await assert.rejects(session.call("p", "milk"), TypeError);
  await assert.rejects(session.publish("t", "milk"), TypeError);
  assert.deepEqual(socket.sent, []);
});

test("killed, a procedure has the last word", async () => {
  const {session, socket} = await join();
  const controller = new AbortController();
  const {signal} = controller;
  const answers = ["a", "b"].map((name) =>
    session.call(name, [], {}, {signal, cancelMode: "kill"}));
  controller.abort();
  assert.deepEqual(socket.sent.slice(2), [[49, 1, {mode: "kill"}], [49, 2, {mode: "kill"}]]);
  socket.receive(50, 1, {}, ["won the race"]);
  socket.receive(8, 48, 2, {}, "wamp.error.canceled");
  assert.equal(await answers[0], "won the race");
  await assert.rejects(answers[1], {uri: "wamp.error.canceled"});
});

test("a signal is not listened to after its calls", async () => {
  const {session, socket} = await join();
  const {signal} = new AbortController();
  const answers = ["a", "b"].map((name) => session.call(name, [], {}, {signal}));
  assert.equal(getEventListeners(signal, "abort").length, 2);
  socket.receive(50, 1, {}, []);
  socket.drop();
  await Promise.allSettled(answers);
  assert.equal(getEventListeners(signal, "abort").length, 0);
});

test("publish without acknowledgement waits for nothing", async () => {
  const {session, socket} = await join();
  assert.equal(await session.publish("news", ["hi"], {}, {acknowledge: false}), undefined);
  assert.deepEqual(socket.sent, [[16, 1, {acknowledge: false}, "news", ["hi"]]]);
  // It has used up an id all the same.
  session.call("p").catch(() => {});
  assert.equal(socket.sent[1][1], 2);
});

test("buffers and views of them travel as bytes", async () => {
  const {session, socket} = await join();
  const {buffer} = Uint8Array.of(9, 1, 2, 9);
  session.call("p", [buffer, new DataView(buffer, 1, 2), Buffer.from([1, 2])]).catch(() => {});
  assert.deepEqual(socket.sent[0][4], ["\0CQECCQ==", "\0AQI=", "\0AQI="]);
});

test("a subscription that is taken back before it is in place is undone", async () => {
  const {session, socket} = await join();
  const heard = [];
  const subscribing = session.subscribe("news", () => heard.push("event"));
  socket.drop();
  const subscription = await subscribing;
  session.reconnectNow();
  FakeWebSocket.last.open();
  FakeWebSocket.last.receive(2, 7002, {});
  await session.unsubscribe(subscription);
  FakeWebSocket.last.receive(33, 1, 55);
  FakeWebSocket.last.receive(36, 55, 1, {});
  assert.deepEqual(FakeWebSocket.last.sent.slice(2), [[34, 2, 55]]);
  assert.deepEqual(heard, []);
});

test("an exact subscription is the same whether it says so or not", async () => {
  const {session, socket} = await join();
  const first = session.subscribe("news", () => {});
  session.subscribe("news", () => {}, {match: "exact"});
  socket.receive(33, 1, 55);
  socket.receive(33, 2, 55);
  await session.unsubscribe(await first);
  assert.equal(socket.sent.length, 2);
});

test("a handler may unsubscribe another, which then does not hear the event", async () => {
  const {session, socket} = await join();
  const heard = [];
  session.subscribe("news", () => session.unsubscribe(second));
  const subscribing = session.subscribe("news", () => heard.push("second"));
  socket.receive(33, 1, 55);
  socket.receive(33, 2, 55);
  const second = await subscribing;
  socket.receive(36, 55, 1, {});
  assert.deepEqual(heard, []);
});

test("after leave nothing new is begun, and no handler hears anything", async () => {
  const {session, socket} = await join();
  const heard = [];
  session.subscribe("news", () => heard.push("event"));
  socket.receive(33, 1, 55);
  const underWay = session.call("p");
  const leaving = session.leave();
  await assert.rejects(session.call("q"), {uri: "client.connection_lost"});
  socket.receive(36, 55, 1, {});
  socket.receive(50, 2, {}, ["just in time"]);
  assert.equal(await underWay, "just in time");
  assert.deepEqual(heard, []);
  assert.equal(socket.sent.at(-1)[0], 6);
  socket.receive(6, {}, "wamp.close.goodbye_and_out");
  await leaving;
});

test("a GOODBYE that crosses ours is not answered once more", async () => {
  const {session, socket} = await join();
  const leaving = session.leave();
  socket.receive(6, {}, "wamp.close.system_shutdown");
  await leaving;
  assert.equal(socket.sent.length, 1);
  assert.equal(session.state, "closed");
});

for (const [phase, advance] of [
  ["before the socket is open", () => {}],
  ["before WELCOME", (socket) => socket.open()],
]) {
  test(`leave ${phase} closes the socket for good`, async () => {
    const session = connect("ws://server/ws", "members", {WebSocket: FakeWebSocket});
    const socket = FakeWebSocket.last;
    advance(socket);
    await session.leave();
    assert.deepEqual([session.state, socket.readyState], ["closed", 3]);
    await assert.rejects(session.joined, {uri: "wamp.close.normal"});
    mock.timers.tick(600_000);
    assert.equal(FakeWebSocket.all.length, 1);
  });
}

test("leaving a session that is closed is no different", async () => {
  const {session, socket} = await join();
  socket.receive(6, {}, "wamp.close.killed");
  await session.leave();
  assert.equal(session.state, "closed");
});

test("a session that is closed for good takes no subscriptions and no procedures", async () => {
  const {session, socket} = await join();
  const underWay = session.subscribe("news", () => {});
  socket.receive(6, {}, "wamp.close.killed");
  for (const request of [
    underWay,
    session.subscribe("news", () => {}),
    session.register("p", () => {}),
    session.call("p"),
  ]) await assert.rejects(request, {uri: "client.connection_lost"});
});

test("an answer to a challenge that comes too late is not sent", async () => {
  let answer;
  const {session, socket} = start({onChallenge: () => new Promise((resolve) => { answer = resolve; })});
  socket.receive(4, "ticket", {});
  socket.drop();
  session.reconnectNow();
  FakeWebSocket.last.open();
  answer("late");
  await settled();
  assert.equal(FakeWebSocket.last.sent.length, 1);
});
