// Autobahn|JS signs in and says what came of it, in JSON.
//
// Run as "node sign_in_autobahn.mjs"; see sign_in_wampy.mjs, which does the same.

import { createInterface } from "node:readline";
import autobahn from "autobahn";
import nacl from "tweetnacl";
import WebSocket from "ws";

// Before version 22, node has no WebSocket of its own.
globalThis.WebSocket ??= WebSocket;

const { auth_cra: cra, auth_cryptosign: cryptosign } = autobahn;
const keyOf = (seed) => nacl.sign.keyPair.fromSeed(Buffer.from(seed, "hex"));
const ANSWERS = {
  ticket: (secret) => secret,
  wampcra: (secret, { challenge, salt, iterations, keylen }) =>
    cra.sign(salt ? cra.derive_key(secret, salt, iterations, keylen) : secret, challenge),
  cryptosign: (secret, extra) => cryptosign.sign_challenge(keyOf(secret), extra),
};

function signIn({ url, authid, secrets, authextra }) {
  const seen = { challenges: [] };
  const connection = new autobahn.Connection({
    url,
    realm: "members",
    max_retries: 0,
    ...(authid && { authid }),
    authmethods: Object.keys(secrets),
    authextra,
    onchallenge: (_session, method, extra) => {
      seen.challenges.push(method);
      return ANSWERS[method](secrets[method], extra);
    },
  });
  connection.onopen = async (session, { realm, authid, authrole, authmethod }) => {
    Object.assign(seen, { realm, authid, authrole, authmethod });
    seen.called = await session.call("who.am.i");
    connection.close();
  };
  return new Promise((resolve) => {
    connection.onclose = (_how, { reason }) => {
      resolve({ ...seen, left: reason });
      return true;
    };
    connection.open();
  });
}

// What Autobahn has to say goes to standard error: on standard output there are answers only.
console.log = console.error;
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await signIn(JSON.parse(line))) + "\n");
}
