/** The client as a callee: registering, being called, being interrupted. */

import assert from "node:assert/strict";
import {mock, test} from "node:test";

import {Result, WampError} from "../../../example_app/static/wamp/wamp.js";
import {FakeWebSocket, join, rejoin, settled, uncaughtErrors} from "./fake_router.mjs";

/** Join with one procedure in place, under the registration id 66. */
async function offer(procedure, sessionOptions = {}) {
  const {session, socket} = await join(sessionOptions);
  const registering = session.register("p", procedure);
  socket.receive(65, 1, 66);
  const registration = await registering;
  socket.sent.length = 0;
  return {session, socket, registration};
}

test("REGISTER carries WAMP's own options, and REGISTERED puts it in place", async () => {
  const {session, socket} = await join();
  const registering = session.register("p", () => {}, {invoke: "roundrobin", match: "prefix"});
  assert.deepEqual(socket.sent, [[64, 1, {invoke: "roundrobin", match: "prefix"}, "p"]]);
  socket.receive(65, 1, 66);
  assert.equal((await registering).id, 66);
});

test("a refused registration rejects and is not tried again", async () => {
  const {session, socket} = await join();
  const registering = session.register("p", () => {});
  socket.receive(8, 64, 1, {}, "wamp.error.not_authorized");
  await assert.rejects(registering, {uri: "wamp.error.not_authorized"});
  socket.drop();
  session.reconnectNow();
  FakeWebSocket.last.open();
  FakeWebSocket.last.receive(2, 7002, {});
  assert.deepEqual(FakeWebSocket.last.sent.map(([type]) => type), [1]);
});

test("an INVOCATION calls the procedure with args, kwargs and details", async () => {
  const seen = [];
  const {socket} = await offer((...args) => { seen.push(args); return "done"; });
  socket.receive(68, 1, 66, {procedure: "p.q", caller: 9}, [1, 2], {n: 3});
  await settled();
  assert.deepEqual(socket.sent, [[70, 1, {}, ["done"]]]);
  const [[args, kwargs, {details, signal, progress}]] = seen;
  assert.deepEqual([args, kwargs, details], [[1, 2], {n: 3}, {procedure: "p.q", caller: 9}]);
  assert.equal(signal.aborted, false);
  assert.equal(typeof progress, "function");
});

test("an INVOCATION may follow REGISTERED in the same turn", async () => {
  const {session, socket} = await join();
  session.register("p", () => "at once");
  socket.receive(65, 1, 66);
  socket.receive(68, 1, 66, {});
  await settled();
  assert.deepEqual(socket.sent[1], [70, 1, {}, ["at once"]]);
});

for (const [name, value, rest] of [
  ["nothing is no result", undefined, []],
  ["null is one", null, [[null]]],
  ["a list is one", [1, 2], [[[1, 2]]]],
  ["an object is one", {args: [1]}, [[{args: [1]}]]],
  ["a Result is what it says", new Result([1, 2], {n: 3}), [[1, 2], {n: 3}]],
  ["a promise is waited for", Promise.resolve("later"), [["later"]]],
]) {
  test(`what a procedure returns: ${name}`, async () => {
    const {socket} = await offer(() => value);
    socket.receive(68, 1, 66, {});
    await settled();
    assert.deepEqual(socket.sent, [[70, 1, {}, ...rest]]);
  });
}

test("a WampError goes to the caller as it is", async () => {
  const {socket} = await offer(async () => { throw new WampError("shop.error.sold_out", ["tea"], {left: 0}); });
  socket.receive(68, 1, 66, {});
  await settled();
  assert.deepEqual(socket.sent, [[8, 68, 1, {}, "shop.error.sold_out", ["tea"], {left: 0}]]);
});

for (const [name, procedure, message] of [
  ["any other error", () => { throw new Error("the password is 1234"); }, "the password is 1234"],
  ["a result that JSON cannot carry", () => 1n, /BigInt/],
  ["progress that JSON cannot carry", (_, __, {progress}) => progress(1n), /BigInt/],
  ["an error's arguments that JSON cannot carry", () => { throw new WampError("e", [1n]); }, /BigInt/],
  ["an error's arguments that are no list", () => { throw new WampError("e", "text"); }, /list/],
]) {
  test(`${name}: the page hears of it, the caller only that it failed`, async (t) => {
    const uncaught = uncaughtErrors(t);
    const {session, socket} = await offer(procedure);
    socket.receive(68, 1, 66, {receive_progress: true});
    await settled();
    assert.deepEqual(socket.sent, [[8, 68, 1, {}, "wamp.error.runtime_error"]]);
    assert.equal(uncaught.length, 1);
    assert.match(uncaught[0], new RegExp(message));
    assert.equal(session.state, "joined");
  });
}

test("progress goes to a caller who asked for it, before the result", async () => {
  const {socket} = await offer((_, __, {progress}) => {
    progress(1);
    progress(new Result([2, 3]));
    return "done";
  });
  socket.receive(68, 1, 66, {receive_progress: true});
  await settled();
  assert.deepEqual(socket.sent, [
    [70, 1, {progress: true}, [1]],
    [70, 1, {progress: true}, [2, 3]],
    [70, 1, {}, ["done"]],
  ]);
});

test("progress that nobody asked for, or after the end, is not sent", async () => {
  const contexts = [];
  const {socket} = await offer((_, __, context) => { contexts.push(context); context.progress(1); });
  socket.receive(68, 1, 66, {});
  socket.receive(68, 2, 66, {receive_progress: true});
  await settled();
  contexts[1].progress("too late");
  assert.deepEqual(socket.sent.map(([type, id, options]) => [type, id, options]),
    [[70, 2, {progress: true}], [70, 1, {}], [70, 2, {}]]);
});

/** A procedure that ends when its signal aborts, with the signal's reason. */
const untilAborted = (_, __, {signal}) => new Promise((resolve, reject) => {
  signal.addEventListener("abort", () => reject(signal.reason));
});

test("INTERRUPT kill aborts the signal, and the caller hears that it was canceled", async () => {
  const {socket} = await offer(untilAborted);
  socket.receive(68, 1, 66, {});
  socket.receive(69, 1, {mode: "kill"});
  await settled();
  assert.deepEqual(socket.sent, [[8, 68, 1, {}, "wamp.error.canceled"]]);
});

test("INTERRUPT kill leaves a procedure the last word", async () => {
  const {socket} = await offer((_, __, {signal}) => new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve("as far as I got"));
  }));
  socket.receive(68, 1, 66, {});
  socket.receive(69, 1, {mode: "kill"});
  await settled();
  assert.deepEqual(socket.sent, [[70, 1, {}, ["as far as I got"]]]);
});

test("INTERRUPT killnowait aborts the signal, and nothing more is sent", async () => {
  const reasons = [];
  const {socket} = await offer((_, __, {signal, progress}) => new Promise((resolve) => {
    signal.addEventListener("abort", () => {
      reasons.push(signal.reason.uri);
      progress("?");
      resolve("nobody listens");
    });
  }));
  socket.receive(68, 1, 66, {receive_progress: true});
  socket.receive(69, 1, {mode: "killnowait", reason: "wamp.error.timeout"});
  await settled();
  assert.deepEqual([socket.sent, reasons], [[], ["wamp.error.timeout"]]);
});

test("INTERRUPT of a call that is over is ignored", async () => {
  const {session, socket} = await offer(() => "done");
  socket.receive(68, 1, 66, {});
  await settled();
  socket.receive(69, 1, {mode: "kill"});
  socket.receive(69, 99, {});
  assert.equal(session.state, "joined");
  assert.equal(socket.sent.length, 1);
});

test("an INVOCATION of what is not registered is answered", async () => {
  const {socket} = await offer(() => "done");
  socket.receive(68, 1, 67, {});
  await settled();
  assert.deepEqual(socket.sent, [[8, 68, 1, {}, "wamp.error.no_such_procedure"]]);
});

test("until UNREGISTERED the procedure serves, and then no more", async () => {
  const {session, socket, registration} = await offer(() => "done");
  const ending = session.unregister(registration);
  assert.deepEqual(socket.sent, [[66, 2, 66]]);
  socket.receive(68, 1, 66, {});
  socket.receive(67, 2);
  await ending;
  socket.receive(68, 2, 66, {});
  await settled();
  assert.deepEqual(socket.sent.slice(1).map(([type]) => type), [70, 8]);
  assert.equal(registration.id, null);
});

test("a lost session aborts what is at work and does not answer into the next one", async () => {
  const ends = [];
  const signals = [];
  const {session, socket} = await offer((_, __, {signal}) => {
    signals.push(signal);
    return new Promise((resolve) => ends.push(resolve));
  });
  socket.receive(68, 1, 66, {});
  socket.drop();
  assert.equal(signals[0].aborted, true);
  assert.equal(signals[0].reason.uri, "client.connection_lost");
  session.reconnectNow();
  await rejoin(FakeWebSocket.last);
  FakeWebSocket.last.sent.length = 0;
  FakeWebSocket.last.receive(68, 1, 901, {});
  ends[0]("of the old session");
  await settled();
  assert.deepEqual(FakeWebSocket.last.sent, []);
  ends[1]("of the new one");
  await settled();
  assert.deepEqual(FakeWebSocket.last.sent, [[70, 1, {}, ["of the new one"]]]);
});

test("while leaving no procedure is begun", async () => {
  const calls = [];
  const {session, socket} = await offer(() => calls.push("called"));
  session.leave();
  socket.receive(68, 1, 66, {});
  await settled();
  assert.deepEqual(calls, []);
  assert.equal(socket.sent.length, 1);
});

test("a registration made without a connection takes effect with the next one", async () => {
  const {session, socket} = await join();
  socket.drop();
  const registration = await session.register("p", () => "here");
  assert.equal(registration.id, null);
  session.reconnectNow();
  await rejoin(FakeWebSocket.last);
  assert.equal(registration.id, 901);
  FakeWebSocket.last.receive(68, 1, 901, {});
  await settled();
  assert.deepEqual(FakeWebSocket.last.sent.at(-1), [70, 1, {}, ["here"]]);
});

/** Reconnect to a router that still holds `p` for the session that was lost. */
async function reconnectAndFindItTaken(session) {
  FakeWebSocket.last.drop();
  session.reconnectNow();
  FakeWebSocket.last.open();
  FakeWebSocket.last.receive(2, 7002, {});
  FakeWebSocket.last.receive(8, 64, 1, {}, "wamp.error.procedure_already_exists");
  await settled();
  FakeWebSocket.last.sent.length = 0;
  return FakeWebSocket.last;
}

test("a name that the lost session still holds is asked for until it is free", async () => {
  const refused = [];
  const {session, registration} = await offer(() => "mine again", {
    heartbeat: 0,
    onRefused: (error) => refused.push(error.uri),
  });
  const socket = await reconnectAndFindItTaken(session);
  assert.equal(session.state, "joined");
  mock.timers.tick(5_000);
  socket.receive(8, 64, 2, {}, "wamp.error.procedure_already_exists");
  await settled();
  mock.timers.tick(5_000);
  socket.receive(65, 3, 67);
  await settled();
  mock.timers.tick(600_000);
  assert.deepEqual(socket.sent, [[64, 2, {}, "p"], [64, 3, {}, "p"]]);
  assert.equal(registration.id, 67);
  assert.deepEqual(refused, ["wamp.error.procedure_already_exists"]);
});

test("it is not asked for any more once taken back, or once the session is over", async () => {
  const {session, registration} = await offer(() => {}, {heartbeat: 0, onRefused: () => {}});
  const socket = await reconnectAndFindItTaken(session);
  await session.unregister(registration);
  mock.timers.tick(5_000);
  assert.deepEqual(socket.sent, []);
  socket.drop();
  mock.timers.tick(999);
  assert.equal(FakeWebSocket.last, socket);
});

test("a second procedure of the same name is refused at once, also without a connection", async () => {
  const {session, socket} = await offer(() => "first");
  const again = {uri: "wamp.error.procedure_already_exists"};
  await assert.rejects(session.register("p", () => "second", {match: "exact"}), again);
  assert.deepEqual(socket.sent, []);
  socket.drop();
  await assert.rejects(session.register("p", () => "second"), again);
  session.reconnectNow();
  await rejoin(FakeWebSocket.last);
  assert.deepEqual(FakeWebSocket.last.sent.slice(1), [[64, 1, {}, "p"]]);
});

test("the same URI under another match is another procedure", async () => {
  const {session, socket} = await offer(() => "exact");
  const registering = session.register("p", () => "wider", {match: "prefix"});
  socket.receive(65, 2, 67);
  assert.equal((await registering).id, 67);
});

test("a name may be registered anew while the old procedure is taken back", async () => {
  const {session, socket, registration} = await offer(() => "old");
  const ending = session.unregister(registration);
  const registering = session.register("p", () => "new");
  assert.deepEqual(socket.sent, [[66, 2, 66], [64, 3, {}, "p"]]);
  socket.receive(67, 2);
  socket.receive(65, 3, 67);
  await ending;
  await registering;
  socket.sent.length = 0;
  socket.receive(68, 1, 67, {});
  await settled();
  assert.deepEqual(socket.sent, [[70, 1, {}, ["new"]]]);
});

test("a procedure that is taken back before it is in place is undone, though there is a new one", async () => {
  const {session, socket, registration} = await offer(() => "old");
  socket.drop();
  session.reconnectNow();
  FakeWebSocket.last.open();
  FakeWebSocket.last.receive(2, 7002, {});
  await session.unregister(registration);
  session.register("p", () => "new").catch(() => {});
  FakeWebSocket.last.receive(65, 1, 67);
  assert.deepEqual(FakeWebSocket.last.sent.slice(1), [[64, 1, {}, "p"], [64, 2, {}, "p"], [66, 3, 67]]);
});
