"""Random sessions on a realm with hosted code, which takes as long as it pleases.

What is true of the clients of `test_router_machine` holds here as well. Besides:

- whatever waits is gone when everybody has left: no task, and no more in any table of
  the realm than before the first client came;
- every call that the application makes comes to one end;
- who was killed is told, and nothing comes after that.

Hosted code waits at gates, which are opened one by one in any order.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from aiohttp_serverwamp import (
    ApplicationError,
    CallOptions,
    Chunks,
    ConnectionClosed,
    Invocation,
    PublishOptions,
    Realm,
    RPCErrorResult,
    RPCResult,
    RPCRouteSet,
    Session,
    SubscribeError,
    TopicRouteSet,
)
from aiohttp_serverwamp.router.peer import Peer
from tests.conformance.harness import Gate, World
from tests.property.test_router_machine import CHOICE, NAMES, Actor, Sessions
from tests.tables import grown, sizes

HOSTED = ("h.plain", "h.slow", "h.progress", "h.chunks", "h.refuse", "h.back", "h.kick")
TOPICS = st.sampled_from(["a", "a.b", "t.slow", "t.refused", "t.kept"])
TIMEOUTS = st.sampled_from([0, 100, 10_000])


class Hosting(Sessions):
    """Clients, and an application that calls, is called, and waits."""

    hosted = HOSTED
    kept_topics = ("t.kept",)

    def __init__(self) -> None:
        super().__init__()
        self.gates: list[Gate] = []
        #: Calls by the application: how many were made, and what they came to.
        self.made = 0
        self.ends: list[Any] = []
        self.published = 0
        self.welcomed = 0
        #: Handlers of calls that wait.
        self.at_work = 0
        #: Cancelled calls whose handlers are not told.
        self.skipped = 0
        self.before: dict[str, int] = {}
        self.cancels = True

    @initialize(eager=st.booleans(), cancel=st.booleans(), synchronize=st.booleans())
    def begin(self, eager: bool, cancel: bool, synchronize: bool) -> None:
        """Choose how tasks start, and what becomes of them when their caller leaves."""
        self.realm = self.make_realm()
        self.world = World(
            self.realm,
            eager=eager,
            cancel_on_disconnect=cancel,
            synchronize_requests=synchronize,
        )
        self.cancels = cancel
        self.before = sizes(self.realm)

    # --- Hosted code --------------------------------------------------------------

    async def pause(self) -> None:
        """Wait until it is our turn."""
        gate = Gate()
        self.gates.append(gate)
        await gate

    async def work(self) -> None:
        """Wait as the handler of a call."""
        self.at_work += 1
        try:
            await self.pause()
        finally:
            self.at_work -= 1

    def make_realm(self) -> Realm:
        realm = super().make_realm()
        realm.add_routes(self.procedures())
        realm.add_routes(self.topics())
        realm.keep_history("t.kept", limit=5)
        realm.add_session_lifespan_handler(self.accompany)
        return realm

    def procedures(self) -> RPCRouteSet:
        api = RPCRouteSet()

        @api.route("h.plain")
        def plain(*args: Any) -> int:
            return len(args)

        @api.route("h.slow")
        async def slow(*args: Any) -> int:
            await self.work()
            return len(args)

        @api.route("h.progress")
        async def progress(*args: Any) -> AsyncIterator[Any]:
            yield 1
            await self.work()
            yield 2
            yield RPCResult([*args])

        @api.route("h.chunks")
        async def chunks(*args: Any, chunks: Chunks, invocation: Invocation) -> int:
            count = 0
            async for _ in chunks:
                count += 1
                await invocation.progress(count)
                await self.work()
            return count

        @api.route("h.refuse")
        async def refuse(*args: Any) -> RPCErrorResult:
            await self.work()
            return RPCErrorResult("com.refused")

        @api.route("h.back")
        async def back(*args: Any, session: Session) -> Any:
            try:
                return await session.call("a", options=CallOptions(timeout=3000))
            except (ApplicationError, ConnectionClosed):
                return await session.realm.call("h.slow", *args)

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

        @topics.route("t.refused", publish=True)
        async def refused(topic_uri: str) -> AsyncIterator[None]:
            await self.pause()
            if topic_uri:
                raise SubscribeError("com.refused")
            yield

        return topics

    async def accompany(self, session: Session) -> AsyncIterator[None]:
        self.welcomed += 1
        if self.welcomed % 2:
            await self.pause()
        yield
        await self.pause()

    # --- What happens besides -----------------------------------------------------

    @precondition(lambda self: self.gates)
    @rule(which=CHOICE)
    def release(self, which: int) -> None:
        """Let one of those that wait go on."""
        self.gates.pop(which % len(self.gates)).open()
        self.world.settle()

    @precondition(lambda self: self.actors)
    @rule(
        who=CHOICE,
        procedure=st.sampled_from(HOSTED),
        timeout=TIMEOUTS,
        receive_progress=st.booleans(),
        more=st.booleans(),
    )
    def call_hosted(
        self,
        who: int,
        procedure: str,
        timeout: int,
        receive_progress: bool,
        more: bool,
    ) -> None:
        actor = self.actor(who)
        options: dict[str, Any] = {"receive_progress": receive_progress}
        if timeout:
            options["timeout"] = timeout
        if more:
            options["progress"] = True
        if not (timeout or more or receive_progress):
            options = {}
        request = actor.ask(48, options, procedure, [who])
        if more:
            actor.unfinished[request] = procedure

    @precondition(lambda self: self.actors)
    @rule(who=CHOICE, topic=TOPICS, retained=st.booleans())
    def subscribe_hosted(self, who: int, topic: str, retained: bool) -> None:
        self.actor(who).ask(32, {"get_retained": retained}, topic)

    @precondition(lambda self: self.actors)
    @rule(
        who=CHOICE,
        other=CHOICE,
        topic=TOPICS,
        retain=st.booleans(),
        which=st.sampled_from(["exclude", "eligible", "eligible_authrole"]),
    )
    def publish_to_some(
        self, who: int, other: int, topic: str, retain: bool, which: str
    ) -> None:
        actor = self.actor(who)
        actor.published += 1
        chosen = self.actor(other).client
        some = [chosen.session.authrole if "role" in which else chosen.id]
        options = {"retain": retain, which: some}
        actor.ask(16, options, topic, [actor.client.id, actor.published])

    @rule(topic=TOPICS, retain=st.booleans())
    def publish_ourselves(self, topic: str, retain: bool) -> None:
        self.published += 1
        options = PublishOptions(retain=retain)
        self.realm.publish(topic, 0, self.published, options=options)

    @rule(procedure=NAMES | st.sampled_from(HOSTED[:4]), timeout=TIMEOUTS)
    def call_ourselves(self, procedure: str, timeout: int) -> None:
        self.made += 1
        options = CallOptions(timeout=timeout)
        self.world.runtime.tasks.start(self.called, procedure, options)

    async def called(self, procedure: str, options: CallOptions) -> None:
        try:
            self.ends.append(await self.realm.call(procedure, 1, options=options))
        except ApplicationError as error:
            self.ends.append(error)

    @precondition(lambda self: len(self.actors) > 1)
    @rule(who=CHOICE, victim=CHOICE, silent=st.booleans())
    def kill(self, who: int, victim: int, silent: bool) -> None:
        """Have one client end the session of another, which may not care to answer."""
        self.hear()
        if not self.actors:
            return
        actor, other = self.actor(who), self.actor(victim)
        actor.ask(48, {}, "wamp.session.kill", [other.client.id])
        self.hear()
        if not silent and other.client.closed is None:
            other.client.send([6, {}, "wamp.close.goodbye_and_out"])

    @precondition(lambda self: self.actors)
    @rule(
        who=CHOICE, number=CHOICE, mode=st.sampled_from(["skip", "kill", "killnowait"])
    )
    def cancel(self, who: int, number: int, mode: str) -> None:
        self.skipped += mode == "skip"
        super().cancel(who, number, mode)

    @invariant()
    def nobody_works_for_nobody(self) -> None:
        self.hear()
        owed = len(self.realm.local.dealing.invocations)
        assert not self.cancels or self.at_work <= owed + self.skipped

    # --- What clients hear --------------------------------------------------------

    def hear(self) -> None:
        super().hear()
        for actor in [*self.actors]:
            if not actor.client.session.joined:
                # Killed, by another or by hosted code.
                self.actors.remove(actor)
                actor.client.lose()
                self.gone.append(actor)

    def take(self, actor: Actor, message: list[Any]) -> None:
        if message[0] == 6:
            assert not actor.client.session.joined
        else:
            super().take(actor, message)

    def peers(self) -> list[Peer]:
        return [*super().peers(), self.realm.local, self.realm.router.meta]

    def nothing_is_left(self) -> None:
        self.decide()
        while self.gates or self.made > len(self.ends):
            for gate in self.gates:
                gate.open()
            self.gates.clear()
            self.decide()
            self.world.advance(20.0)
        super().nothing_is_left()
        assert sum(len(tasks._tasks) for tasks in self.world._tasks) == 0
        more = grown(self.before, sizes(self.realm))
        assert more == {}, more
        assert len(self.ends) == self.made


Hosting.TestCase.settings = settings(
    max_examples=60, stateful_step_count=50, deadline=None
)
TestHosting = Hosting.TestCase
