/** The export: a call that reports its progress, and can be cancelled. */

import {element} from "./dom.js";
import {words} from "./problems.js";

// Without it some spreadsheets take the file for one in an old encoding.
const BYTE_ORDER_MARK = "\ufeff";

/** @param {import("./wamp/wamp.js").Session} wamp */
export function offerExport(wamp) {
  /** @type {AbortController | null} */
  let controller = null;
  element("export-cancel").addEventListener("click", () => controller?.abort());
  element("export-start").addEventListener("click", async () => {
    controller = new AbortController();
    show("", "");
    setRunning(true);
    try {
      const {signal} = controller;
      /** @type {string[]} */
      const pieces = [];
      const count = await wamp.call("board.export", [], {}, {signal, onProgress: (piece) => {
        pieces.push(piece.text);
        showProgress(piece);
      }});
      save([BYTE_ORDER_MARK, ...pieces]);
      show(count === 1 ? "Exported 1 task." : `Exported ${count} tasks.`, "");
    } catch (error) {
      if (controller.signal.aborted) show("Cancelled. No file was made.", "");
      else show("", words(error));
    } finally {
      controller = null;
      setRunning(false);
    }
  });
}

/** @param {boolean} isRunning */
function setRunning(isRunning) {
  const [start, cancel] = [element("export-start"), element("export-cancel")];
  const focused = document.activeElement;
  element("export-progress").hidden = !isRunning;
  element("export-label").textContent = "Getting ready…";
  element("export-bar").removeAttribute("value");
  start.hidden = isRunning;
  cancel.hidden = !isRunning;
  // One button takes the other's place, under the keyboard as well.
  if (focused === start && isRunning) cancel.focus();
  if (focused === cancel && !isRunning) start.focus();
}

/** @param {{written: number, total: number}} piece */
function showProgress({written, total}) {
  element("export-bar").max = total || 1;
  element("export-bar").value = written;
  element("export-label").textContent = `${written} of ${total} tasks`;
}

/** @param {string} status @param {string} problem */
function show(status, problem) {
  element("export-status").textContent = status;
  element("export-problem").textContent = problem;
}

/** @param {string[]} pieces */
function save(pieces) {
  const link = document.createElement("a");
  const url = URL.createObjectURL(new Blob(pieces, {type: "text/csv;charset=utf-8"}));
  link.href = url;
  link.download = `tasks-${new Date().toLocaleDateString("sv")}.csv`;
  link.click();
  // Not at once: the browser has yet to read it.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
