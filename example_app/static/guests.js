/** The guests' page: what the team is doing, live and for everybody. */

import {liveConnection} from "./live.js";
import {ago} from "./dates.js";
import {announce, element} from "./dom.js";
import {avatar} from "./people.js";

/**
 * @typedef {{title: string, by: string, at: string}} Finished
 * @typedef {{counts: {open: number, done: number}, finished: Finished[]}} Overview
 */

/** @type {Finished[]} */
let finished = [];

// A guest has nothing to be signed out of. The browser's member may have, and the socket,
// opened with their cookie, ends with it; the next one is opened without.
const wamp = liveConnection("guests", {reconnectAfter: () => true});
wamp.subscribe("guests.overview", ({args: [overview]}) => show(overview));
setInterval(draw, 60_000);

/** @param {Overview} overview */
function show({counts, finished: latest}) {
  element("open-count").textContent = counts.open;
  element("done-count").textContent = counts.done;
  const [newest] = latest;
  const isNews = finished.length > 0 && newest && newest.at > finished[0].at;
  finished = latest;
  draw();
  if (isNews) announce(`${newest.by} finished “${newest.title}”`);
}

function draw() {
  element("finished-empty").hidden = finished.length > 0;
  element("finished").replaceChildren(...finished.map(({title, by, at}) => {
    const item = document.createElement("li");
    const [what, who] = [document.createElement("span"), document.createElement("span")];
    what.className = "finished-title";
    what.textContent = title;
    who.className = "soft";
    who.textContent = `${by}, ${ago(at)}`;
    item.append(avatar(by), what, who);
    return item;
  }));
}
