"""``wamp.session.*``: who is there, who comes and goes, and who is sent away."""

from __future__ import annotations

from typing import Any

import pytest

from aiohttp_serverwamp import OPEN, Identity, Realm, RPCRouteSet
from aiohttp_serverwamp.messages import Call
from aiohttp_serverwamp.router import endings
from tests.conformance.harness import ENDINGS, Client, Gate, World, is_error
from tests.conformance.meta_calls import call, events, observer, result

ON_JOIN, ON_LEAVE = "wamp.session.on_join", "wamp.session.on_leave"


# --- Who is there -----------------------------------------------------------------


def test_count_and_list_include_whoever_asks() -> None:
    """REQ-META-010, 022, 023."""
    world = World()
    ann, bob = world.join(authid="ann"), world.join(authid="bob")

    assert result(ann, "wamp.session.count") == 2
    assert sorted(result(ann, "wamp.session.list")) == sorted([ann.id, bob.id])
    bob.lose()
    assert result(ann, "wamp.session.count") == 1
    assert result(ann, "wamp.session.list") == [ann.id]


@pytest.mark.parametrize(
    ("roles", "number"),
    [(None, 3), ([], 0), (["user"], 2), (["user", "admin"], 3), (["nobody"], 0)],
)
def test_roles_narrow_them(roles: Any, number: int) -> None:
    """REQ-META-021, 022."""
    world = World()
    client = world.join(authid="ann")
    world.join(authid="bob")
    world.join(authid="eve", authrole="admin")

    assert result(client, "wamp.session.count", roles) == number
    assert len(result(client, "wamp.session.list", roles)) == number


def test_each_realm_has_its_own_sessions() -> None:
    """REQ-META-009, 010: nobody is seen, heard or killed from another realm."""
    here, there = World(), World()
    client = observer(here, ON_JOIN, ON_LEAVE)
    stranger = there.join(authid="ann")

    assert result(client, "wamp.session.list") == [client.id]
    for procedure in ("wamp.session.get", "wamp.session.kill"):
        answer = call(client, procedure, stranger.id)
        assert is_error(answer, 48, 1, "wamp.error.no_such_session")
    assert result(client, "wamp.session.kill_by_authid", "ann") == []
    assert result(client, "wamp.session.kill_all") == 0
    assert stranger.received() == []
    stranger.lose()
    assert events(client) == []


def test_get_says_who_somebody_is_and_nothing_that_is_secret() -> None:
    """REQ-META-020, 024; REQ-AUTH-012."""
    realm = Realm("realm1", permissions=OPEN)
    secrets = {"token": "s3cret"}
    realm.add_transport_authenticator(
        lambda _: Identity("ann", "admin", "storage", secrets, user="s3cret")
    )
    world = World(realm)
    client = world.connect(http_cookies={"sid": "s3cret"}, peer_address="192.0.2.1")
    client.join()

    assert result(client, "wamp.session.get", client.id) == {
        "session": client.id,
        "authid": "ann",
        "authrole": "admin",
        "authmethod": client.session.authmethod,
        "authprovider": "storage",
    }
    answer = call(client, "wamp.session.get", client.id + 1)
    assert is_error(answer, 48, 1, "wamp.error.no_such_session")


def test_hosted_code_is_nobody_here() -> None:
    """REQ-EMB-002, 003: it has an id that others see, and is no session of the list."""
    api = RPCRouteSet()

    @api.route("com.hosted")
    def hosted() -> None: ...

    realm = Realm("realm1", permissions=OPEN)
    realm.add_routes(api)
    world = World(realm)
    client = observer(world, ON_JOIN, ON_LEAVE)
    registration = result(client, "wamp.registration.lookup", "com.hosted")
    [callee] = result(client, "wamp.registration.list_callees", registration)

    assert callee == realm.local.id != client.id
    assert result(client, "wamp.session.list") == [client.id]
    for hidden in (callee, realm.router.meta.id):
        for procedure in ("wamp.session.get", "wamp.session.kill"):
            answer = call(client, procedure, hidden)
            assert is_error(answer, 48, 1, "wamp.error.no_such_session")
    assert result(client, "wamp.session.kill_by_authid", "trusted") == []
    assert result(client, "wamp.session.kill_by_authrole", "trusted") == 0
    assert result(client, "wamp.session.kill_all") == 0
    assert call(client, "com.hosted") == [50, 1, {}]


# --- Who comes and goes -----------------------------------------------------------


class Noted(list[bytes]):
    """What is written to one client, noted in an order that several share."""

    def __init__(self, before: list[bytes], name: str, order: list[str]) -> None:
        super().__init__(before)
        self._name = name
        self._order = order

    def append(self, data: bytes) -> None:
        self._order.append(self._name)
        super().append(data)


def test_joining_is_told_to_the_others_after_welcome() -> None:
    """REQ-META-018, 020; REQ-EMB-003."""
    world = World()
    client = observer(world, ON_JOIN)
    joining = world.connect(identity=Identity("ann", "user", "storage"))
    order: list[str] = []
    client.wire.written = Noted(client.wire.written, "on_join", order)
    joining.wire.written = Noted([], "WELCOME", order)

    joining.join()

    assert order == ["WELCOME", "on_join"]
    [[details]] = events(client)
    assert details == {
        "session": joining.id,
        "authid": "ann",
        "authrole": "user",
        "authmethod": joining.session.authmethod,
        "authprovider": "storage",
    }
    assert "publisher" not in str(details)


def test_meta_events_do_not_say_who_published_them() -> None:
    """REQ-META-015."""
    world = World()
    client = observer(world, ON_JOIN)

    world.join()

    [event] = client.received()
    assert event[3] == {}


@pytest.mark.parametrize("how", ENDINGS)
def test_leaving_is_told_once_however_it_comes(how: str) -> None:
    """REQ-META-019; REQ-SES-047, 048; PIT-18."""
    world = World()
    client = observer(world, ON_LEAVE)
    leaving = world.join(authid="ann")
    leaving.subscribe(ON_LEAVE)
    leaving_id = leaving.id

    leaving.end(how)
    leaving.lose()

    assert events(client) == [[leaving_id, "ann", "user"]]
    assert leaving.received() == []


def test_who_never_joined_has_not_left() -> None:
    """REQ-META-018, 019; REQ-SES-012."""
    world = World()
    client = observer(world, ON_JOIN, ON_LEAVE)

    world.connect().lose()
    world.connect().send([999])
    world.connect().send([3, {}, "com.enough"])

    assert events(client) == []


def test_the_end_of_the_realm_is_told_to_nobody() -> None:
    """REQ-META-019."""
    world = World()
    client = observer(world, ON_LEAVE)
    leaving = world.join()

    endings.shut_down(leaving.session)

    assert events(client) == []


# --- Who is sent away -------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "details", "reason"),
    [
        ({}, {}, "wamp.close.killed"),
        ({"reason": None, "message": None}, {}, "wamp.close.killed"),
        ({"reason": "com.bye"}, {}, "com.bye"),
        ({"message": "enough"}, {"message": "enough"}, "wamp.close.killed"),
        ({"reason": "com.bye", "message": "no"}, {"message": "no"}, "com.bye"),
    ],
)
def test_kill_says_goodbye(given: Any, details: Any, reason: str) -> None:
    """REQ-META-025, 031; REQ-SES-037; TRC-31."""
    world = World()
    client = observer(world, ON_LEAVE)
    victim = world.join(authid="joe")

    client.send([48, 1, {}, "wamp.session.kill", [victim.id], given])

    assert victim.received() == [[6, details, reason]]
    [answer, event] = client.received()
    assert answer == [50, 1, {}]
    assert event[4] == [victim.id, "joe", "user"]
    victim.send([6, {}, "wamp.close.goodbye_and_out"])
    assert victim.closed == 4403


def test_ids_above_32_bits_may_be_floats() -> None:
    """REQ-META-025: JavaScript's MessagePack sends them so."""
    world = World()
    client, victim = world.join(serializer="msgpack"), world.join()

    answer = call(client, "wamp.session.kill", float(victim.id))

    assert answer == [50, 1, {}]
    assert victim.received() == [[6, {}, "wamp.close.killed"]]


KILLERS = ["kill", "kill_by_authid", "kill_by_authrole", "kill_all"]


def killing(killer: str, client: Client, victim: Client, **kwargs: Any) -> Any:
    """Call one of the four so that it means the victim; return the answer."""
    means: dict[str, list[Any]] = {
        "kill": [victim.id],
        "kill_by_authid": [victim.session.authid],
        "kill_by_authrole": [victim.session.authrole],
        "kill_all": [],
    }
    return call(client, f"wamp.session.{killer}", *means[killer], **kwargs)


@pytest.mark.parametrize("killer", KILLERS)
@pytest.mark.parametrize("reason", ["", "a..b", "a b", 7, []])
def test_without_a_reason_that_is_a_uri_nobody_is_killed(
    killer: str, reason: Any
) -> None:
    """REQ-META-026."""
    world = World()
    client, victim = world.join(authid="ann"), world.join(authid="bob")

    answer = killing(killer, client, victim, reason=reason)

    assert is_error(answer, 48, 1, "wamp.error.invalid_uri")
    assert victim.received() == []
    assert result(client, "wamp.session.count") == 2


@pytest.mark.parametrize("killer", KILLERS)
def test_whoever_kills_stays(killer: str) -> None:
    """REQ-META-027, 028."""
    client = World().join(authid="ann")

    answer = killing(killer, client, client)

    if killer == "kill":
        assert is_error(answer, 48, 1, "wamp.error.no_such_session")
    else:
        assert answer[3] in ([[]], [0])
    assert result(client, "wamp.session.count") == 1


def test_kill_by_authid_returns_ids_and_by_authrole_a_count() -> None:
    """REQ-META-028, 029, 031; PIT-17."""
    world = World()
    client = observer(world, ON_LEAVE)
    anns = [world.join(authid="ann") for _ in range(2)]
    bobs = [world.join(authid="bob") for _ in range(3)]
    ann_ids = [ann.id for ann in anns]

    client.send([48, 1, {}, "wamp.session.kill_by_authid", ["ann"]])
    answer, *left = client.received()
    assert sorted(answer[3][0]) == sorted(ann_ids)
    assert sorted(event[4][0] for event in left) == sorted(ann_ids)

    client.send([48, 2, {}, "wamp.session.kill_by_authrole", ["user"]])
    answer, *left = client.received()
    assert answer[3] == [3]
    assert len(left) == 3
    assert [bob.received() for bob in bobs] == [[[6, {}, "wamp.close.killed"]]] * 3


def test_kill_all_is_told_to_nobody() -> None:
    """REQ-META-028, 029, 030; PIT-17."""
    world = World()
    client = observer(world, ON_LEAVE)
    others = [world.join() for _ in range(3)]

    assert result(client, "wamp.session.kill_all", reason="com.over") == 3

    assert events(client) == []
    assert [other.received() for other in others] == [[[6, {}, "com.over"]]] * 3
    assert result(client, "wamp.session.list") == [client.id]


@pytest.mark.parametrize("killer", KILLERS[1:])
def test_who_is_about_to_join_is_meant_as_well(killer: str) -> None:
    """REQ-META-025: as ABORT, since there is no session yet."""
    realm = Realm("realm1", permissions=OPEN)
    world = World(realm)
    client = world.join(authid="boss", authrole="boss")
    victim = world.join(authid="ann")
    late = world.connect(identity=Identity("ann", "user"))
    gate = Gate()

    async def slow(session: Any) -> Any:
        await gate
        return session.connection.transport_info["identity"]

    realm.transport_authenticators[:] = [slow]
    late.hello()
    killing(killer, client, victim, reason="com.over")
    gate.open()

    assert late.received() == [[3, {}, "com.over"]]


# --- Arguments and permissions ----------------------------------------------------

WRONG = [
    ("wamp.session.count", ["user"], {}),
    ("wamp.session.count", [[1]], {}),
    ("wamp.session.list", [{}], {}),
    ("wamp.session.get", [], {}),
    ("wamp.session.get", ["1"], {}),
    ("wamp.session.get", [True], {}),
    ("wamp.session.get", [1.5], {}),
    ("wamp.session.kill", [], {}),
    ("wamp.session.kill", [None], {}),
    ("wamp.session.kill_by_authid", [], {}),
    ("wamp.session.kill_by_authid", [1], {}),
    ("wamp.session.kill_by_authrole", [[]], {}),
    ("wamp.session.kill_all", [], {"message": 1}),
    ("wamp.registration.lookup", [], {}),
    ("wamp.registration.lookup", ["a", "exact"], {}),
    ("wamp.registration.lookup", ["a", {"match": "regex"}], {}),
    ("wamp.registration.lookup", ["a", {"match": []}], {}),
    ("wamp.registration.match", [1], {}),
    ("wamp.registration.get", ["1"], {}),
    ("wamp.registration.list_callees", [], {}),
    ("wamp.registration.count_callees", [None], {}),
    ("wamp.subscription.lookup", [], {}),
    ("wamp.subscription.lookup", ["a", {"match": 1}], {}),
    ("wamp.subscription.match", [None], {}),
    ("wamp.subscription.get", [[]], {}),
    ("wamp.subscription.list_subscribers", [], {}),
    ("wamp.subscription.count_subscribers", [{}], {}),
]


@pytest.mark.parametrize(("procedure", "args", "kwargs"), WRONG)
def test_wrong_arguments_are_answered(procedure: str, args: Any, kwargs: Any) -> None:
    """REQ-META-016: by ERROR, and nobody is killed."""
    world = World()
    client, other = world.join(), world.join()

    answer = call(client, procedure, *args, **kwargs)

    assert is_error(answer, 48, 1, "wamp.error.invalid_argument")
    assert other.received() == []


def test_what_is_too_much_is_ignored() -> None:
    """REQ-META-017."""
    client = World().join()

    assert result(client, "wamp.session.count", None, 7, extra=[]) == 1
    assert result(client, "wamp.session.get", client.id, {}, x=1)["authid"]
    assert result(client, "wamp.session.kill_all", 7, authid="ann") == 0


PROCEDURES = [
    *(f"wamp.session.{name}" for name in ("count", "list", "get", *KILLERS)),
    "wamp.registration.list",
    "wamp.subscription.list",
]


@pytest.mark.parametrize("procedure", PROCEDURES)
def test_closed_realms_permit_nothing_of_it_by_themselves(procedure: str) -> None:
    """REQ-META-011, 032."""
    world = World(Realm("realm1"))
    client, other = world.join(), world.join()

    answer = call(client, procedure, other.id)
    refused = client.request([32, 1, {}, ON_JOIN])

    assert is_error(answer, 48, 1, "wamp.error.no_such_procedure")
    assert is_error(refused, 32, 1, "wamp.error.not_authorized")
    assert other.received() == []


def test_a_rule_opens_it_to_a_role() -> None:
    """REQ-META-011, 032."""
    realm = Realm("realm1")
    realm.permit(
        "wamp.session.", match="prefix", call=True, subscribe=True, roles=["admin"]
    )
    realm.permit("wamp.session.kill_all", call=False)
    world = World(realm)
    admin = world.join(authid="ann", authrole="admin")
    user = world.join(authid="bob")

    assert result(admin, "wamp.session.count") == 2
    admin.subscribe(ON_JOIN)
    assert is_error(
        call(admin, "wamp.session.kill_all"), 48, 1, "wamp.error.not_authorized"
    )
    assert is_error(
        call(user, "wamp.session.count"), 48, 1, "wamp.error.not_authorized"
    )
    assert call(admin, "wamp.session.kill", user.id) == [50, 1, {}]


@pytest.mark.parametrize(
    ("pattern", "match"), [("", "prefix"), ("wa", "prefix"), ("..", "wildcard")]
)
def test_what_is_permitted_of_everything_is_not_the_meta_api(
    pattern: str, match: str
) -> None:
    """REQ-META-011, 032; REQ-URI-012: it has to be named."""
    realm = Realm("realm1")
    realm.permit(pattern, match=match, call=True, subscribe=True)
    realm.permit("wamp.session.", match="prefix", subscribe=True, roles=["admin"])
    world = World(realm)
    client = world.join(authid="ann")

    answer = call(client, "wamp.session.count")
    assert is_error(answer, 48, 1, "wamp.error.no_such_procedure")
    for topic, how in ((ON_JOIN, "exact"), ("wamp.session.", "prefix")):
        refused = client.request([32, 2, {"match": how}, topic])
        assert is_error(refused, 32, 2, "wamp.error.not_authorized")
    client.subscribe(pattern, match=match)
    world.join(authid="bob").lose()
    assert client.received() == []


@pytest.mark.parametrize(
    ("pattern", "match", "hears"),
    [
        ("", "prefix", False),
        ("wam", "prefix", False),
        (".session.on_join", "wildcard", False),
        ("wamp", "prefix", True),
        ("wamp.session.on_", "prefix", True),
        ("wamp..on_join", "wildcard", True),
    ],
)
def test_patterns_have_to_name_the_meta_events(
    pattern: str, match: str, hears: bool
) -> None:
    """REQ-META-014; PIT-15."""
    world = World()
    client = world.join()
    client.subscribe(pattern, match=match)

    joining = world.join()

    came = client.received()
    assert len(came) == hears
    if hears:
        assert came[0][3] == {"topic": ON_JOIN}
        assert came[0][4][0]["session"] == joining.id


@pytest.mark.parametrize("disclosure", ["deny", "allow", "force"])
def test_the_caller_is_known_whatever_is_disclosed(disclosure: str) -> None:
    """REQ-RPC-104; REQ-META-027."""
    realm = Realm("realm1", permissions=OPEN, disclosure=disclosure)
    client = World(realm).join()

    answer = call(client, "wamp.session.kill", client.id)

    assert is_error(answer, 48, 1, "wamp.error.no_such_session")


@pytest.mark.parametrize(
    "procedure",
    [
        "wamp.registration.remove_callee",
        "wamp.subscription.remove_subscriber",
        "wamp.subscription.count_suscribers",
        "wamp.session.modify_details",
    ],
)
def test_what_other_routers_have_besides_is_not_there(procedure: str) -> None:
    """REQ-META-049; PIT-46."""
    client = World().join()

    answer = call(client, procedure, 1)

    assert is_error(answer, 48, 1, "wamp.error.no_such_procedure")


def test_clients_cannot_offer_or_publish_it() -> None:
    """REQ-EMB-005."""
    client = World().join()

    answer = client.request([64, 1, {}, "wamp.session.count"])
    assert is_error(answer, 64, 1, "wamp.error.invalid_uri")
    answer = client.request([16, 1, {"acknowledge": True}, ON_JOIN, []])
    assert is_error(answer, 16, 1, "wamp.error.invalid_uri")


def test_hosted_code_uses_it_like_anybody() -> None:
    """REQ-EMB-001, 005: it calls, and it is told who comes."""
    realm = Realm("realm1")
    world = World(realm)
    joined: list[Any] = []
    realm.subscribe(ON_JOIN, lambda details: joined.append(details["session"]))
    client = world.join()
    other = world.join()
    answers: list[Any] = []

    async def ask() -> None:
        answers.append(await realm.call("wamp.session.count"))
        await realm.call("wamp.session.kill", client.id, reason="com.over")
        answers.append(await realm.call("wamp.session.list"))

    world.runtime.tasks.start(ask)
    world.settle()

    assert joined == [client.id, other.id]
    assert answers == [2, [other.id]]
    assert client.received() == [[6, {}, "com.over"]]


def test_an_application_may_add_what_other_routers_have() -> None:
    """REQ-EMB-005."""
    api = RPCRouteSet()

    @api.route("wamp.session.modify_details")
    def modify() -> int:
        return 7

    realm = Realm("realm1")
    realm.add_routes(api)

    assert result(World(realm).join(), "wamp.session.modify_details") == 7


def test_a_failing_procedure_is_answered_without_details(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """REQ-EMB-008."""
    world = World()
    client = world.join()
    monkeypatch.setattr(world.realm.router, "sessions", None)

    answer = call(client, "wamp.session.count")

    assert answer == [8, Call.CODE, 1, {}, "wamp.error.runtime_error"]
    assert "wamp.session.count failed" in caplog.text
    caplog.clear()


# --- What might go wrong ----------------------------------------------------------


@pytest.mark.parametrize(
    "options", [{"progress": True}, {"ppt_scheme": "x_custom"}, {"timeout": 100}]
)
def test_calls_of_every_kind_get_one_final_answer(options: dict[str, Any]) -> None:
    """REQ-META-016, 017: and nothing is left behind."""
    world = World()
    client = world.join(
        "caller.progressive_call_invocations",
        "caller.call_canceling",
        "caller.payload_passthru_mode",
    )

    client.send([48, 1, options, "wamp.session.count"])
    client.send([48, 2, {}, "wamp.session.count"])

    answers = client.received()
    assert [message[0] for message in answers] in ([8, 50], [50, 50])
    assert not client.session.dealing.calls
    assert not world.realm.router.meta.dealing.invocations


def test_who_has_gone_before_kills_nobody() -> None:
    """REQ-SES-043: what a departed client called for is not done any more."""
    world = World()
    client, other = world.join(), world.join()

    def call_and_go() -> None:
        client.send([48, 1, {}, "wamp.session.kill", [other.id]])
        client.lose()

    world.realm.router.run(call_and_go)

    assert other.received() == []
    assert result(other, "wamp.session.count") == 1


def test_who_is_sent_away_while_joining_is_announced_has_no_life() -> None:
    """REQ-META-018, 019: hosted code that hears of it may be the first to act."""
    realm = Realm("realm1", permissions=OPEN)
    lives: list[int] = []

    async def life(session: Any) -> Any:
        lives.append(session.id)
        yield

    def send_away(details: dict[str, Any]) -> None:
        router = realm.router
        endings.goodbye(router.sessions[details["session"]], "com.full")

    realm.add_session_lifespan_handler(life)
    world = World(realm)
    observing = observer(world, ON_JOIN, ON_LEAVE)
    lives.clear()
    realm.subscribe(ON_JOIN, send_away)
    joining = world.connect()
    joining.hello()

    welcome, goodbye = joining.received()
    assert (welcome[0], goodbye) == (2, [6, {}, "com.full"])
    joined, left = events(observing)
    assert joined[0]["session"] == left[0] == joining.id
    assert lives == []
