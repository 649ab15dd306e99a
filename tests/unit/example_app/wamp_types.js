/**
 * Uses of the client that TypeScript must accept, or refuse where it says so. Never run.
 *
 * A refusal that does not happen is an error of the next line, so this file checks that the
 * types of the client say something.
 */

import {Result, WampError, connect} from "../../../example_app/static/wamp/wamp.js";
import {ticket, wampcra} from "../../../example_app/static/wamp/auth.js";

/** @typedef {{id: number, title: string}} Task */

const wamp = connect("/ws", "members", {
  ...wampcra("ann", async () => "open sesame"),
  onState(state, reason) {
    /** @type {"connecting" | "joined" | "waiting" | "closed"} */ const known = state;
    /** @type {string | undefined} */ const uri = reason?.uri;
    return [known, uri];
  },
  onRevoked: ({uri}, {uri: topic, id}) => [uri, topic, id],
});
connect(new URL("wss://example.org/ws"), "members", ticket("joe", "letter"));
// @ts-expect-error: an option that does not exist
connect("/ws", "members", {reconnect: true});

/** @type {Task} */
const task = await wamp.call("board.add", ["Buy milk"], {}, {
  timeout: 1000,
  onProgress: (share) => share,
  cancelMode: "kill",
});
// @ts-expect-error: a result is what the caller says it is, and nothing else
/** @type {string} */ const title = /** @type {Task} */ (await wamp.call("board.get"));
// @ts-expect-error: arguments are a list
wamp.call("board.add", "Buy milk");
// @ts-expect-error: a mode that does not exist
wamp.call("board.add", [], {}, {cancelMode: "murder"});

await wamp.subscribe(
  "board.task_added",
  /** @param {import("../../../example_app/static/wamp/wamp.js").WampEvent<[Task]>} event */
  ({args: [added], topic, publication}) => {
    /** @type {[number, string, number]} */ const known = [added.id, topic, publication];
    // @ts-expect-error: there is one argument
    const [, second] = /** @type {[Task]} */ ([added]);
    return [known, second];
  },
  {match: "prefix"},
);

const registration = await wamp.register(
  "window.open",
  /** @param {[Task]} args */
  async ([{title}], kwargs, {progress, signal, details}) => {
    progress(0.5);
    signal.throwIfAborted();
    if (details.caller === undefined) throw new WampError("board.error.who", [title], {});
    return new Result([title, kwargs]);
  },
  {invoke: "roundrobin"},
);
await wamp.unregister(registration);
// @ts-expect-error: a registration is no subscription
wamp.unsubscribe(registration);
// @ts-expect-error: a policy that does not exist
wamp.register("p", () => {}, {invoke: "all"});

/** @type {number} */ const publication = await wamp.publish("news", ["hi"], {}, {exclude_me: false});
/** @type {undefined} */ const nothing = await wamp.publish("news", [], {}, {acknowledge: false});
// @ts-expect-error: nobody assigns the state
wamp.state = "joined";

export const used = [task, title, publication, nothing];
