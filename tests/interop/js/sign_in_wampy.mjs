// wampy.js signs in and says what came of it, in JSON.
//
// Run as "node sign_in_wampy.mjs URL AUTHID SECRETS [AUTHEXTRA]" by test_sign_in_methods.py
// in the directory above. SECRETS is a JSON object: ticket, password or private key by
// method, in the order of preference.

import { Wampy } from "wampy";
import { sign as signByKey } from "wampy/cryptosign.js";
import { sign as signByPassword } from "wampy/wampcra.js";
import WebSocket from "ws";

const [url, authid, secretsText, authextraText = "{}"] = process.argv.slice(2);
const secrets = JSON.parse(secretsText);
const ANSWERS = {
  ticket: (secret) => () => secret,
  wampcra: signByPassword,
  cryptosign: signByKey,
};
const challenges = [];

const client = new Wampy(url, {
  realm: "members",
  ws: WebSocket,
  autoReconnect: false,
  authid,
  authmethods: Object.keys(secrets),
  authextra: JSON.parse(authextraText),
  onChallenge: (method, info) => {
    challenges.push(method);
    return ANSWERS[method](secrets[method])(method, info);
  },
  onError: () => {},
});

const seen = { challenges };
try {
  const { realm, authid, authrole, authmethod } = await client.connect();
  Object.assign(seen, { realm, authid, authrole, authmethod });
  seen.called = (await client.call("who.am.i")).argsList[0];
  await client.disconnect();
} catch (error) {
  seen.left = error.errorUri ?? String(error);
}
process.stdout.write(JSON.stringify(seen), () => process.exit(0));
