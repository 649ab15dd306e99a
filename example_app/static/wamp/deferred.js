/**
 * A promise that is settled from outside.
 *
 * @typedef {object} Deferred
 * @property {Promise<void>} promise
 * @property {() => void} resolve
 * @property {(reason: unknown) => void} reject whoever does not wait for it need not hear of it.
 */

/** @returns {Deferred} */
export function deferred() {
  const result = /** @type {Deferred} */ ({});
  result.promise = new Promise((resolve, reject) => Object.assign(result, {resolve, reject}));
  result.promise.catch(() => {});
  return result;
}
