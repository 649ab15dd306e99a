"""The wire traces of the specification's Appendix C, each as it stands.

Most begin in the middle of a conversation; what leads there is played before.
"""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from aiohttp_serverwamp import OPEN, Identity, Realm
from aiohttp_serverwamp.router import endings
from tests.conformance.harness import Client, World, is_violation
from tests.conformance.test_renewal import renew
from tests.conformance.traces import Trace

STOPS = "callee.call_canceling"


def spend(caller: Client, callee: Client, invocations: int) -> None:
    """Let calls pass, so that the callee's next invocation has the trace's number."""
    registration = callee.register("com.spend", 990)
    for number in range(1, invocations + 1):
        caller.send([48, 9000 + number, {}, "com.spend"])
        callee.received()
        callee.send([70, number, {}])
        assert caller.received() == [[50, 9000 + number, {}]]
    callee.request([66, 991, registration])


def pair(*features: str) -> tuple[World, Client, Client]:
    """Return a caller and a callee who announces features."""
    world = World()
    return world, world.join(authid="joe"), world.join(*features, authid="callee")


def test_trc_01_anonymous_join_and_client_initiated_leave() -> None:
    """REQ-SES-002, 005, 014, 026, 030, 032, 033; REQ-AUTH-017."""
    client = World().connect()

    Trace(C=client).play("""
        C> [1,"realm1",{"roles":{"caller":{},"subscriber":{}}}]
        C< [2,<id>,{"realm":"realm1","authid":"...","authrole":"anonymous",\
"authmethod":"anonymous","authprovider":"static","roles":{...},"agent":"..."}]
        C> [6,{},"wamp.close.close_realm"]
        C< [6,{},"wamp.close.goodbye_and_out"]
    """)

    client.world.advance(60)
    assert client.closed == 1000


def test_trc_02_unknown_realm() -> None:
    """REQ-SES-015, 017; REQ-ERR-003."""
    client = World().connect()

    Trace(C=client).play("""
        C> [1,"nosuch",{"roles":{"caller":{}}}]
        C< [3,{"message":"..."},"wamp.error.no_such_realm"]
    """)

    assert client.closed == 1000


@pytest.mark.parametrize(
    ("ticket", "answer"),
    [
        ("secret!!!", "C< [2,<id>,{...}]"),
        ("wrong", 'C< [3,{"message":"..."},"wamp.error.authentication_denied"]'),
    ],
)
def test_trc_03_ticket(ticket: str, answer: str) -> None:
    """REQ-AUTH-005, 007, 020, 021."""

    async def verify(session: Any, ticket: str) -> Identity | None:
        return Identity(session.authid) if ticket == "secret!!!" else None

    realm = Realm("realm1")
    realm.set_ticket_authenticator(verify)

    Trace(C=World(realm).connect()).play(f"""
        C> [1,"realm1",{{"roles":{{"caller":{{}}}},"authmethods":["ticket"],\
"authid":"joe"}}]
        C< [4,"ticket",{{}}]
        C> [5,"{ticket}",{{}}]
        {answer}
    """)


def test_trc_04_a_first_message_other_than_hello() -> None:
    """REQ-MSG-029; REQ-SES-001."""
    client = World().connect()

    client.send([48, 1, {}, "com.a"])

    assert is_violation(client.received())
    assert client.closed == 1002


@pytest.mark.parametrize(
    "message",
    [
        pytest.param([1, "realm1", {"roles": {"caller": {}}}], id="second HELLO"),
        pytest.param([5, "x", {}], id="AUTHENTICATE without challenge"),
        pytest.param([36, 1, 1, {}], id="router-only message"),
        pytest.param([48, 1, "x", "com.a"], id="wrong element type"),
        pytest.param([48, 1, {}], id="wrong arity"),
        pytest.param([999, 1], id="unknown code"),
        pytest.param([70, 77, {}], id="YIELD for an invocation never issued"),
        pytest.param([8, 48, 1, {}, "a.b"], id="ERROR for a non-INVOCATION type"),
    ],
)
def test_trc_04_protocol_violations(message: list[Any]) -> None:
    """REQ-MSG-002, 003, 004, 015, 016, 032; REQ-SES-003, 004; REQ-RPC-020."""
    client = World().join()

    client.send(message)

    assert is_violation(client.received())
    assert client.closed == 1002


def test_trc_05_router_initiated_close_ignores_the_crossing_call() -> None:
    """REQ-SES-006, 014."""
    client = World().join()
    endings.goodbye(client.session, "wamp.close.system_shutdown")

    Trace(C=client).play("""
        C< [6,{},"wamp.close.system_shutdown"]
        C> [48,7,{},"com.a"]
        C> [6,{},"wamp.close.goodbye_and_out"]
    """)

    assert client.closed == 1000


def test_trc_06_to_09_calls_errors_and_registrations() -> None:
    """REQ-RPC-001, 002, 006, 009, 011 to 013; REQ-ERR-007; REQ-MSG-018 to 020, 024."""
    _, caller, callee = pair()

    Trace(C=caller, E=callee).play("""
        E> [64,1,{},"com.add2"]            E< [65,1,501]
        C> [48,1,{},"com.add2",[2,3]]      E< [68,1,501,{},[2,3]]
        E> [70,1,{},[5]]                   C< [50,1,{},[5]]
        C> [48,2,{},"com.add2",["x"]]      E< [68,2,501,{},["x"]]
        E> [8,68,2,{},"com.err.bad",["x"],{"k":1}]   \
C< [8,48,2,{},"com.err.bad",["x"],{"k":1}]
        C> [48,3,{},"com.none"]            \
C< [8,48,3,{},"wamp.error.no_such_procedure",...]
        C> [64,4,{},"com.add2"]            \
C< [8,64,4,{},"wamp.error.procedure_already_exists",...]
        C> [66,5,501]                      \
C< [8,66,5,{},"wamp.error.no_such_registration",...]
    """)


def test_trc_10_progressive_result() -> None:
    """REQ-RPC-029, 032, 033, 034, 037."""
    _, caller, callee = pair("callee.progressive_call_results", STOPS)
    spend(caller, callee, 2)

    Trace(C=caller, E=callee).play("""
        E> [64,1,{},"com.dl"]              E< [65,1,502]
        C> [48,6,{"receive_progress":true},"com.dl"]   \
E< [68,3,502,{"receive_progress":true}]
        E> [70,3,{"progress":true},[1]]    C< [50,6,{"progress":true},[1]]
        E> [70,3,{"progress":true},[2]]    C< [50,6,{"progress":true},[2]]
        E> [70,3,{},["done"]]              C< [50,6,{},["done"]]
    """)


def test_trc_11_progressive_invocation_with_progressive_result() -> None:
    """REQ-RPC-049, 050, 051, 052, 054, 059."""
    _, caller, callee = pair(
        "callee.progressive_call_invocations", "callee.progressive_call_results", STOPS
    )
    spend(caller, callee, 3)

    Trace(C=caller, E=callee).play("""
        E> [64,1,{},"com.acc"]             E< [65,1,503]
        C> [48,7,{"progress":true,"receive_progress":true},"com.acc",[1]]   \
E< [68,4,503,{"progress":true,"receive_progress":true},[1]]
        E> [70,4,{"progress":true},[1]]    C< [50,7,{"progress":true},[1]]
        C> [48,7,{},"com.acc",[2]]         E< [68,4,503,{"receive_progress":true},[2]]
        E> [70,4,{},[3]]                   C< [50,7,{},[3]]
    """)


def test_trc_12_and_13_cancel_skip_and_killnowait() -> None:
    """REQ-RPC-067, 068, 080, 083, 084, 021."""
    _, caller, callee = pair(STOPS)
    spend(caller, callee, 4)

    Trace(C=caller, E=callee).play("""
        E> [64,1,{},"com.w"]               E< [65,1,503]
        C> [48,8,{},"com.w"]               E< [68,5,503,{}]
        C> [49,8,{"mode":"skip"}]          C< [8,48,8,{},"wamp.error.canceled",...]
        E> [70,5,{},[1]]                   (discarded, E stays connected)
        C> [48,9,{},"com.w"]               E< [68,6,503,{}]
        C> [49,9,{"mode":"killnowait"}]    E< [69,6,{"mode":"killnowait"}]   \
C< [8,48,9,{},"wamp.error.canceled",...]
        E> [8,68,6,{},"wamp.error.canceled"]   (discarded)
    """)
    assert callee.closed is None


@pytest.mark.parametrize(
    "answer",
    [
        'E> [8,68,7,{},"wamp.error.canceled"]   C< [8,48,10,{},"wamp.error.canceled"]',
        "E> [70,7,{},[42]]               C< [50,10,{},[42]]",
    ],
    ids=["callee obeys", "callee wins the race"],
)
def test_trc_14_and_15_cancel_kill_and_cancel_after_completion(answer: str) -> None:
    """REQ-RPC-069, 070, 071, 077, 079."""
    _, caller, callee = pair(STOPS)
    spend(caller, callee, 6)

    Trace(C=caller, E=callee).play(f"""
        E> [64,1,{{}},"com.w"]               E< [65,1,503]
        C> [48,10,{{}},"com.w"]              E< [68,7,503,{{}}]
        C> [49,10,{{"mode":"kill"}}]         E< [69,7,{{"mode":"kill"}}]
        {answer}
        C> [49,10,{{"mode":"kill"}}]         (nothing to anybody)
    """)


def test_trc_16_dealer_timeout() -> None:
    """REQ-RPC-086, 088, 089, 090, 092."""
    world, caller, callee = pair(STOPS)
    spend(caller, callee, 7)
    trace = Trace(C=caller, E=callee)

    trace.play("""
        E> [64,1,{},"com.slow"]                E< [65,1,504]
        C> [48,11,{"timeout":50},"com.slow"]   E< [68,8,504,{}]
    """)
    world.advance(0.049)
    trace.play("")
    world.advance(0.001)
    trace.play("""
        E< [69,8,{"mode":"killnowait"}]   C< [8,48,11,{},"wamp.error.timeout",...]
        E> [70,8,{},["late"]]
    """)


def test_trc_17_forwarded_timeout() -> None:
    """REQ-RPC-091: the dealer runs no timer of its own."""
    world, caller, callee = pair(STOPS, "callee.call_timeout")
    spend(caller, callee, 8)
    trace = Trace(C=caller, E=callee)

    trace.play("""
        E> [64,2,{"forward_timeout":true},"com.slow2"]   E< [65,2,505]
        C> [48,12,{"timeout":50},"com.slow2"]   E< [68,9,505,{"timeout":50}]
    """)
    world.advance(3600)
    trace.play("E> [70,9,{},[1]]   C< [50,12,{},[1]]")


def test_trc_18_callee_lost() -> None:
    """REQ-RPC-025; REQ-SES-009, 044."""
    _, caller, callee = pair(STOPS)
    trace = Trace(C=caller, E=callee)
    trace.play("""
        E> [64,1,{},"com.w"]     E< [65,1,503]
        C> [48,13,{},"com.w"]    E< [68,1,503,{}]
    """)

    callee.lose()

    trace.play('C< [8,48,13,{},"wamp.error.canceled",...]')


def test_trc_18_caller_lost() -> None:
    """REQ-RPC-024; REQ-SES-009, 043."""
    _, caller, callee = pair(STOPS)
    spend(caller, callee, 9)
    trace = Trace(C=caller, E=callee)
    trace.play("""
        E> [64,1,{},"com.w"]     E< [65,1,503]
        C> [48,14,{},"com.w"]    E< [68,10,503,{}]
    """)

    caller.lose()

    trace.play("""
        E< [69,10,{"mode":"killnowait"}]
        E> [70,10,{},[1]]
    """)
    assert callee.closed is None


@pytest.mark.parametrize(
    ("policy", "answer"),
    [
        (
            "allow",
            """E< [68,11,506,{"caller":<C>,"caller_authid":"joe",\
"caller_authrole":"user"}]""",
        ),
        ("deny", 'C< [8,48,14,{},"wamp.error.option_disallowed.disclose_me",...]'),
    ],
)
def test_trc_19_caller_disclosure(policy: str, answer: str) -> None:
    """REQ-RPC-097, 098, 100."""
    world = World(Realm("realm1", permissions=OPEN, disclosure=policy))
    caller, callee = world.join(authid="joe"), world.join(authid="callee")
    spend(caller, callee, 10)

    Trace(C=caller, E=callee).play(f"""
        E> [64,1,{{}},"com.who"]     E< [65,1,506]
        C> [48,14,{{"disclose_me":true}},"com.who"]   {answer}
    """)


def test_trc_20_pattern_registration() -> None:
    """REQ-RPC-115."""
    _, caller, callee = pair()
    spend(caller, callee, 11)

    Trace(C=caller, E=callee).play("""
        E> [64,3,{"match":"prefix"},"com.p"]   E< [65,3,507]
        C> [48,15,{},"com.p.x.y"]          E< [68,12,507,{"procedure":"com.p.x.y"}]
    """)


def test_trc_21_shared_registration_round_robin() -> None:
    """REQ-RPC-119, 121, 122, 124."""
    world = World()
    clients = {name: world.join() for name in ("C", "E1", "E2", "E3")}

    Trace(**clients).play("""
        E1> [64,1,{"invoke":"roundrobin"},"com.rr"]  E1< [65,1,508]   \
E2> [64,1,{"invoke":"roundrobin"},"com.rr"]  E2< [65,1,508]
        C> [48,1,{},"com.rr"]   E1< [68,1,508,{}]
        C> [48,2,{},"com.rr"]   E2< [68,1,508,{}]
        C> [48,3,{},"com.rr"]   E1< [68,2,508,{}]
        E3> [64,1,{"invoke":"random"},"com.rr"]  \
E3< [8,64,1,{},"wamp.error.procedure_already_exists",...]
    """)


def test_trc_22_re_routing() -> None:
    """REQ-RPC-139, 140, 141."""
    world = World()
    feature = "callee.call_reroute"
    clients = {
        "C": world.join(),
        "E1": world.join(feature),
        "E2": world.join(feature),
    }

    Trace(**clients).play("""
        E1> [64,1,{"invoke":"roundrobin"},"com.rr"]  E1< [65,1,508]   \
E2> [64,1,{"invoke":"roundrobin"},"com.rr"]  E2< [65,1,508]
        C> [48,16,{},"com.rr"]             E1< [68,1,508,{}]   \
E1> [8,68,1,{},"wamp.error.unavailable"]
        E2< [68,1,508,{}]                  E2> [8,68,1,{},"wamp.error.unavailable"]
        C< [8,48,16,{},"wamp.error.no_available_callee",...]
    """)


def test_trc_23_publish_acknowledge_exclusion() -> None:
    """REQ-PUB-001, 002, 011, 012, 017, 018, 020, 029, 030."""
    world = World()

    Trace(P=world.join(), S=world.join()).play("""
        S> [32,1,{},"com.t"]   S< [33,1,601]   P> [32,1,{},"com.t"]   P< [33,1,601]
        P> [16,2,{},"com.t",["a"]]                     \
S< [36,601,<pub1>,{},["a"]]   (P gets nothing)
        P> [16,3,{"acknowledge":true},"com.t",["b"]]   \
P< [17,3,<pub2>]   S< [36,601,<pub2>,{},["b"]]
        P> [16,4,{"exclude_me":false},"com.t",["c"]]   \
P< [36,601,<pub3>,{},["c"]]   S< [36,601,<pub3>,{},["c"]]
    """)


def test_trc_24_silent_versus_acknowledged_publish_failure() -> None:
    """REQ-URI-007, 008; REQ-PUB-010, 017, 018; REQ-MSG-026."""
    Trace(P=World().join()).play("""
        P> [16,5,{},"a..b"]                            (nothing)
        P> [16,6,{"acknowledge":true},"a..b"]          \
P< [8,16,6,{},"wamp.error.invalid_uri",...]
    """)


def test_trc_25_pattern_subscriptions() -> None:
    """REQ-PUB-038, 039, 040: the order of the two events is the router's own."""
    world = World()
    publisher, subscriber = world.join(), world.join()
    wildcard = subscriber.subscribe("com..t", 2, match="wildcard")
    prefix = subscriber.subscribe("com.", 3, match="prefix")

    publisher.send([16, 7, {}, "com.a.t", [1]])

    events = subscriber.received()
    assert {event[1] for event in events} == {wildcard, prefix}
    assert len({event[2] for event in events}) == 1
    assert [[event[0], *event[3:]] for event in events] == [
        [36, {"topic": "com.a.t"}, [1]]
    ] * 2


def test_trc_26_white_and_black_lists() -> None:
    """REQ-PUB-021, 022, 023."""
    world = World()
    publisher = world.join(authid="pub")
    people = {
        name: world.join(authid=name, authrole=role)
        for name, role in [("ann", "admin"), ("eve", "admin"), ("bob", "user")]
    }
    for person in people.values():
        person.subscribe("com.t")

    publisher.send(
        [16, 8, {"eligible_authrole": ["admin"], "exclude_authid": ["eve"]}, "com.t"]
    )
    assert [name for name, one in people.items() if one.received()] == ["ann"]

    publisher.send([16, 9, {"eligible": []}, "com.t"])
    assert [name for name, one in people.items() if one.received()] == []


def test_trc_27_retained_event() -> None:
    """REQ-PUB-057, 059."""
    world = World()
    Trace(P=world.join(), S=world.join()).play("""
        P> [16,10,{"retain":true},"com.r",["last"]]
        S> [32,4,{"get_retained":true},"com.r"]
        S< [33,4,604]   S< [36,604,<pub>,{"retained":true},["last"]]
    """)


def test_trc_28_unsubscribe() -> None:
    """REQ-PUB-005."""
    Trace(S=World().join()).play("""
        S> [32,4,{},"com.r"]  S< [33,4,604]
        S> [34,5,604]  S< [35,5]   S> [34,6,604]  \
S< [8,34,6,{},"wamp.error.no_such_subscription",...]
    """)


def test_trc_29_revocation() -> None:
    """REQ-PUB-067, 068; REQ-RPC-134, 135: to who has announced that it knows of it."""
    realm = Realm("realm1")
    realm.permit("com.", match="prefix", subscribe=True, register=True, roles=["staff"])
    features = "subscriber.subscription_revocation", "callee.registration_revocation"
    client = World(realm).join(*features, authid="joe", authrole="staff")
    trace = Trace(S=client)
    trace.play("""
        S> [32,1,{},"com.t"]   S< [33,1,601]
        S> [64,2,{},"com.p"]   S< [65,2,501]
    """)

    renew(client, Identity("joe", "guest"))

    trace.play("""
        S< [35,0,{"subscription":601,"reason":"..."}]
        S< [67,0,{"registration":501,"reason":"..."}]
    """)


def test_trc_30_testament() -> None:
    """REQ-META-002, 019; REQ-SES-047."""
    world = World()
    client, subscriber = world.join(authid="joe"), world.join()
    trace = Trace(C=client, S=subscriber)
    trace.play("""
        S> [32,1,{},"com.will"]   S< [33,1,605]
        S> [32,2,{},"wamp.session.on_leave"]   S< [33,2,606]
        C> [48,17,{},"wamp.session.add_testament",["com.will",["bye"],{}],\
{"scope":"destroyed"}]   C< [50,17,{}]
    """)

    client.lose()

    trace.play("""
        S< [36,605,<pub>,{},["bye"]]   S< [36,606,<pub2>,{},[<C>,"joe","user"]]
    """)


def test_trc_31_kill() -> None:
    """REQ-META-025, 027, 031."""
    world = World()
    Trace(A=world.join(), S=world.join(authid="joe"), O=world.join()).play("""
        O> [32,1,{},"wamp.session.on_leave"]   O< [33,1,606]
        A> [48,1,{},"wamp.session.kill",[<S>],\
{"reason":"com.myapp.bye","message":"enough"}]
        S< [6,{"message":"enough"},"com.myapp.bye"]   A< [50,1,{}]   \
O< [36,606,<pub>,{},[<S>,"joe","user"]]
        A> [48,2,{},"wamp.session.kill",[<A>]]   \
A< [8,48,2,{},"wamp.error.no_such_session",...]
    """)


def test_trc_32_subscription_lifecycle() -> None:
    """REQ-META-042, 043, 044."""
    world = World()
    first, second = world.join(), world.join()
    trace = Trace(O=world.join(), S=first, T=second)
    trace.play("""
        O> [32,1,{},"wamp.subscription.on_create"]   O< [33,1,601]
        O> [32,2,{},"wamp.subscription.on_subscribe"]   O< [33,2,602]
        O> [32,3,{},"wamp.subscription.on_unsubscribe"]   O< [33,3,603]
        O> [32,4,{},"wamp.subscription.on_delete"]   O< [33,4,604]
        S> [32,1,{},"com.m"]   S< [33,1,607]
        O< [36,601,<p1>,{},\
[<S>,{"id":607,"created":"...","uri":"com.m","match":"exact"}]]   \
O< [36,602,<p2>,{},[<S>,607]]
        T> [32,1,{},"com.m"]   T< [33,1,607]   O< [36,602,<p3>,{},[<T>,607]]
    """)

    second.lose()
    trace.play("O< [36,603,<p4>,{},[<T>,607]]")
    first.lose()
    trace.play("O< [36,603,<p5>,{},[<S>,607]]   O< [36,604,<p6>,{},[<S>,607]]")


def test_trc_33_passthru_gating() -> None:
    """REQ-PPT-005, 007: where a realm holds clients to what they announced."""
    world = World(Realm("realm1", permissions=OPEN, strict_features=True))
    callee, unaware = world.join(), world.join()
    aware = world.join("caller.payload_passthru_mode")
    callee.register("com.e")
    call = '[48,18,{"ppt_scheme":"x_custom"},"com.e",["\\u0000AQID"]]'

    unaware.send_raw(call)
    aware.send_raw(call)

    assert is_violation(unaware.received())
    [answer] = aware.received()
    assert answer[:5] == [8, 48, 18, {}, "wamp.error.feature_not_supported"]
    assert callee.received() == []


def test_trc_34_json_to_messagepack_binary() -> None:
    """REQ-SER-001, 005, 006; REQ-MSG-017."""
    world = World()
    publisher, subscriber = world.join(), world.join(serializer="msgpack")
    subscription = subscriber.subscribe("com.b")
    data = bytes.fromhex("10e3ff9053075c526f5fc06d4fe37cdb")

    publisher.send_raw('[16,11,{},"com.b",["\\u0000EOP/kFMHXFJvX8BtT+N82w=="]]')

    [event] = subscriber.received()
    assert event[:2] == [36, subscription]
    assert event[4] == [data]
    assert base64.b64encode(data) == b"EOP/kFMHXFJvX8BtT+N82w=="


def test_none_of_the_traces_is_left_out() -> None:
    """REQ-MSG-035: there are thirty-four."""
    played: set[int] = set()
    for name in globals():
        numbers = re.match(r"test_trc_(\d\d)(?:_(to|and)_(\d\d))?", name)
        if numbers:
            first = int(numbers[1])
            played |= {*range(first, int(numbers[3] or first) + 1)}

    assert played == {*range(1, 35)}
