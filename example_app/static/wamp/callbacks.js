/**
 * Calling the application's functions: what they throw is their author's to hear of, in the
 * console and in the page's "error" event, and must not end the session.
 */

/**
 * @template {unknown[]} Arguments
 * @param {((...args: Arguments) => unknown) | undefined} callback
 * @param {Arguments} args
 */
export function notify(callback, ...args) {
  try {
    callback?.(...args);
  } catch (error) {
    report(error);
  }
}

/** @param {unknown} error */
export function report(error) {
  queueMicrotask(() => { throw error; });
}
