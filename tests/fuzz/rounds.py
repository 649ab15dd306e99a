"""One round: some hundred inputs to one set of grounds, which are clean after them.

Inputs are steps, plain tuples, so that a round can be played again from its list, and
from parts of it. `Round.play` performs one and raises AssertionError when something
does not hold that must hold after every input.
"""

from __future__ import annotations

import gc
import logging
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sized
from contextlib import contextmanager
from typing import Any, Final

from aiohttp_serverwamp.errors import EncodingError
from aiohttp_serverwamp.router.session import RouterSession
from aiohttp_serverwamp.router.states import State
from tests.conformance.harness import ENDINGS, Client
from tests.fuzz.attackers import ClientAttacker
from tests.fuzz.encoders import ENCODERS, SERIALIZERS, frame_of
from tests.fuzz.grounds import Expected, Grounds
from tests.fuzz.verdicts import agrees, expected
from tests.tables import grown, sizes

#: One input, and what it is about.
Step = tuple[Any, ...]

#: Errors that are logged without a traceback, for what hosted code or payloads are.
FORESEEN: Final = (
    "cannot be sent",
    "is no error URI",
    "cannot be told",
    "yielded more than once",
)


class Log(logging.Handler):
    """Collects what is logged as an error and is none of `Expected`."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.faults: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        error = record.exc_info[1] if record.exc_info else None
        if _is_expected(error) or (
            error is None and any(each in text for each in FORESEEN)
        ):
            return
        self.faults.append(self.format(record))


def _is_expected(error: BaseException | None) -> bool:
    while error is not None:
        # What clients nest as deep as they may, hosted code may send back to nobody.
        if isinstance(error, Expected | EncodingError):
            return True
        error = error.__cause__
    return False


@contextmanager
def watched() -> Iterator[Log]:
    """Collect errors that are logged, and what is raised where nobody hears."""
    log = Log()
    logger = logging.getLogger("aiohttp_serverwamp")
    level, propagate, hook = logger.level, logger.propagate, sys.unraisablehook
    logger.addHandler(log)
    # Lines that nobody reads cost more than the inputs themselves.
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    sys.unraisablehook = lambda args: log.faults.append(repr(args.exc_value))
    try:
        yield log
    finally:
        logger.removeHandler(log)
        logger.setLevel(level)
        logger.propagate, sys.unraisablehook = propagate, hook


def held_by(session: RouterSession) -> dict[str, int]:
    """Return how much a session holds of its realm, by what it is."""
    dealing = session.dealing
    tables: dict[str, Sized] = {
        "calls": dealing.calls,
        "invocations": dealing.invocations,
        "registrations": dealing.registrations,
        "private registrations": dealing.own,
        "subscriptions": session.brokering.subscriptions,
    }
    return {name: len(table) for name, table in tables.items()}


class Round:
    """Grounds, the attackers on them, and what has come of the inputs so far."""

    def __init__(self, seed: str, log: Log) -> None:
        self.seed = seed
        self.world = Grounds(random.Random(seed))
        self.log = log
        #: How often which outcome was seen.
        self.outcomes: Counter[str] = Counter()
        self.attackers: dict[int, ClientAttacker] = {}
        self.departed: list[Client] = []
        self._before = self._sizes()

    def _sizes(self) -> dict[str, int]:
        return {
            f"{uri}{path}": length
            for uri, realm in self.world.realms.items()
            for path, length in sizes(realm).items()
        }

    # --- Steps --------------------------------------------------------------------

    def play(self, step: Step) -> str:
        """Perform a step; return what came of it."""
        kind, *arguments = step
        outcome: str = STEPS[kind](self, *arguments)
        self.world.settle()
        for who, attacker in [*self.attackers.items()]:
            attacker.listen()
            self._check(who, attacker)
        assert not self.log.faults, self.log.faults[0]
        self.outcomes[outcome] += 1
        return outcome

    def connect(self, who: int, serializer: str) -> str:
        client = self.world.connect(serializer, name=who, peer_address="192.0.2.1")
        rng = random.Random(f"{self.seed}/{who}")
        self.attackers[who] = ClientAttacker(client, rng)
        return "connected"

    def say(self, who: int, frame: str | bytes, message: Any) -> str:
        """Have a client send a frame; `message` is what it says, None if uncertain."""
        attacker = self.attackers.get(who)
        if attacker is None:
            return "nobody"
        session, client = attacker.client.session, attacker.client
        verdict = None if message is None else expected(session, message)
        before = session.state
        client.send_raw(frame)
        self.world.settle()
        came = attacker.listen()
        outcome = self._outcome(attacker, before, came)
        assert agrees(verdict, outcome), (
            f"{verdict} expected, not {outcome}: {message!r} while {before}, {came}"
        )
        return outcome

    def answer(self, who: int, right: bool) -> str:
        """Have a client answer its challenge."""
        attacker = self.attackers.get(who)
        if attacker is None:
            return "nobody"
        message = attacker.authenticate(right)
        serializer = attacker.serializer
        data = ENCODERS[serializer.partition(".")[0]](message)
        return self.say(who, frame_of([data], serializer), message)

    def lose(self, who: int) -> str:
        attacker = self.attackers.pop(who, None)
        if attacker is None:
            return "nobody"
        self._depart(attacker.client)
        return "lost"

    def advance(self, seconds: float) -> str:
        self.world.advance(seconds)
        return "waited"

    def gate(self) -> str:
        self.world.open_gate()
        return "decided"

    # --- What must hold -----------------------------------------------------------

    def _outcome(
        self, attacker: ClientAttacker, before: State, came: list[list[Any]]
    ) -> str:
        client = attacker.client
        aborts = [message for message in came if message[0] == 3]
        if aborts:
            [abort] = aborts
            assert came[-1] is abort, "spoke after ABORT"
            assert client.closed is not None, "did not close after ABORT"
            if abort[2] == "wamp.error.protocol_violation":
                # A HELLO that is too late is one, too, and its client is no liar.
                assert client.closed in (1000, 1002)
                return "violation"
            assert client.closed != 1011, f"failed: {abort}"
            return "rejected"
        if client.closed is not None:
            return "closed" if before is State.SHUTTING_DOWN else "ended"
        if any(message[0] == 6 for message in came):
            left = attacker.state in (State.BETWEEN, State.CLOSED)
            return "left" if left else "sent away"
        if any(message[0] == 2 for message in came):
            return "welcomed"
        if any(message[0] == 4 for message in came):
            return "challenged"
        return "goes on" if came else "nothing"

    def _check(self, who: int, attacker: ClientAttacker) -> None:
        client = attacker.client
        ended = attacker.state is State.ENDED
        assert ended == (client.closed is not None), (
            f"client {who} is {attacker.state.name}, its connection closes with "
            f"{client.closed}"
        )
        assert client.closed != 1011, "an internal error"
        if ended:
            del self.attackers[who]
            self._depart(client)

    def _depart(self, client: Client) -> None:
        """Do as whoever serves a connection does when it has gone."""
        written = len(client.wire.written)
        client.lose()
        client.tasks.cancel()
        self.world.settle()
        assert len(client.wire.written) == written, "spoke to a lost connection"
        held = held_by(client.session)
        assert not any(held.values()), f"one that has gone has kept {held}"
        self.world.clients.remove(client)
        self.world.forget(client.tasks)
        self.departed.append(client)

    # --- The end ------------------------------------------------------------------

    def finish(self) -> None:
        """Let everybody leave; nothing is left of them, and newcomers are served."""
        for number, (_, attacker) in enumerate([*self.attackers.items()]):
            client = attacker.client
            if attacker.state is State.ESTABLISHED and number % 2:
                client.end(ENDINGS[number % len(ENDINGS)])
            self._depart(client)
        self.attackers.clear()
        self._let_it_end()
        self._is_clean()
        self._is_healthy()
        self._let_it_end()
        self._is_clean()
        assert not self.log.faults, self.log.faults[0]

    def _let_it_end(self) -> None:
        for _ in range(5):
            self.world.open_gate()
            self.world.advance(60.0)

    def _is_clean(self) -> None:
        assert self.world.members == []
        assert self.world.unfinished_tasks == 0, "a task is left"
        more = grown(self._before, self._sizes())
        assert more == {}, f"left behind: {more}"

    def _is_healthy(self) -> None:
        for serializer in SERIALIZERS:
            one, other = (self._newcomer(serializer) for _ in range(2))
            echoed = one.request([48, 1, {}, "fuzz.echo", ["ping"]])
            assert echoed == [50, 1, {}, ["ping"]], f"the call came to {echoed}"
            one.subscribe("com.health", 2)
            other.send([16, 1, {}, "com.health", ["all is well"]])
            [event] = one.received()
            assert event[4] == ["all is well"]
            for client in (one, other):
                client.end("GOODBYE")
                self._depart(client)

    def _newcomer(self, serializer: str) -> Client:
        client = self.world.connect(serializer, name=0)
        client.join(authmethods=["anonymous"])
        return client

    def sessions_left(self) -> int:
        """Return how many sessions are still referred to; call it last."""
        self.departed.clear()
        self.world.clients.clear()
        gc.collect()
        return len(self.world.past)


STEPS: Final[Mapping[str, Callable[..., str]]] = {
    "connect": Round.connect,
    "say": Round.say,
    "answer": Round.answer,
    "lose": Round.lose,
    "advance": Round.advance,
    "gate": Round.gate,
}
