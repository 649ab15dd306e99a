"""Rounds by the thousand: the inputs that are made for them, and what they came to.

`run` is what others call::

    result = run(seed=1, inputs=100_000)
    assert not result.failure, result.failure

It needs no event loop and no socket, and one `seed` always makes the same inputs. Over
sockets it is `sockets.besiege`.
"""

from __future__ import annotations

import random
import re
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp_serverwamp.router.states import State
from tests.fuzz.attackers import Attacker
from tests.fuzz.damage import Damage
from tests.fuzz.encoders import ENCODERS, SERIALIZERS, as_text, frame_of
from tests.fuzz.rounds import Round, Step, watched
from tests.fuzz.verdicts import is_plain

#: Inputs of one round.
ROUND: Final = 800
#: How many clients there are at a time.
CROWD: Final = 6
#: How often a failure is played again to find what it takes.
REPLAYS: Final = 400


@dataclass
class Result:
    """What a run has come to."""

    seed: int
    serializers: Sequence[str]
    inputs: int = 0
    rounds: int = 0
    #: How often which outcome was seen.
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    #: What has failed, and how to see it again; empty if nothing has.
    failure: str = ""

    @property
    def rate(self) -> float:
        """Inputs per second."""
        return self.inputs / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        total = (
            f"seed {self.seed}, {', '.join(self.serializers)}: {self.inputs} inputs in "
            f"{self.rounds} rounds, {self.rate:.0f} a second"
        )
        counts = self.outcomes.most_common()
        lines = [total, *(f"{count:9} {outcome}" for outcome, count in counts)]
        return "\n".join([*lines, self.failure] if self.failure else lines)


def run(
    seed: int = 1,
    inputs: int = 100_000,
    serializers: Sequence[str] = SERIALIZERS,
    *,
    tell: Callable[[Result], None] = lambda result: None,
) -> Result:
    """Play rounds until there were so many inputs, or one has failed.

    `tell` hears of the result so far after each round.
    """
    result = Result(seed, serializers)
    started = time.perf_counter()
    while result.inputs < inputs and not result.failure:
        number = result.rounds
        count = min(ROUND, inputs - result.inputs)
        play_round(result, f"{seed}/{','.join(serializers)}/{number}", count)
        result.seconds = time.perf_counter() - started
        tell(result)
    return result


def play_round(result: Result, seed: str, inputs: int) -> None:
    """Play one round, and note in the result what came of it."""
    steps: list[Step] = []
    with watched() as log:
        current = Round(seed, log)
        inventor = made(current, random.Random(seed), inputs, result.serializers)
        error = None
        while error is None and (step := next(inventor, None)) is not None:
            steps.append(step)
            error = raised(current.play, step)
        error = error or raised(current.finish)
        if error is not None:
            result.failure = report(seed, steps, error)
        left = 0 if result.failure else current.sessions_left()
    if left:
        result.failure = f"round {seed!r}: {left} sessions that ended are still held"
    result.inputs += len(steps)
    result.rounds += 1
    result.outcomes += current.outcomes


# --- Making inputs ----------------------------------------------------------------


def made(
    current: Round, rng: random.Random, count: int, serializers: Sequence[str]
) -> Iterator[Step]:
    """Yield steps, each made with a view of what the ones before came to."""
    other = b"[48,1,{},\x22com.a\x22]"
    for number in range(count):
        chance = rng.random()
        attackers = current.attackers
        if len(attackers) < 2 or (len(attackers) < CROWD and chance < 0.1):
            yield "connect", number, rng.choice(serializers)
            continue
        who = rng.choice([*attackers])
        if chance > 0.995:
            yield "lose", who
        elif chance > 0.98:
            yield "advance", rng.choice((0.01, 0.5, 3.0, 30.0))
        elif chance > 0.95:
            yield ("gate",)
        else:
            step, other = _said(rng, who, attackers[who], other)
            yield step


def _said(
    rng: random.Random, who: int, attacker: Attacker, other: bytes
) -> tuple[Step, bytes]:
    """Return a step in which a client speaks, and bytes for later ones to mix in."""
    if attacker.state is State.AUTHENTICATING and rng.random() < 0.75:
        return ("answer", who, rng.random() < 0.7), other
    frame, known, kept = invented(rng, attacker, other)
    return ("say", who, frame, known), kept


def invented(
    rng: random.Random, attacker: Attacker, other: bytes
) -> tuple[str | bytes, Any, bytes]:
    """Return a frame, what it says if that is certain, and bytes to mix in later."""
    serializer = attacker.serializer
    damage = Damage(rng, attacker.values)
    chance = rng.random()
    joining = attacker.state in (State.CLOSED, State.BETWEEN, State.AUTHENTICATING)
    # Who never comes in sees but little.
    harm = 0.15 if joining else 0.2
    several = rng.randint(1, 4) if "." in serializer and rng.random() < 0.3 else 1
    messages = [attacker.message() for _ in range(several)]
    if chance < harm * 0.5:
        messages[-1] = damage.of_structure(messages[-1])
    elif chance < harm * 0.6:
        messages[-1] = attacker.any_message()
    encode = ENCODERS[serializer.partition(".")[0]]
    data = [encode(message) for message in messages]
    kept = data[-1][:500]
    known = messages[-1] if len(messages) == 1 else None
    if harm * 0.6 <= chance < harm * 0.85:
        known, data[-1] = None, damage.of_bytes(data[-1], other)
    frame = frame_of(data, serializer)
    if harm * 0.85 <= chance < harm:
        known, frame = None, _another_frame(rng, damage, frame, other)
    if known is not None and not (len(frame) < 50_000 and is_plain(known, serializer)):
        known = None
    return frame, known, kept


def _another_frame(
    rng: random.Random, damage: Damage, frame: str | bytes, other: bytes
) -> str | bytes:
    """Damage what is around the message, or the kind of the frame."""
    data = frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame
    if rng.random() < 0.15:
        return data if isinstance(frame, str) else as_text(data)
    changed = damage.of_bytes(data, other)
    return as_text(changed) if isinstance(frame, str) else changed


# --- Failures ---------------------------------------------------------------------


def raised(func: Callable[..., object], *args: object) -> Exception | None:
    """Call, and return what it raises, if anything."""
    try:
        func(*args)
    except Exception as error:
        return error
    return None


def failure_of(seed: str, steps: Sequence[Step]) -> BaseException | None:
    """Play steps on fresh grounds and return what fails, if anything does."""
    with watched() as log:
        current = Round(seed, log)
        for step in steps:
            if error := raised(current.play, step):
                return error
        return raised(current.finish)


def kind_of(error: BaseException | None) -> str:
    """Say what two failures have in common that are the same."""
    line = str(error).partition("\n")[0]
    return f"{type(error)} {re.sub('[0-9]+', '#', line)[:40]}"


def shrunk(seed: str, steps: Sequence[Step], error: BaseException) -> list[Step]:
    """Return as few of the steps as fail alike, found by leaving out ever less."""
    wanted = kind_of(error)
    kept = [*steps]
    replays = 0
    size = len(kept) // 2
    while size and replays < REPLAYS:
        at = 0
        while at < len(kept) and replays < REPLAYS:
            fewer = kept[:at] + kept[at + size :]
            replays += 1
            if kind_of(failure_of(seed, fewer)) == wanted:
                kept = fewer
            else:
                at += size
        size //= 2
    return kept


def report(seed: str, steps: Sequence[Step], error: BaseException) -> str:
    """Say what has failed and which steps it takes."""
    again = failure_of(seed, steps)
    few = shrunk(seed, steps, error) if kind_of(again) == kind_of(error) else steps[-5:]
    lines = "".join(traceback.format_exception(error))
    how = (
        f"{len(few)} of its {len(steps)} steps are enough"
        if again
        else "it does not fail again; its last steps"
    )
    shown = "\n".join(f"    {step!r}," for step in few)
    return f"{lines}\nround {seed!r}: {how}:\nfailure_of({seed!r}, [\n{shown}\n])"
