"""Random sessions on one open realm, held against what must be true of any router.

- every CALL gets exactly one final answer, unless its caller left first;
- nothing is sent to a session that has ended, and nothing escapes `receive`;
- events reach a subscriber in the order in which their publisher sent them;
- testaments come after everything else of who left them;
- who loses a role holds nothing that is for it;
- when everybody has left, nothing is left of them.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from aiohttp_serverwamp import OPEN, Decision, Identity, Realm
from aiohttp_serverwamp.router import endings
from aiohttp_serverwamp.router.meta.api import PROCEDURES
from aiohttp_serverwamp.router.peer import Peer
from aiohttp_serverwamp.router.pending_call import PendingCall
from tests.conformance.harness import Client, Gate, World
from tests.conformance.test_renewal import renew
from tests.leaks import LoggedErrors

MATCHES = st.sampled_from(["exact", "prefix", "wildcard"])
#: One of them is no URI unless it is a pattern.
NAMES = st.sampled_from(["a", "a.b", "a.c", "a..c", "b.b", "a."])
CHOICE = st.integers(min_value=0, max_value=10**6)
REVOCABLE = ("callee.registration_revocation", "subscriber.subscription_revocation")
FEATURES = st.sampled_from(
    [
        (),
        ("callee.call_canceling",),
        ("callee.call_timeout",),
        ("callee.call_reroute",),
        ("callee.call_canceling", "callee.call_reroute"),
        REVOCABLE,
        ("callee.call_canceling", *REVOCABLE),
    ]
)
#: From where on the numbers of testaments are counted.
TESTAMENT = 10**9
#: What only some may have, and may lose.
PRIVILEGED = {"a.b", "b.b"}
ENDINGS = ("GOODBYE", "ABORT", "connection lost", "violation", "killed", "duplicate")


@dataclass(eq=False)
class Actor:
    """A client, and what it knows by what it was told."""

    client: Client
    request: int = 0
    #: Calls without a final answer.
    calls: set[int] = field(default_factory=set)
    #: Calls that had theirs.
    answered: set[int] = field(default_factory=set)
    #: Progressive calls whose last chunk it has not sent, and the procedures; whether
    #: or not they have been answered.
    unfinished: dict[int, str] = field(default_factory=dict)
    #: The last invocation that has come.
    invoked: int = 0
    #: Invocations whose last chunk has come.
    complete: set[int] = field(default_factory=set)
    #: Invocations it has not answered.
    invocations: list[int] = field(default_factory=list)
    registrations: set[int] = field(default_factory=set)
    subscriptions: set[int] = field(default_factory=set)
    #: UNSUBSCRIBE and UNREGISTER requests, and what they end.
    ending: dict[int, int] = field(default_factory=dict)
    #: (subscription, publisher) → number of the last event.
    events: dict[tuple[int, int], int] = field(
        default_factory=lambda: defaultdict(lambda: -1)
    )
    published: int = 0
    #: Whether it has lost what is for the privileged.
    demoted: bool = False

    def next(self) -> int:
        self.request += 1
        return self.request

    def ask(self, code: int, options: Any, *rest: Any) -> int:
        request = self.next()
        if code == 48:
            self.calls.add(request)
        self.client.send([code, request, options, *rest])
        return request


class Sessions(RuleBasedStateMachine):
    """Clients that come, do what they like, and go."""

    #: The procedures that the realm hosts.
    hosted: tuple[str, ...] = ()
    #: The topics with a history, which there are without subscribers.
    kept_topics: tuple[str, ...] = ()

    def __init__(self) -> None:
        super().__init__()
        self.realm = self.make_realm()
        self.world = World(self.realm)
        self.actors: list[Actor] = []
        self.gone: list[Actor] = []
        self.gate = Gate()
        self.errors = LoggedErrors()
        logging.getLogger().addHandler(self.errors)

    def make_realm(self) -> Realm:
        """Return the realm of one run."""
        realm = Realm("realm1", permissions=OPEN)
        for name in PRIVILEGED:
            realm.permit(name, register=True, subscribe=True, roles=["anonymous"])
        return realm

    def teardown(self) -> None:
        try:
            self.decide()
            self.a_call_without_an_answer_is_in_flight()
            while self.actors:
                self.leave(0, "connection lost")
                self.a_call_without_an_answer_is_in_flight()
            self.nothing_is_left()
        finally:
            logging.getLogger().removeHandler(self.errors)
        assert self.errors.lines == []

    # --- What clients do ----------------------------------------------------------

    @precondition(lambda self: len(self.actors) < 5)
    @rule(features=FEATURES, serializer=st.sampled_from(["json", "msgpack", "cbor"]))
    def join(self, features: tuple[str, ...], serializer: str) -> None:
        client = self.world.connect(serializer)
        client.join(*features)
        self.actors.append(Actor(client))

    @rule()
    def authorizing(self) -> None:
        known = self.realm.router.authorizer
        self.realm.set_authorizer(None if known else self.authorizer)

    async def authorizer(
        self, session: Any, action: str, uri: str, options: Any
    ) -> Any:
        """Decide as a task; some decisions take long, some are remembered."""
        if uri == "b.b":
            await self.gate
        return Decision(allow="c" not in uri, cache=uri == "a.b")

    @rule()
    def decide(self) -> None:
        self.gate.open()
        self.gate = Gate()
        self.world.settle()

    def actor(self, which: int) -> Actor:
        return self.actors[which % len(self.actors)]

    @precondition(lambda self: self.actors)
    @rule(who=CHOICE, topic=NAMES, match=MATCHES)
    def subscribe(self, who: int, topic: str, match: str) -> None:
        self.actor(who).ask(32, {"match": match}, topic)

    @precondition(lambda self: self.actors)
    @rule(who=CHOICE, subscription=st.integers(1, 8))
    def unsubscribe(self, who: int, subscription: int) -> None:
        self.hear()
        actor = self.actor(who)
        actor.ending[actor.ask(34, subscription)] = subscription

    @precondition(lambda self: self.actors)
    @rule(
        who=CHOICE,
        procedure=NAMES,
        match=MATCHES,
        invoke=st.sampled_from(["single", "first", "last", "random", "roundrobin"]),
    )
    def register(self, who: int, procedure: str, match: str, invoke: str) -> None:
        self.actor(who).ask(64, {"match": match, "invoke": invoke}, procedure)

    @precondition(lambda self: self.actors)
    @rule(who=CHOICE, registration=st.integers(1, 8))
    def unregister(self, who: int, registration: int) -> None:
        actor = self.actor(who)
        actor.ending[actor.ask(66, registration)] = registration

    @precondition(lambda self: self.actors)
    @rule(
        who=CHOICE,
        procedure=NAMES,
        options=st.fixed_dictionaries(
            {},
            optional={
                "timeout": st.sampled_from([0, 100, 10_000]),
                "receive_progress": st.booleans(),
                "disclose_me": st.booleans(),
                "progress": st.booleans(),
            },
        ),
    )
    def call(self, who: int, procedure: str, options: dict[str, Any]) -> None:
        actor = self.actor(who)
        request = actor.ask(48, options, procedure, [who])
        if options.get("progress"):
            actor.unfinished[request] = procedure

    @precondition(lambda self: any(actor.unfinished for actor in self.actors))
    @rule(who=CHOICE, number=CHOICE, more=st.booleans())
    def go_on(self, who: int, number: int, more: bool) -> None:
        """Send a chunk, of a call that may be answered, or may yet wait."""
        busy = [actor for actor in self.actors if actor.unfinished]
        actor = busy[who % len(busy)]
        request = [*actor.unfinished][number % len(actor.unfinished)]
        procedure = actor.unfinished[request]
        if not more:
            del actor.unfinished[request]
        actor.client.send([48, request, {"progress": more}, procedure, [who]])

    @precondition(lambda self: self.actors)
    @rule(
        who=CHOICE, number=CHOICE, mode=st.sampled_from(["skip", "kill", "killnowait"])
    )
    def cancel(self, who: int, number: int, mode: str) -> None:
        actor = self.actor(who)
        request = 1 + number % (actor.request + 1)
        actor.client.send([49, request, {"mode": mode}])

    @precondition(lambda self: any(actor.invocations for actor in self.actors))
    @rule(
        who=CHOICE,
        number=CHOICE,
        how=st.sampled_from(["YIELD", "progress", "ERROR", "decline"]),
    )
    def answer(self, who: int, number: int, how: str) -> None:
        self.hear()
        busy = [actor for actor in self.actors if actor.invocations]
        actor = busy[who % len(busy)]
        invocation = actor.invocations[number % len(actor.invocations)]
        if how == "progress":
            actor.client.send([70, invocation, {"progress": True}])
            return
        # Now and then a late answer: it is not forgotten.
        if number % 3:
            actor.invocations.remove(invocation)
        if how == "YIELD":
            actor.client.send([70, invocation, {}, [1]])
        elif how == "decline":
            actor.client.send([8, 68, invocation, {}, "wamp.error.unavailable"])
        else:
            actor.client.send([8, 68, invocation, {}, "com.err"])

    @precondition(lambda self: self.actors)
    @rule(who=CHOICE, topic=NAMES, acknowledge=st.booleans(), me=st.booleans())
    def publish(self, who: int, topic: str, acknowledge: bool, me: bool) -> None:
        actor = self.actor(who)
        actor.published += 1
        options = {"acknowledge": acknowledge, "exclude_me": not me}
        payload = [actor.client.id, actor.published]
        actor.ask(16, options, topic, payload)

    @precondition(lambda self: self.actors)
    @rule(who=CHOICE, topic=NAMES)
    def bequeath(self, who: int, topic: str) -> None:
        """Leave a testament, which comes after all that is published before the end."""
        actor = self.actor(who)
        actor.published += 1
        payload = [actor.client.id, TESTAMENT + actor.published]
        actor.ask(48, {}, "wamp.session.add_testament", [topic, payload, {}])

    @precondition(lambda self: self.actors)
    @rule(who=CHOICE, how=st.sampled_from(ENDINGS))
    def leave(self, who: int, how: str) -> None:
        actor = self.actor(who)
        client = actor.client
        if how == "GOODBYE":
            client.send([6, {}, "wamp.close.close_realm"])
        elif how == "ABORT":
            client.send([3, {}, "com.enough"])
        elif how == "violation":
            client.send([1, "realm1", {"roles": {"caller": {}}}])
        elif how == "killed":
            endings.goodbye(client.session, "wamp.close.killed")
        elif how == "duplicate" and actor.calls:
            # Whether or not the call is in flight, waits, or was answered meanwhile.
            client.send([48, next(iter(actor.calls)), {}, "a"])
            client.received()
        self.actors.remove(actor)
        client.lose()
        self.gone.append(actor)

    @precondition(lambda self: self.actors)
    @rule(who=CHOICE)
    def demote(self, who: int) -> None:
        """Take its privileges from a client, with all that it holds by them."""
        actor = self.actor(who)
        authid = actor.client.session.authid
        renew(actor.client, Identity(authid, "guest"))
        actor.demoted = True

    @rule(seconds=st.sampled_from([0.05, 0.2, 20.0]))
    def wait(self, seconds: float) -> None:
        self.world.advance(seconds)

    # --- What clients hear --------------------------------------------------------

    @rule()
    def hear(self) -> None:
        self.world.settle()
        for actor in self.actors:
            for message in actor.client.received():
                self.take(actor, message)

    def take(self, actor: Actor, message: list[Any]) -> None:
        code = message[0]
        if code == 68:
            self.take_invocation(actor, message)
        elif code == 65:
            actor.registrations.add(message[2])
        elif code == 33:
            actor.subscriptions.add(message[2])
        elif code == 36:
            self.take_event(actor, message)
        elif code in (35, 67) and message[1] == 0:
            self.take_revocation(actor, message)
        elif code == 35:
            actor.subscriptions.remove(actor.ending[message[1]])
        elif code == 67:
            actor.registrations.remove(actor.ending[message[1]])
        elif code == 50 and message[2].get("progress"):
            assert message[1] in actor.calls
        elif code == 50 or message[:2] == [8, 48]:
            request = message[1] if code == 50 else message[2]
            assert request in actor.calls, "an answer to no call, or a second one"
            actor.calls.remove(request)
            actor.answered.add(request)
        else:
            assert code in (8, 17, 69), message

    def take_invocation(self, actor: Actor, message: list[Any]) -> None:
        invocation, registration = message[1], message[2]
        assert invocation not in actor.complete, "a chunk after the last one"
        if invocation > actor.invoked:
            assert invocation == actor.invoked + 1
            actor.invoked = invocation
            actor.invocations.append(invocation)
            assert registration in actor.registrations
        if not message[3].get("progress"):
            actor.complete.add(invocation)

    def take_revocation(self, actor: Actor, message: list[Any]) -> None:
        assert actor.demoted
        if message[0] == 35:
            actor.subscriptions.remove(message[2]["subscription"])
        else:
            actor.registrations.remove(message[2]["registration"])

    def take_event(self, actor: Actor, message: list[Any]) -> None:
        subscription, (publisher, number) = message[1], message[4]
        assert subscription in actor.subscriptions, "before SUBSCRIBED, or too late"
        if message[3].get("retained"):
            return
        assert actor.events[subscription, publisher] < number, "out of order, or twice"
        actor.events[subscription, publisher] = number

    # --- What is true of any router -----------------------------------------------

    @invariant()
    def the_departed_hear_nothing(self) -> None:
        for actor in self.gone:
            # Whatever came before the end may still lie there; `received` sees to it
            # that nothing came after.
            actor.client.received()
            assert actor.client.session.dealing.calls == {}
            assert actor.client.session.dealing.invocations == {}
            assert actor.client.session.dealing.registrations == {}
            assert actor.client.session.brokering.subscriptions == {}
            assert actor.client.session.deadlines.next() is None

    @invariant()
    def the_demoted_hold_nothing_of_the_privileged(self) -> None:
        for actor in self.actors:
            if actor.demoted:
                session = actor.client.session
                offered = {each.uri for each in session.dealing.registrations.values()}
                heard = {each.uri for each in session.brokering.subscriptions.values()}
                assert PRIVILEGED.isdisjoint(offered | heard)

    @invariant()
    def calls_in_flight_are_known_to_both_ends(self) -> None:
        calls: set[PendingCall] = set()
        invocations: set[PendingCall] = set()
        for peer in self.peers():
            calls.update(peer.dealing.calls.values())
            invocations.update(peer.dealing.invocations.values())
        assert calls == invocations

    def peers(self) -> list[Peer]:
        """Return all who may call and be called."""
        return [actor.client.session for actor in self.actors]

    @invariant()
    def a_call_without_an_answer_is_in_flight(self) -> None:
        self.hear()
        for actor in self.actors:
            session = actor.client.session
            assert actor.calls >= session.dealing.calls.keys()
            if not session.requests.busy:
                assert actor.calls == session.dealing.calls.keys()

    def nothing_is_left(self) -> None:
        self.world.settle()
        router = self.realm.router
        self.the_departed_hear_nothing()
        assert router.sessions == {}
        assert len(router.broker.subscriptions) == len(self.kept_topics)
        offered = [each.uri for each in router.dealer.registrations]
        assert offered == [*PROCEDURES, *self.hosted]
        assert router.decisions._sessions == {}
        assert not router._run_queue
        assert not router.running


Sessions.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None
)
TestSessions = Sessions.TestCase
