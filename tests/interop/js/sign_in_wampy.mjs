// wampy.js signs in and says what came of it, in JSON.
//
// Run as "node sign_in_wampy.mjs" by test_sign_in_methods.py in the directory above, with an order a line on standard
// input, {url, authid, secrets, authextra}; each is answered with a line. `secrets` has the ticket, password or private
// key by method, in the order of preference.

import { createInterface } from "node:readline";
import { Wampy } from "wampy";
import { sign as signByKey } from "wampy/cryptosign.js";
import { sign as signByPassword } from "wampy/wampcra.js";
import WebSocket from "ws";

const ANSWERS = {
  ticket: (secret) => () => secret,
  wampcra: signByPassword,
  cryptosign: signByKey,
};

async function signIn({ url, authid, secrets, authextra }) {
  const challenges = [];
  const client = new Wampy(url, {
    realm: "members",
    ws: WebSocket,
    autoReconnect: false,
    authid,
    authmethods: Object.keys(secrets),
    authextra,
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
  return seen;
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await signIn(JSON.parse(line))) + "\n");
}
