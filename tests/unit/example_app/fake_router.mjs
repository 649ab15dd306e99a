/** What the tests of the client beside this file have in common: no network, no clock. */

import assert from "node:assert/strict";
import {afterEach, beforeEach, mock} from "node:test";

import {connect} from "../../../example_app/static/wamp/wamp.js";

/** What the client sees of a WebSocket; the test plays the router. */
export class FakeWebSocket {
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
  drop(reason = "", code = 1006) { this.readyState = 3; this.onclose({reason, code}); }
}

/** Let promises that are settled already be heard. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Every change of state since the test began, with the URI of its reason. */
export const states = [];

const settings = {
  WebSocket: FakeWebSocket,
  random: () => 1,
  onState: (state, reason) => states.push([state, reason?.uri ?? null]),
};

export function start(options = {}) {
  const session = connect("ws://server/ws", "members", {...settings, ...options});
  FakeWebSocket.last.open();
  return {session, socket: FakeWebSocket.last};
}

export async function join(options = {}) {
  const {session, socket} = start(options);
  socket.receive(2, 7001, {authid: "5", authrole: "member", roles: {broker: {}, dealer: {}}});
  await session.joined;
  socket.sent.length = 0;
  return {session, socket};
}

/** Answer what a new connection asks for after its WELCOME: ids are 900 and the request's. */
export async function rejoin(socket, id = 7002) {
  socket.open();
  socket.receive(2, id, {});
  for (const [type, request] of socket.sent.slice(1)) {
    assert.ok(type === 32 || type === 64);
    socket.receive(type + 1, request, 900 + request);
  }
  await settled();
}

/** Collect what is thrown at the page instead of at us. */
export function uncaughtErrors(t) {
  const uncaught = [];
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  const listen = (error) => uncaught.push(error.message);
  process.on("uncaughtException", listen);
  t.after(() => {
    process.off("uncaughtException", listen);
    listeners.forEach((one) => process.on("uncaughtException", one));
  });
  return uncaught;
}

beforeEach(() => {
  mock.timers.enable({apis: ["setTimeout", "Date"]});
  FakeWebSocket.all.length = 0;
  states.length = 0;
});
afterEach(() => mock.timers.reset());
