/** One task in its list. */

import {reflectConnection} from "./live.js";
import {ago, dueWords} from "./dates.js";
import {copyOf, setText} from "./dom.js";
import {paintAvatar} from "./people.js";
import {words} from "./problems.js";

/** @typedef {import("./task_list.js").Task} Task */

export class TaskItem {
  /** When, as `TaskList.now` counts. */
  takenIn = 0;
  #handlers;

  /**
   * @param {Task} task
   * @param {import("./task_list.js").Handlers} handlers
   */
  constructor(task, handlers) {
    this.task = task;
    this.#handlers = handlers;
    this.element = copyOf("task-template");
    this.element.dataset.id = String(task.id);
    this.#find("input").addEventListener("change", () => this.#toggle());
    this.#find(".task-edit").addEventListener("click", () => handlers.onEdit(this.task));
    reflectConnection(this.element);
  }

  get isDone() {
    return this.task.done_at !== null;
  }

  /** Whether it stands above another item of its list. @param {TaskItem} other */
  isBefore(other) {
    const [mine, theirs] = [this.task, other.task];
    if (mine.done_at === null || theirs.done_at === null) return mine.id > theirs.id;
    return mine.done_at >= theirs.done_at;
  }

  /** Write the task as it is now. */
  draw() {
    const {task, isDone} = this;
    const box = this.#find("input");
    if (!box.hasAttribute("aria-busy")) box.checked = isDone;
    this.element.classList.toggle("is-done", isDone);
    setText(this.#find(".task-title"), task.title);
    setText(this.#find(".task-edit span"), `Edit “${task.title}”`);
    setText(this.#find(".task-about"), isDone
      ? `Done by ${task.done_by}, ${ago(/** @type {string} */ (task.done_at))}`
      : `Added by ${task.added_by}, ${ago(task.added_at)}`);
    this.#drawDue();
    this.#drawAssignee();
  }

  /** @param {string} text */
  complain(text) {
    setText(this.#find(".problem"), text);
  }

  #drawDue() {
    const due = this.#find(".due");
    due.hidden = this.isDone || this.task.due === null;
    if (this.task.due === null) return;
    const {text, state} = dueWords(this.task.due);
    due.dataset.state = state;
    setText(due, text);
  }

  #drawAssignee() {
    const {assignee} = this.task;
    this.#find(".assignee").hidden = this.isDone || assignee === null;
    if (assignee === null) return;
    paintAvatar(this.#find(".assignee .avatar"), assignee);
    setText(this.#find(".assignee-name"), assignee);
  }

  async #toggle() {
    const box = this.#find("input");
    box.setAttribute("aria-busy", "true");
    try {
      await this.#handlers.onToggle(this.task, box.checked);
      this.complain("");
    } catch (error) {
      this.complain(words(error));
    } finally {
      box.removeAttribute("aria-busy");
      this.draw();
    }
  }

  /** @param {string} selector @returns {any} */
  #find(selector) {
    return this.element.querySelector(selector);
  }
}
