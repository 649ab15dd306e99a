/** For administrators: who is signed in, and a button to sign them out. */

import {reflectConnection} from "./live.js";
import {copyOf, element} from "./dom.js";
import {paintAvatar} from "./people.js";
import {words} from "./problems.js";

/**
 * @typedef {object} Account
 * @property {string} name
 * @property {string} role
 * @property {boolean} signed_in
 * @property {number} tabs
 */

/**
 * @param {import("./wamp/wamp.js").Session} wamp
 * @param {() => string} ownName
 * @returns {{start: () => void}} to be started once the member is known to be one.
 */
export function showAdministration(wamp, ownName) {
  let isStarted = false;
  let latest = 0;

  async function refresh() {
    const turn = ++latest;
    try {
      const accounts = await wamp.call("admin.people");
      // Of several answers under way only the last one counts.
      if (turn === latest) draw(accounts);
      element("admin-problem").textContent = "";
    } catch (error) {
      if (turn === latest) element("admin-problem").textContent = words(error);
    }
  }

  /** @param {Account[]} accounts */
  function draw(accounts) {
    const list = element("accounts");
    const focused = /** @type {HTMLElement | null} */ (document.activeElement);
    const name = list.contains(focused) ? focused?.dataset.name : undefined;
    list.replaceChildren(...accounts.map(drawAccount));
    if (name !== undefined) list.querySelector(`[data-name="${CSS.escape(name)}"]`)?.focus();
  }

  /** @param {Account} account */
  function drawAccount(account) {
    const item = copyOf("account-template");
    const find = (/** @type {string} */ selector) => /** @type {any} */ (item.querySelector(selector));
    paintAvatar(find(".avatar"), account.name);
    find(".account-name").textContent = account.name;
    find(".account-about").textContent = about(account);
    const button = find("button");
    button.dataset.name = account.name;
    button.setAttribute("aria-label", `Sign out ${account.name}`);
    button.hidden = account.name === ownName() || !account.signed_in;
    button.addEventListener("click", () => signOut(account.name));
    reflectConnection(item);
    return item;
  }

  /** @param {string} name */
  async function signOut(name) {
    try {
      await wamp.call("admin.sign_out", [name]);
      element("admin-status").textContent = `${name} is signed out everywhere.`;
      element("admin-heading").focus();
    } catch (error) {
      element("admin-problem").textContent = words(error);
    }
  }

  return {
    start() {
      element("admin").hidden = false;
      if (!isStarted) wamp.subscribe("admin.people_changed", refresh);
      isStarted = true;
      refresh();
    },
  };
}

/** @param {Account} account */
function about({signed_in: isSignedIn, tabs}) {
  if (tabs > 0) return tabs === 1 ? "1 tab open" : `${tabs} tabs open`;
  return isSignedIn ? "signed in, no tab open" : "not signed in";
}
