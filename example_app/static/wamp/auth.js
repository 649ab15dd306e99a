/**
 * Signing in with something other than a cookie: options for `connect`.
 *
 *     connect(url, "devices", ticket("lamp-1", "a long random text"));
 *     connect(url, "devices", {...wampcra("ann", askForPassword), onState});
 *
 * A secret may be a function, which is asked at every connection and may be asynchronous.
 * It has as long as the server gives it, and `joinTimeout`.
 */

import {base64} from "./messages.js";

/**
 * @typedef {string | (() => string | Promise<string>)} Secret
 *
 * @typedef {object} SignIn
 * @property {string} authid
 * @property {string[]} authmethods
 * @property {(method: string, extra: Record<string, any>) => Promise<string>} onChallenge
 */

/**
 * Send a secret as it is; over wss: only, then.
 *
 * @param {string} authid
 * @param {Secret} secret
 * @returns {SignIn}
 */
export function ticket(authid, secret) {
  return {authid, authmethods: ["ticket"], onChallenge: async () => reveal(secret)};
}

/**
 * Prove to know a secret without sending it (WAMP-CRA, with or without a salt).
 *
 * Needs Web Crypto, which browsers have on https: pages and on localhost.
 *
 * @param {string} authid
 * @param {Secret} secret the password
 * @returns {SignIn}
 */
export function wampcra(authid, secret) {
  return {
    authid,
    authmethods: ["wampcra"],
    onChallenge: async (_, extra) => sign(await reveal(secret), extra),
  };
}

/** @param {Secret} secret */
async function reveal(secret) {
  return typeof secret === "function" ? secret() : secret;
}

/** @param {string} secret @param {Record<string, any>} extra of the CHALLENGE */
async function sign(secret, extra) {
  if (!globalThis.crypto?.subtle) throw new Error("WAMP-CRA needs a page served over https:");
  const text = extra.salt === undefined ? secret : await derive(secret, extra);
  const hmac = {name: "HMAC", hash: "SHA-256"};
  const key = await crypto.subtle.importKey("raw", utf8(text), hmac, false, ["sign"]);
  return base64(new Uint8Array(await crypto.subtle.sign("HMAC", key, utf8(extra.challenge))));
}

/**
 * The key is the base64 text of the derived bytes, and not the bytes.
 *
 * @param {string} secret
 * @param {Record<string, any>} extra
 */
async function derive(secret, {salt, iterations = 1000, keylen = 32}) {
  const key = await crypto.subtle.importKey("raw", utf8(secret), "PBKDF2", false, ["deriveBits"]);
  const pbkdf2 = {name: "PBKDF2", hash: "SHA-256", salt: utf8(salt), iterations};
  return base64(new Uint8Array(await crypto.subtle.deriveBits(pbkdf2, key, keylen * 8)));
}

/** @param {string} text */
function utf8(text) {
  return new TextEncoder().encode(text);
}
