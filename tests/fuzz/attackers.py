"""Clients that know the protocol, and what they have been told.

An `Attacker` reads all that its client receives, holds it against the table of fields,
and knows which ids it may use. `Attacker.message` makes messages that are right, for
`Damage` to begin with.
"""

from __future__ import annotations

import copy
import random
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from aiohttp_serverwamp.router.states import State
from tests.answers import SCRAMClient, cra_answer, key_answer
from tests.conformance.harness import Client, decoded
from tests.fuzz.fields import FROM_ROUTER, MESSAGES, what_is_wrong
from tests.fuzz.grounds import PUBLIC_KEY, SECRET, SEED
from tests.fuzz.values import URIS, Values

TRACES: Final = Path(__file__).parents[1] / "conformance" / "test_traces.py"

#: What ways to join there are, and how often each is taken.
DOORS: Final = (
    *("anonymous",) * 6,
    *("members",) * 4,
    *("strict", "handled", "ticket", "wampcra", "wamp-scram", "scram", "cryptosign"),
    *("two factors", "random"),
)

LEAVING: Final = ("wamp.close.close_realm", "wamp.close.goodbye_and_out", "a.b")


def _messages_of_traces() -> list[list[Any]]:
    """Return what clients send in the traces of the specification."""
    text = TRACES.read_text(encoding="utf-8").replace("{{", "{").replace("}}", "}")
    found = []
    for sent in re.findall(r"\w*>\s+(\[.*?\])(?=\s|$)", text.replace("\\\n", "")):
        try:
            found.append(msgspec.json.decode(sent))
        except msgspec.DecodeError:
            continue  # with placeholders
    return [message for message in found if type(message) is list and message]


TRACED: Final = _messages_of_traces()


class Attacker(ABC):
    """One client, and what it knows."""

    def __init__(self, serializer: str, rng: random.Random) -> None:
        self.serializer = serializer
        self.rng = rng
        self.values = Values(rng, serializer)
        self.door = rng.choice(DOORS)
        self.scram = SCRAMClient(
            "ann", SECRET, nonce="bm9uY2U=", like_autobahn=self.door == "scram"
        )
        self.challenge: tuple[str, Mapping[str, Any]] | None = None
        self.heard = 0
        self.forget()

    def forget(self) -> None:
        """Begin a session anew."""
        self.request = 0
        self.calls: list[int] = []
        self.chunked: dict[int, str] = {}
        self.invocations: list[int] = []
        self.subscriptions: list[int] = [1]
        self.registrations: list[int] = [1]
        self.sessions: list[int] = [1]

    @property
    @abstractmethod
    def state(self) -> State:
        """Where its session stands."""

    @property
    @abstractmethod
    def written(self) -> Sequence[bytes]:
        """What it was sent, message by message, from the beginning."""

    # --- Listening ----------------------------------------------------------------

    def listen(self) -> list[list[Any]]:
        """Return what came since the last time; it has the shape of WAMP."""
        written = self.written
        messages = []
        while self.heard < len(written):
            message = decoded(written[self.heard], self.serializer)
            self.heard += 1
            assert what_is_wrong(message) is None, f"the router wrote {message}"
            assert message[0] in FROM_ROUTER, f"the router wrote {message}"
            messages.append(message)
            self._learn(message)
        return messages

    def _learn(self, message: list[Any]) -> None:
        code = message[0]
        if code == 2:
            self.forget()
            self.sessions.append(message[1])
        elif code == 4:
            self.challenge = message[1], message[2]
        elif code == 33:
            self.subscriptions.append(message[2])
        elif code == 65:
            self.registrations.append(message[2])
        elif code == 68 and message[1] not in self.invocations:
            self.invocations.append(message[1])
            del self.invocations[:-30]

    # --- Speaking -----------------------------------------------------------------

    def message(self) -> list[Any]:
        """Return a message that is right, as far as the client can know."""
        state = self.state
        if state in (State.CLOSED, State.BETWEEN):
            return self.hello()
        if state is State.AUTHENTICATING and self.rng.random() < 0.8:
            return [5, "", {}]  # the answer is put in when it is sent
        if state is State.SHUTTING_DOWN:
            return [6, {}, "wamp.close.goodbye_and_out"]
        if self.rng.random() < 0.02:
            return self.traced()
        code = self.rng.choices(CODES, WEIGHTS)[0]
        return SPECIAL.get(code, Attacker.of_table)(self, code)

    def any_message(self) -> list[Any]:
        """Return a message of any of the 24 types, whatever the state."""
        return self.of_table(self.rng.choice([*MESSAGES]))

    def traced(self) -> list[Any]:
        return copy.deepcopy(self.rng.choice(TRACED))

    def of_table(self, code: int) -> list[Any]:
        """Return a message of this type, its fields drawn by their kinds."""
        layout = MESSAGES[code]
        message: list[Any] = [code, *map(self.values.of, layout.kinds)]
        if "request" in layout.fields and code not in (8, 70, 49):
            message[1] = self.next_request()
        if layout.keys:
            message[1 + layout.kinds.index("dict")] = self.options(layout.keys)
        tail = layout.tail[: self.rng.randint(0, len(layout.tail))]
        message += map(self.values.of, tail)
        if any(type(each) is dict and "ppt_scheme" in each for each in message):
            message[1 + len(layout.kinds) :] = [[self.rng.choice((b"\xff\0", b""))]]
        return message

    def options(self, keys: Mapping[str, str]) -> dict[str, Any]:
        some = self.rng.sample([*keys], min(len(keys), self.rng.choice((0, 0, 1, 2))))
        options = {key: self.values.of(keys[key]) for key in some}
        if "ppt_scheme" not in options:
            for key in [key for key in options if key.startswith("ppt_")]:
                del options[key]
        return options

    def next_request(self) -> int:
        self.request += 1
        return self.request

    def hello(self) -> list[Any]:
        door = self.door
        if door == "random":
            return self.of_table(1)
        details: dict[str, Any] = {"roles": self.values.roles()}
        if door == "anonymous" and self.rng.random() < 0.5:
            return [1, "realm1", details]
        realm = door if door in ("members", "strict", "handled") else "realm1"
        details["authid"] = self.rng.choice(("ann", "ann", "ann", "bob", ""))
        details["authmethods"] = [door]
        if door in ("wamp-scram", "scram"):
            details.update(self.scram.hello)
        elif door == "cryptosign":
            details["authextra"] = {"pubkey": PUBLIC_KEY}
        elif door == "two factors":
            realm, details["authmethods"] = "strict", ["ticket", "wampcra"]
        elif realm != "realm1":
            details["authmethods"] = ["anonymous"]
        return [1, realm, details]

    def authenticate(self, right: bool) -> list[Any]:
        """Answer the last challenge, rightly if there was one."""
        if self.challenge is None or not right:
            return [5, self.values.text(), self.values.entries()]
        method, extra = self.challenge
        signature = ""
        told: dict[str, Any] = {}
        if method == "ticket":
            signature = SECRET
        elif method == "wampcra":
            signature = cra_answer(SECRET, extra)
        elif self.scram.nonce in extra.get("nonce", ""):
            signature, told = self.scram.answer(extra)
        elif method == "cryptosign":
            signature = key_answer(SEED, extra)
        else:
            signature = self.values.text()
        return [5, signature, told]

    # --- Messages with what has been learned ----------------------------------------

    def _call(self, code: int) -> list[Any]:
        if self.chunked and self.rng.random() < 0.4:
            request = self.rng.choice([*self.chunked])
            options: dict[str, Any] = {}
            if self.rng.random() < 0.6:
                options["progress"] = True
            else:
                uri = self.chunked.pop(request)
                return [48, request, options, uri, self.values.items()]
            return [48, request, options, self.chunked[request], [1]]
        message = self.of_table(48)
        self.calls.append(message[1])
        del self.calls[:-30]
        if message[2].get("progress"):
            self.chunked[message[1]] = message[3]
            while len(self.chunked) > 10:
                del self.chunked[next(iter(self.chunked))]
        if message[3].startswith("wamp.") and self.rng.random() < 0.7:
            ids = self.rng.choice(
                (self.sessions, self.subscriptions, self.registrations)
            )
            arguments = [self.rng.choice(ids), *self.values.items()]
            message = [*message[:4], arguments, self.values.entries()]
        elif message[3] in ("fuzz.call", "fuzz.publish", "fuzz.refuse"):
            message = [*message[:4], [self.rng.choice(URIS), *self.values.items()]]
        return message

    def _yield(self, code: int) -> list[Any]:
        if not self.invocations:
            return self._call(48)
        message = self.of_table(70)
        message[1] = self._invocation(forget="progress" not in message[2])
        return message

    def _error(self, code: int) -> list[Any]:
        if not self.invocations:
            return self._call(48)
        message = self.of_table(8)
        message[1:3] = [68, self._invocation(forget=True)]
        if self.rng.random() < 0.3:
            message[4] = "wamp.error.unavailable"
        return message

    def _invocation(self, *, forget: bool) -> int:
        invocation = self.rng.choice(self.invocations)
        if forget and self.rng.random() < 0.8:
            self.invocations.remove(invocation)
        return invocation

    def _cancel(self, code: int) -> list[Any]:
        message = self.of_table(49)
        message[1] = self.rng.choice(self.calls or [1])
        return message

    def _unsubscribe(self, code: int) -> list[Any]:
        return [34, self.next_request(), self.rng.choice(self.subscriptions)]

    def _unregister(self, code: int) -> list[Any]:
        return [66, self.next_request(), self.rng.choice(self.registrations)]

    def _goodbye(self, code: int) -> list[Any]:
        return [6, {}, self.rng.choice(LEAVING)]


class ClientAttacker(Attacker):
    """One whose client is in the same process, without a socket."""

    def __init__(self, client: Client, rng: random.Random) -> None:
        super().__init__(client.serializer, rng)
        self.client = client

    @property
    def state(self) -> State:
        return self.client.session.state

    @property
    def written(self) -> Sequence[bytes]:
        return self.client.wire.written


#: How often a joined client sends what.
CODES: Final = (48, 16, 32, 64, 70, 8, 49, 34, 66, 6, 3)
WEIGHTS: Final = (30, 16, 10, 10, 16, 6, 5, 4, 3, 1, 0.3)

SPECIAL: Final[Mapping[int, Callable[[Attacker, int], list[Any]]]] = {
    48: Attacker._call,
    70: Attacker._yield,
    8: Attacker._error,
    49: Attacker._cancel,
    34: Attacker._unsubscribe,
    66: Attacker._unregister,
    6: Attacker._goodbye,
}
