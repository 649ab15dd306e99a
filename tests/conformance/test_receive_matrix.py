"""The receive matrix of the specification, section 1.4: a test for each of its cells.

The table is a copy of the specification's, on purpose not derived from `HANDLERS`: what
the router does with each client message, state by state (REQ-MSG-028).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from aiohttp_serverwamp import OPEN, Identity, Realm
from aiohttp_serverwamp.router import endings
from tests.conformance.harness import (
    Client,
    Gate,
    World,
    encoded,
    is_error,
    is_violation,
)

STATES: Final = (
    "CLOSED",
    "ESTABLISHING",
    "AUTHENTICATING",
    "ESTABLISHED",
    "SHUTTING_DOWN",
)

#: What is done, in the order of STATES.
PV, IGNORE, END, PROCESS = "ABORT", "ignore", "end quietly", "process"
REQUEST_ROW = (PV, PV, PV, PROCESS, IGNORE)
FORBIDDEN_ROW = (PV, PV, PV, PV, IGNORE)

# In ESTABLISHED the client holds subscription 1 and registration 1, has call 10 in
# flight and, having called itself, invocation 1 to answer.
MATRIX: Final[dict[str, tuple[Any, tuple[str, ...]]]] = {
    "HELLO": (
        [1, "realm1", {"roles": {"caller": {}}, "authid": "x"}],
        (PROCESS, PV, PV, PV, IGNORE),
    ),
    "AUTHENTICATE": ([5, "secret", {}], (PV, PV, PROCESS, PV, IGNORE)),
    "ABORT": ([3, {}, "com.any.reason"], (END, END, END, END, END)),
    "GOODBYE": ([6, {}, "wamp.close.close_realm"], (PV, PV, PV, PROCESS, END)),
    "PUBLISH": ([16, 20, {"acknowledge": True}, "com.t"], REQUEST_ROW),
    "SUBSCRIBE": ([32, 21, {}, "com.u"], REQUEST_ROW),
    "UNSUBSCRIBE": ([34, 22, 1], REQUEST_ROW),
    "CALL": ([48, 23, {}, "com.p"], REQUEST_ROW),
    "CANCEL": ([49, 10, {"mode": "skip"}], REQUEST_ROW),
    "REGISTER": ([64, 24, {}, "com.q"], REQUEST_ROW),
    "UNREGISTER": ([66, 25, 1], REQUEST_ROW),
    "YIELD": ([70, 1, {}, ["done"]], REQUEST_ROW),
    "ERROR-68": ([8, 68, 1, {}, "com.err"], REQUEST_ROW),
    "ERROR-48": ([8, 48, 1, {}, "com.err"], FORBIDDEN_ROW),
    "ERROR-64": ([8, 64, 1, {}, "com.err"], FORBIDDEN_ROW),
    "ERROR-0": ([8, 0, 1, {}, "com.err"], FORBIDDEN_ROW),
    "WELCOME": ([2, 1, {}], FORBIDDEN_ROW),
    "CHALLENGE": ([4, "ticket", {}], FORBIDDEN_ROW),
    "PUBLISHED": ([17, 1, 1], FORBIDDEN_ROW),
    "SUBSCRIBED": ([33, 1, 1], FORBIDDEN_ROW),
    "UNSUBSCRIBED": ([35, 1], FORBIDDEN_ROW),
    "UNSUBSCRIBED-revoked": ([35, 0, {"subscription": 1}], FORBIDDEN_ROW),
    "EVENT": ([36, 1, 1, {}], FORBIDDEN_ROW),
    "RESULT": ([50, 1, {}], FORBIDDEN_ROW),
    "REGISTERED": ([65, 1, 1], FORBIDDEN_ROW),
    "UNREGISTERED": ([67, 1], FORBIDDEN_ROW),
    "UNREGISTERED-revoked": ([67, 0, {"registration": 1}], FORBIDDEN_ROW),
    "INVOCATION": ([68, 1, 1, {}], FORBIDDEN_ROW),
    "INTERRUPT": ([69, 1, {}], FORBIDDEN_ROW),
    "code-7": ([7, 1], FORBIDDEN_ROW),
    "code-999": ([999, 1], FORBIDDEN_ROW),
    "malformed-arity": ([48, 1, {}], FORBIDDEN_ROW),
    "malformed-type": ([48, 1, "x", "com.p"], FORBIDDEN_ROW),
    "malformed-empty": ([], FORBIDDEN_ROW),
    "malformed-no-list": ({"code": 48}, FORBIDDEN_ROW),
    "undecodable": (None, FORBIDDEN_ROW),
    "wrong-frame-kind": (None, FORBIDDEN_ROW),
}

#: No text in JSON, a truncated list in the others, each in a batch of one.
UNDECODABLE: Final[dict[str, str | bytes]] = {
    "json": "[48,1,",
    "msgpack": b"\x94\x30\x01",
    "cbor": b"\x84\x18\x30\x01",
    "json.batched": "[48,1,\x1e",
    "cbor.batched": b"\0\0\0\4\x84\x18\x30\x01",
}

ACCEPTED = [6, {}, "wamp.close.goodbye_and_out"]


def answers_hello(messages: list[Any]) -> bool:
    return [message[0] for message in messages] == [2]


#: What the router answers where the matrix says "process".
PROCESSED: Final[dict[str, Callable[[list[Any]], bool]]] = {
    "HELLO": answers_hello,
    "AUTHENTICATE": answers_hello,
    "GOODBYE": lambda messages: messages == [ACCEPTED],
    "PUBLISH": lambda messages: [message[:2] for message in messages] == [[17, 20]],
    "SUBSCRIBE": lambda messages: messages == [[33, 21, 2]],
    "UNSUBSCRIBE": lambda messages: messages == [[35, 22]],
    "CALL": lambda messages: messages == [[68, 2, 1, {}]],
    "CANCEL": lambda messages: (
        len(messages) == 1 and is_error(messages[0], 48, 10, "wamp.error.canceled")
    ),
    "REGISTER": lambda messages: messages == [[65, 24, 2]],
    "UNREGISTER": lambda messages: messages == [[67, 25]],
    "YIELD": lambda messages: messages == [[50, 10, {}, ["done"]]],
    "ERROR-68": lambda messages: messages == [[8, 48, 10, {}, "com.err"]],
}


class Situation:
    """A world with one client in a given state."""

    def __init__(self, state: str, serializer: str) -> None:
        self.gate = Gate()
        self.world = World(self._realm(state))
        self.client = self.world.connect(serializer)
        getattr(self, f"_{state.lower()}")(self.client)

    def _realm(self, state: str) -> Realm:
        realm = Realm("realm1", permissions=OPEN)
        if state == "ESTABLISHING":

            async def pending(session: Any) -> Any:
                return await self.gate

            realm.add_transport_authenticator(pending)
        elif state == "AUTHENTICATING":
            realm.set_ticket_authenticator(
                lambda session, ticket: Identity("x") if ticket == "secret" else None
            )
        return realm

    def _closed(self, client: Client) -> None:
        pass

    def _establishing(self, client: Client) -> None:
        client.hello()
        assert client.received() == []

    def _authenticating(self, client: Client) -> None:
        client.hello(authid="x", authmethods=["ticket"])
        assert client.received() == [[4, "ticket", {}]]

    def _established(self, client: Client) -> None:
        client.join()
        assert client.register("com.p") == 1
        assert client.subscribe("com.t") == 1
        assert client.request([48, 10, {}, "com.p"]) == [68, 1, 1, {}]

    def _shutting_down(self, client: Client) -> None:
        self._established(client)
        endings.goodbye(client.session, "wamp.close.killed")
        closing = client.received()
        assert closing == [[6, {}, "wamp.close.killed"]]

    def nothing_is_left(self) -> bool:
        """Tell whether the client is out of the realm, with all that it held."""
        self.gate.open(Identity("too late"))
        if self.client.received():
            return False
        if self.world.realm.sessions():
            return False
        self.world.realm.transport_authenticators.clear()
        self.world.realm.authenticators.clear()
        witness = self.world.join()
        answer = witness.request([48, 1, {}, "com.p"])
        published = witness.request([16, 2, {"acknowledge": True}, "com.t"])
        return (
            is_error(answer, 48, 1, "wamp.error.no_such_procedure")
            and published[0] == 17
            and self.client.received() == []
        )


def frame(message: str, serializer: str) -> str | bytes:
    if message == "undecodable":
        return UNDECODABLE[serializer]
    if message == "wrong-frame-kind":
        text = encoded([6, {}, "wamp.close.normal"], "json")
        assert isinstance(text, str)
        return text.encode() if serializer.startswith("json") else text
    return encoded(MATRIX[message][0], serializer)


@pytest.mark.parametrize(
    "serializer", ["json", "msgpack", "cbor", "json.batched", "cbor.batched"]
)
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("message", MATRIX)
def test_each_message_in_each_state_is_treated_as_the_matrix_says(
    message: str, state: str, serializer: str
) -> None:
    """REQ-MSG-001, 002, 003, 004, 013, 015, 016, 022, 028 to 034; REQ-SES-001 to 007.

    REQ-MSG-023: nothing is sent after the last word (`Client.received` sees to that).
    """
    # given
    situation = Situation(state, serializer)
    client = situation.client
    outcome = MATRIX[message][1][STATES.index(state)]

    # when
    client.send_raw(frame(message, serializer))

    # then
    if outcome == PV:
        assert is_violation(client.received())
        assert client.closed == 1002
        assert situation.nothing_is_left()
    elif outcome == IGNORE:
        assert client.received() == []
        assert client.closed is None
        client.send([6, {}, "wamp.close.goodbye_and_out"])
        assert client.received() == []
        assert client.closed == 4403
    elif outcome == END:
        assert client.received() == []
        # A GOODBYE is the answer to that of the router, which was for a reason.
        assert client.closed == (4403 if message == "GOODBYE" else 1000)
        assert situation.nothing_is_left()
    else:
        assert PROCESSED[message](client.received())
        assert client.closed is None
        assert client.farewells == (message == "GOODBYE")


def test_the_matrix_has_a_row_for_every_message_type() -> None:
    codes = {
        row[0][0] for row in MATRIX.values() if isinstance(row[0], list) and row[0]
    }

    assert codes == {
        *(1, 2, 3, 4, 5, 6, 7, 8, 16, 17, 32, 33, 34, 35, 36, 48, 49, 50),
        *(64, 65, 66, 67, 68, 69, 70, 999),
    }


@pytest.mark.parametrize("message", MATRIX)
def test_after_the_end_nothing_is_looked_at(message: str) -> None:
    """REQ-MSG-023: what the connection still brings has no effect and no answer."""
    situation = Situation("ESTABLISHED", "json")
    situation.client.send([3, {}, "com.enough"])
    assert situation.client.closed == 1000

    situation.client.send_raw(frame(message, "json"))

    assert situation.client.received() == []
    assert situation.nothing_is_left()
