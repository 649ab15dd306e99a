"""Random clients of a whole Application, over connections in memory, on a real loop.

What `test_chaos` has without a loop is served here: by `serve()`, its tasks and its
timers. When everybody has gone, by whichever way, nothing is left in any table of the
Application, no task runs, and nobody was answered twice.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from aiohttp_serverwamp import (
    OPEN,
    Application,
    Limits,
    Realm,
    RPCRouteSet,
    Session,
    TopicRouteSet,
)
from aiohttp_serverwamp.adapters.memory import linked_connections
from aiohttp_serverwamp.serializers import serializer_for
from aiohttp_serverwamp.serializers.frame import SerializerCodec
from tests.leaks import LoggedErrors
from tests.tables import grown, sizes

PATIENCE = 10.0
CODEC = SerializerCodec(serializer_for("wamp.2.json"))
ROLES: dict[str, Any] = {
    role: {} for role in ("caller", "callee", "publisher", "subscriber")
}
HOSTED = ("h.plain", "h.slow", "h.progress", "h.kick")
NAMES = ("a", "b", *HOSTED)
TOPICS = ("a", "b", "t.slow")

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                *("join", "join", "call", "call", "publish", "subscribe", "register"),
                *("cancel", "again", "release", "pause"),
                *("goodbye", "drop", "abort", "kill", "close"),
            ]
        ),
        st.integers(0, 99),
        st.integers(0, 99),
    ),
    min_size=15,
    max_size=50,
)


class Guest:
    """One client, which answers what it is asked, now and then not at all."""

    def __init__(self, application: Application, number: int) -> None:
        support = application.support
        server, self.end = linked_connections(support, CODEC)
        self.number = number
        self.served = asyncio.create_task(application.serve(server))
        self.reading = asyncio.create_task(self._read())
        self.request = 0
        self.answers: dict[int, int] = {}
        #: Publisher → the number of its last event, by subscription.
        self.events: dict[tuple[int, int], int] = {}
        self.session = 0
        self.leaving = False
        self.say(1, "realm1", {"roles": ROLES})

    def say(self, *message: Any) -> None:
        self.end.write(json.dumps(message).encode())

    def ask(self, code: int, *rest: Any) -> int:
        self.request += 1
        self.say(code, self.request, *rest)
        return self.request

    async def _read(self) -> None:
        while (data := await self.end.receive()) is not None:
            message = json.loads(data)
            code = message[0]
            if code == 2:
                self.session = message[1]
            elif code == 6 and not self.leaving:
                self.say(6, {}, "wamp.close.goodbye_and_out")
            elif code == 68 and message[1] % 4:
                self.say(70, message[1], {}, [self.number])
            elif code == 36 and not message[3].get("retained"):
                publisher, count = message[4]
                assert self.events.get((message[1], publisher), 0) < count
                self.events[message[1], publisher] = count
            elif (code == 50 and not message[2].get("progress")) or code == 8:
                request = message[1] if code == 50 else message[2]
                self.answers[request] = self.answers.get(request, 0) + 1


class Scene:
    """An application and its guests."""

    def __init__(self) -> None:
        self.application = Application(
            allow_default_realm=False, limits=Limits(close_timeout=0.1)
        )
        self.realm = Realm("realm1", permissions=OPEN)
        self.realm.add_routes(self.procedures())
        self.realm.add_routes(self.topics())
        self.application.add_realm(self.realm)
        self.guests: list[Guest] = []
        self.gone: list[Guest] = []
        self.gates: list[asyncio.Event] = []
        self.published = self.joined = 0

    async def pause(self) -> None:
        gate = asyncio.Event()
        self.gates.append(gate)
        await gate.wait()

    def procedures(self) -> RPCRouteSet:
        api = RPCRouteSet()

        @api.route("h.plain")
        def plain(*args: Any) -> int:
            return len(args)

        @api.route("h.slow")
        async def slow(*args: Any) -> int:
            await self.pause()
            return len(args)

        @api.route("h.progress")
        async def progress(*args: Any) -> AsyncIterator[int]:
            yield 1
            await self.pause()
            yield 2

        @api.route("h.kick")
        async def kick(*args: Any, session: Session) -> None:
            await session.close()

        return api

    def topics(self) -> TopicRouteSet:
        topics = TopicRouteSet()

        @topics.route("t.slow", publish=True, retain=True)
        async def slow() -> AsyncIterator[None]:
            await self.pause()
            yield
            await self.pause()

        return topics

    async def do(self, action: str, who: int, what: int) -> None:
        if action == "join":
            self.joined += 1
            self.guests.append(Guest(self.application, self.joined))
            for _ in range(what % 9):  # few turns are too few for WELCOME
                await asyncio.sleep(0)
        elif action == "pause":
            await asyncio.sleep(0.002)
        elif action == "release":
            if self.gates:
                self.gates.pop(what % len(self.gates)).set()
        elif action == "close":
            if what % 5 == 0:
                await self.realm.close_sessions(message="enough")
        elif self.guests and (self.guests[who % len(self.guests)].session or what < 5):
            self.act(action, self.guests[who % len(self.guests)], what)
        for _ in range(what % 4):
            await asyncio.sleep(0)

    def act(self, action: str, guest: Guest, what: int) -> None:
        if action == "call":
            options = [{}, {"timeout": 5}, {"receive_progress": True}][what % 3]
            guest.ask(48, options, NAMES[what % len(NAMES)], [1])
        elif action == "cancel":
            mode = ("skip", "kill", "killnowait")[what % 3]
            guest.say(49, 1 + what % (guest.request + 1), {"mode": mode})
        elif action == "publish":
            self.published += 1
            options = {"retain": what % 2 == 0, "exclude_me": False}
            payload = [guest.number, self.published]
            guest.ask(16, options, TOPICS[what % len(TOPICS)], payload)
        elif action == "subscribe":
            options = {"get_retained": what % 2 == 0}
            guest.ask(32, options, TOPICS[what % len(TOPICS)])
        elif action == "register":
            guest.ask(64, {"invoke": "roundrobin"}, NAMES[what % 2])
        elif action == "again":
            guest.say(6, {}, "wamp.close.close_realm")
            guest.leaving = True
            guest.say(1, "realm1", {"roles": ROLES})
        elif action == "kill":
            other = self.guests[what % len(self.guests)]
            guest.ask(48, {}, "wamp.session.kill", [other.session])
        else:
            self.leave(action, guest)

    def leave(self, how: str, guest: Guest) -> None:
        self.guests.remove(guest)
        self.gone.append(guest)
        if how == "goodbye":
            guest.leaving = True
            guest.say(6, {}, "wamp.close.close_realm")
        elif how == "abort":
            guest.say(3, {}, "com.enough")
        if how != "abort":
            guest.end.abort()

    async def finish(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        for number, guest in enumerate([*self.guests]):
            self.leave(("goodbye", "drop", "abort")[number % 3], guest)
        served = [guest.served for guest in self.gone]
        while True:
            for gate in self.gates:
                gate.set()
            self.gates.clear()
            if all(task.done() for task in served):
                break
            await asyncio.sleep(0.001)
        await asyncio.gather(*served, *(guest.reading for guest in self.gone))
        for guest in self.gone:
            assert max(guest.answers.values(), default=1) == 1, "answered twice"


async def play(actions: list[tuple[str, int, int]], *, stop: bool) -> None:
    scene = Scene()
    async with asyncio.timeout(PATIENCE):
        async with scene.application.run():
            before = sizes(scene.application)
            for action in actions:
                await scene.do(*action)
            if stop:
                await scene.application.shutdown()
            await scene.finish()
            # What ends by itself, as the rest of a topic's handler, has its turns.
            while more := grown(before, sizes(scene.application)):
                for gate in scene.gates:
                    gate.set()
                await asyncio.sleep(0.001)
            assert more == {}
        assert asyncio.all_tasks() == {asyncio.current_task()}


@settings(max_examples=80, deadline=None)
@given(actions=ACTIONS, stop=st.booleans())
def test_nothing_is_left_of_clients_whatever_they_do(
    actions: list[tuple[str, int, int]], stop: bool
) -> None:
    """Also when the application stops while they are at it."""
    errors = LoggedErrors()
    logging.getLogger().addHandler(errors)
    try:
        asyncio.run(play(actions, stop=stop))
    finally:
        logging.getLogger().removeHandler(errors)

    assert errors.lines == []
