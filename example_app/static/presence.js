/** Who is online: everybody once, however many tabs they have open. */

import {element} from "./dom.js";
import {avatar} from "./people.js";

/**
 * @param {import("./wamp/wamp.js").Session} wamp
 * @param {() => string} ownName
 */
export function showPresence(wamp, ownName) {
  wamp.subscribe("board.online", ({args: [names]}) => {
    element("online").replaceChildren(...names.map((/** @type {string} */ name) => {
      const item = document.createElement("li");
      item.append(avatar(name), name === ownName() ? `${name} (you)` : name);
      return item;
    }));
  });
}
