/** People as they appear on the page: a disc with their initial, in a colour of theirs. */

const TINTS = 6;

/**
 * @param {HTMLElement} disc an element of the class "avatar"
 * @param {string} name
 */
export function paintAvatar(disc, name) {
  disc.textContent = [...name][0]?.toUpperCase() ?? "";
  let sum = 0;
  for (const character of name) sum += character.codePointAt(0) ?? 0;
  disc.dataset.tint = String(sum % TINTS);
}

/** @param {string} name @returns {HTMLElement} */
export function avatar(name) {
  const disc = document.createElement("span");
  disc.className = "avatar";
  disc.setAttribute("aria-hidden", "true");
  paintAvatar(disc, name);
  return disc;
}
