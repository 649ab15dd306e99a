"""What is attacked: realms with something of everything, hosted without a socket.

`Expected` is the one exception that hosted code here raises on its own. Whatever else
is logged with a traceback is a fault of the router.
"""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiohttp_serverwamp import (
    OPEN,
    ApplicationError,
    Chunks,
    ConnectionClosed,
    Decision,
    Identity,
    Invocation,
    Limits,
    PublishOptions,
    Realm,
    RPCResult,
    RPCRouteSet,
    Session,
    SubscribeError,
    TopicRouteSet,
    auth,
)
from aiohttp_serverwamp.errors import SessionRejected
from aiohttp_serverwamp.router.failed_sign_ins import FailedSignIns
from tests.conformance.harness import Gate, Tasks, World

SECRET: Final = "hunter2 of ann"
SEED: Final = "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510"
PUBLIC_KEY: Final = "1adfc8bfe1d35616e64dffbd900096f23b066f914c8c2ffbb66f6075b96e116d"
CHEAP: Final = auth.KDF("argon2id13", iterations=1, memory=8)
ANN: Final = Identity("ann", "person")
STORE: Final = auth.StaticCredentials(
    [
        auth.TicketCredential.derive(ANN, SECRET, kdf=CHEAP),
        auth.CRACredential.derive(ANN, SECRET, iterations=1000),
        auth.SCRAMCredential.derive(ANN, SECRET, kdf=CHEAP),
        auth.AutobahnSCRAMCredential.derive(ANN, SECRET, kdf=CHEAP),
        auth.CryptosignCredential(ANN, PUBLIC_KEY),
    ]
)

#: Low enough to be met.
LIMITS: Final = Limits(
    max_pending_calls=20,
    max_pending_bytes=200_000,
    max_pending_chunks=8,
    max_subscriptions=15,
    max_registrations=15,
    max_retained_topics=5,
    max_retained_bytes=50_000,
    max_testaments=3,
    max_testament_size=2_000,
    max_uri_components=16,
    max_failed_sign_ins=5,
    max_failed_sign_ins_per_address=20,
    failed_sign_in_window=60.0,
)


class Expected(Exception):
    """Raised by hosted code on purpose."""


@dataclass
class Card:
    """The type of a topic."""

    title: str
    size: int = 0

    def __post_init__(self) -> None:
        if self.title == "a":
            raise Expected("by the type of a topic")


class Grounds(World):
    """Several realms; time and ids are the fuzzer's."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._last_session = 0
        self.gate = Gate()
        realms = [self._open_realm(), self._members(), self._strict(), self._handled()]
        super().__init__(
            realms[0],
            limits=LIMITS,
            strict_request_ids=rng.random() < 0.1,
            synchronize_requests=rng.random() < 0.15,
            cancel_on_disconnect=rng.random() < 0.7,
            eager=rng.random() < 0.5,
        )
        self.realms: Mapping[str, Realm] = {realm.uri: realm for realm in realms}
        for realm in realms:
            if realm is not self.realm:
                realm.start(self.runtime, self.limits)
            # As random as everything else.
            realm.router.dealer._choose = rng.choice
        self.failed_sign_ins = FailedSignIns(self.limits, self.now)

    # --- Realms -------------------------------------------------------------------

    def _open_realm(self) -> Realm:
        """Make one in which everybody may do everything, and come in by any method."""
        realm = Realm("realm1", permissions=OPEN)
        for method in (
            auth.Anonymous(),
            auth.Ticket(STORE),
            auth.WAMPCRA(STORE),
            auth.SCRAM(STORE),
            auth.AutobahnSCRAM(STORE),
            auth.Cryptosign(STORE),
        ):
            realm.add_authenticator(method)
        realm.add_routes(self._procedures())
        realm.add_routes(self._topics())
        realm.set_rpc_handler(self._any_procedure)
        realm.keep_history("topic.kept", limit=20)
        realm.keep_history("kept.", match="prefix", limit=20, max_age=30.0)
        realm.subscribe("com.", self._hear, match="prefix")
        realm.set_default_arg("number", factory=self._number)
        return realm

    def _members(self) -> Realm:
        """Make one with rules, and an authorizer that takes its time or fails."""
        realm = Realm("members", disclosure="allow", camel_snake_conversion=True)
        realm.add_transport_authenticator(self._by_transport)
        realm.add_routes(self._procedures())
        realm.add_routes(self._topics())
        realm.permit("com.", match="prefix", call=True, publish=True, subscribe=True)
        realm.permit("com.", match="prefix", register=True, retain=True)
        realm.permit("com.a", register="own", roles=["guest"])
        realm.permit("com.b", subscribe=True, publish=True, roles=["user"])
        realm.permit("wamp.", match="prefix", call=True, subscribe=True)
        realm.set_subscription_handler(self._any_topic)
        realm.set_authorizer(self._authorize)
        realm.set_trust_levels(self._trust)
        realm.add_session_lifespan_handler(self._accompany)
        realm.add_session_lifespan_handler(self._accompany, authenticated_only=False)
        realm.set_default_arg("number", factory=self._number)
        return realm

    def _strict(self) -> Realm:
        realm = Realm(
            "strict",
            permissions=OPEN,
            disclosure="force",
            strict_uris=True,
            strict_features=True,
        )
        realm.add_authenticator(auth.Ticket(STORE, identify=self._further))
        realm.add_authenticator(auth.Anonymous())
        return realm

    def _handled(self) -> Realm:
        """Make one that authenticates by itself, and assigns another realm."""
        realm = Realm("handled", permissions=OPEN)
        realm.set_authentication_handler(self._challenge)
        return realm

    # --- Hosted code --------------------------------------------------------------

    def _procedures(self) -> RPCRouteSet:
        api = RPCRouteSet()

        @api.route("fuzz.echo")
        def echo(*args: Any, **kwargs: Any) -> RPCResult:
            return RPCResult([*args], kwargs)

        @api.route("fuzz.typed", timeout=20.0)
        def typed(a: int, b: str = "", *, flag: bool = False) -> list[Any]:
            return [a, b, flag]

        @api.route("fuzz.slow")
        async def slow(*args: Any, number: int) -> int:
            await self.gate
            return len(args) + number

        @api.route("fuzz.progress")
        async def progress(*args: Any) -> AsyncIterator[Any]:
            for number in range(3):
                yield number
            await self.gate
            yield RPCResult([*args])

        @api.route("fuzz.chunks")
        async def chunks(*args: Any, chunks: Chunks, invocation: Invocation) -> int:
            count = 0
            async for _ in chunks:
                count += 1
                await invocation.progress(count)
            return count

        @api.route("fuzz.fail")
        async def fail(*args: Any, **kwargs: Any) -> None:
            raise Expected(repr(args)[:20])

        @api.route("fuzz.refuse")
        def refuse(*args: Any, **kwargs: Any) -> None:
            uri = args[0] if args and isinstance(args[0], str) else "com.refused"
            raise ApplicationError(uri, *args, **kwargs)

        @api.route("fuzz.kick")
        async def kick(*args: Any, session: Session) -> None:
            await session.close(message="enough")

        @api.route("fuzz.publish")
        def publish(topic: str = "com.a", *args: Any, session: Session) -> int:
            options = PublishOptions(exclude_me=False, retain=len(args) % 2 == 0)
            return int(session.realm.publish(topic, *args, options=options))

        @api.route("fuzz.call")
        async def call(uri: str = "com.a", *args: Any, session: Session) -> Any:
            try:
                one = await session.call(uri, *args)
            except ConnectionClosed as error:
                raise Expected("the caller has left") from error
            return [one, await session.realm.call(uri, *args)]

        @api.route("fuzz.odd")
        def odd(which: int = 0) -> Any:
            return (float("nan"), 2**70, "\ud800", b"\0\xff", {1, 2}, {1: 2})[which % 6]

        @api.route("fuzz.thread", thread=True)
        def thread(*args: Any) -> int:
            return len(args)

        @api.route("com.shared", invoke="roundrobin")
        def shared(*args: Any) -> str:
            return "hosted"

        @api.prefix_route("any.prefix.")
        @api.wildcard_route("any..wildcard")
        @api.regex_route(re.compile(r"expression\d+"))
        def any_of(*args: Any, invocation: Invocation) -> str:
            return invocation.uri

        return api

    def _topics(self) -> TopicRouteSet:
        topics = TopicRouteSet()

        @topics.route("topic.slow", publish=True)
        async def slow(session: Session) -> AsyncIterator[None]:
            session.send_event("topic.slow", ["before"])
            await self.gate
            yield
            await self.gate

        @topics.route("topic.refused", publish=True)
        async def refused(topic_uri: str) -> AsyncIterator[None]:
            if topic_uri:
                raise SubscribeError("com.error.no")
            yield

        @topics.prefix_route("topic.fails.", publish=True)
        async def fails() -> AsyncIterator[None]:
            yield
            raise Expected("after UNSUBSCRIBED")

        topics.declare("topic.plain", publish=True, roles=["user", "person", "guest"])
        topics.declare("topic.typed", publish=True, retain=True, payload=Card)
        topics.declare("topic.retained", publish=True, retain=True)
        topics.declare("kept.", match="prefix", publish=True)

        @topics.on("topic.plain")
        def heard(*args: Any, **kwargs: Any) -> None:
            if args and args[0] == "a":
                raise Expected("by an event")

        return topics

    @asynccontextmanager
    async def _number(self) -> AsyncIterator[int]:
        yield 7

    async def _any_procedure(self, invocation: Invocation) -> Any:
        if "progress" in invocation.kwargs:
            await invocation.progress(1)
        return invocation.uri

    async def _any_topic(self, topic_uri: str, session: Session) -> AsyncIterator[None]:
        yield

    def _hear(self, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("flag"):
            raise Expected("by an event")

    async def _by_transport(self, session: Session) -> Identity | None:
        chance = session.connection.transport_info["name"] % 4
        if chance == 1:
            await self.gate
        if chance == 3:
            return None
        return Identity("ann" if chance else "bob", "guest" if chance else "user")

    async def _authorize(
        self, session: Session, action: str, uri: str, options: Any
    ) -> Any:
        if uri == "com.a" or action == "register":
            await self.gate
        if uri == "com.a.b":
            raise Expected("by the authorizer")
        allow = uri != "com.c.b"
        return Decision(allow=allow, disclose=True, cache=uri == "com.b")

    def _trust(self, session: Session, action: str, uri: str) -> int | None:
        if uri == "com.b":
            raise Expected("by the trust levels")
        return 1 if action == "call" else None

    async def _accompany(self, session: Session) -> AsyncIterator[None]:
        if session.id % 5 == 1:
            await self.gate
        if session.id % 19 == 1:
            raise Expected("before a session")
        yield
        if session.id % 7 == 1:
            raise Expected("after a session")

    async def _challenge(self, session: Session) -> Identity | None:
        signature, _ = await session.challenge("ticket", {"round": 1})
        if signature == SECRET:
            signature, _ = await session.challenge("other")
        if signature == "fail":
            raise Expected("by the authentication handler")
        realm = "realm1" if signature == "a" else None
        return Identity("ann", realm=realm) if signature else None

    def _further(self, session: Session, identity: Identity) -> Any:
        return auth.SecondFactor(auth.WAMPCRA(STORE), identity)

    # --- As the host ----------------------------------------------------------------

    def realm_of(self, uri: str | None) -> Realm:
        return self.realm if uri is None else self.assigned_realm(uri)

    def assigned_realm(self, uri: str) -> Realm:
        try:
            return self.realms[uri]
        except KeyError:
            raise SessionRejected("wamp.error.no_such_realm", "no such realm") from None

    def new_session_id(self) -> int:
        self._last_session += 1
        return self._last_session

    def new_authid(self) -> str:
        return f"guest{self._last_session}"

    def open_gate(self) -> None:
        """Let whatever waits go on; what comes later waits anew."""
        self.gate.open()
        self.gate = Gate()
        self.settle()

    @property
    def unfinished_tasks(self) -> int:
        """How many tasks there are that have not ended."""
        return sum(len(tasks._tasks) for tasks in self._tasks)

    def forget(self, tasks: Tasks) -> None:
        """Look no longer after the tasks of a connection that has closed."""
        if not tasks._tasks:
            self._tasks.remove(tasks)
