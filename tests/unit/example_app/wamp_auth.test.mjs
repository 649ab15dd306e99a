/** Signing in: the signatures against those of another implementation, node's own. */

import assert from "node:assert/strict";
import {createHmac, pbkdf2Sync} from "node:crypto";
import {test} from "node:test";

import {ticket, wampcra} from "../../../example_app/static/wamp/auth.js";
import {FakeWebSocket, settled, start} from "./fake_router.mjs";

const challenge = '{"nonce": "ü", "session": 1}';

const signed = (key) => createHmac("sha256", key).update(challenge).digest("base64");

test("ticket sends the secret as it is", async () => {
  const {socket} = start(ticket("joe", "letter"));
  assert.deepEqual([socket.sent[0][2].authid, socket.sent[0][2].authmethods], ["joe", ["ticket"]]);
  socket.receive(4, "ticket", {});
  await settled();
  assert.deepEqual(socket.sent[1], [5, "letter", {}]);
});

test("a secret may be a function, which is asked at every connection", async () => {
  let asked = 0;
  const {session} = start(ticket("joe", async () => `letter ${asked += 1}`));
  for (const expected of ["letter 1", "letter 2"]) {
    FakeWebSocket.last.receive(4, "ticket", {});
    await settled();
    assert.equal(FakeWebSocket.last.sent[1][1], expected);
    FakeWebSocket.last.drop();
    session.reconnectNow();
    FakeWebSocket.last.open();
  }
});

test("a secret that cannot be had ends the session", async () => {
  const {session, socket} = start(ticket("joe", () => { throw new Error("asked in vain"); }));
  socket.receive(4, "ticket", {});
  await assert.rejects(session.joined, {uri: "wamp.error.authentication_failed"});
});

test("WAMP-CRA without a salt signs with the secret itself", async () => {
  const {authid, authmethods, onChallenge} = wampcra("ann", "open sésame");
  assert.deepEqual([authid, authmethods], ["ann", ["wampcra"]]);
  assert.equal(await onChallenge("wampcra", {challenge}), signed("open sésame"));
});

for (const [name, extra, iterations, keylen] of [
  ["as the challenge says", {iterations: 50, keylen: 20}, 50, 20],
  ["with the defaults of the specification", {}, 1000, 32],
]) {
  test(`WAMP-CRA with a salt signs with the base64 text of the derived key, ${name}`, async () => {
    const key = pbkdf2Sync("open sésame", "pepper ü", iterations, keylen, "sha256");
    const {onChallenge} = wampcra("ann", "open sésame");
    const signature = await onChallenge("wampcra", {challenge, salt: "pepper ü", ...extra});
    assert.equal(signature, signed(key.toString("base64")));
  });
}

test("where there is no Web Crypto, WAMP-CRA says what it needs", async (t) => {
  const crypto = Object.getOwnPropertyDescriptor(globalThis, "crypto");
  Object.defineProperty(globalThis, "crypto", {value: {}, configurable: true});
  t.after(() => Object.defineProperty(globalThis, "crypto", crypto));
  await assert.rejects(wampcra("ann", "x").onChallenge("wampcra", {challenge}), /https:/);
});
