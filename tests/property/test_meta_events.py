"""Whoever replays the meta events knows what the meta procedures list.

Random clients join, leave, are killed, subscribe, register, lose their role, and wait
for hosted handlers; an observer hears every meta event from the start. At any moment,
what it has put together from them is what it is told when it asks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from aiohttp_serverwamp import Identity, Realm, SubscribeError, TopicRouteSet
from tests.conformance.harness import ENDINGS, Client, Gate, World
from tests.conformance.meta_calls import call

CHOICE = st.integers(min_value=0, max_value=10**6)
URIS = st.sampled_from(["a.b", "a.c", "a.", "a..c", "b.slow", "wamp.session.on_join"])
MATCHES = st.sampled_from(["exact", "prefix", "wildcard"])
ROLES = st.sampled_from(["member", "guest"])


@dataclass
class Held:
    """One subscription or registration, as the events tell of it."""

    details: dict[str, Any]
    holders: list[int] = field(default_factory=list)


@dataclass
class Replay:
    """What the events say there is."""

    sessions: dict[int, tuple[str, str]] = field(default_factory=dict)
    held: dict[str, dict[int, Held]] = field(
        default_factory=lambda: {"subscription": {}, "registration": {}}
    )

    def take(self, topic: str, args: list[Any]) -> None:
        _, family, event = topic.split(".")
        if event == "on_join":
            [details] = args
            assert details["session"] not in self.sessions
            self.sessions[details["session"]] = details["authid"], details["authrole"]
        elif event == "on_leave":
            session, authid, authrole = args
            del self.sessions[session]
            assert authid
            assert authrole
            for each in self.held.values():
                assert not any(session in one.holders for one in each.values())
        else:
            self.take_of(self.held[family], event, *args)

    def take_of(
        self, known: dict[int, Held], event: str, session: int, what: Any
    ) -> None:
        assert session in self.sessions
        if event == "on_create":
            assert what["id"] not in known
            known[what["id"]] = Held(what)
        elif event in ("on_subscribe", "on_register"):
            assert session not in known[what].holders
            known[what].holders.append(session)
        elif event in ("on_unsubscribe", "on_unregister"):
            known[what].holders.remove(session)
        else:
            assert event == "on_delete"
            assert known.pop(what).holders == []


class MetaEvents(RuleBasedStateMachine):
    """Clients, and one who watches them."""

    def __init__(self) -> None:
        super().__init__()
        topics = TopicRouteSet()
        self.gate = Gate()

        @topics.route("b.slow", roles=["member"])
        async def slow(session: Any) -> Any:
            await self.gate
            yield

        self.realm = Realm("realm1")
        self.realm.add_routes(topics)
        self.realm.permit(
            "a.", match="prefix", subscribe=True, register=True, roles=["member"]
        )
        self.realm.permit("a..c", match="wildcard", subscribe=True, register=True)
        self.realm.permit("wamp.", match="prefix", subscribe=True, call=True)
        self.world = World(self.realm)
        self.observer = self.world.join(authid="observer", authrole="observer")
        self.observer.subscribe("wamp.", match="prefix")
        self.clients: list[Client] = []
        self.replay = Replay({self.observer.id: ("observer", "observer")})
        self.requests = 0

    def client(self, which: int) -> Client:
        return self.clients[which % len(self.clients)]

    def ask(self, who: int, code: int, *rest: Any) -> None:
        self.requests += 1
        self.client(who).send([code, self.requests, *rest])

    # --- What happens -------------------------------------------------------------

    @precondition(lambda self: len(self.clients) < 5)
    @rule(authid=st.sampled_from(["ann", "bob"]), role=ROLES)
    def join(self, authid: str, role: str) -> None:
        self.clients.append(self.world.join(authid=authid, authrole=role))

    @precondition(lambda self: self.clients)
    @rule(who=CHOICE, how=st.sampled_from(ENDINGS))
    def leave(self, who: int, how: str) -> None:
        self.client(who).end(how)
        self.sweep()

    @precondition(lambda self: self.clients)
    @rule(who=CHOICE, topic=URIS, match=MATCHES)
    def subscribe(self, who: int, topic: str, match: str) -> None:
        self.ask(who, 32, {"match": match}, topic)

    @precondition(lambda self: self.clients)
    @rule(
        who=CHOICE,
        procedure=URIS,
        match=MATCHES,
        invoke=st.sampled_from(["single", "roundrobin"]),
    )
    def register(self, who: int, procedure: str, match: str, invoke: str) -> None:
        self.ask(who, 64, {"match": match, "invoke": invoke}, procedure)

    @precondition(lambda self: self.clients)
    @rule(who=CHOICE, code=st.sampled_from([34, 66]), what=st.integers(1, 6))
    def let_go(self, who: int, code: int, what: int) -> None:
        self.ask(who, code, what)

    @rule(agree=st.booleans())
    def decide(self, agree: bool) -> None:
        if agree:
            self.gate.open()
        else:
            self.gate.fail(SubscribeError("com.no"))
        self.gate = Gate()
        self.world.settle()

    @precondition(lambda self: self.clients)
    @rule(who=CHOICE, role=ROLES)
    def renew(self, who: int, role: str) -> None:
        client = self.client(who)
        session = client.session.public()
        self.world.runtime.tasks.start(session.renew, Identity(session.authid, role))
        self.world.settle()
        # No event tells of it; whoever needs to know asks.
        self.replay.sessions[client.id] = session.authid, role

    @precondition(lambda self: self.clients)
    @rule(
        who=CHOICE, by=st.sampled_from(["kill", "kill_by_authid", "kill_by_authrole"])
    )
    def kill(self, who: int, by: str) -> None:
        self.watch()
        session = self.client(who).session
        means: dict[str, Any] = {
            "kill": session.id,
            "kill_by_authid": session.authid,
            "kill_by_authrole": session.authrole,
        }
        self.asked(f"wamp.session.{by}", means[by])
        self.sweep()

    @rule()
    def kill_all(self) -> None:
        self.watch()
        self.asked("wamp.session.kill_all")
        self.replay.sessions = {self.observer.id: ("observer", "observer")}
        self.sweep()

    def sweep(self) -> None:
        """Forget the clients that have gone."""
        self.clients = [each for each in self.clients if each.session.joined]

    # --- What is heard, and what is said ------------------------------------------

    @invariant()
    def watch(self) -> None:
        for message in self.observer.received():
            self.hear(message)

    def hear(self, message: list[Any]) -> None:
        assert message[0] == 36, message
        self.replay.take(message[3]["topic"], message[4])

    def asked(self, procedure: str, *args: Any) -> Any:
        """Ask as the observer; what it hears besides is heard."""
        self.observer.send([48, 1, {}, procedure, [*args]])
        answer, *rest = self.observer.received()
        while answer[0] != 50:
            self.hear(answer)
            answer, *rest = rest
        for message in rest:
            self.hear(message)
        return answer[3][0] if len(answer) > 3 else None

    @rule()
    def what_is_listed_is_what_was_told(self) -> None:
        self.watch()
        sessions = {
            session: self.asked("wamp.session.get", session)
            for session in self.asked("wamp.session.list")
        }
        assert {
            session: (details["authid"], details["authrole"])
            for session, details in sessions.items()
        } == self.replay.sessions
        self.check("subscription", "list_subscribers")
        self.check("registration", "list_callees")

    def check(self, family: str, holders: str) -> None:
        known = self.replay.held[family]
        listed: dict[str, list[int]] = self.asked(f"wamp.{family}.list")
        assert {one: match for match, ids in listed.items() for one in ids} == {
            one: held.details["match"] for one, held in known.items()
        }
        for one, held in known.items():
            assert self.asked(f"wamp.{family}.get", one) == held.details
            assert self.asked(f"wamp.{family}.{holders}", one) == held.holders

    def teardown(self) -> None:
        self.what_is_listed_is_what_was_told()
        for client in self.clients:
            client.lose()
        self.what_is_listed_is_what_was_told()
        assert call(self.observer, "wamp.session.count") == [50, 1, {}, [1]]
        assert self.replay.held == {"subscription": {}, "registration": {}}


MetaEvents.TestCase.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None
)
TestMetaEvents = MetaEvents.TestCase
