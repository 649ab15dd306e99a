/**
 * One WebSocket from its opening to its end.
 *
 * @typedef {object} Socket what is used of a WebSocket.
 * @property {number} readyState
 * @property {(text: string) => void} send
 * @property {() => void} close
 * @property {any} onopen
 * @property {any} onmessage
 * @property {any} onclose
 * @property {any} onerror
 *
 * @typedef {new (url: string, protocols: string[]) => Socket} SocketType
 *
 * @typedef {object} Listener
 * @property {() => void} onOpen
 * @property {(data: unknown) => void} onData
 * @property {(closing: {code: number, reason: string}) => void} onClose
 *   the other side or the network has closed it, or it could not be opened.
 */

import {encode} from "./messages.js";

const OPEN = 1;
const ignore = () => {};

export class Connection {
  #socket;

  /**
   * @param {string | URL} url
   * @param {SocketType | undefined} WebSocket
   * @param {Listener} listener
   */
  constructor(url, WebSocket, {onOpen, onData, onClose}) {
    if (!WebSocket) throw new TypeError("there is no WebSocket here: pass one as an option");
    const socket = new WebSocket(absolute(url), ["wamp.2.json"]);
    socket.onopen = () => onOpen();
    socket.onmessage = (/** @type {{data: unknown}} */ {data}) => onData(data);
    socket.onclose = onClose;
    socket.onerror = ignore;  // A close event follows.
    this.#socket = socket;
  }

  /** @param {unknown[]} message is dropped unless the socket is open. */
  send(message) {
    const text = encode(message);
    // Between the closing of a socket and its event there is a moment of neither.
    if (this.#socket.readyState === OPEN) this.#socket.send(text);
  }

  /** Close it, and hear no more of it: a socket that was given up may still speak. */
  close() {
    const socket = this.#socket;
    socket.onopen = socket.onmessage = socket.onclose = ignore;
    socket.close();
  }
}

/** @param {string | URL} url @returns {string} as sockets take it: ws: or wss:, and in full. */
function absolute(url) {
  const result = new URL(url, globalThis.location?.href);
  result.protocol = result.protocol.replace("http", "ws");
  return result.href;
}
