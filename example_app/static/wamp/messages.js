/**
 * WAMP messages as text: their numbers, their shapes and their JSON.
 *
 * @typedef {[type: number, ...fields: any[]]} Message as it was received, its shape checked.
 * @typedef {Record<string, any>} Dict
 */

export const HELLO = 1, WELCOME = 2, ABORT = 3, CHALLENGE = 4, AUTHENTICATE = 5, GOODBYE = 6;
export const ERROR = 8, PUBLISH = 16, PUBLISHED = 17, SUBSCRIBE = 32, SUBSCRIBED = 33;
export const UNSUBSCRIBE = 34, UNSUBSCRIBED = 35, EVENT = 36, CALL = 48, CANCEL = 49, RESULT = 50;
export const REGISTER = 64, REGISTERED = 65, UNREGISTER = 66, UNREGISTERED = 67;
export const INVOCATION = 68, INTERRUPT = 69, YIELD = 70;

/** @param {unknown} value */
const isId = (value) => Number.isInteger(value) && /** @type {number} */ (value) >= 0;
/** @param {unknown} value */
const isText = (value) => typeof value === "string";
/** @param {unknown} value */
const isList = (value) => Array.isArray(value);
/** @param {unknown} value */
const isDict = (value) => typeof value === "object" && value !== null && !isList(value);

/** @param {unknown} value */
const mayBeList = (value) => value === undefined || isList(value);
/** @param {unknown} value */
const mayBeDict = (value) => value === undefined || isDict(value);
const PAYLOAD = [mayBeList, mayBeDict];

/** What a router sends: the fields after the type. @type {Record<number, ((value: unknown) => boolean)[]>} */
const SHAPES = {
  [WELCOME]: [isId, isDict],
  [ABORT]: [isDict, isText],
  [CHALLENGE]: [isText, isDict],
  [GOODBYE]: [isDict, isText],
  [ERROR]: [isId, isId, isDict, isText, ...PAYLOAD],
  [PUBLISHED]: [isId, isId],
  [SUBSCRIBED]: [isId, isId],
  [UNSUBSCRIBED]: [isId, mayBeDict],
  [EVENT]: [isId, isId, isDict, ...PAYLOAD],
  [RESULT]: [isId, isDict, ...PAYLOAD],
  [REGISTERED]: [isId, isId],
  [UNREGISTERED]: [isId, mayBeDict],
  [INVOCATION]: [isId, isId, isDict, ...PAYLOAD],
  [INTERRUPT]: [isId, isDict],
};

/** JSON, with bytes as WAMP has them: "\0" and base64. @param {unknown[]} message */
export function encode(message) {
  return JSON.stringify(message, withBytes);
}

/**
 * @this {any} whoever holds the value: a Buffer's own toJSON has run by now.
 * @param {string} key
 * @param {unknown} value
 */
function withBytes(key, value) {
  const original = this[key];
  if (ArrayBuffer.isView(original)) {
    return "\0" + base64(new Uint8Array(original.buffer, original.byteOffset, original.byteLength));
  }
  return original instanceof ArrayBuffer ? "\0" + base64(new Uint8Array(original)) : value;
}

/** @param {Uint8Array} bytes */
export function base64(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/**
 * Read a message of a router, and check that it has the shape of its type.
 *
 * @param {unknown} text as a socket delivers it
 * @returns {Message}
 */
export function decode(text) {
  if (typeof text !== "string") throw new TypeError("wamp.2.json is text");
  const message = JSON.parse(text, text.includes("\\u0000") ? revive : undefined);
  if (!Array.isArray(message)) throw new TypeError("a WAMP message is a list");
  const [type, ...fields] = message;
  const shape = Object.hasOwn(SHAPES, type) ? SHAPES[type] : undefined;
  if (!shape) throw new TypeError(`no router sends a message of type ${type}`);
  if (!shape.every((isRight, index) => isRight(fields[index]))) {
    throw new TypeError(`a message of type ${type} is malformed`);
  }
  return /** @type {Message} */ (message);
}

/** @param {string} _ @param {unknown} value */
function revive(_, value) {
  if (typeof value !== "string" || !value.startsWith("\0")) return value;
  return Uint8Array.from(atob(value.slice(1)), (character) => character.charCodeAt(0));
}
