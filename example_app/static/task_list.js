/** The two lists of tasks: to do, and done. */

import {element} from "./dom.js";
import {TaskItem} from "./task_item.js";

/**
 * A task as the server sends it.
 *
 * @typedef {object} Task
 * @property {number} id
 * @property {string} title
 * @property {string | null} assignee a member's name
 * @property {string | null} due a day, ISO 8601
 * @property {string} added_by
 * @property {string} added_at ISO 8601
 * @property {string | null} done_by
 * @property {string | null} done_at
 * @property {string} changed_by
 * @property {number} revision
 *
 * @typedef {object} Handlers
 * @property {(task: Task, isDone: boolean) => Promise<Task>} onToggle
 * @property {(task: Task) => void} onEdit
 */

export class TaskList {
  /** @type {Map<number, TaskItem>} */ #items = new Map();
  /** How often a task has been taken in. */
  #count = 0;
  /** Tasks that are gone for good, should a late event speak of them. @type {Set<number>} */
  #gone = new Set();
  /** What stood beside the item that went last. @type {Element | null} */
  #nearby = null;
  #handlers;

  /** @param {Handlers} handlers */
  constructor(handlers) {
    this.#handlers = handlers;
    // "Just now" does not stay so, and at midnight what was due is overdue.
    setInterval(() => { for (const item of this.#items.values()) item.draw(); }, 60_000);
  }

  /** @param {number} id @returns {Task | undefined} */
  get(id) {
    return this.#items.get(id)?.task;
  }

  /** A moment, for `replace`. */
  get now() {
    return this.#count;
  }

  /**
   * Show these tasks, newest first, and no others but those that were taken in since they
   * were asked for: the list may be older than the news of these.
   *
   * @param {Task[]} tasks
   * @param {number} [since] what `now` was when they were asked for.
   */
  replace(tasks, since = this.now) {
    const listed = new Set(tasks.map((task) => task.id));
    for (const [id, item] of this.#items) {
      if (!listed.has(id) && item.takenIn <= since) this.#drop(id);
    }
    // Oldest first: each open task goes on top of those before it.
    for (const task of [...tasks].reverse()) this.accept(task);
    this.#showCounts();
  }

  /**
   * Take in a task as it is now, unless a later state of it is known.
   *
   * The answer to a call and the event about it may come in either order.
   *
   * @param {Task} task
   * @returns {boolean} whether it was news.
   */
  accept(task) {
    const known = this.#items.get(task.id);
    if (this.#gone.has(task.id) || (known && known.task.revision >= task.revision)) return false;
    const isMoved = !known || known.isDone !== (task.done_at !== null);
    const item = known ?? this.#make(task);
    item.task = task;
    item.takenIn = ++this.#count;
    item.draw();
    if (isMoved) this.#place(item);
    this.#showCounts();
    return true;
  }

  /** Take a task off for good. @param {number} id */
  forget(id) {
    this.#gone.add(id);
    this.#drop(id);
    this.#showCounts();
  }

  /** Say at a task what went wrong. @param {number} id @param {string} text @returns {boolean} whether it is there. */
  complain(id, text) {
    this.#items.get(id)?.complain(text);
    return this.#items.has(id);
  }

  /** Put the keyboard where the item was that went last. */
  focusNearby() {
    const box = this.#nearby?.isConnected ? this.#nearby.querySelector("input") : null;
    (box ?? element("title")).focus();
  }

  /** @param {Task} task */
  #make(task) {
    const item = new TaskItem(task, {
      ...this.#handlers,
      onToggle: async (of, isDone) => {
        const answer = await this.#handlers.onToggle(of, isDone);
        this.accept(answer);
        return answer;
      },
    });
    this.#items.set(task.id, item);
    return item;
  }

  /** @param {number} id */
  #drop(id) {
    const item = this.#items.get(id);
    if (!item) return;
    this.#keepFocus(item, () => item.element.remove());
    this.#items.delete(id);
  }

  /** Newest on top: the last added of the open ones, the last done of the others. @param {TaskItem} item */
  #place(item) {
    const list = element(item.isDone ? "done-tasks" : "open-tasks");
    const later = [...list.children].find((other) => {
      const neighbour = this.#items.get(Number(other.dataset.id));
      return neighbour !== undefined && neighbour !== item && item.isBefore(neighbour);
    });
    this.#keepFocus(item, () => list.insertBefore(item.element, later ?? null));
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
      item.element.animate([{opacity: 0.3}, {opacity: 1}], {duration: 300});
    }
  }

  /**
   * The keyboard stays where it was in its list, rather than jump along with an item.
   *
   * @param {TaskItem} item @param {() => void} move
   */
  #keepFocus(item, move) {
    const hadFocus = item.element.contains(document.activeElement);
    this.#nearby = item.element.nextElementSibling ?? item.element.previousElementSibling;
    move();
    if (hadFocus) this.focusNearby();
  }

  #showCounts() {
    const items = [...this.#items.values()];
    const done = items.filter((item) => item.isDone).length;
    const open = items.length - done;
    element("open-count").textContent = open || "";
    element("done-count").textContent = done || "";
    element("open-empty").hidden = open > 0;
    element("done-empty").hidden = done > 0;
  }
}
