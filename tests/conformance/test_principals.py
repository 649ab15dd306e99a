"""Statements of sections 2 and 7 about who a client is, and what that permits."""

from __future__ import annotations

import hmac
from typing import Any, Final

import pytest

from aiohttp_serverwamp import (
    OPEN,
    ConfigurationError,
    Decision,
    Identity,
    Realm,
    RPCRouteSet,
)
from tests.answers import cra_answer
from tests.conformance.harness import Client, World, is_error
from tests.conformance.test_authentication import (
    ANN,
    SECRET,
    STORED,
    WRONG,
    Method,
    SCRAMPlayer,
    outcome,
    play,
    world_of,
)
from tests.conformance.test_renewal import renew

DENIED: Final = "wamp.error.not_authorized"


# --- HELLO and WELCOME ------------------------------------------------------------


def test_the_challenge_names_the_session_that_welcome_opens() -> None:
    """REQ-SES-031; REQ-AUTH-024: and who has it, each time another one."""
    world = world_of(STORED[1])
    sessions = set()
    for _ in range(2):
        client, said = play(world, STORED[1].player("ann", SECRET))
        challenge, welcome = said
        assert f'"session":{welcome[1]}' in challenge[2]["challenge"].replace(" ", "")
        sessions.add(welcome[1])

    assert len(sessions) == 2


@pytest.mark.parametrize(
    ("features", "interrupted"),
    [
        ({"call_canceling": True}, True),
        ({"call_canceling": False}, False),
        ({}, False),
        (None, False),
    ],
    ids=repr,
)
def test_what_hello_announces_holds_for_the_session(
    features: Any, interrupted: bool
) -> None:
    """REQ-SES-021, 024; REQ-RPC-026, 075; PIT-13: under that role, and with true."""
    world = World()
    caller, callee = world.join(), world.connect()
    callee.hello(
        roles={"callee": {"features": features}, "caller": {"features": {}}},
        _call_canceling=True,
    )
    callee.received()
    for request in (1, 2):
        callee.register(f"com.{request}", request)
        caller.send([48, request, {}, f"com.{request}"])
        callee.received()

        caller.send([49, request, {"mode": "killnowait"}])

        kinds = [message[0] for message in callee.received()]
        assert kinds == ([69] if interrupted else [])


@pytest.mark.parametrize("value", [None, False, True])
def test_a_session_is_not_resumable(value: bool | None) -> None:
    """REQ-SES-050, 051: whether it is asked for or not."""
    client = World().connect()

    details = client.join(resumable=value, resumed=value)

    assert [key for key in details if key.startswith("resum")] == []


# --- Who a client is --------------------------------------------------------------


@pytest.mark.parametrize("method", STORED[:4], ids=lambda method: method.name)
@pytest.mark.parametrize("secret", [SECRET, WRONG], ids=["right", "wrong"])
def test_secrets_are_compared_in_constant_time(
    method: Method, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """REQ-AUTH-011."""
    compare, compared = hmac.compare_digest, list[tuple[Any, Any]]()

    def spy(one: Any, other: Any) -> bool:
        compared.append((one, other))
        return compare(one, other)

    monkeypatch.setattr("hmac.compare_digest", spy)

    _, said = play(world_of(method), method.player("ann", secret))

    assert len(compared) == 1
    assert (
        (said[-1][0] == 2) is (compared[0][0] == compared[0][1]) is (secret == SECRET)
    )


def test_the_log_tells_of_guessing_once_it_is_too_much(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """REQ-AUTH-014, 012: and not of somebody who has mistyped."""
    world = world_of(STORED[0], max_failed_sign_ins=2, failed_sign_in_window=60)
    told = []
    for _ in range(2):
        play(world, STORED[0].player("ann", WRONG))
        told.append("too many failed sign-ins" in caplog.text)

    assert told == [False, True]
    assert WRONG not in caplog.text


def test_an_answer_that_comes_too_late_is_not_looked_at() -> None:
    """REQ-AUTH-033; REQ-SES-011."""
    world = world_of(STORED[1], auth_timeout=10)
    client = world.connect()
    client.hello(authid="ann", authmethods=["wampcra"])
    [challenge] = client.received()
    world.advance(10)

    client.send([5, cra_answer(SECRET, challenge[2]), {}])

    [abort] = client.received()
    assert abort[::2] == [3, "wamp.error.authentication_failed"]
    assert world.realm.sessions() == []


@pytest.mark.parametrize("binding", ["y", "y,,", "n"])
def test_scram_has_no_flag_for_bindings_that_the_client_only_could_do(
    binding: str,
) -> None:
    """REQ-AUTH-048, 037."""
    client = world_of(STORED[2]).connect()

    client.hello(
        authid="ann",
        authmethods=["wamp-scram"],
        authextra={"nonce": "AAAAAAAAAAAAAAAAAAAAAA==", "channel_binding": binding},
    )

    [abort] = client.received()
    assert abort[0] == 3


def test_scram_is_proven_without_an_authzid() -> None:
    """REQ-AUTH-048, 045: who signs one has signed something else."""

    class WithAuthzid(SCRAMPlayer):
        def answer(self, extra: Any) -> Any:
            name, self.authid = self.authid, f"{self.authid},a=root"
            try:
                return super().answer(extra)
            finally:
                self.authid = name

    world = world_of(STORED[2])
    assert outcome(play(world, STORED[2].player("ann", SECRET))[1]) == "ann"

    assert outcome(play(world, WithAuthzid("ann", SECRET))[1]).endswith("denied")


def test_tickets_are_judged_when_they_have_come_and_others_before() -> None:
    """REQ-AUTH-064, 062."""
    seen: list[str] = []
    realm = Realm("realm1", permissions=OPEN)
    realm.set_ticket_authenticator(
        lambda session, ticket: seen.append(f"{session.authid}: {ticket}")
    )
    realm.set_cra_handlers(
        lambda session: seen.append(f"{session.authid}"), lambda session: ANN
    )
    world = World(realm)
    ticket, cra = world.connect(), world.connect()

    ticket.hello(authid="ann", authmethods=["ticket"])
    cra.hello(authid="bob", authmethods=["wampcra"])

    assert ticket.received()[0][:2] == [4, "ticket"]
    assert cra.received()[0][:2] == [4, "wampcra"]
    assert seen == ["bob"]
    ticket.send([5, "secret", {}])
    ticket.received()
    assert seen == ["bob", "ann: secret"]


@pytest.mark.parametrize(
    ("scheme", "address", "warned"),
    [
        ("http", "192.0.2.1", True),
        ("http", "10.0.0.1", True),
        ("http", "fe80::1%eth0", True),
        ("http", "no address", True),
        ("https", "192.0.2.1", False),
        ("http", "127.0.0.1", False),
        ("http", "::1", False),
        ("http", None, False),
        (None, "192.0.2.1", False),
    ],
)
@pytest.mark.parametrize("method", [STORED[0], STORED[1]], ids=["ticket", "wampcra"])
def test_tickets_that_can_be_overheard_are_warned_about(
    method: Method,
    scheme: str | None,
    address: str | None,
    warned: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """REQ-AUTH-022: once, and nobody is refused for it."""
    world = world_of(method)
    for _ in range(2):
        client = world.connect(http_scheme=scheme, peer_address=address)
        client.hello(**method.player("ann", SECRET).hello)
        assert client.received()[0][0] == 4

    lines = [line for line in caplog.messages if "without TLS" in line]

    assert len(lines) == (warned and method.name == "ticket")
    assert SECRET not in caplog.text


@pytest.mark.parametrize("challenged", [True, False])
@pytest.mark.parametrize("claimed", ["ann", ""])
def test_a_handler_that_only_agrees_lets_in_whom_it_has_challenged(
    claimed: str, challenged: bool
) -> None:
    """REQ-AUTH-006, 018: a name that nobody asked about is nobody's."""
    realm = Realm("realm1", permissions=OPEN)

    async def handle(session: Any) -> Any:
        if challenged:
            await session.challenge("riddle")
        return "a user of the application's own"

    realm.set_authentication_handler(handle)
    client = World(realm).connect()
    client.hello(authid=claimed)
    said = client.received()
    if challenged:
        client.send([5, "answer", {}])
        said = client.received()

    authid = said[-1][2]["authid"]
    assert authid
    assert (authid == "ann") is (claimed == "ann" and challenged)


@pytest.mark.parametrize("when", ["while another waits", "once joined"])
def test_a_client_is_challenged_once_at_a_time_and_while_it_joins(when: str) -> None:
    """REQ-AUTH-005; REQ-SES-004: it could not know which one its answer is for."""
    realm = Realm("realm1", permissions=OPEN)
    begun: list[Any] = []

    async def handle(session: Any) -> Any:
        begun.append(session)
        await session.challenge("riddle", {"what": "has four legs?"})
        return ANN

    realm.set_authentication_handler(handle)
    client = World(realm).connect()
    client.hello()
    assert client.received() == [[4, "riddle", {"what": "has four legs?"}]]
    if when == "once joined":
        client.send([5, "a table", {}])
        assert client.received()[0][0] == 2

    with pytest.raises(ConfigurationError, match="once at a time"):
        begun[0].challenge("riddle").send(None)

    assert client.received() == []
    assert client.closed is None


@pytest.mark.parametrize("who", [None, ANN])
def test_a_handler_may_say_who_it_is_before_it_is_done(who: Identity | None) -> None:
    """REQ-AUTH-017, 018: with no identity at all a client is a guest."""
    realm = Realm("realm1", permissions=OPEN)

    async def handle(session: Any) -> Any:
        await session.mark_authenticated(who)

    realm.set_authentication_handler(handle)

    details = World(realm).connect().join(authid="root", authrole="admin")

    assert details["authmethod"] == ("anonymous" if who is None else "custom")
    assert details["authrole"] == ("anonymous" if who is None else "person")
    assert (details["authid"] == "ann") is (who is ANN)
    assert details["authid"] != "root"


@pytest.mark.parametrize(
    ("role", "roles", "outcome"),
    [
        ("user", ["user", "admin"], 2),
        ("user", ["admin"], 3),
        ("User", ["user"], 3),
        ("user", None, 2),
        ("anonymous", ["admin"], 2),
    ],
)
def test_nobody_joins_with_a_role_that_the_realm_does_not_have(
    role: str, roles: list[str] | None, outcome: int
) -> None:
    """REQ-AUTH-009."""
    realm = Realm("realm1", permissions=OPEN, roles=roles)
    realm.add_transport_authenticator(lambda session: Identity("joe", role))
    client = World(realm).connect()

    client.hello()

    [answer] = client.received()
    assert answer[0] == outcome
    if outcome == 3:
        assert answer[2] == "wamp.error.no_such_role"
        assert client.closed == 1000
        assert realm.sessions() == []


def test_no_rule_and_no_renewal_names_a_role_that_the_realm_does_not_have() -> None:
    realm = Realm("realm1", permissions=OPEN, roles=["user", "admin"])
    realm.permit("com.a", call=True, roles=["admin", "anonymous"])
    client = World(realm).join(authid="joe", authrole="user")

    with pytest.raises(ConfigurationError, match="'amdin'"):
        realm.permit("com.b", call=True, roles=["amdin"])
    with pytest.raises(ConfigurationError, match="'staff'"):
        renew(client, Identity("joe", "staff"))
    renew(client, Identity("joe", "admin"))

    assert client.session.authrole == "admin"


# --- What is permitted ------------------------------------------------------------


def permitting(*rules: tuple[str, str, dict[str, Any]], role: str = "user") -> Client:
    """Return a client of a realm with rules, as URI, match policy and what they say."""
    realm = Realm("realm1")
    for uri, match, said in rules:
        realm.permit(uri, match=match, **said)
    return World(realm).join(authid="joe", authrole=role)


def may(client: Client, code: int, uri: str, **options: Any) -> bool:
    """Tell whether a request is permitted."""
    answer = client.request([code, 1, {**options, "acknowledge": True}, uri])
    if answer[0] != 8:
        return True
    return answer[4] not in {DENIED} and (code, answer[4]) != (
        48,
        "wamp.error.no_such_procedure",
    )


@pytest.mark.parametrize(
    ("code", "action"), [(64, "register"), (32, "subscribe"), (16, "publish")]
)
def test_what_no_rule_speaks_of_is_denied(code: int, action: str) -> None:
    """REQ-AUTZ-006, 001."""
    client = permitting(("com.said", "exact", {action: True}))

    assert may(client, code, "com.said")
    assert not may(client, code, "com.unsaid")
    assert not may(client, code, "com.said.more")


RULES: Final[list[tuple[str, str, dict[str, Any]]]] = [
    ("", "prefix", {"publish": True}),
    ("shop.", "prefix", {"publish": False}),
    ("shop.cart.", "prefix", {"publish": True, "roles": ["user"]}),
    ("shop.cart.secret", "exact", {"publish": False}),
    ("shop..open", "wildcard", {"publish": True}),
    ("shop.admin.", "prefix", {"publish": True, "roles": ["admin"]}),
    ("shop.said", "exact", {"subscribe": True}),
]


@pytest.mark.parametrize(
    ("uri", "allowed"),
    [
        ("com.x", True),
        ("shop.x", False),
        ("shop.cart.x", True),
        ("shop.cart.secret", False),
        # Any prefix beats any wildcard.
        ("shop.x.open", False),
        ("shop.cart.open", True),
        # The most specific rule decides alone, then its roles.
        ("shop.admin.x", False),
        # It says nothing about publishing: the next one does.
        ("shop.said", False),
    ],
)
def test_the_most_specific_rule_decides(uri: str, allowed: bool) -> None:
    """REQ-AUTZ-007, whatever the order in which they were given."""
    for rules in (RULES, RULES[::-1]):
        assert may(permitting(*rules), 16, uri) is allowed


@pytest.mark.parametrize("code", [32, 64])
@pytest.mark.parametrize(
    ("uri", "match", "allowed"),
    [
        ("com.shop", "exact", True),
        ("com.shop", "prefix", False),
        ("com.shop.", "prefix", False),
        ("com.open.", "prefix", True),
        ("com.open.more", "prefix", True),
        ("com.open", "prefix", False),
        ("com.", "prefix", False),
        ("", "prefix", False),
        ("com.open.", "wildcard", True),
        ("com..shop", "wildcard", False),
    ],
)
def test_a_pattern_needs_a_permission_that_covers_it(
    code: int, uri: str, match: str, allowed: bool
) -> None:
    """REQ-AUTZ-012: that of a name, or of some that match, is not enough."""
    said = {"subscribe": True, "register": True}
    client = permitting(("com.shop", "exact", said), ("com.open.", "prefix", said))

    assert may(client, code, uri, match=match) is allowed


def test_the_grant_of_a_pattern_is_one_for_all_its_events() -> None:
    """REQ-AUTZ-013: what has a rule of its own cannot be covered in passing."""
    realm = Realm("realm1")
    realm.permit("com.", match="prefix", subscribe=True, publish=True)
    realm.permit("net.", match="prefix", subscribe=True, publish=True)
    realm.permit("net.secret", subscribe=False)
    world = World(realm)
    subscriber, publisher = world.join(), world.join()
    subscriber.subscribe("com.", match="prefix")

    refused = subscriber.request([32, 2, {"match": "prefix"}, "net."])
    publisher.send([16, 1, {}, "com.anything.at.all", ["x"]])

    assert is_error(refused, 32, 2, DENIED)
    assert [event[4] for event in subscriber.received()] == [["x"]]


def test_decisions_are_remembered_where_the_authorizer_says_so() -> None:
    """REQ-AUTZ-010: by action and URI, until they are dropped."""
    asked: list[tuple[str, str]] = []

    def authorizer(session: Any, action: Any, uri: str, options: Any) -> Decision:
        asked.append((str(action), uri))
        return Decision(allow=True, cache=uri != "com.forgotten")

    realm = Realm("realm1", permissions=OPEN)
    realm.set_authorizer(authorizer)
    client = World(realm).join()

    def ask(*uris: str) -> list[tuple[str, str]]:
        asked.clear()
        for uri in uris:
            client.send([16, 1, {}, uri])
            client.send([48, 1, {}, uri])
        client.received()
        return [*asked]

    both = [("publish", "com.a"), ("call", "com.a")]
    assert ask("com.a", "com.a") == both
    assert ask("com.b", "com.a") == [("publish", "com.b"), ("call", "com.b")]
    assert len(ask("com.forgotten", "com.forgotten")) == 4
    realm.drop_decisions()
    assert ask("com.a", "com.a") == both


def test_everybody_has_one_role_and_the_application_another() -> None:
    """REQ-AUTZ-015; REQ-EMB-002, 013: guests are anonymous, the application trusted."""
    realm = Realm("realm1", permissions=OPEN, disclosure="force")
    realm.permit("com.admin", call=True, publish=True, register=True, roles=["admin"])
    api = RPCRouteSet()
    api.route("com.hosted")(lambda: 1)
    realm.add_routes(api)
    world = World(realm)
    guest = world.join()
    admin = world.join(authid="root", authrole="admin")
    admin.register("com.admin")
    admin.subscribe("com.admin")

    denied = guest.request([48, 1, {}, "com.admin"])
    realm.publish("com.admin", "from the application")

    [event] = admin.received()
    assert is_error(denied, 48, 1, DENIED)
    assert event[3]["publisher_authrole"] == "trusted"
    assert event[3]["publisher"] not in {guest.id, admin.id}
    assert guest.session.authrole == "anonymous"


# --- What is deliberately not there -----------------------------------------------


def test_reflection_is_neither_announced_nor_there() -> None:
    """REQ-REF-001."""
    client = World().connect()
    roles = client.join()["roles"]
    names = [
        f"wamp.reflection.{kind}.{what}"
        for kind in ("topic", "procedure", "error")
        for what in ("list", "describe")
    ] + ["wamp.reflect.define", "wamp.reflect.describe", "wamp.interface.list"]

    for request, name in enumerate(names, 1):
        answer = client.request([48, request, {}, name])
        assert is_error(answer, 48, request, "wamp.error.no_such_procedure")

    assert [set(role) for role in roles.values()] == [{"features"}] * 2
    assert "reflection" not in str(roles)


@pytest.mark.parametrize("code", [48, 16])
def test_the_older_payload_transparency_is_neither_announced_nor_read(
    code: int,
) -> None:
    """REQ-PPT-014; PIT-09: a payload in place of the list of arguments."""
    client = World().join(serializer="msgpack")
    options = {"enc_algo": "cryptobox", "enc_serializer": "json", "enc_key": "x"}

    client.send([code, 1, options, "com.x", b"payload"])

    [abort] = client.received()
    assert abort[::2] == [3, "wamp.error.protocol_violation"]
    roles = World().connect().join()["roles"]
    assert "payload_transparency" not in str(roles)
    assert "payload_encryption" not in str(roles)


@pytest.mark.parametrize(
    ("code", "uri"), [(48, "com.p"), (16, "com.t"), (32, "com.t"), (64, "com.q")]
)
def test_what_only_routers_tell_each_other_is_not_believed(code: int, uri: str) -> None:
    """REQ-TRN-047; REQ-RPC-103: a client forwards for nobody."""
    world = World(Realm("realm1", permissions=OPEN, disclosure="force"))
    client, witness = world.join(authid="joe"), world.join(authid="ann")
    witness.register("com.p")
    witness.subscribe("com.t")
    forged = {"session": 1, "authid": "root", "authrole": "trusted"}

    client.send([code, 1, {"forward_for": [forged]}, uri])

    heard = [*client.received(), *witness.received()]
    assert len(heard) == 1
    assert "root" not in str(heard)
    assert client.closed is None
