/** The client when connections are lost: back-off, what is put in place again, liveness. */

import assert from "node:assert/strict";
import {getEventListeners} from "node:events";
import {mock, test} from "node:test";

import {connect} from "../../../example_app/static/wamp/wamp.js";
import {
  FakeWebSocket, join, rejoin, settled, start, states, uncaughtErrors,
} from "./fake_router.mjs";

test("a lost connection fails the calls under way and refuses new ones", async () => {
  const {session, socket} = await join();
  const answer = session.call("p");
  socket.drop();
  const message = "client.connection_lost: connection lost";
  await assert.rejects(answer, {uri: "client.connection_lost", message});
  await assert.rejects(session.call("p"), {uri: "client.connection_lost"});
  assert.deepEqual(states.at(-1), ["waiting", "client.connection_lost"]);
});

test("attempts to reconnect get rarer up to the maximum", async () => {
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
});

for (const [lasting, delay] of [[399, 200], [400, 100]]) {
  test(`after a session of ${lasting} ms the next delay is ${delay} ms`, async () => {
    const {session} = start({minDelay: 100, maxDelay: 400});
    FakeWebSocket.last.drop();
    mock.timers.tick(100);
    await rejoin(FakeWebSocket.last);
    assert.equal(session.state, "joined");
    mock.timers.tick(lasting);
    const current = FakeWebSocket.last;
    current.drop();
    mock.timers.tick(delay - 1);
    assert.equal(FakeWebSocket.last, current);
    mock.timers.tick(1);
    assert.notEqual(FakeWebSocket.last, current);
  });
}

test("the lot takes off up to nine tenths of the delay", async () => {
  const {socket} = await join({minDelay: 100, random: () => 0});
  socket.drop();
  mock.timers.tick(9);
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
  mock.timers.tick(1_000);
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
  mock.timers.tick(1_000);
  await rejoin(FakeWebSocket.last);
  FakeWebSocket.last.receive(36, 901, 1, {}, ["late"]);
  assert.deepEqual([heard, session.state], [["late"], "joined"]);
});

test("a connection lost while subscribing anew does not count as joined", async () => {
  const {session, socket} = await join();
  session.subscribe("news", () => {});
  socket.receive(33, 1, 55);
  socket.drop();
  mock.timers.tick(1_000);
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
  mock.timers.tick(1_000);
  assert.equal(FakeWebSocket.all.length, 2);
});

for (const [uri, code] of [
  ["wamp.close.logout", 4401],
  ["wamp.close.expired", 4408],
  ["wamp.close.killed", 4403],
]) {
  test(`GOODBYE ${uri} is answered and means staying away`, async () => {
    const {session, socket} = await join();
    socket.receive(6, {message: "bye"}, uri);
    assert.deepEqual(socket.sent, [[6, {}, "wamp.close.goodbye_and_out"]]);
    socket.drop(uri, code);
    mock.timers.tick(600_000);
    assert.equal(FakeWebSocket.all.length, 1);
    assert.equal(session.state, "closed");
    assert.deepEqual(states.at(-1), ["closed", uri]);
  });
}

for (const uri of ["wamp.close.system_shutdown", "wamp.close.close_realm", "wamp.error.unavailable"]) {
  test(`a router that is away for a while is tried again: GOODBYE ${uri}`, async () => {
    const {session, socket} = await join();
    socket.receive(6, {}, uri);
    assert.equal(session.state, "waiting");
    mock.timers.tick(1_000);
    assert.equal(FakeWebSocket.all.length, 2);
  });
}

for (const [retryAfter, delay] of [[3.5, 3_500], [0, 0], [1e9, 600_000]]) {
  test(`a router that says when to come back is taken at its word: ${retryAfter} s`, async () => {
    const {socket} = await join({minDelay: 100});
    socket.receive(6, {retry_after: retryAfter}, "wamp.close.system_shutdown");
    if (delay) {
      mock.timers.tick(delay - 1);
      assert.equal(FakeWebSocket.last, socket);
    }
    mock.timers.tick(1);
    assert.notEqual(FakeWebSocket.last, socket);
  });
}

test("when the router is not there yet, the attempts get rarer as ever", async () => {
  const {socket} = await join({minDelay: 100, maxDelay: 400});
  socket.receive(6, {retry_after: 5}, "wamp.close.system_shutdown");
  mock.timers.tick(5_000);
  const second = FakeWebSocket.last;
  second.drop();
  mock.timers.tick(199);
  assert.equal(FakeWebSocket.last, second);
  mock.timers.tick(1);
  assert.notEqual(FakeWebSocket.last, second);
});

for (const retryAfter of [-1, "5", null, [7], {}]) {
  test(`nonsense about coming back is not heard: ${JSON.stringify(retryAfter)}`, async () => {
    const {socket} = await join({minDelay: 100});
    socket.receive(6, {retry_after: retryAfter}, "wamp.close.system_shutdown");
    mock.timers.tick(99);
    assert.equal(FakeWebSocket.last, socket);
    mock.timers.tick(1);
    assert.notEqual(FakeWebSocket.last, socket);
  });
}

test("a router that cannot tell who we are, or takes too long, is tried again", async () => {
  const {session, socket} = start();
  socket.receive(3, {message: "authentication took too long"}, "wamp.error.authentication_failed");
  assert.deepEqual(states.at(-1), ["waiting", "wamp.error.authentication_failed"]);
  mock.timers.tick(1_000);
  await rejoin(FakeWebSocket.last);
  assert.equal(session.state, "joined");
});

test("a client that cannot answer a CHALLENGE does not try again", async () => {
  const {session, socket} = start({onChallenge: () => { throw new Error("no such secret"); }});
  socket.receive(4, "ticket", {});
  await settled();
  assert.deepEqual(states.at(-1), ["closed", "wamp.error.authentication_failed"]);
  await assert.rejects(session.joined, {uri: "wamp.error.authentication_failed"});
});

test("reconnectAfter decides which ends are final", async () => {
  const {session, socket} = await join({reconnectAfter: ({uri}) => uri === "wamp.close.killed"});
  socket.receive(6, {}, "wamp.close.killed");
  assert.equal(session.state, "waiting");
  mock.timers.tick(1_000);
  FakeWebSocket.last.drop();
  assert.equal(session.state, "closed");
});

for (const [when, elapsed, state] of [["long after the opening", 5_000, "waiting"], ["at once", 20, "closed"]]) {
  test(`a protocol violation that HELLO is told of ${when} leaves it ${state}`, () => {
    // A computer may sleep between the opening of a connection and HELLO: routers do not wait.
    const {session, socket} = start();
    mock.timers.tick(elapsed);
    socket.receive(3, {message: "HELLO did not come in time"}, "wamp.error.protocol_violation");
    assert.equal(session.state, state);
  });
}

test("an answer to a CHALLENGE that is found at fault is no HELLO that came late", async () => {
  const {session, socket} = start({onChallenge: () => "signature"});
  socket.receive(4, "ticket", {});
  await settled();
  mock.timers.tick(5_000);
  socket.receive(3, {}, "wamp.error.protocol_violation");
  assert.equal(session.state, "closed");
});

test("a session that is found at fault stays away, however long it lasted", async () => {
  const {session, socket} = await join();
  mock.timers.tick(20_000);
  socket.receive(3, {}, "wamp.error.protocol_violation");
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

test("a socket given up is not listened to any more", async () => {
  const {session, socket} = await join();
  socket.drop();
  socket.receive(6, {}, "wamp.close.killed");
  assert.equal(session.state, "waiting");
});

test("joined is the present session, or the next", async () => {
  const {session, socket} = await join();
  await session.joined;
  socket.drop();
  let isJoined = false;
  const joining = session.joined.then(() => { isJoined = true; });
  await settled();
  assert.equal(isJoined, false);
  session.reconnectNow();
  await rejoin(FakeWebSocket.last);
  await joining;
});

test("joined rejects once the session is closed for good", async () => {
  const {session, socket} = await join();
  socket.receive(6, {}, "wamp.close.killed");
  await assert.rejects(session.joined, {uri: "wamp.close.killed"});
});

test("a lost connection tells the code of its closing", async () => {
  const reasons = [];
  const {socket} = await join({onState: (_, reason) => reasons.push(reason)});
  socket.drop("", 1009);
  assert.deepEqual(reasons.at(-1).kwargs, {code: 1009});
});

test("every attempt that fails in the middle of the handshake is followed by another", () => {
  const onChallenge = () => new Promise(() => {});
  const {session, socket} = start({minDelay: 100, maxDelay: 100, onChallenge});
  socket.drop();
  for (const fail of [
    (one) => one.drop(),
    (one) => { one.open(); one.drop(); },
    (one) => { one.open(); one.receive(4, "ticket", {}); one.drop(); },
  ]) {
    mock.timers.tick(100);
    fail(FakeWebSocket.last);
    assert.equal(session.state, "waiting");
  }
  assert.equal(FakeWebSocket.all.length, 4);
});

test("a socket that never opens is given up, closed and not listened to", () => {
  const session = connect("ws://server/ws", "members", {WebSocket: FakeWebSocket, joinTimeout: 50});
  const [socket] = FakeWebSocket.all;
  mock.timers.tick(50);
  assert.deepEqual([session.state, socket.readyState], ["waiting", 3]);
  socket.open();
  assert.deepEqual([session.state, socket.sent], ["waiting", []]);
});

test("a socket that cannot even be made, later on, is an attempt that failed", async () => {
  let isRefusing = false;
  class Refusing extends FakeWebSocket {
    constructor(...args) {
      if (isRefusing) throw new Error("insufficient resources");
      super(...args);
    }
  }
  const {session, socket} = await join({WebSocket: Refusing});
  isRefusing = true;
  socket.drop();
  mock.timers.tick(1_000);
  assert.equal(session.state, "waiting");
  isRefusing = false;
  mock.timers.tick(2_000);
  assert.equal(session.state, "connecting");
});

test("a hundred clients of a restarted server come at a hundred different times", () => {
  for (let n = 0; n < 100; n += 1) {
    // Evenly, as a fair lot would have it on the average.
    const {socket} = start({minDelay: 1_000, random: () => n / 100});
    socket.receive(3, {}, "wamp.error.unavailable");
  }
  const arrivals = [];
  for (let ms = 0; ms < 1_000; ms += 100) {
    const before = FakeWebSocket.all.length;
    mock.timers.tick(100);
    arrivals.push(FakeWebSocket.all.length - before);
  }
  assert.equal(arrivals.reduce((sum, count) => sum + count), 100);
  assert.ok(Math.max(...arrivals) <= 12, String(arrivals));
});

test("reconnectAfter that throws is reported, and the session closes", async (t) => {
  const uncaught = uncaughtErrors(t);
  const {session, socket} = await join({reconnectAfter: () => { throw new Error("mine"); }});
  socket.drop();
  await settled();
  assert.deepEqual([session.state, uncaught], ["closed", ["mine"]]);
});

for (const state of ["connecting", "joined", "waiting"]) {
  test(`onState may leave when the session is ${state}`, async () => {
    let isLeaving = false;
    const {session, socket} = await join({
      onState: (now) => { if (isLeaving && now === state) session.leave(); },
    });
    isLeaving = true;
    socket.drop();
    mock.timers.tick(1_000);
    if (state === "joined") {
      await rejoin(FakeWebSocket.last);
      FakeWebSocket.last.receive(6, {}, "wamp.close.goodbye_and_out");
    }
    assert.equal(session.state, "closed");
    const {length} = FakeWebSocket.all;
    mock.timers.tick(600_000);
    assert.equal(FakeWebSocket.all.length, length);
  });
}

test("what is not in place after a reconnection is told, and tried at the next one", async () => {
  const refused = [];
  const {session, socket} = await join({
    onRefused: (error, subscription) => refused.push([error.uri, subscription.uri]),
  });
  session.subscribe("secret", () => {});
  socket.receive(33, 1, 55);
  for (const id of [7002, 7003]) {
    FakeWebSocket.last.drop();
    session.reconnectNow();
    FakeWebSocket.last.open();
    FakeWebSocket.last.receive(2, id, {});
    FakeWebSocket.last.receive(8, 32, 1, {}, "wamp.error.not_authorized");
    await settled();
    assert.equal(session.state, "joined");
  }
  assert.deepEqual(refused, Array(2).fill(["wamp.error.not_authorized", "secret"]));
});

test("a handler that is not in place does not keep the router's subscription of another", async () => {
  const {session, socket} = await join({onRefused: () => {}});
  session.subscribe("news", () => {});
  socket.receive(33, 1, 55);
  socket.drop();
  session.reconnectNow();
  const next = FakeWebSocket.last;
  next.open();
  next.receive(2, 7002, {});
  next.receive(8, 32, 1, {}, "wamp.error.not_authorized");
  await settled();
  const subscribing = session.subscribe("news", () => {});
  next.receive(33, 2, 77);
  session.unsubscribe(await subscribing);
  assert.deepEqual(next.sent.at(-1), [34, 3, 77]);
});

test("nothing accumulates over reconnections", async () => {
  const {session, socket} = await join();
  session.subscribe("news", () => {});
  session.register("title", () => "t");
  socket.receive(33, 1, 55);
  socket.receive(65, 2, 66);
  await settled();
  for (let n = 0; n < 20; n += 1) {
    session.call("p").catch(() => {});
    FakeWebSocket.last.drop();
    session.reconnectNow();
    await rejoin(FakeWebSocket.last, 7002 + n);
    // HELLO, SUBSCRIBE, REGISTER: ids begin anew, and nothing is there twice.
    assert.deepEqual(FakeWebSocket.last.sent.map(([type, id]) => [type, id]).slice(1), [[32, 1], [64, 2]]);
  }
});

// --- Whether the router is still there ------------------------------------------------------

const PROBE = [34, 1, 2 ** 53];

test("after some silence the router is asked, and its answer is enough", async () => {
  const {session, socket} = await join({heartbeat: 1_000});
  mock.timers.tick(1_000);
  assert.deepEqual(socket.sent, [PROBE]);
  socket.receive(8, 34, 1, {}, "wamp.error.no_such_subscription");
  mock.timers.tick(10_000);
  assert.equal(session.state, "joined");
  mock.timers.tick(1_000);
  assert.deepEqual(socket.sent[1], [34, 2, 2 ** 53]);
});

test("a router that does not answer is lost", async () => {
  const {session, socket} = await join({heartbeat: 1_000});
  mock.timers.tick(1_000);
  mock.timers.tick(9_999);
  assert.equal(session.state, "joined");
  mock.timers.tick(1);
  assert.deepEqual([session.state, socket.readyState], ["waiting", 3]);
});

test("a router that speaks by itself is not asked", async () => {
  const {socket} = await join({heartbeat: 1_000});
  for (let n = 0; n < 5; n += 1) {
    mock.timers.tick(900);
    socket.receive(36, 1, 1, {});
  }
  assert.deepEqual(socket.sent, []);
});

test("without a heartbeat silence is no news", async () => {
  const {session, socket} = await join({heartbeat: 0});
  mock.timers.tick(600_000);
  session.reconnectNow();
  assert.deepEqual([session.state, socket.sent], ["joined", []]);
});

test("reconnectNow asks a joined session's router once", async () => {
  const {session, socket} = await join();
  session.reconnectNow();
  session.reconnectNow();
  assert.deepEqual(socket.sent, [PROBE]);
  mock.timers.tick(10_000);
  assert.equal(session.state, "waiting");
});

// --- The page -------------------------------------------------------------------------------

function newPage() {
  const page = new EventTarget();
  page.document = Object.assign(new EventTarget(), {hidden: false});
  page.show = (hidden) => {
    page.document.hidden = hidden;
    page.document.dispatchEvent(new Event("visibilitychange"));
  };
  page.fire = (name, more) => page.dispatchEvent(Object.assign(new Event(name), more));
  return page;
}

test("who comes back to the page does not sit out the delay", async () => {
  const page = newPage();
  const {session, socket} = await join({page});
  socket.drop();
  page.show(true);
  assert.equal(session.state, "waiting");
  page.show(false);
  assert.equal(session.state, "connecting");
});

test("who comes back to a page that looks joined has the router asked", async () => {
  const page = newPage();
  const {socket} = await join({page});
  page.show(false);
  assert.deepEqual(socket.sent, [PROBE]);
});

test("a page out of the history asks; one that is simply shown does not", async () => {
  const page = newPage();
  const {socket} = await join({page});
  page.fire("pageshow", {persisted: false});
  assert.deepEqual(socket.sent, []);
  page.fire("pageshow", {persisted: true});
  assert.deepEqual(socket.sent, [PROBE]);
});

test("a network that is back starts the count over, by lot", async () => {
  const page = newPage();
  const {socket} = await join({page, minDelay: 100, maxDelay: 10_000});
  socket.drop();
  for (const delay of [100, 200, 400]) {
    mock.timers.tick(delay);
    FakeWebSocket.last.drop();
  }
  const {last} = FakeWebSocket;
  page.fire("online");
  assert.equal(FakeWebSocket.last, last);
  mock.timers.tick(100);
  assert.notEqual(FakeWebSocket.last, last);
});

test("a network that is back has a joined session's router asked", async () => {
  const page = newPage();
  const {socket} = await join({page});
  page.fire("online");
  assert.deepEqual(socket.sent, [PROBE]);
});

test("a session that is closed does not watch the page", async () => {
  const page = newPage();
  const {session, socket} = await join({page});
  socket.receive(6, {}, "wamp.close.killed");
  page.show(false);
  page.fire("online");
  assert.equal(session.state, "closed");
  assert.equal(getEventListeners(page.document, "visibilitychange").length, 0);
  assert.equal(getEventListeners(page, "online").length, 0);
});

test("a worker has no document, and is told of the network all the same", async () => {
  const page = new EventTarget();
  const {socket} = await join({page});
  page.dispatchEvent(new Event("online"));
  assert.deepEqual(socket.sent, [PROBE]);
});
