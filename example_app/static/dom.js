/** Small things that every module of a page needs: its elements, and what is said aloud. */

/** @param {string} id @returns {any} */
export const element = (id) => document.getElementById(id);

/**
 * @param {string} template its id
 * @returns {HTMLElement} a copy of what is in the template.
 */
export const copyOf = (template) =>
  element(template).content.firstElementChild.cloneNode(true);

/**
 * Write text into an element, or leave it alone where it says so already: a selection in
 * it would be lost, and a live region would be read out again.
 *
 * @param {Element | null} target
 * @param {string} text
 */
export function setText(target, text) {
  if (target && target.textContent !== text) target.textContent = text;
}

/** @param {string} text for those who do not see the page change. */
export function announce(text) {
  element("news").textContent = text;
}
