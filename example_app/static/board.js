/** The board's page: joins the members' realm and hands on what it hears. */

import {showAdministration} from "./admin.js";
import {liveConnection} from "./live.js";
import {Editor} from "./editor.js";
import {offerExport} from "./export.js";
import {announce, element} from "./dom.js";
import {paintAvatar} from "./people.js";
import {showPresence} from "./presence.js";
import {titleProblem, words} from "./problems.js";
import {signIn} from "./sign_in.js";
import {showSignedOut} from "./signed_out.js";
import {TaskList} from "./task_list.js";

/** @type {Record<string, string>} */
const ROLES = {admin: "Administrator", member: "Member"};

const wamp = liveConnection("members", {
  signIn: await signIn(), onLive: welcome, onClosed: leave,
});
const ownName = () => wamp.details.authextra?.name ?? "";

const list = new TaskList({
  onToggle: (task, isDone) => wamp.call(isDone ? "board.complete" : "board.reopen", [task.id]),
  onEdit: (task) => editor.open(task),
});
const editor = new Editor(wamp, {
  onSaved: (task) => list.accept(task),
  onDeleted: (id, wasHere) => {
    list.forget(id);
    if (wasHere) list.focusNearby();
  },
  onFailed: (id, text) => {
    if (id === undefined || !list.complain(id, text)) complain(text);
  },
  ownName,
});
showPresence(wamp, ownName);
offerExport(wamp);
const administration = showAdministration(wamp, ownName);

// Without a connection these are remembered, and in place before the board is "joined".
wamp.subscribe("board.task_added", ({args: [task], kwargs: {by}}) => {
  if (list.accept(task)) tell(by, "added", task);
});
wamp.subscribe("board.task_changed", ({args: [task], kwargs: {by}}) => {
  const wasDone = list.get(task.id)?.done_at;
  if (!list.accept(task)) return;
  tell(by, task.done_at === null ? "changed" : wasDone ? "changed" : "finished", task);
  editor.meet(task);
});
wamp.subscribe("board.task_deleted", ({args: [task], kwargs: {by}}) => {
  list.forget(task.id);
  tell(by, "deleted", task);
  editor.meetDeletion(task.id, by);
});

/** @param {string} by @param {string} verb @param {import("./task_list.js").Task} task */
function tell(by, verb, task) {
  if (by !== ownName()) announce(`${by} ${verb} “${task.title}”`);
}

async function welcome() {
  const {authrole} = wamp.details;
  paintAvatar(element("member-avatar"), ownName());
  element("member-name").textContent = ownName();
  element("member-role").textContent = ROLES[authrole] ?? authrole;
  element("member").hidden = false;
  if (authrole === "admin") administration.start();
  try {
    await Promise.all([showTasks(), offerMembers()]);
    complain("");
  } catch (error) {
    complain(words(error));
  }
}

async function showTasks() {
  const since = list.now;
  list.replace(await wamp.call("board.list"), since);
  await editor.catchUp((id) => list.get(id));
}

async function offerMembers() {
  editor.offerMembers(await wamp.call("board.members"));
}

/** Whether a new task is on its way: a second click is about the same one. */
let isAdding = false;

element("add-form").addEventListener("submit", async (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  if (isAdding) return;
  const input = element("title");
  input.focus();
  const title = input.value.trim();
  const problem = titleProblem(title);
  if (problem !== "") return complain(problem);
  isAdding = true;
  try {
    list.accept(await wamp.call("board.add", [{title}]));
    complain("");
    // Whoever goes on typing meanwhile keeps what they typed.
    if (input.value.trim() === title) input.value = "";
  } catch (error) {
    complain(words(error));
  } finally {
    isAdding = false;
  }
});
element("title").addEventListener("input", () => complain(""));

/** @param {string} text */
function complain(text) {
  element("add-problem").textContent = text;
}

/** @param {import("./wamp/wamp.js").WampError | null} reason */
function leave(reason) {
  // Whoever comes to this screen next has no business with the tasks.
  list.replace([]);
  editor.close();
  announce("");
  showSignedOut(reason);
}
