/**
 * How long to wait before the next attempt to connect.
 *
 * Each delay is drawn by lot, so that the clients of a restarted server do not come as one,
 * from a range that doubles with every attempt. The count starts over only after a session
 * that lasted: a server that lets everybody in and falls over is given time as well.
 */
export class Backoff {
  #minDelay; #maxDelay; #random;
  #attempts = 0;
  /** When the present session joined. @type {number | null} */
  #joinedAt = null;

  /** @param {{minDelay: number, maxDelay: number, random: () => number}} options */
  constructor({minDelay, maxDelay, random}) {
    this.#minDelay = minDelay;
    this.#maxDelay = maxDelay;
    this.#random = random;
  }

  /** @returns {number} milliseconds, a tenth of the range at least. */
  next() {
    if (this.#hasLasted()) this.reset();
    this.#joinedAt = null;
    const range = Math.min(this.#maxDelay, this.#minDelay * 2 ** this.#attempts);
    this.#attempts += 1;
    return range * (0.1 + 0.9 * this.#random());
  }

  joined() {
    this.#joinedAt = Date.now();
  }

  /** What kept us away is known to be over. */
  reset() {
    this.#attempts = 0;
  }

  #hasLasted() {
    return this.#joinedAt !== null && Date.now() - this.#joinedAt >= this.#maxDelay;
  }
}

/** Milliseconds. A server that asks for more has made a mistake. */
const LONGEST_ASKED = 10 * 60 * 1_000;

/**
 * How long a server that says GOODBYE asks its clients to stay away: `retry_after`, in seconds,
 * which it has drawn by lot for each of them.
 *
 * @param {{kwargs: Record<string, any>}} reason of the end of the session
 * @returns {number | null} milliseconds; null if it says nothing of it, or nothing sensible.
 */
export function askedFor({kwargs: {retry_after: seconds}}) {
  const sensible = Number.isFinite(seconds) && seconds >= 0;
  return sensible ? Math.min(seconds * 1_000, LONGEST_ASKED) : null;
}
