/** The client when the router takes away what was in place, as it does when a role changes. */

import assert from "node:assert/strict";
import {test} from "node:test";

import {FakeWebSocket, join, rejoin, settled, start} from "./fake_router.mjs";

const REASON = "wamp.error.not_authorized";
const revocations = [];
const onRevoked = ({uri}, entry) => revocations.push([uri, entry.uri]);

/** Two kinds, of which everything here is true. */
const KINDS = {
  subscription: {
    message: (id, reason) => [35, 0, {subscription: id, reason}],
    ask: 32,
    end: 34,
    missing: "wamp.error.no_such_subscription",
    add: (session) => session.subscribe("news", () => {}),
    remove: (session, one) => session.unsubscribe(one),
  },
  registration: {
    message: (id, reason) => [67, 0, {registration: id, reason}],
    ask: 64,
    end: 66,
    missing: "wamp.error.no_such_registration",
    add: (session) => session.register("news", () => {}),
    remove: (session, one) => session.unregister(one),
  },
};

/** Join with one of a kind in place, under the id 55. */
async function hold({add, ask}, options = {}) {
  revocations.length = 0;
  const {session, socket} = await join({onRevoked, heartbeat: 0, ...options});
  const adding = add(session);
  socket.receive(ask + 1, 1, 55);
  const entry = await adding;
  socket.sent.length = 0;
  return {session, socket, entry};
}

test("HELLO announces that revocations are heard", () => {
  const {socket} = start();
  const {roles} = socket.sent[0][2];
  assert.equal(roles.subscriber.features.subscription_revocation, true);
  assert.equal(roles.callee.features.registration_revocation, true);
});

for (const [name, kind] of Object.entries(KINDS)) {
  test(`a ${name} that is revoked is not in place any more, and the page is told why`, async () => {
    const {session, socket, entry} = await hold(kind);
    socket.receive(...kind.message(55, REASON));
    assert.deepEqual([entry.id, session.state], [null, "joined"]);
    assert.deepEqual(revocations, [[REASON, "news"]]);
  });

  test(`a ${name} that is revoked is tried again in the next session, and not before`, async () => {
    const {session, socket, entry} = await hold(kind);
    socket.receive(...kind.message(55, REASON));
    await settled();
    assert.deepEqual(socket.sent, []);
    socket.drop();
    session.reconnectNow();
    await rejoin(FakeWebSocket.last);
    assert.deepEqual(FakeWebSocket.last.sent.slice(1), [[kind.ask, 1, {}, "news"]]);
    assert.equal(entry.id, 901);
  });

  test(`a ${name} that is revoked can be taken back without a word, and stays away`, async () => {
    const {session, socket, entry} = await hold(kind);
    socket.receive(...kind.message(55, REASON));
    await kind.remove(session, entry);
    assert.deepEqual(socket.sent, []);
    socket.drop();
    session.reconnectNow();
    await rejoin(FakeWebSocket.last);
    assert.equal(FakeWebSocket.last.sent.length, 1);
  });

  test(`a ${name} that is revoked while it is taken back is gone, as was wanted`, async () => {
    const {session, socket, entry} = await hold(kind);
    const ending = kind.remove(session, entry);
    socket.receive(...kind.message(55, REASON));
    socket.receive(8, kind.end, 2, {}, kind.missing);
    await ending;
    assert.deepEqual(revocations, []);
  });

  test(`a revocation of no ${name} of ours, or without details, is ignored`, async () => {
    const {session, socket, entry} = await hold(kind);
    const [type, request] = kind.message(55);
    socket.receive(...kind.message(77, REASON));
    socket.receive(type, request);
    assert.deepEqual([entry.id, session.state, revocations], [55, "joined", []]);
  });
}

test("an INVOCATION that crossed a revocation is answered", async () => {
  const {socket} = await hold(KINDS.registration);
  socket.receive(...KINDS.registration.message(55));
  socket.receive(68, 1, 55, {});
  await settled();
  assert.deepEqual(socket.sent, [[8, 68, 1, {}, "wamp.error.no_such_procedure"]]);
});

test("all handlers of a topic lose it together, and one that comes later has its own", async () => {
  const {session, socket} = await hold(KINDS.subscription);
  const second = session.subscribe("news", () => {});
  socket.receive(33, 2, 55);
  await second;
  socket.receive(...KINDS.subscription.message(55, REASON));
  assert.equal(revocations.length, 2);
  const third = session.subscribe("news", () => {});
  socket.receive(33, 3, 56);
  session.unsubscribe(await third);
  assert.deepEqual(socket.sent.at(-1), [34, 4, 56]);
});

test("without onRevoked the console is told", async (t) => {
  const warnings = [];
  t.mock.method(console, "warn", (...what) => warnings.push(what.join(" ")));
  const {socket} = await hold(KINDS.subscription, {onRevoked: undefined});
  socket.receive(...KINDS.subscription.message(55, REASON));
  assert.match(warnings.join(), /news is not in place.*not_authorized/);
});
