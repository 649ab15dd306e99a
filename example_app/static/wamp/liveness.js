/**
 * Whether the other side of a connection is still there.
 *
 * A network that goes away silently, or a computer that slept, leaves a socket which looks
 * open for minutes, and pages do not see the pings of WebSockets. So after some silence the
 * router is asked something, and silence after that is the end.
 */

/** Milliseconds that a router has for an answer. */
export const PATIENCE = 10_000;

export class Liveness {
  #interval; #ask; #onSilence;
  #isHeard = false;
  #isAsking = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;

  /**
   * @param {number} interval milliseconds of silence before asking; 0: never ask.
   * @param {() => void} ask something that any router answers
   * @param {() => void} onSilence
   */
  constructor(interval, ask, onSilence) {
    this.#interval = interval;
    this.#ask = ask;
    this.#onSilence = onSilence;
  }

  /** A session begins. */
  start() {
    this.stop();
    if (this.#interval === 0) return;
    this.#isHeard = false;
    this.#timer = setTimeout(() => this.#isHeard ? this.start() : this.check(), this.#interval);
  }

  /** Something was received. */
  heard() {
    this.#isHeard = true;
  }

  /** Find out now. */
  check() {
    if (this.#isAsking || this.#interval === 0) return;
    clearTimeout(this.#timer);
    this.#isAsking = true;
    this.#isHeard = false;
    this.#timer = setTimeout(() => this.#isHeard ? this.start() : this.#onSilence(), PATIENCE);
    this.#ask();
  }

  /** The session is over. */
  stop() {
    clearTimeout(this.#timer);
    this.#isAsking = false;
  }
}
