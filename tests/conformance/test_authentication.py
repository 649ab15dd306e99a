"""Statements of section 7: who may join, as whom, and what strangers are told.

The arithmetic of the methods, with the published vectors, is in ``tests/unit/auth``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from aiohttp_serverwamp import (
    OPEN,
    ApplicationError,
    ConfigurationError,
    CRAAuthRequirement,
    Identity,
    Limits,
    Realm,
    Session,
    SessionRejected,
    auth,
)
from aiohttp_serverwamp.auth.authenticator import CannotTell
from tests.answers import SCRAMClient, cra_answer, key_answer
from tests.conformance.harness import Client, Gate, World

DENIED = "wamp.error.authentication_denied"
SECRET = "hunter2 of ann"
WRONG = "swordfish of mallory"
SEED = "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510"
PUBLIC_KEY = "1adfc8bfe1d35616e64dffbd900096f23b066f914c8c2ffbb66f6075b96e116d"
OTHER_SEED = "d511fe78e23934b3dadb52fcd022974b80bd92bccc7c5cf404e46cc0a8a2f5cd"
OTHER_PUBLIC_KEY = "6ed32739ff04a6074044ff0b0e3bfc7c856bc9d5f1d25efc57363bda0af3a8b0"
CHEAP = auth.KDF("argon2id13", iterations=1, memory=8)
ANN = Identity("ann", "person")
STORE = auth.StaticCredentials(
    [
        auth.TicketCredential.derive(ANN, SECRET, kdf=CHEAP),
        auth.CRACredential.derive(ANN, SECRET, iterations=1000),
        auth.SCRAMCredential.derive(ANN, SECRET, kdf=CHEAP),
        auth.AutobahnSCRAMCredential.derive(ANN, SECRET, kdf=CHEAP),
        auth.CryptosignCredential(ANN, PUBLIC_KEY),
    ]
)


# --- Every method, as a client plays it -----------------------------------------------


class Player:
    """A client that claims a name and knows a secret."""

    def __init__(self, authid: str, secret: str) -> None:
        self.authid = authid
        self.secret = secret

    @property
    def hello(self) -> dict[str, Any]:
        raise NotImplementedError

    def answer(self, extra: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        raise NotImplementedError


class TicketPlayer(Player):
    @property
    def hello(self) -> dict[str, Any]:
        return {"authid": self.authid, "authmethods": ["ticket"]}

    def answer(self, extra: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        assert extra == {}
        return self.secret, {}


class CRAPlayer(Player):
    @property
    def hello(self) -> dict[str, Any]:
        return {"authid": self.authid, "authmethods": ["wampcra"]}

    def answer(self, extra: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        return cra_answer(self.secret, extra), {}


class SCRAMPlayer(SCRAMClient, Player):
    def __init__(self, authid: str, secret: str) -> None:
        SCRAMClient.__init__(self, authid, secret)


class AutobahnPlayer(SCRAMClient, Player):
    def __init__(self, authid: str, secret: str) -> None:
        SCRAMClient.__init__(self, authid, secret, like_autobahn=True)


class KeyPlayer(Player):
    """Has Ann's key, or with a wrong secret one of its own."""

    @property
    def seed(self) -> str:
        return SEED if self.secret == SECRET else OTHER_SEED

    @property
    def hello(self) -> dict[str, Any]:
        key = PUBLIC_KEY if self.seed == SEED else OTHER_PUBLIC_KEY
        return {
            "authid": self.authid,
            "authmethods": ["cryptosign"],
            "authextra": {"pubkey": key},
        }

    def answer(self, extra: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        return key_answer(self.seed, extra), {}


@dataclass(frozen=True)
class Method:
    """One way to sign in: how a realm offers it, and how a client uses it."""

    name: str
    offer: Callable[[Realm], None]
    player: Callable[[str, str], Player]


def adding(method: Callable[[Any], Any]) -> Callable[[Realm], None]:
    return lambda realm: realm.add_authenticator(method(STORE))


def by_ticket_function(realm: Realm) -> None:
    def verify(session: Session, ticket: str) -> Identity | None:
        return ANN if (session.authid, ticket) == ("ann", SECRET) else None

    realm.set_ticket_authenticator(verify)


def by_cra_functions(realm: Realm) -> None:
    made = auth.CRACredential.derive(ANN, SECRET)
    known = {"ann": CRAAuthRequirement(made.key, "person", salt=made.salt)}
    realm.set_cra_handlers(lambda session: known.get(session.authid), lambda _: ANN)


def by_handler(realm: Realm) -> None:
    async def handle(session: Session) -> Identity | None:
        ticket, _ = await session.challenge("ticket")
        return ANN if (session.authid, ticket) == ("ann", SECRET) else None

    realm.set_authentication_handler(handle)


STORED = [
    Method("ticket", adding(auth.Ticket), TicketPlayer),
    Method("wampcra", adding(auth.WAMPCRA), CRAPlayer),
    Method("wamp-scram", adding(auth.SCRAM), SCRAMPlayer),
    Method("scram", adding(auth.AutobahnSCRAM), AutobahnPlayer),
    Method("cryptosign", adding(auth.Cryptosign), KeyPlayer),
]
EVERY = [
    *STORED,
    Method("ticket", by_ticket_function, TicketPlayer),
    Method("wampcra", by_cra_functions, CRAPlayer),
    Method("ticket", by_handler, TicketPlayer),
]
IDS = [
    *(method.name for method in STORED),
    *("ticket function", "cra functions", "handler"),
]
MASKED, MASKED_IDS = EVERY[: len(STORED) + 2], IDS[: len(STORED) + 2]
every_method = pytest.mark.parametrize("method", EVERY, ids=IDS)
every_stored_method = pytest.mark.parametrize("method", STORED, ids=IDS[: len(STORED)])


def world_of(*methods: Method, **limits: Any) -> World:
    realm = Realm("realm1", permissions=OPEN)
    for method in methods:
        method.offer(realm)
    return World(realm, limits=Limits(**limits))


def play(
    world: World,
    player: Player,
    address: str = "192.0.2.1",
    **details: Any,
) -> tuple[Client, list[Any]]:
    """Sign in; return the client and all that it was sent."""
    client = world.connect(peer_address=address)
    client.hello(**{**player.hello, **details})
    said = client.received()
    while said[-1][0] == 4:
        signature, extra = player.answer(said[-1][2])
        client.send([5, signature, extra])
        said += client.received()
    return client, said


def outcome(said: list[Any]) -> str:
    """Return the authid that a client has got, or why it has none."""
    last = said[-1]
    return str(last[2]["authid"] if last[0] == 2 else last[2])


@every_method
def test_who_knows_the_secret_joins_as_the_server_says(method: Method) -> None:
    """REQ-AUTH-005, 006."""
    world = world_of(method)

    _, said = play(world, method.player("ann", SECRET), authrole="admin")

    *challenges, welcome = said
    assert [challenge[1] for challenge in challenges] == [method.name]
    assert welcome[2]["authid"] == "ann"
    assert welcome[2]["authrole"] == "person"
    assert welcome[2]["authmethod"] == method.name
    assert welcome[2]["realm"] == "realm1"
    assert welcome[2]["authprovider"] in ("static", "dynamic")


@every_method
def test_who_does_not_is_denied_and_the_connection_closed(method: Method) -> None:
    """REQ-AUTH-007."""
    client, said = play(world_of(method), method.player("ann", WRONG))

    assert outcome(said) == DENIED
    assert client.closed == 1000
    assert client.world.realm.sessions() == []


def shape(challenge: list[Any]) -> list[Any]:
    """Return a CHALLENGE without what is random in it, and without the name."""
    _, method, extra = challenge
    told = {
        key: len(value) if key in ("nonce", "salt", "challenge") else value
        for key, value in extra.items()
    }
    if method == "wampcra":
        text = json.loads(extra["challenge"])
        for key in ("nonce", "timestamp", "session"):
            text[key] = type(text[key])
        told["challenge"] = {**text, "authid": ""}
    return [method, told]


@pytest.mark.parametrize("method", MASKED, ids=MASKED_IDS)
def test_a_wrong_secret_and_an_unknown_user_are_told_the_same(method: Method) -> None:
    """REQ-AUTH-010; security rule 10: kinds, keys, lengths, reasons and texts."""

    # given one who is unknown and comes first, when nobody known has signed in
    heard = []
    world = world_of(method)
    for name in ("bob", "ann", "bob"):
        _, said = play(world, method.player(name, WRONG))
        challenge, abort = said
        heard.append((shape(challenge), abort))

    # then all of it is the same, but for what is random
    assert heard[0] == heard[1] == heard[2]


@every_method
@pytest.mark.parametrize("authid", ["ann", "bob"])
def test_what_a_client_says_of_itself_never_becomes_its_identity(
    method: Method, authid: str
) -> None:
    """REQ-AUTH-018, 055; security rule 9."""
    claimed = {"authrole": "admin", "authprovider": "root"}
    player = method.player(authid, SECRET)

    client, said = play(world_of(method), player, **claimed)

    if authid == "bob":
        assert outcome(said) == DENIED
    else:
        session = client.session.public()
        assert (session.authid, session.authrole) == ("ann", "person")
        assert session.realm.uri == "realm1"


@every_method
@pytest.mark.parametrize("secret", [SECRET, WRONG])
@pytest.mark.parametrize("serializer", ["json", "msgpack"])
def test_nothing_secret_is_in_any_log(
    method: Method,
    secret: str,
    serializer: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """REQ-AUTH-012: at any level."""
    caplog.set_level(logging.DEBUG)
    world = world_of(method, max_failed_sign_ins=1)
    answers = []
    for _ in range(2):
        player = method.player("ann", secret)
        client = world.connect(serializer, peer_address="192.0.2.1")
        client.hello(**player.hello)
        said = client.received()
        if said[-1][0] == 4:
            signature, extra = player.answer(said[-1][2])
            answers.append(signature)
            client.send([5, signature, extra])
            client.received()
        client.end("connection lost")

    assert answers
    told = caplog.text + repr([record.args for record in caplog.records])
    for hidden in (secret, *answers):
        assert hidden not in told


@every_stored_method
@pytest.mark.usefixtures("allow_logged_errors")
def test_a_store_that_fails_denies_and_says_no_more(method: Method) -> None:
    """REQ-AUTH-008, 066; REQ-ERR-006."""

    class Failing:
        def find(self, authmethod: str, authid: str) -> Any:
            raise OSError(f"no disk, {SECRET}")

        holders = find

    class Wrong:
        def find(self, authmethod: str, authid: str) -> Any:
            return SECRET

        def holders(self, public_key: str) -> Any:
            return [SECRET]

    for store in (Failing(), Wrong()):
        world = world_of(method)
        authenticator: Any = world.realm.authenticators.pop(method.name)
        world.realm.add_authenticator(type(authenticator)(store))

        _, said = play(world, method.player("ann", SECRET))

        assert outcome(said) == "wamp.error.authentication_failed"
        assert SECRET not in str(said)


@every_stored_method
def test_a_store_may_answer_later_and_the_application_after_it(method: Method) -> None:
    """REQ-AUTH-015, 062, 063."""

    class Remote:
        async def find(self, authmethod: str, authid: str) -> Any:
            return STORE.find(authmethod, authid)

        async def holders(self, public_key: str) -> Any:
            return STORE.holders(public_key)

    async def identify(session: Session, identity: Identity) -> Identity:
        return Identity(identity.authid, "from the database", "ldap", {"theme": "dark"})

    world = world_of(method)
    authenticator: Any = world.realm.authenticators.pop(method.name)
    world.realm.add_authenticator(type(authenticator)(Remote(), identify=identify))

    _, said = play(world, method.player("ann", SECRET))

    details = said[-1][2]
    assert (details["authrole"], details["authprovider"]) == (
        "from the database",
        "ldap",
    )
    assert details["authextra"]["theme"] == "dark"


@every_stored_method
@pytest.mark.parametrize("found", [{"user": 5}, None])
def test_the_application_may_refuse_or_bring_a_record_of_its_own(
    method: Method, found: Any
) -> None:
    world = world_of(method)
    authenticator: Any = world.realm.authenticators.pop(method.name)
    world.realm.add_authenticator(
        type(authenticator)(STORE, identify=lambda session, identity: found)
    )

    client, said = play(world, method.player("ann", SECRET))

    if found is None:
        assert outcome(said) == DENIED
    else:
        assert client.session.public().identity == found
        assert said[-1][2]["authid"] == "ann"
        assert said[-1][2]["authrole"] == "person"


def test_the_proof_of_a_scram_server_is_in_welcome() -> None:
    """REQ-AUTH-046; client notes 8."""
    for method in (STORED[2], STORED[3]):
        player: Any = method.player("ann", SECRET)

        _, said = play(world_of(method), player)

        assert player.trusts(said[-1][2]["authextra"])


# --- Several methods ------------------------------------------------------------------


def test_the_client_orders_the_methods_and_falls_through_what_it_cannot_do() -> None:
    """REQ-AUTH-001, 002: without a nonce or a key those are not for it."""
    world = world_of(*STORED)
    chosen = []
    for methods in (
        ["magic", "wampcra", "ticket"],
        ["ticket", "wampcra"],
        ["wamp-scram", "cryptosign", "wampcra"],
    ):
        client = world.connect()
        client.hello(authid="ann", authmethods=methods)
        chosen.append(client.received()[0][1])

    assert chosen == ["wampcra", "ticket", "wampcra"]


@pytest.mark.parametrize(
    "details", [{}, {"authmethods": []}, {"authmethods": ["magic", "anonymous"]}]
)
def test_anonymous_can_be_offered_beside_other_methods(details: Any) -> None:
    """REQ-AUTH-003, 017, 018."""
    world = world_of(STORED[0])
    world.realm.add_authenticator(auth.Anonymous("guest"))
    names = set()
    for _ in range(2):
        client = world.connect()
        client.hello(authid="ann", authrole="admin", **details)
        [[code, _, welcome]] = client.received()
        names.add(welcome["authid"])
        assert client.session.public().identity is None
        assert code == 2
        assert welcome["authrole"] == "guest"
        assert welcome["authmethod"] == "anonymous"
        assert welcome["authprovider"] == "static"

    assert len(names) == 2
    assert "ann" not in names
    assert outcome(play(world, TicketPlayer("ann", SECRET))[1]) == "ann"


def test_without_a_method_in_common_there_is_no_way_in() -> None:
    """REQ-AUTH-004."""
    world = world_of(*STORED)
    reasons = []
    for methods in (["magic"], ["anonymous"], []):
        client = world.connect()
        client.hello(authid="ann", authmethods=methods)
        reasons.append(outcome(client.received()))

    assert reasons == [
        "wamp.error.no_matching_auth_method",
        "wamp.error.authentication_required",
        "wamp.error.authentication_required",
    ]


@pytest.mark.parametrize(
    ("method", "authextra"),
    [
        ("wamp-scram", {"nonce": "no base64"}),
        ("wamp-scram", {"nonce": "AAAA", "channel_binding": "tls-unique"}),
        ("cryptosign", {"pubkey": "no hex"}),
        ("cryptosign", {"pubkey": PUBLIC_KEY, "channel_binding": "tls-exporter"}),
    ],
)
def test_what_is_malformed_or_cannot_be_bound_ends_the_handshake(
    method: str, authextra: dict[str, Any]
) -> None:
    """REQ-AUTH-036, 037, 050, 057: rather than going on with something weaker."""
    client = world_of(*STORED).connect()

    client.hello(authid="ann", authmethods=[method, "ticket"], authextra=authextra)

    [abort] = client.received()
    assert abort[0] == 3
    assert client.closed == 1000


# --- A second factor ------------------------------------------------------------------


class TwoSecrets(TicketPlayer):
    """Sends one ticket after the other."""

    def __init__(self, authid: str, *tickets: str) -> None:
        super().__init__(authid, "")
        self._tickets = iter(tickets)

    def answer(self, extra: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
        return next(self._tickets), {}


def asking_twice(**limits: Any) -> World:
    """Make a world whose ticket is followed by a code, sent as another ticket."""
    seen: list[Any] = []

    async def check_code(session: Session, code: str) -> str | None:
        seen.append(session.authid)
        return "anything" if code == "123456" else None

    def identify(session: Session, identity: Identity) -> Any:
        return auth.SecondFactor(auth.Ticket(check_code), identity)

    realm = Realm("realm1", permissions=OPEN)
    realm.add_authenticator(auth.Ticket(STORE, identify=identify))
    world = World(realm, limits=Limits(**limits))
    world.realm.seen = seen  # type: ignore[attr-defined] # for the test to look at
    return world


def test_a_second_factor_is_asked_after_the_first() -> None:
    """REQ-AUTH-013: and the first says who the client is."""
    world = asking_twice()

    client, said = play(world, TwoSecrets("ann", SECRET, "123456"))

    assert [message[0] for message in said] == [4, 4, 2]
    assert said[-1][2]["authid"] == "ann"
    assert said[-1][2]["authrole"] == "person"
    assert world.realm.seen == ["ann"]  # type: ignore[attr-defined] # as above
    assert client.session.public().identity.authid == "ann"


@pytest.mark.parametrize(
    ("first", "second", "challenges"), [(WRONG, "123456", 1), (SECRET, "000000", 2)]
)
def test_both_factors_have_to_be_right(
    first: str, second: str, challenges: int
) -> None:
    _, said = play(asking_twice(), TwoSecrets("ann", first, second))

    assert [message[0] for message in said] == [4] * challenges + [3]
    assert outcome(said) == DENIED


def test_between_the_factors_a_client_is_nobody() -> None:
    """No request is taken, and the next challenge has its own time (REQ-SES-011)."""
    world = asking_twice(auth_timeout=10)
    client = world.connect()
    client.hello(authid="ann", authmethods=["ticket"])
    client.received()
    world.advance(9)
    client.send([5, SECRET, {}])
    assert client.received() == [[4, "ticket", {}]]

    assert world.realm.sessions() == []
    world.advance(9)
    assert client.closed is None
    client.send([48, 1, {}, "any.procedure"])

    assert outcome(client.received()) == "wamp.error.protocol_violation"


def test_a_second_factor_is_one_that_the_client_offers() -> None:
    """REQ-AUTH-004: or it could only give up."""
    realm = Realm("realm1")
    realm.add_authenticator(
        auth.Ticket(
            STORE, identify=lambda s, i: auth.SecondFactor(auth.SCRAM(STORE), i)
        )
    )

    _, said = play(World(realm), TicketPlayer("ann", SECRET))

    assert outcome(said) == "wamp.error.no_matching_auth_method"


@pytest.mark.parametrize("how", ["transport", "ticket function", "handler"])
def test_whoever_identifies_a_client_may_ask_for_a_second_factor(how: str) -> None:
    further = auth.SecondFactor(
        auth.Ticket(lambda session, code: code == "123456"), Identity("bob", "clerk")
    )

    async def handler(session: Session) -> Any:
        await session.challenge("ticket")
        return further

    realm = Realm("realm1", permissions=OPEN)
    if how == "transport":
        realm.add_transport_authenticator(lambda session: further)
    elif how == "handler":
        realm.set_authentication_handler(handler)
    else:
        realm.set_ticket_authenticator(lambda session, ticket: further)
    tickets = ["123456"] if how == "transport" else [SECRET, "123456"]

    _, said = play(World(realm), TwoSecrets("ann", *tickets))

    assert outcome(said) == "bob"
    assert said[-1][2]["authrole"] == "clerk"


# --- Realms and roles that an authenticator assigns -----------------------------------


class TwoRealms(World):
    """A world with another realm, which authenticators may assign."""

    def __init__(self, realm: Realm) -> None:
        super().__init__(realm)
        self.other = Realm("other", permissions=OPEN)
        self.other.start(self.runtime, self.limits)

    def assigned_realm(self, uri: str) -> Realm:
        return self.other if uri == "other" else super().assigned_realm(uri)


def assigning(realm_uri: str | None) -> TwoRealms:
    realm = Realm("realm1", permissions=OPEN)
    who = Identity("ann", "staff", realm=realm_uri)
    realm.add_transport_authenticator(lambda session: who)
    return TwoRealms(realm)


@pytest.mark.parametrize("asked", [None, "realm1"])
def test_an_authenticator_may_assign_the_realm(asked: str | None) -> None:
    """REQ-SES-022; REQ-AUTH-015: whether the client has named one or not."""
    world = assigning("other")
    client = world.connect()

    client.hello(asked)

    [[_, _, welcome]] = client.received()
    assert (welcome["realm"], welcome["authrole"]) == ("other", "staff")
    assert [session.authid for session in world.other.sessions()] == ["ann"]
    assert world.realm.sessions() == []
    assert client.session.public().realm is world.other
    # It is a member like any other, until it leaves.
    assert client.subscribe("com.topic")
    client.end("connection lost")
    assert world.other.sessions() == []


def test_assigning_the_realm_that_is_asked_for_changes_nothing() -> None:
    client = assigning("realm1").connect()

    assert client.join()["realm"] == "realm1"


@pytest.mark.parametrize(("asked", "assigned"), [(None, None), ("realm1", "no.such")])
def test_a_client_without_a_realm_cannot_join(
    asked: str | None, assigned: str | None
) -> None:
    """REQ-SES-022; REQ-AUTH-009."""
    client = assigning(assigned).connect()

    client.hello(asked)

    assert outcome(client.received()) == "wamp.error.no_such_realm"


# --- Those who are sent away while they join -----------------------------------------


class Doorman:
    """A realm whose ticket function takes its time, with somebody at the door."""

    def __init__(self) -> None:
        self.gate = Gate()
        realm = Realm("realm1")
        realm.set_ticket_authenticator(self._verify)
        self.world = World(realm)
        self.client = self.world.connect()
        self.client.hello(authid="ann", authmethods=["ticket"])
        assert self.client.received()[0][0] == 4

    async def _verify(self, session: Session, ticket: str) -> Any:
        return await self.gate

    def kick(self, **whom: str) -> int:
        with pytest.raises(StopIteration) as stopped:
            self.world.realm.close_sessions(**whom).send(None)
        count: int = stopped.value.value
        return count

    def let_in(self) -> list[Any]:
        self.gate.open(ANN)
        return self.client.received()


@pytest.mark.parametrize("after", ["CHALLENGE", "AUTHENTICATE"])
@pytest.mark.parametrize(
    "whom",
    [{"authid": "ann"}, {"authrole": "person"}, {}],
    ids=["authid", "authrole", "everybody"],
)
def test_a_kick_meets_who_is_joining(whom: dict[str, str], after: str) -> None:
    """By whom they turn out to be: the role is not known when the kick comes."""
    door = Doorman()
    if after == "CHALLENGE":
        door.kick(**whom)
    door.client.send([5, "a ticket", {}])
    assert door.client.received() == []
    if after == "AUTHENTICATE":
        door.kick(**whom, reason="shop.close.moved", message="elsewhere")

    said = door.let_in()

    if after == "CHALLENGE":
        assert said == [[3, {}, "wamp.close.killed"]]
        assert door.client.closed == 4403
    else:
        assert said == [[3, {"message": "elsewhere"}, "shop.close.moved"]]
    assert door.world.realm.sessions() == []
    assert len(door.world.realm.router.joining) == 0


@pytest.mark.parametrize("whom", [{"authid": "bob"}, {"authrole": "admin"}])
def test_a_kick_of_others_lets_who_is_joining_in(whom: dict[str, str]) -> None:
    door = Doorman()
    door.client.send([5, "a ticket", {}])
    assert door.kick(**whom) == 0

    assert outcome(door.let_in()) == "ann"
    assert len(door.world.realm.router.joining) == 0


def test_a_kick_is_over_for_who_comes_after_it() -> None:
    door = Doorman()
    door.client.lose()
    assert door.kick(authid="ann") == 0
    assert len(door.world.realm.router.joining) == 0

    later = door.world.connect()
    later.hello(authid="ann", authmethods=["ticket"])
    later.received()
    later.send([5, "a ticket", {}])
    door.gate.open(ANN)

    assert outcome(later.received()) == "ann"


def test_what_is_no_reason_is_told_to_nobody() -> None:
    door = Doorman()

    with pytest.raises(ConfigurationError, match="give a URI"):
        door.world.realm.close_sessions(reason="not a URI").send(None)


# --- Those who fail too often ---------------------------------------------------------


@every_method
def test_after_too_many_failures_the_right_secret_does_not_help_either(
    method: Method,
) -> None:
    """REQ-AUTH-014."""
    world = world_of(method, max_failed_sign_ins=3, failed_sign_in_window=60)
    for _ in range(3):
        assert outcome(play(world, method.player("ann", WRONG))[1]) == DENIED

    client, said = play(world, method.player("ann", SECRET))
    elsewhere = play(world, method.player("ann", SECRET), "192.0.2.2")[1]
    world.advance(61)
    later = play(world, method.player("ann", SECRET))[1]

    assert said == [[3, {"message": said[0][1]["message"]}, DENIED]]
    assert client.closed == 1000
    assert (outcome(elsewhere), outcome(later)) == ("ann", "ann")


class Crowd:
    """Many who answer at once for one authid, while their answers are looked at."""

    def __init__(self, *, raises: bool) -> None:
        self.gates = list[Gate]()
        self.raises = raises
        realm = Realm("realm1")
        realm.set_ticket_authenticator(self._verify)
        self.world = World(realm, limits=Limits(max_failed_sign_ins=2))
        self.clients = list[Client]()

    async def _verify(self, session: Session, ticket: str) -> Identity | None:
        self.gates.append(gate := Gate())
        await gate
        if ticket != SECRET and self.raises:
            raise SessionRejected("lab.error.wrong_code")
        return ANN if ticket == SECRET else None

    def answer(self, ticket: str) -> None:
        client = self.world.connect(peer_address="192.0.2.1")
        client.hello(authid="ann", authmethods=["ticket"])
        assert client.received()[0][0] == 4
        client.send([5, ticket, {}])
        assert client.received() == []
        self.clients.append(client)

    def outcomes(self) -> list[Any]:
        for gate in self.gates:
            gate.open(None)
        return [client.received() for client in self.clients]


@pytest.mark.parametrize("raises", [False, True], ids=["returns None", "raises"])
def test_guesses_made_at_once_do_not_say_which_one_was_right(raises: bool) -> None:
    """REQ-AUTH-014: all that come after the last allowed failure look alike."""
    crowd = Crowd(raises=raises)
    for ticket in (WRONG, WRONG, WRONG, SECRET, WRONG):
        crowd.answer(ticket)

    first, second, *late = crowd.outcomes()

    assert first == second
    assert outcome(first) in (DENIED, "lab.error.wrong_code")
    assert late[0] == late[1] == late[2]
    assert outcome(late[0]) == DENIED
    assert late[0] != first


class Token:
    """A method of one's own that finds all it needs in HELLO."""

    authmethod = "token"

    def begin(self, session: Session, details: Mapping[str, Any]) -> TokenAttempt:
        return TokenAttempt(details["authid"], details["authextra"]["token"])


class TokenAttempt:
    authextra: Mapping[str, Any] = {}

    def __init__(self, authid: str, token: str) -> None:
        self.identity = Identity(authid)
        self._token = token

    def challenge(self) -> None:
        return None

    def verify(self, signature: str, extra: Mapping[str, Any]) -> bool:
        return self._token == SECRET


def test_what_fails_without_a_challenge_by_a_method_has_to_wait_as_well() -> None:
    """REQ-AUTH-014."""
    realm = Realm("realm1")
    realm.add_authenticator(Token())
    realm.add_authenticator(auth.Anonymous())
    limits = Limits(max_failed_sign_ins=2, max_failed_sign_ins_per_address=2)
    world = World(realm, limits=limits)

    def told(token: str, *methods: str) -> list[Any]:
        client = world.connect(peer_address="192.0.2.1")
        extra = {"token": token}
        client.hello(authid="ann", authmethods=[*methods], authextra=extra)
        received: list[Any] = client.received()
        return received

    assert outcome(told(SECRET, "token")) == "ann"
    wrong = [told(WRONG, "token") for _ in range(2)]
    late = [told(ticket, "token") for ticket in (WRONG, SECRET)]

    assert {outcome(each) for each in (*wrong, *late)} == {DENIED}
    assert late[0] == late[1] != wrong[0]
    assert told("", "anonymous")[0][0] == 2


def raising_function(error: Callable[[], Exception]) -> Realm:
    def verify(session: Session, ticket: str) -> Identity:
        if ticket != SECRET:
            raise error()
        return ANN

    realm = Realm("realm1")
    realm.set_ticket_authenticator(verify)
    return realm


def raising_handler(error: Callable[[], Exception]) -> Realm:
    async def handle(session: Session) -> Identity:
        ticket, _ = await session.challenge("ticket")
        if ticket != SECRET:
            raise error()
        return ANN

    realm = Realm("realm1")
    realm.set_authentication_handler(handle)
    return realm


def counted(realm: Realm) -> list[str]:
    """Return what comes of the right secret, before and after the last wrong answer."""
    world = World(realm, limits=Limits(max_failed_sign_ins=3))
    outcomes = []
    for wrong in (2, 3):
        for _ in range(wrong):
            play(world, TicketPlayer("ann", WRONG))
        outcomes.append(outcome(play(world, TicketPlayer("ann", SECRET))[1]))
    return outcomes


@pytest.mark.parametrize("realm_of", [raising_function, raising_handler])
@pytest.mark.parametrize(
    "error",
    [
        lambda: SessionRejected("lab.error.wrong_code"),
        lambda: ApplicationError("lab.error.wrong_code"),
        lambda: ApplicationError("wamp.error.authentication_failed"),
    ],
)
def test_a_wrong_answer_that_is_refused_by_raising_is_counted(
    realm_of: Callable[[Callable[[], Exception]], Realm],
    error: Callable[[], Exception],
) -> None:
    """REQ-AUTH-014."""
    assert counted(realm_of(error)) == ["ann", DENIED]


@pytest.mark.parametrize("realm_of", [raising_function, raising_handler])
@pytest.mark.parametrize("error", [OSError, CannotTell])
@pytest.mark.usefixtures("allow_logged_errors")
def test_what_breaks_locks_nobody_out(
    realm_of: Callable[[Callable[[], Exception]], Realm], error: type[Exception]
) -> None:
    assert counted(realm_of(error)) == ["ann", "ann"]


def test_who_is_refused_without_a_challenge_has_failed_at_nothing() -> None:
    def not_today(session: Session) -> Identity:
        if not session.connection.transport_info.get("today"):
            raise SessionRejected("lab.error.closed")
        return ANN

    realm = Realm("realm1")
    realm.add_transport_authenticator(not_today)
    world = World(realm, limits=Limits(max_failed_sign_ins=1))
    play(world, TicketPlayer("ann", WRONG))

    assert len(world.failed_sign_ins) == 0


def test_a_handler_that_passes_on_a_lockout_is_not_counted_again() -> None:
    async def handle(session: Session) -> Identity | None:
        await session.challenge("ticket")
        world.failed_sign_ins.add("192.0.2.1", "ann")
        await session.challenge("ticket")
        return ANN

    realm = Realm("realm1")
    realm.set_authentication_handler(handle)
    limits = Limits(max_failed_sign_ins=1, max_failed_sign_ins_per_address=2)
    world = World(realm, limits=limits)

    _, said = play(world, TicketPlayer("ann", SECRET))

    assert outcome(said) == DENIED
    assert not world.failed_sign_ins.refuses("192.0.2.1", "bob")


@every_method
def test_unknown_users_are_counted_like_known_ones(method: Method) -> None:
    """REQ-AUTH-010, 014."""
    heard = []
    for name in ("ann", "bob"):
        world = world_of(method, max_failed_sign_ins=2)
        heard.append([play(world, method.player(name, WRONG))[1] for _ in range(4)])
    lengths = [[len(said) for said in each] for each in heard]
    reasons = {outcome(said) for each in heard for said in each}

    assert lengths == [[2, 2, 1, 1]] * 2
    assert reasons == {DENIED}


def test_what_scram_takes_for_the_same_name_is_counted_as_one() -> None:
    """REQ-AUTH-041: soft hyphens and variation selectors are nothing to SASLprep."""
    world = world_of(STORED[2], max_failed_sign_ins=3)
    for spelling in ("a\u00adnn", "an\ufe00n", "ann"):
        play(world, SCRAMPlayer(spelling, WRONG))

    assert outcome(play(world, SCRAMPlayer("ann", SECRET))[1]) == DENIED


def test_keys_without_a_name_are_counted_each_for_itself() -> None:
    world = world_of(STORED[4], max_failed_sign_ins=2)
    for _ in range(3):
        play(world, KeyPlayer("", WRONG))

    assert outcome(play(world, KeyPlayer("", SECRET))[1]) == "ann"


def test_an_address_that_tries_many_names_has_to_wait() -> None:
    world = world_of(STORED[0], max_failed_sign_ins_per_address=4)
    for number in range(4):
        play(world, TicketPlayer(f"name {number}", WRONG))

    assert outcome(play(world, TicketPlayer("ann", SECRET))[1]) == DENIED
    assert outcome(play(world, TicketPlayer("ann", SECRET), "192.0.2.2")[1]) == "ann"


def test_challenges_collected_beforehand_are_no_more_tries() -> None:
    """Nor do right answers count that come after too many wrong ones."""
    world = world_of(STORED[1], max_failed_sign_ins=3)
    player = CRAPlayer("ann", SECRET)
    waiting = []
    for _ in range(5):
        client = world.connect(peer_address="192.0.2.1")
        client.hello(**player.hello)
        waiting.append((client, client.received()[0][2]))
    for client, _ in waiting[:3]:
        client.send([5, "wrong", {}])

    client, extra = waiting[3]
    client.send([5, *player.answer(extra)])

    assert outcome(client.received()) == DENIED


def test_answers_that_are_judged_at_once_are_no_more_tries_either() -> None:
    gates = [Gate() for _ in range(4)]
    waiting = iter(gates)
    realm = Realm("realm1")

    async def verify(session: Session, ticket: str) -> Any:
        return await next(waiting)

    realm.set_ticket_authenticator(verify)
    world = World(realm, limits=Limits(max_failed_sign_ins=3))
    clients = [world.connect(peer_address="192.0.2.1") for _ in gates]
    for client in clients:
        client.hello(authid="ann", authmethods=["ticket"])
        client.received()
        client.send([5, "a guess", {}])
    world.settle()

    for gate, found in zip(gates, [None, None, None, ANN], strict=True):
        gate.open(found)
        world.settle()

    assert outcome(clients[-1].received()) == DENIED


def test_a_second_factor_cannot_be_guessed_without_end() -> None:
    world = asking_twice(max_failed_sign_ins=2)
    for _ in range(2):
        play(world, TwoSecrets("ann", SECRET, "000000"))

    _, said = play(world, TwoSecrets("ann", SECRET, "123456"))

    assert outcome(said) == DENIED


def test_signing_in_forgives_earlier_failures() -> None:
    world = world_of(STORED[0], max_failed_sign_ins=3)
    for _ in range(5):
        for _ in range(2):
            play(world, TicketPlayer("ann", WRONG))

        assert outcome(play(world, TicketPlayer("ann", SECRET))[1]) == "ann"


def test_guests_are_let_in_wherever_somebody_has_failed() -> None:
    """There is nothing that a guest could guess."""
    world = world_of(STORED[0], max_failed_sign_ins_per_address=1)
    world.realm.add_authenticator(auth.Anonymous())
    play(world, TicketPlayer("ann", WRONG))

    client = world.connect(peer_address="192.0.2.1")

    assert client.join()["authrole"] == "anonymous"


def test_the_log_says_once_who_has_to_wait(caplog: pytest.LogCaptureFixture) -> None:
    world = world_of(STORED[0], max_failed_sign_ins=2)
    for _ in range(5):
        play(world, TicketPlayer("ann", WRONG))

    warnings = [r for r in caplog.records if r.levelno == logging.WARNING]

    assert len(warnings) == 1
    assert "192.0.2.1" in warnings[0].getMessage()


# --- Setting up -----------------------------------------------------------------------


def test_a_realm_has_one_authenticator_for_each_method() -> None:
    realm = Realm("realm1")
    realm.add_authenticator(auth.SCRAM(STORE))
    realm.add_authenticator(auth.AutobahnSCRAM(STORE))

    with pytest.raises(ConfigurationError, match="'wamp-scram' authenticator already"):
        realm.add_authenticator(auth.SCRAM(STORE))
    wrong: Any
    for wrong in (auth.SCRAM, lambda session: ANN, STORE, None):
        with pytest.raises(ConfigurationError, match="is no authenticator"):
            realm.add_authenticator(wrong)


@pytest.mark.parametrize(
    "make",
    [
        lambda: auth.SecondFactor(STORE, ANN),  # type: ignore[arg-type]  # is refused
        lambda: auth.SecondFactor(auth.SCRAM(STORE), None),
        lambda: auth.Ticket(lambda session, ticket: ANN, identify=lambda s, i: i),
        lambda: auth.Anonymous(""),
    ],
)
def test_wrong_set_up_is_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(ConfigurationError):
        make()
