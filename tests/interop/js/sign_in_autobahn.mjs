// Autobahn|JS signs in and says what came of it, in JSON.
//
// Run as "node sign_in_autobahn.mjs URL AUTHID SECRETS [AUTHEXTRA]"; see sign_in_wampy.mjs,
// which does the same.

import autobahn from "autobahn";
import nacl from "tweetnacl";
import WebSocket from "ws";

// Before version 22, node has no WebSocket of its own.
globalThis.WebSocket ??= WebSocket;

const { auth_cra: cra, auth_cryptosign: cryptosign } = autobahn;
const [url, authid, secretsText, authextraText = "{}"] = process.argv.slice(2);
const secrets = JSON.parse(secretsText);
const keyOf = (seed) => nacl.sign.keyPair.fromSeed(Buffer.from(seed, "hex"));
const ANSWERS = {
  ticket: (secret) => secret,
  wampcra: (secret, { challenge, salt, iterations, keylen }) =>
    cra.sign(salt ? cra.derive_key(secret, salt, iterations, keylen) : secret, challenge),
  cryptosign: (secret, extra) => cryptosign.sign_challenge(keyOf(secret), extra),
};
const seen = { challenges: [] };

const connection = new autobahn.Connection({
  url,
  realm: "members",
  max_retries: 0,
  ...(authid && { authid }),
  authmethods: Object.keys(secrets),
  authextra: JSON.parse(authextraText),
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
connection.onclose = (_how, { reason }) => {
  seen.left = reason;
  process.stdout.write(JSON.stringify(seen), () => process.exit(0));
  return true;
};
connection.open();
