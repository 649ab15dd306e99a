"""A short fuzz of every serializer; and the fuzzer finds what it is there to find.

``python -m tests.fuzz`` goes on for as long as one likes.
"""

from __future__ import annotations

import random
import re
from typing import Any

import pytest

from aiohttp_serverwamp.router import dealer, endings
from aiohttp_serverwamp.router.broker import Broker
from aiohttp_serverwamp.router.decisions import DecisionCache
from aiohttp_serverwamp.router.session import RouterSession
from aiohttp_serverwamp.router.states import State
from tests.conformance.harness import World
from tests.fuzz import campaign
from tests.fuzz.campaign import run
from tests.fuzz.encoders import SERIALIZERS
from tests.fuzz.fields import MESSAGES, UNSURE, what_is_wrong
from tests.fuzz.values import Values


@pytest.mark.parametrize("serializer", SERIALIZERS)
def test_no_input_is_answered_otherwise_than_the_matrix_says(serializer: str) -> None:
    """REQ-MSG-022, 028."""
    result = run(seed=1, inputs=1600, serializers=[serializer])

    assert result.failure == ""
    assert result.inputs == 1600
    assert {"violation", "welcomed", "goes on", "rejected"} <= result.outcomes.keys()


def test_clients_of_all_serializers_meet_in_the_same_realms() -> None:
    result = run(seed=2, inputs=1600)

    assert result.failure == ""


def test_one_seed_always_makes_the_same_inputs() -> None:
    one, same, other = (run(seed, inputs=300) for seed in (5, 5, 6))

    assert one.outcomes == same.outcomes
    assert one.outcomes != other.outcomes


@pytest.mark.parametrize("code", MESSAGES)
def test_what_is_made_by_the_table_is_right_by_the_table(code: int) -> None:
    values = Values(random.Random(code), "json")
    layout = MESSAGES[code]
    for _ in range(20):
        options = {key: values.of(kind) for key, kind in layout.keys.items()}
        message = [code, *map(values.of, layout.kinds)]
        if layout.keys:
            message[1 + layout.kinds.index("dict")] = options

        assert what_is_wrong(message) in (None, UNSURE)


# --- It finds what is broken --------------------------------------------------------


def nothing(*args: Any, **kwargs: Any) -> None:
    pass


def failing(*args: Any, **kwargs: Any) -> None:
    raise RuntimeError("broken")


def fails_to_close(session: RouterSession, code: int, reason: str) -> None:
    session.state = State.ENDED
    session.leave()


def closes_only(session: RouterSession, error: Exception) -> None:
    session.on_closing(1002, "")


BREAKAGES = [
    pytest.param(endings, "_violated", nothing, "ABORT expected", id="no ABORT"),
    pytest.param(endings, "_end", fails_to_close, "did not close", id="no closing"),
    pytest.param(endings, "fail", closes_only, "closes with 1002", id="no end"),
    pytest.param(Broker, "leave", nothing, "has kept", id="subscriptions stay"),
    pytest.param(Broker, "publish", failing, "RuntimeError: broken", id="an exception"),
    pytest.param(dealer, "leave_calls", nothing, "has kept", id="calls stay"),
    pytest.param(DecisionCache, "drop", nothing, "left behind", id="decisions stay"),
    pytest.param(RouterSession, "send", nothing, "expected", id="says nothing"),
]


@pytest.mark.parametrize(("where", "name", "broken", "failure"), BREAKAGES)
def test_it_finds_what_is_broken(
    monkeypatch: pytest.MonkeyPatch, where: Any, name: str, broken: Any, failure: str
) -> None:
    monkeypatch.setattr(campaign, "REPLAYS", 0)
    monkeypatch.setattr(where, name, broken)

    result = run(seed=1, inputs=2400)

    assert failure in result.failure


def test_a_failure_is_told_with_the_few_steps_that_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(endings, "_violated", nothing)

    result = run(seed=1, inputs=800)

    found = re.search(r"(\d+) of its (\d+) steps are enough", result.failure)
    assert found is not None
    assert int(found[1]) <= 3
    assert "failure_of('1/" in result.failure


def test_what_is_nested_as_deeply_as_the_codecs_admit_can_be_read() -> None:
    """Python's own JSON gives up before, which is no fault of the router."""
    depth = 1_000
    calls = World().join()
    calls.register("deep")

    calls.send([48, 1, {}, "deep"])
    calls.send_raw("[70,1,{}," + "[" * depth + "]" * depth + "]")

    assert [message[0] for message in calls.received()] == [68, 50]
