/** What went wrong, as a person would want to read it. */

/** By error URI; a function is given the error's first argument. @type {Record<string, any>} */
const WORDS = {
  "board.error.no_such_task": "That task is no longer on the board.",
  "board.error.changed_meanwhile":
    "Somebody else has changed this task meanwhile; your change was not saved.",
  "board.error.no_such_member": (/** @type {string} */ name) =>
    `There is nobody named “${name}” in the team.`,
  "wamp.error.invalid_argument": "The server cannot make sense of this. Please look it over.",
  "wamp.error.not_authorized": "You are not allowed to do that.",
  "wamp.error.unavailable": "The server is busy. Please try again in a moment.",
  "wamp.error.canceled": "The server has interrupted this. Please try again in a moment.",
  "client.connection_lost":
    "The connection was lost on the way. Please try again once the board is live.",
};

/** @param {any} error @returns {string} */
export function words(error) {
  const found = WORDS[error.uri] ?? "That did not work. Please try again.";
  return typeof found === "function" ? found(error.args[0]) : found;
}

const LONGEST_TITLE = 200;
// Control characters, halves of characters, and the ends of lines and paragraphs.
const NOT_IN_A_LINE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

/** What the server would refuse a title for. @param {string} title @returns {string} empty if nothing. */
export function titleProblem(title) {
  if (title === "") return "A task needs a title.";
  if ([...title].length > LONGEST_TITLE) {
    return `A title has ${LONGEST_TITLE} characters at most.`;
  }
  if (NOT_IN_A_LINE.test(title)) {
    return "A title is one line of text: please take out tabs and the like.";
  }
  return "";
}
