/** The board's page: draws the tasks and keeps them live. */

import {connect} from "./wamp.js";

/**
 * A task as the server sends it.
 *
 * @typedef {object} Task
 * @property {number} id
 * @property {string} title
 * @property {string} added_by
 * @property {string} added_at ISO 8601
 * @property {string | null} done_by
 * @property {string | null} done_at
 * @property {number} revision
 */

/** What a person would want to read, by error URI. @type {Record<string, string>} */
const PROBLEMS = {
  "board.error.no_such_task": "That task is no longer on the board.",
  "wamp.error.invalid_argument": "A task needs a title of 1 to 200 characters.",
  "wamp.error.not_authorized": "You are not allowed to do that.",
  "wamp.error.unavailable": "The server is busy. Please try again in a moment.",
  "client.connection_lost": "There is no connection just now. Please try again once the board is live.",
};
const UNKNOWN_PROBLEM = "That did not work. Please try again.";

/** @type {Record<string, string>} */
const CONNECTION_TEXTS = {
  connecting: "Connecting…",
  joined: "Live",
  waiting: "Reconnecting…",
  closed: "Signed out",
};

/** @param {string} id @returns {any} */
const element = (id) => document.getElementById(id);

/** The tasks by id. @type {Map<number, Task>} */
const tasks = new Map();
/** The list item of each task. @type {Map<number, HTMLElement>} */
const items = new Map();

const url = new URL("/ws", location.href);
url.protocol = url.protocol.replace("http", "ws");
const wamp = connect(url, "members", {onState: showState});

// Without a connection these are remembered, and in place before the board is "joined".
wamp.subscribe("board.task_added", ({args: [task]}) => {
  if (accept(task) && task.added_by !== ownName()) announce(`${task.added_by} added “${task.title}”`);
});
wamp.subscribe("board.task_changed", ({args: [task]}) => {
  if (!accept(task)) return;
  if (task.done_by !== null && task.done_by !== ownName()) announce(`${task.done_by} finished “${task.title}”`);
});

element("add-form").addEventListener("submit", async (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  const input = element("title");
  const title = input.value.trim();
  if (title === "") {
    input.focus();
    return complain("wamp.error.invalid_argument");
  }
  const task = await ask("board.add", [title]);
  // Whoever goes on typing meanwhile keeps what they typed.
  if (task && input.value.trim() === title) input.value = "";
  input.focus();
});

element("title").addEventListener("input", () => complain(null));

// A tab that wakes up, or a network that is back, need not sit out the delay.
addEventListener("online", () => wamp.reconnectNow());
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) wamp.reconnectNow();
});
setInterval(() => { for (const task of tasks.values()) describe(task); }, 60_000);

/** @param {import("./wamp.js").State} state @param {import("./wamp.js").WampError | null} reason */
function showState(state, reason) {
  element("connection").dataset.state = state;
  element("connection").textContent = CONNECTION_TEXTS[state];
  element("add-button").disabled = state !== "joined";
  if (state === "joined") welcome();
  if (state === "closed") showSignedOut(reason);
}

async function welcome() {
  element("member-name").textContent = ownName();
  element("member-role").textContent = wamp.details.authrole;
  element("member").hidden = false;
  const list = await ask("board.list");
  if (!list) return;
  // What vanished while we were away is no longer in the list.
  const listed = new Set(list.map((/** @type {Task} */ task) => task.id));
  for (const id of tasks.keys()) if (!listed.has(id)) forget(id);
  // Oldest first: each open task goes on top of those before it.
  for (const task of list.reverse()) accept(task);
  showCounts();
  complain(null);
}

/** @returns {string} */
function ownName() {
  return wamp.details.authextra?.name ?? wamp.details.authid ?? "";
}

/**
 * Call a procedure; what goes wrong is told to the person.
 *
 * @param {string} procedure
 * @param {any[]} [args]
 * @returns {Promise<any>} the result, or undefined after an error.
 */
async function ask(procedure, args = []) {
  try {
    const result = await wamp.call(procedure, args);
    complain(null);
    return result;
  } catch (error) {
    complain(/** @type {any} */ (error).uri ?? "");
    return undefined;
  }
}

/** @param {string | null} uri of the error, or null when all is well again. */
function complain(uri) {
  element("problem").textContent = uri === null ? "" : PROBLEMS[uri] ?? UNKNOWN_PROBLEM;
}

/** @param {string} text for those who do not see the board change. */
function announce(text) {
  element("news").textContent = text;
}

/**
 * Take in a task as it is now, unless a later state of it is known.
 *
 * The answer to a call and the event about it may come in either order.
 *
 * @param {Task} task
 * @returns {boolean} whether it was news.
 */
function accept(task) {
  const known = tasks.get(task.id);
  if (known && known.revision >= task.revision) return false;
  tasks.set(task.id, task);
  const isMoved = !known || (known.done_at === null) !== (task.done_at === null);
  describe(task);
  if (isMoved) place(task);
  showCounts();
  return true;
}

/** @param {number} id */
function forget(id) {
  tasks.delete(id);
  items.get(id)?.remove();
  items.delete(id);
}

/** Write a task into its list item, making that where there is none. @param {Task} task */
function describe(task) {
  const item = items.get(task.id) ?? makeItem(task.id);
  const box = /** @type {HTMLInputElement} */ (item.querySelector("input"));
  const isDone = task.done_at !== null;
  if (!box.hasAttribute("aria-busy")) box.checked = isDone;
  item.classList.toggle("is-done", isDone);
  setText(item, ".task-title", task.title);
  setText(item, ".task-about", isDone
    ? `Done by ${task.done_by}, ${ago(/** @type {string} */ (task.done_at))}`
    : `Added by ${task.added_by}, ${ago(task.added_at)}`);
}

/** @param {number} id @returns {HTMLElement} */
function makeItem(id) {
  const item = element("task-template").content.firstElementChild.cloneNode(true);
  item.dataset.id = id;
  item.querySelector("input").addEventListener("change", () => toggle(id));
  items.set(id, item);
  return item;
}

/** Newest on top: the last added of the open ones, the last done of the others. @param {Task} task */
function place(task) {
  const item = /** @type {HTMLElement} */ (items.get(task.id));
  const hadFocus = item.contains(document.activeElement);
  const successor = item.nextElementSibling ?? item.previousElementSibling;
  const list = element(task.done_at === null ? "open-tasks" : "done-tasks");
  const later = [...list.children].find((other) => isBefore(task, other));
  list.insertBefore(item, later ?? null);
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
    item.animate([{opacity: 0.3}, {opacity: 1}], {duration: 300});
  }
  // The keyboard stays where it was in the list it was in, rather than jump along.
  if (hadFocus) (successor?.querySelector("input") ?? element("title")).focus();
}

/** @param {Task} task @param {HTMLElement} other */
function isBefore(task, other) {
  const neighbour = /** @type {Task} */ (tasks.get(Number(other.dataset.id)));
  if (task.done_at === null || neighbour.done_at === null) return task.id > neighbour.id;
  return task.done_at >= neighbour.done_at;
}

/** @param {number} id */
async function toggle(id) {
  const item = /** @type {HTMLElement} */ (items.get(id));
  const box = /** @type {HTMLInputElement} */ (item.querySelector("input"));
  box.setAttribute("aria-busy", "true");
  const task = await ask(box.checked ? "board.complete" : "board.reopen", [id]);
  box.removeAttribute("aria-busy");
  if (task) accept(task);
  const current = tasks.get(id);
  if (current) describe(current);
}

function showCounts() {
  const done = [...tasks.values()].filter((task) => task.done_at !== null).length;
  const open = tasks.size - done;
  element("open-count").textContent = open || "";
  element("done-count").textContent = done || "";
  element("open-empty").hidden = open > 0;
  element("done-section").hidden = done === 0;
}

/** @param {import("./wamp.js").WampError | null} reason */
function showSignedOut(reason) {
  // Whoever comes to this screen next has no business with the tasks.
  for (const id of [...tasks.keys()]) forget(id);
  element("board").hidden = true;
  element("member").hidden = true;
  element("sign-out").hidden = true;
  element("signed-out-reason").textContent = reason?.uri === "wamp.error.no_such_realm"
    ? "The board is not being served at the moment."
    : "The board stays closed here until you sign in again.";
  element("signed-out").hidden = false;
  element("signed-out-heading").focus();
}

/** @param {HTMLElement} item @param {string} selector @param {string} text */
function setText(item, selector, text) {
  const target = /** @type {HTMLElement} */ (item.querySelector(selector));
  // Unchanged text is left alone, or a selection in it would be lost every minute.
  if (target.textContent !== text) target.textContent = text;
}

/** @param {string} time ISO 8601 @returns {string} such as "5 minutes ago" */
function ago(time) {
  const words = new Intl.RelativeTimeFormat("en", {numeric: "auto"});
  const minutes = Math.round((Date.parse(time) - Date.now()) / 60_000);
  if (minutes > -1) return "just now";
  if (minutes > -60) return words.format(minutes, "minute");
  if (minutes > -60 * 24) return words.format(Math.round(minutes / 60), "hour");
  return words.format(Math.round(minutes / 60 / 24), "day");
}
