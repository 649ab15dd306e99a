"""Statements of section 2: how sessions begin and end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from aiohttp_serverwamp import (
    OPEN,
    ApplicationError,
    Identity,
    Limits,
    Realm,
    SessionRejected,
)
from aiohttp_serverwamp.ids import MAX_ID
from aiohttp_serverwamp.router import endings
from tests.conformance.harness import (
    ENDINGS,
    Client,
    Gate,
    World,
    is_error,
    is_violation,
)

ROLES: dict[str, Any] = {"caller": {}}


def is_abort(client: Client, reason: str) -> bool:
    """Tell whether all the client got is this ABORT, and the connection is closed."""
    match client.received():
        case [[3, dict(), str(found)]]:
            return found == reason and client.closed is not None
    return False


def guarded(authenticator: Callable[..., Any]) -> Client:
    realm = Realm("realm1", permissions=OPEN)
    realm.add_transport_authenticator(authenticator)
    return World(realm).connect()


# --- HELLO and WELCOME ------------------------------------------------------------


def test_welcome_announces_both_roles_with_boolean_features() -> None:
    """REQ-SES-026, 028, 029; client-notes 6: which ones is in `test_features`."""
    roles = World().connect().join()["roles"]

    assert [*roles] == ["broker", "dealer"]
    for role in roles.values():
        assert [*role] == ["features"]
        assert {*role["features"].values()} == {True}


def test_session_ids_are_random_and_in_range() -> None:
    """REQ-SES-025; REQ-ID-001, 002."""
    world = World()
    clients = [world.join() for _ in range(50)]

    ids = [client.id for client in clients]

    assert all(1 <= each <= MAX_ID for each in ids)
    assert len(set(ids)) == 50
    assert ids != sorted(ids)


@pytest.mark.parametrize("realm", ["", "a..b", "a b", "a#", "a.", "a\n", "x" * 1025])
def test_a_malformed_realm_is_refused(realm: str) -> None:
    """REQ-SES-016; REQ-URI-004, 005; PIT-11."""
    client = World().connect()

    client.hello(realm)

    assert is_abort(client, "wamp.error.invalid_uri")


def test_the_router_chooses_no_realm_for_a_client() -> None:
    """REQ-SES-022, 052."""
    client = World().connect()

    client.hello(None, **{"resume-session": 1, "resume-token": "x"})

    assert is_abort(client, "wamp.error.no_such_realm")


@pytest.mark.parametrize(
    "details",
    [
        {},
        {"roles": None},
        {"roles": {}},
        {"roles": []},
        {"roles": {"caller": 1}},
        {"roles": {"caller": None}},
        {"roles": {"juggler": {}}},
        {"roles": {"caller": {"features": {"call_timeout": 1}}}},
        {"roles": {"caller": {"features": []}}},
        {"roles": ROLES, "authmethods": "ticket"},
        {"roles": ROLES, "authmethods": [1]},
        {"roles": ROLES, "authid": 1},
        {"roles": ROLES, "authextra": []},
    ],
    ids=repr,
)
def test_details_of_the_wrong_shape_are_violations(details: dict[str, Any]) -> None:
    """REQ-SES-018, 019, 020; REQ-MSG-007."""
    client = World().connect()

    client.send([1, "realm1", details])

    assert is_violation(client.received())


@pytest.mark.parametrize(
    "roles",
    [
        {"caller": {}, "juggler": 1},
        {"caller": {"features": None}},
        {"callee": {"features": {"teleport": True}}},
    ],
    ids=repr,
)
def test_unknown_roles_and_features_are_ignored(roles: dict[str, Any]) -> None:
    """REQ-SES-019, 020."""
    client = World().connect()

    client.hello(roles=roles)

    assert client.received()[0][0] == 2


def test_roles_that_were_not_announced_are_tolerated() -> None:
    """PIT-33: and what HELLO says of resumption is ignored (REQ-SES-050)."""
    client = World().connect()
    client.send([1, "realm1", {"roles": {"publisher": {}}, "resumable": True}])
    [welcome] = client.received()
    assert not {"resumable", "resumed", "resume_token"} & welcome[2].keys()

    assert client.request([32, 1, {}, "com.t"]) == [33, 1, 1]
    assert client.request([64, 2, {}, "com.p"]) == [65, 2, 1]


@pytest.mark.parametrize("authid", ["", "root"])
def test_anonymous_clients_do_not_choose_who_they_are(authid: str) -> None:
    """REQ-AUTH-018; REQ-SES-023, 030; client-notes 12."""
    client = World().connect()

    details = client.join(authid=authid, authrole="admin", transport={"auth": "root"})

    assert details["authid"] not in ("", "root")
    assert details["authrole"] == "anonymous"


def test_welcome_says_who_the_client_is_in_effect() -> None:
    """REQ-SES-030; REQ-AUTH-006, 015, 016."""
    identity = Identity("joe", "staff", "ldap", {"theme": "dark"})
    client = guarded(lambda session: identity)

    details = client.join(authid="root", authrole="admin")

    assert details["authid"] == "joe"
    assert details["authrole"] == "staff"
    assert details["authprovider"] == "ldap"
    assert details["authextra"] == {"theme": "dark"}


# --- Authenticators that say no, or fail ------------------------------------------


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (ValueError("secret"), "wamp.error.authentication_failed"),
        (RecursionError(), "wamp.error.authentication_failed"),
        (SessionRejected("com.no", "no"), "com.no"),
        (ApplicationError("com.nope", "no"), "com.nope"),
        (SessionRejected("wamp.error.not_authorized"), "wamp.error.not_authorized"),
    ],
    ids=repr,
)
@pytest.mark.usefixtures("allow_logged_errors")
def test_an_authenticator_that_raises_refuses(
    raised: Exception, reason: str, is_async: bool
) -> None:
    """REQ-AUTH-008, 065; REQ-AUTZ-005; REQ-ERR-003, 006."""

    def sync(session: Any) -> None:
        raise raised

    async def later(session: Any) -> None:
        raise raised

    client = guarded(later if is_async else sync)

    client.hello()

    [abort] = client.received()
    assert abort[2] == reason
    assert "secret" not in str(abort)
    assert client.closed == 1000


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.usefixtures("allow_logged_errors")
def test_an_identity_that_cannot_be_sent_refuses(is_async: bool) -> None:
    """REQ-ERR-006: nothing escapes, and the client is not left waiting."""
    identity = Identity("joe", authextra={"when": object()})

    async def later(session: Any) -> Identity:
        return identity

    client = guarded(later if is_async else lambda session: identity)

    client.hello()

    assert is_abort(client, "wamp.error.authentication_failed")
    assert client.world.realm.sessions() == []


class Method:
    """A challenge method that fails where a test wants it to."""

    authmethod = "custom"
    identity = Identity("joe")
    authextra: Mapping[str, Any] = {}

    def __init__(self, begin: Any, challenge: Any = None, verify: Any = None) -> None:
        self._answers = {"begin": begin, "challenge": challenge, "verify": verify}

    def _answer(self, step: str) -> Any:
        answer = self._answers[step]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def begin(self, session: Any, details: Any) -> Any:
        return self if self._answer("begin") else None

    def challenge(self) -> Any:
        return self._answer("challenge")

    def verify(self, signature: str, extra: Any) -> Any:
        return self._answer("verify")


@pytest.mark.parametrize(
    "method",
    [
        Method(ValueError()),
        Method(True, ValueError()),
        Method(True, {"x": object()}),
        Method(True, 5),
        Method(True, {}, ValueError()),
        Method(True, {}, Identity("joe", authextra={"x": object()})),
    ],
    ids=["begin", "challenge", "unencodable", "no mapping", "verify", "identity"],
)
@pytest.mark.usefixtures("allow_logged_errors")
def test_a_challenge_method_that_fails_refuses(method: Method) -> None:
    """REQ-AUTH-008; REQ-ERR-006."""
    realm = Realm("realm1", permissions=OPEN)
    realm.authenticators["custom"] = method
    client = World(realm).connect()

    client.hello(authmethods=["custom"])
    if client.closed is None:
        assert client.received() == [[4, "custom", {}]]
        client.send([5, "x", {}])

    assert is_abort(client, "wamp.error.authentication_failed")
    assert realm.sessions() == []


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        ({}, "wamp.error.authentication_required"),
        ({"authmethods": []}, "wamp.error.authentication_required"),
        ({"authmethods": ["anonymous"]}, "wamp.error.authentication_required"),
        ({"authmethods": ["scram"]}, "wamp.error.no_matching_auth_method"),
        # A ticket is worth nothing without a name (REQ-AUTH-019).
        ({"authmethods": ["ticket"]}, "wamp.error.no_matching_auth_method"),
    ],
    ids=repr,
)
def test_a_client_without_a_usable_method_is_refused(
    details: dict[str, Any], reason: str
) -> None:
    """REQ-AUTH-003, 004, 019."""
    realm = Realm("realm1")
    realm.set_ticket_authenticator(lambda session, ticket: Identity("x"))
    client = World(realm).connect()

    client.hello(**details)

    assert is_abort(client, reason)


def test_the_clients_order_of_methods_counts_and_unknown_ones_are_skipped() -> None:
    """REQ-AUTH-001, 002, 005."""
    realm = Realm("realm1")
    realm.authenticators["custom"] = Method(True, {"from": "custom"})
    realm.set_ticket_authenticator(lambda session, ticket: Identity("x"))
    client = World(realm).connect()

    client.hello(authmethods=["scram", "ticket", "custom"], authid="joe")

    assert client.received() == [[4, "ticket", {}]]


@pytest.mark.parametrize("how", ["connection lost", "ABORT", "protocol violation"])
def test_an_authenticator_that_is_still_asked_when_the_client_goes_joins_nobody(
    how: str,
) -> None:
    """REQ-SES-012."""
    gate = Gate()

    async def slow(session: Any) -> Any:
        return await gate

    client = guarded(slow)
    client.hello()
    client.received()
    if how == "connection lost":
        client.lose()
    else:
        client.send([3, {}, "com.enough"] if how == "ABORT" else [48])
    client.received()

    gate.open(Identity("joe"))

    assert client.received() == []
    assert client.world.realm.sessions() == []


# --- Deadlines --------------------------------------------------------------------


def test_hello_has_to_come_in_time() -> None:
    """REQ-SES-010; PIT-49."""
    client = World(limits=Limits(hello_timeout=5)).connect()

    client.world.advance(4.9)
    in_time = client.closed
    client.world.advance(0.2)

    assert (in_time, client.closed) == (None, 1000)
    assert client.world.realm.sessions() == []


def test_authenticate_has_to_come_in_time() -> None:
    """REQ-SES-011."""
    realm = Realm("realm1")
    realm.set_ticket_authenticator(lambda session, ticket: Identity("x"))
    client = World(realm, limits=Limits(auth_timeout=10)).connect()
    client.hello(authid="joe", authmethods=["ticket"])
    assert client.received() == [[4, "ticket", {}]]

    client.world.advance(10.1)

    assert is_abort(client, "wamp.error.authentication_failed")


def test_an_authenticator_that_hangs_does_not_hold_a_client_forever() -> None:
    """REQ-SES-011: and once joined no deadline is left."""
    client = guarded(lambda session: Gate())
    client.hello()
    client.world.advance(10.1)

    assert is_abort(client, "wamp.error.authentication_failed")

    joined = World().join()
    joined.world.advance(10**6)
    assert joined.closed is None


# --- Endings ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "reason",
    [
        "wamp.close.close_realm",
        "wamp.close.normal",
        "wamp.close.system_shutdown",
        "wamp.error.goodbye_and_out",
        "com.own.reason",
    ],
)
def test_goodbye_is_accepted_with_any_reason(reason: str) -> None:
    """REQ-SES-033, 034, 035; PIT-31."""
    client = World().join()

    client.send([6, {"message": "see you", "_x": 1}, reason])

    assert client.received() == [[6, {}, "wamp.close.goodbye_and_out"]]
    assert client.closed is None


def test_a_client_that_has_left_may_join_again_on_its_connection() -> None:
    """REQ-SES-001, 013; REQ-ID-012: nothing but the connection is handed on."""
    world = World(strict_request_ids=True)
    client, other = world.connect(), world.join()
    client.hello(authid="somebody")
    [first] = client.received()
    subscription = client.subscribe("com.t", request=1)

    client.send([6, {}, "wamp.close.close_realm"])
    client.hello()
    other.send([16, 1, {}, "com.t"])

    goodbye, second = client.received()
    assert goodbye == [6, {}, "wamp.close.goodbye_and_out"]
    assert second[0] == 2
    assert second[1] != first[1]
    assert second[2]["authid"] != first[2]["authid"]
    assert [session.id for session in world.realm.sessions()] == [other.id, second[1]]
    # The request ids begin at 1 again, and the subscription is of the past.
    answer = client.request([34, 1, subscription])
    assert is_error(answer, 34, 1, "wamp.error.no_such_subscription")


def test_a_client_joins_again_as_whom_it_proves_to_be_this_time() -> None:
    """REQ-SES-013: fresh authentication, a fresh challenge each time."""
    world = World()
    world.realm.set_ticket_authenticator(
        lambda session, ticket: session.authid if ticket == "right" else None
    )
    client = world.connect()

    def sign_in(name: str, ticket: str) -> list[Any]:
        client.hello(authmethods=["ticket"], authid=name)
        assert client.received() == [[4, "ticket", {}]]
        return client.request([5, ticket, {}])

    ann = sign_in("ann", "right")
    client.send([6, {}, "wamp.close.close_realm"])
    client.received()
    bob = sign_in("bob", "right")
    client.send([6, {}, "wamp.close.close_realm"])
    client.received()
    eve = sign_in("eve", "wrong")

    assert [ann[2]["authid"], bob[2]["authid"]] == ["ann", "bob"]
    assert eve[0] == 3
    assert client.closed == 1000


@pytest.mark.parametrize(
    "message",
    [
        [70, 1, {}, ["late"]],
        [8, 68, 1, {}, "com.late"],
        [48, 1, {}, "com.p"],
        [6, {}, "com.bye"],
    ],
)
def test_what_is_said_to_a_session_that_was_left_is_not_looked_at(
    message: list[Any],
) -> None:
    """REQ-MSG-023: an Autobahn|JS callee may still answer a call after its GOODBYE,
    and would tell its user that ABORT was the reason of its closing.
    """
    client = World().join()
    client.send([6, {}, "wamp.close.close_realm"])
    client.received()

    client.send(message)

    assert client.received() == []
    assert client.closed is None
    client.hello()
    assert [answer[0] for answer in client.received()] == [2]


@pytest.mark.parametrize("message", [[999], [48, 1], [1, "realm1", {}], {"code": 1}])
def test_what_is_malformed_is_a_violation_there_as_well(message: Any) -> None:
    client = World().join()
    client.send([6, {}, "wamp.close.close_realm"])
    client.received()

    client.send(message)

    assert is_violation(client.received())
    assert client.closed == 1002


def test_who_has_left_and_does_not_come_back_is_closed_without_another_word() -> None:
    """REQ-SES-014."""
    world = World(limits=Limits(hello_timeout=5))
    idle, hasty = world.join(), world.join()
    for client in (idle, hasty):
        client.send([6, {}, "wamp.close.close_realm"])
        client.received()

    world.advance(4.9)
    hasty.join()
    assert idle.closed is None
    world.advance(0.1)

    assert hasty.closed is None
    assert idle.received() == []
    assert idle.closed == 1000


def test_who_has_left_is_not_told_that_the_server_stops() -> None:
    client = World().join()
    client.send([6, {}, "wamp.close.close_realm"])
    client.received()

    endings.shut_down(client.session)

    assert client.received() == []
    assert client.closed == 1001


@pytest.mark.parametrize(
    "message", [[6, {}, ""], [6, {}, "a b"], [6, {}, 5], [6, {"message": 1}, "a"], [6]]
)
def test_a_malformed_goodbye_is_a_violation(message: list[Any]) -> None:
    """REQ-SES-034; REQ-URI-005."""
    client = World().join()

    client.send(message)

    assert is_violation(client.received())


def test_goodbyes_that_cross_are_each_others_reply() -> None:
    """REQ-SES-008."""
    client = World().join()
    endings.goodbye(client.session, "wamp.close.killed", "enough")
    client.send([6, {}, "wamp.close.close_realm"])

    assert client.received() == [[6, {"message": "enough"}, "wamp.close.killed"]]
    assert client.closed == 4403


def test_a_client_that_is_sent_away_leaves_at_once_and_is_waited_for() -> None:
    """REQ-SES-037, 038, 039; PIT-16."""
    world = World(limits=Limits(close_timeout=2))
    client, other = world.join(), world.join()
    client.register("com.p")
    client.subscribe("com.t")

    endings.goodbye(client.session, "wamp.close.killed")

    assert world.realm.sessions() == [other.session.public()]
    answer = other.request([48, 1, {}, "com.p"])
    assert is_error(answer, 48, 1, "wamp.error.no_such_procedure")
    other.send([16, 2, {}, "com.t"])
    assert client.received() == [[6, {}, "wamp.close.killed"]]
    assert client.closed is None
    world.advance(2)
    assert client.closed == 4403


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("wamp.close.logout", 4401),
        ("wamp.close.killed", 4403),
        ("wamp.close.expired", 4408),
        ("shop.close.moved", 1000),
    ],
)
@pytest.mark.parametrize("answered", [True, False])
def test_the_close_code_tells_why_a_client_was_sent_away(
    reason: str, code: int, answered: bool
) -> None:
    client = World().join()

    endings.goodbye(client.session, reason)
    if answered:
        client.send([6, {}, "wamp.close.goodbye_and_out"])
    else:
        client.world.advance(60)

    assert client.received() == [[6, {}, reason]]
    assert client.closed == code


def test_who_is_sent_away_while_joining_gets_abort_and_the_same_code() -> None:
    joining = World().connect()

    endings.goodbye(joining.session, "wamp.close.logout", "you have signed out")

    [abort] = joining.received()
    assert abort == [3, {"message": "you have signed out"}, "wamp.close.logout"]
    assert joining.closed == 4401


def test_the_server_stops_with_a_word_for_everybody() -> None:
    """REQ-SES-036."""
    world = World()
    caller, callee, fresh = world.join(), world.join(), world.connect()
    callee.register("com.p")
    caller.send([48, 1, {}, "com.p"])
    caller.received()
    callee.received()

    for client in world.clients:
        endings.shut_down(client.session)

    canceled, goodbye = caller.received()
    assert is_error(canceled, 48, 1, "wamp.error.canceled")
    assert [goodbye] == callee.received() == [[6, {}, "wamp.close.system_shutdown"]]
    assert is_abort(fresh, "wamp.close.system_shutdown")
    assert {client.closed for client in world.clients} == {1001}


def test_nothing_follows_the_reply_to_goodbye() -> None:
    """REQ-SES-040, 041, 042; REQ-MSG-023."""
    world = World()
    client, other = world.join("callee.call_canceling"), world.join()
    client.register("com.p")
    client.subscribe("com.t")
    other.register("com.q")
    other.send([48, 1, {}, "com.p"])
    client.send([48, 1, {}, "com.q"])
    client.received()
    other.received()

    client.send([6, {}, "wamp.close.close_realm"])
    other.send([16, 2, {}, "com.t"])
    other.send([49, 1, {}])
    other.send([70, 1, {}])

    assert client.received() == [[6, {}, "wamp.close.goodbye_and_out"]]


@pytest.mark.parametrize("how", ENDINGS)
def test_whoever_serves_the_sessions_hears_of_each_end(how: str) -> None:
    """REQ-SES-002: from WELCOME to the end, whatever that is."""
    world = World()
    client, other, fresh = world.join(), world.join(), world.connect()
    assert world.members == [client.session, other.session]
    ended, fresh_one = client.session, fresh.session

    client.end(how)
    fresh.end(how)
    client.lose()
    fresh.lose()

    assert world.members == [other.session]
    assert {ended, fresh_one} <= {*world.past}


def test_a_new_session_does_not_inherit_anything() -> None:
    """REQ-SES-002, 009, 041; REQ-ID-012: ids are not handed on."""
    world = World()
    first = world.join()
    subscription = first.subscribe("com.t")
    first.lose()
    second = world.join()

    answer = second.request([34, 1, subscription])

    assert is_error(answer, 34, 1, "wamp.error.no_such_subscription")


# --- Handlers that replace a row of the table -------------------------------------


def test_a_replaced_answer_handler_does_not_disturb_a_waiting_request() -> None:
    """A CANCEL that is handled elsewhere leaves what waits for permission alone."""
    from aiohttp_serverwamp import messages

    gate = Gate()
    seen: list[Any] = []

    async def authorizer(*question: Any) -> Any:
        return await gate

    async def on_cancel(message: Any, session: Any) -> None:
        seen.append(message.request)

    realm = Realm("realm1", permissions=OPEN)
    realm.set_authorizer(authorizer)
    client = World(realm, request_handlers={messages.Cancel: on_cancel}).join()
    client.send([32, 1, {}, "com.t"])
    client.received()

    client.send([49, 7, {}])
    assert client.received() == []
    assert seen == [7]
    gate.open(True)

    assert client.received() == [[33, 1, 1]]


@pytest.mark.usefixtures("allow_logged_errors")
def test_a_replaced_handler_that_raises_answers_a_request_only() -> None:
    from aiohttp_serverwamp import messages

    async def broken(message: Any, session: Any) -> None:
        raise ValueError("secret")

    handlers = {messages.Call: broken, messages.Yield: broken}
    client = World(request_handlers=handlers).join()

    client.send([70, 1, {}])
    assert client.received() == []
    answer = client.request([48, 1, {}, "com.p"])

    assert is_error(answer, 48, 1, "wamp.error.runtime_error")
    assert "secret" not in str(answer)
