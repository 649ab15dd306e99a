"""The drawing of the states shows the table, and every arrow in it is true."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest

from aiohttp_serverwamp import OPEN, Identity, Realm, messages
from aiohttp_serverwamp.messages import (
    Abort,
    Authenticate,
    Challenge,
    Goodbye,
    Hello,
    Message,
    Welcome,
)
from aiohttp_serverwamp.router import endings
from aiohttp_serverwamp.router.session import HANDLERS
from aiohttp_serverwamp.router.states import State
from state_picture import (
    RECEIVED,
    SENT,
    admitted,
    name_of,
    picture,
    sentences,
)
from tests.conformance.harness import Gate, World

#: What a client says, where that has to fit what it did before (see `Stage`).
SPOKEN: Final[dict[type[Message], list[Any]]] = {
    Hello: [1, "realm1", {"roles": {"caller": {}}}],
    Authenticate: [5, "secret", {}],
    Abort: [3, {}, "com.enough"],
    Goodbye: [6, {}, "wamp.close.close_realm"],
    messages.Publish: [16, 20, {}, "com.t"],
    messages.Subscribe: [32, 21, {}, "com.u"],
    messages.Unsubscribe: [34, 22, 1],
    messages.Call: [48, 23, {}, "com.p"],
    messages.Cancel: [49, 10, {"mode": "skip"}],
    messages.Register: [64, 24, {}, "com.q"],
    messages.Unregister: [66, 25, 1],
    messages.Yield: [70, 1, {}],
    messages.Error: [8, 68, 1, {}, "com.err"],
}


class Stage:
    """A client in a state, to which it came by the way that the drawing shows."""

    def __init__(self, state: State) -> None:
        self.known, self.proved = Gate(), Gate()
        self.world = World(self._realm())
        self.client = self.world.connect()
        if state is not State.CLOSED:
            self.client.hello(authid="x", authmethods=["ticket"])
            self.client.received()
        if state is State.AUTHENTICATING:
            self.hear(Challenge)
        elif state not in (State.CLOSED, State.ESTABLISHING):
            self._join()
        if state is State.SHUTTING_DOWN:
            self.hear(Goodbye)
        elif state is State.BETWEEN:
            self.client.send(SPOKEN[Goodbye])
            self.client.received()
        elif state is State.ENDED:
            self.client.send(SPOKEN[Abort])

    @property
    def state(self) -> State:
        return self.client.session.state

    def _realm(self) -> Realm:
        realm = Realm("realm1", permissions=OPEN)

        async def who_it_is(session: Any) -> Any:
            return await self.known

        async def is_right(session: Any, ticket: str) -> Any:
            return await self.proved

        realm.add_transport_authenticator(who_it_is)
        realm.set_ticket_authenticator(is_right)
        return realm

    def _join(self) -> None:
        self.hear(Welcome)
        self.client.register("com.p")
        self.client.subscribe("com.t")
        self.client.request([48, 10, {}, "com.p"])

    def hear(self, message: type[Message]) -> None:
        """Bring the server to say something, and hear it."""
        if message is Abort:
            self.client.send([999])
        elif message is Goodbye:
            endings.goodbye(self.client.session, "wamp.close.killed")
        else:
            # Whom nobody knows by the transport is asked for its ticket.
            self.known.open(Identity("x") if message is Welcome else None)
        assert message.CODE in [each[0] for each in self.client.received()]

    def end(self) -> None:
        """Leave nothing waiting."""
        self.client.lose()
        self.known.open()
        self.proved.open()
        self.world.settle()


@pytest.fixture
def stage(state: State) -> Iterator[Stage]:
    made = Stage(state)
    yield made
    made.end()


@pytest.mark.parametrize("state", State)
def test_a_client_can_be_brought_into_each_state(stage: Stage, state: State) -> None:
    assert stage.state is state


@pytest.mark.parametrize(
    ("state", "message"),
    [(state, message) for state, row in HANDLERS.items() for message in row],
)
def test_a_received_message_leads_where_the_drawing_says(
    stage: Stage, state: State, message: type[Message]
) -> None:
    stage.client.send(SPOKEN[message])

    assert stage.state is RECEIVED[state].get(message, state)


@pytest.mark.parametrize(
    ("state", "message"),
    [(state, message) for state, row in SENT.items() for message in row],
)
def test_what_the_server_says_leads_where_the_drawing_says(
    stage: Stage, state: State, message: type[Message]
) -> None:
    stage.hear(message)

    assert stage.state is SENT[state][message]


def test_nothing_that_the_drawing_leaves_out_leads_anywhere() -> None:
    """What the server says and where from: all that the code can set a state to."""
    drawn = {name_of(message) for row in SENT.values() for message in row}

    assert drawn == {"ABORT", "CHALLENGE", "GOODBYE", "WELCOME"}
    assert RECEIVED.keys() == SENT.keys() == HANDLERS.keys() == set(State)
    for state, row in RECEIVED.items():
        assert row.keys() <= HANDLERS[state].keys()


@pytest.mark.parametrize("state", State)
def test_a_box_names_the_state_and_exactly_what_it_admits(state: State) -> None:
    found = re.search(rf'<g id="state-{state.name}">(.*?)</g>', picture())
    assert found is not None
    name, *lines = re.findall(r">([^<>]+)</", found[1])

    words = re.findall(r"[A-Z]+", " ".join(lines))

    assert name == state.value
    assert words == [name_of(message) for message in HANDLERS[state]]


def test_every_arrow_is_drawn_with_its_cause() -> None:
    labels = re.findall(r'class="(received|sent)"[^>]*>([^<]+)<', picture())
    words = [word for _, text in labels for word in re.findall("[A-Z]+", text)]

    steps = [
        name_of(m) for table in (RECEIVED, SENT) for r in table.values() for m in r
    ]

    assert sorted(words) == sorted(steps)


def test_the_words_say_the_same() -> None:
    text = "\n".join(sentences())

    assert "authenticating admits AUTHENTICATE, ABORT" in text
    assert "sending WELCOME leads to joined" in text
    assert all(name in text for state in State for name in admitted(state))
