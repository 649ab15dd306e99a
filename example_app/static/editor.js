/**
 * The dialog in which a task is edited.
 *
 * Nothing typed is lost when somebody else changes the task meanwhile: fields that the
 * person has not touched follow, touched ones stay, and a sentence says what happened.
 */

import {dayWords} from "./dates.js";
import {element} from "./dom.js";
import {titleProblem, words} from "./problems.js";

/**
 * @typedef {import("./task_list.js").Task} Task
 *
 * @typedef {object} Draft what can be edited; null is nobody, and no date.
 * @property {string} title
 * @property {string | null} assignee
 * @property {string | null} due
 *
 * @typedef {object} Opening one time that the dialog is open, from `open` until it closes.
 * @property {Task | null} base the task as the person has seen it; null when it is gone.
 * @property {boolean} isBusy whether an answer is awaited, which says more than the events
 *   on the way.
 */

/** The fields, each with a sentence on its new value. @type {[keyof Draft, (value: any) => string][]} */
const FIELDS = [
  ["title", (title) => `the title is now “${title}”`],
  ["assignee", (name) => name === null ? "it is assigned to nobody" : `it is assigned to ${name}`],
  ["due", (due) => due === null ? "it has no due date" : `it is due on ${dayWords(due)}`],
];

export class Editor {
  /**
   * The latest; an answer that comes later is for the one in which it was asked for.
   *
   * @type {Opening}
   */
  #opening = {base: null, isBusy: false};
  #wamp; #handlers;

  /**
   * @param {import("./wamp/wamp.js").Session} wamp
   * @param {object} handlers
   * @param {(task: Task) => void} handlers.onSaved
   * @param {(id: number, wasHere: boolean) => void} handlers.onDeleted told also whether the
   *   person was here until then, and has to go on somewhere else.
   * @param {(id: number | undefined, text: string) => void} handlers.onFailed of a task whose
   *   dialog was closed before the answer; no id if it was to be a new one.
   * @param {() => string} handlers.ownName
   */
  constructor(wamp, handlers) {
    this.#wamp = wamp;
    this.#handlers = handlers;
    element("editor-form").addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#save();
    });
    element("editor-cancel").addEventListener("click", () => this.close());
    element("editor-theirs").addEventListener("click", () => this.#useTheirs());
    element("editor-delete").addEventListener("click", () => this.#confirm(true));
    element("editor-delete-no").addEventListener("click", () => this.#confirm(false));
    element("editor-delete-yes").addEventListener("click", () => this.#delete());
    for (const field of ["editor-title", "editor-due"]) {
      element(field).addEventListener("input", () => complain(""));
    }
  }

  /** @param {string[]} names to whom a task can be assigned. */
  offerMembers(names) {
    const select = element("editor-assignee");
    const {value} = select;
    select.replaceChildren(new Option("Nobody", ""), ...names.map((name) => new Option(name)));
    select.value = value;
  }

  /** @param {Task} task */
  open(task) {
    this.#opening = {base: task, isBusy: false};
    fill(task);
    hideNote();
    complain("");
    this.#confirm(false);
    element("editor-save").textContent = "Save";
    element("editor-delete").hidden = false;
    element("editor").showModal();
    element("editor-title").select();
  }

  /** Close it, and keep nothing of what was in it. */
  close() {
    this.#opening = {base: null, isBusy: false};
    element("editor").close();
    fill({title: "", assignee: null, due: null});
    hideNote();
  }

  /** Somebody has changed a task; it matters if it is the one at hand. @param {Task} task */
  meet(task) {
    const {base} = this.#opening;
    if (!this.#isAt(task.id) || !base || base.revision >= task.revision) return;
    const mine = typed();
    const touched = FIELDS.map(([field]) => field).filter((field) => mine[field] !== base[field]);
    const kept = Object.fromEntries(touched.map((field) => [field, mine[field]]));
    // Where both have come to the same there is nothing to decide.
    const isContested = touched.some(
      (field) => task[field] !== base[field] && task[field] !== mine[field]);
    this.#opening.base = task;
    fill({...task, ...kept});
    this.#tellOfChange(base, task, isContested);
  }

  /** Somebody has deleted a task. @param {number} id @param {string | null} by */
  meetDeletion(id, by) {
    if (!this.#isAt(id)) return;
    this.#opening.base = null;
    this.#confirm(false);
    element("editor-delete").hidden = true;
    element("editor-save").textContent = "Add as a new task";
    const who = by === null ? "Somebody" : this.#subject(by);
    showNote(`${who} deleted this task meanwhile. What you have typed is still here.`, "");
  }

  /**
   * The connection was away: look at what has become of the task at hand.
   *
   * @param {(id: number) => Task | undefined} find
   */
  async catchUp(find) {
    const id = this.#opening.base?.id;
    if (id === undefined) return;
    try {
      // What was done long ago is not on the board, and yet there.
      this.meet(find(id) ?? await this.#wamp.call("board.get", [id]));
    } catch (error) {
      if (/** @type {any} */ (error).uri !== "board.error.no_such_task") throw error;
      this.meetDeletion(id, null);
    }
  }

  async #save() {
    const draft = typed();
    const problem = titleProblem(draft.title);
    if (problem !== "") return refuse("editor-title", problem);
    // The browser has no value for a date that is written in part, as for none at all.
    if (!element("editor-due").validity.valid) {
      return refuse("editor-due", "This is no date. Please complete it, or remove it.");
    }
    await this.#attempt(async (opening) => {
      const {base} = opening;
      const task = base === null
        ? await this.#wamp.call("board.add", [draft])
        : await this.#wamp.call("board.edit", [base.id, base.revision, draft]);
      this.#handlers.onSaved(task);
      if (this.#isStill(opening)) this.close();
      else this.meet(task);
    });
  }

  async #delete() {
    await this.#attempt(async (opening) => {
      const {id, revision} = /** @type {Task} */ (opening.base);
      await this.#wamp.call("board.delete", [id, revision]);
      const wasHere = this.#isStill(opening);
      if (wasHere) this.close();
      else this.meetDeletion(id, this.#handlers.ownName());
      this.#handlers.onDeleted(id, wasHere);
    });
  }

  /**
   * Do something of which others may have been faster.
   *
   * @param {(opening: Opening) => Promise<void>} act
   */
  async #attempt(act) {
    const opening = this.#opening;
    const {base, isBusy} = opening;
    if (isBusy) return;
    complain("");
    opening.isBusy = true;
    try {
      await act(opening);
    } catch (error) {
      opening.isBusy = false;
      this.#fail(opening, base, error);
    } finally {
      opening.isBusy = false;
    }
  }

  /** @param {Opening} opening @param {Task | null} base @param {any} error */
  #fail(opening, base, error) {
    const {uri, args} = error;
    const isHere = this.#isStill(opening);
    // These two matter to whoever is at the task by now.
    if (uri === "board.error.changed_meanwhile") this.meet(args[0]);
    else if (uri === "board.error.no_such_task" && base) this.meetDeletion(base.id, null);
    else if (isHere) complain(words(error));
    if (isHere) this.#confirm(false);
    else this.#handlers.onFailed(base?.id, words(error));
  }

  /** Whether the dialog has not been closed since, whatever it shows now. @param {Opening} opening */
  #isStill(opening) {
    return element("editor").open && this.#opening === opening;
  }

  /** Whether this task is at hand, and nothing is on its way about it. @param {number} id */
  #isAt(id) {
    const {base, isBusy} = this.#opening;
    return element("editor").open && !isBusy && base?.id === id;
  }

  /** @param {Task} before @param {Task} now @param {boolean} isContested */
  #tellOfChange(before, now, isContested) {
    const by = now.changed_by;
    const changes = FIELDS.filter(([field]) => before[field] !== now[field])
      .map(([field, sentence]) => sentence(now[field]));
    if (before.done_at === null && now.done_at !== null) changes.push("it is done");
    if (before.done_at !== null && now.done_at === null) changes.push("it is open again");
    const what = `${this.#subject(by)} changed this task meanwhile: ${changes.join(", ")}.`;
    const isOwn = by === this.#handlers.ownName();
    const whose = isOwn ? "the other version" : `${by}’s version`;
    if (!isContested) showNote(`${what} The rest is as you left it.`, "");
    else showNote(`${what} Your text is kept: save it to replace ${whose}.`, `Use ${whose}`);
  }

  /** @param {string} name */
  #subject(name) {
    return name === this.#handlers.ownName() ? "You" : name;
  }

  #useTheirs() {
    if (this.#opening.base) fill(this.#opening.base);
    hideNote();
    element("editor-title").focus();
  }

  /** @param {boolean} isAsking */
  #confirm(isAsking) {
    const wasAsking = !element("editor-confirm").hidden;
    element("editor-confirm").hidden = !isAsking;
    if (isAsking) element("editor-delete-no").focus();
    else if (wasAsking) element("editor-delete").focus();
  }
}

/** @returns {Draft} */
function typed() {
  return {
    title: element("editor-title").value.trim(),
    assignee: element("editor-assignee").value || null,
    due: element("editor-due").value || null,
  };
}

/** @param {Draft} draft */
function fill({title, assignee, due}) {
  const input = element("editor-title");
  // Left alone where it is the same: the cursor would jump.
  if (input.value !== title) input.value = title;
  const select = element("editor-assignee");
  // Who else there is may not be known yet.
  const isOffered = [...select.options].some(({value}) => value === (assignee ?? ""));
  if (!isOffered) select.add(new Option(assignee ?? ""));
  select.value = assignee ?? "";
  element("editor-due").value = due ?? "";
}

/** @param {string} text @param {string} theirs the text of the button, if there is a choice. */
function showNote(text, theirs) {
  element("editor-note").hidden = false;
  element("editor-note-text").textContent = text;
  element("editor-theirs").textContent = theirs;
  element("editor-theirs").hidden = theirs === "";
}

function hideNote() {
  element("editor-note").hidden = true;
  element("editor-note-text").textContent = "";
}

/** @param {string} text @param {string} [field] which it is about. */
function complain(text, field = "editor-title") {
  element("editor-problem").textContent = text;
  for (const each of ["editor-title", "editor-due"]) {
    element(each).setAttribute("aria-invalid", String(text !== "" && each === field));
  }
}

/** @param {string} field @param {string} text */
function refuse(field, text) {
  complain(text, field);
  element(field).focus();
}
