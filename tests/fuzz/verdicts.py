"""What the receive matrix of the specification says of an input, and what came of it.

The matrix is the literal copy of the conformance tests. `expected` is None where nobody
can say without reading the bytes as the router does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from aiohttp_serverwamp.router.session import RouterSession
from aiohttp_serverwamp.router.states import State
from tests.conformance.test_receive_matrix import (
    END,
    FORBIDDEN_ROW,
    IGNORE,
    MATRIX,
    PROCESS,
    PV,
    STATES,
)
from tests.fuzz.encoders import Pairs, Raw
from tests.fuzz.fields import UNSURE, what_is_wrong

__all__ = ["END", "IGNORE", "PROCESS", "PV", "agrees", "expected", "is_plain"]

ROWS: Final[Mapping[int, tuple[str, ...]]] = {
    message[0]: row
    for name, (message, row) in MATRIX.items()
    if isinstance(message, list) and message and name != "ERROR-68"
    if not name.startswith("malformed")
}
ANSWER_ROW: Final = MATRIX["ERROR-68"][1]
#: Requests that may be right by themselves, and wrong for what came before.
TREACHEROUS: Final = frozenset({6, 8, 70})


def expected(session: RouterSession, message: Any) -> str | None:
    """Return what is to be done with a message, or None if that is uncertain."""
    state = session.state
    if state is State.ENDED:
        return IGNORE
    wrong = what_is_wrong(message)
    if wrong is UNSURE:
        return None
    if state is State.BETWEEN:
        return _between(message, wrong)
    column = STATES.index(state.name)
    if wrong is not None:
        return FORBIDDEN_ROW[column]
    answers = message[0] == 8 and message[1] == 68
    verdict = ANSWER_ROW[column] if answers else ROWS[message[0]][column]
    if verdict == PROCESS and _may_violate(session, message):
        return None
    return verdict


def _between(message: Any, wrong: str | None) -> str | None:
    if wrong is not None:
        return PV
    return {1: PROCESS, 3: END}.get(message[0], IGNORE)


def _may_violate(session: RouterSession, message: list[Any]) -> bool:
    """Tell whether it may be a violation for what came before it."""
    code = message[0]
    if code in TREACHEROUS:
        return True
    if code in (1, 5):
        return False
    if session.host.strict_request_ids or session.requests.busy:
        return True
    if code in (16, 48):
        options: dict[str, Any] = message[2]
        strict = session.router.meta.view.realm.uri == "strict"
        if options.get("ppt_scheme") is not None or strict:
            return True
    if code == 48:
        dealing = session.dealing
        return message[1] in dealing.calls or message[1] in dealing.unfinished
    return False


def agrees(verdict: str | None, outcome: str) -> bool:
    """Tell whether an outcome is one that a verdict admits."""
    if verdict is None:
        return True
    if verdict == PV:
        return outcome == "violation"
    if verdict == IGNORE:
        return outcome in ("nothing", "goes on")
    if verdict == END:
        return outcome in ("ended", "closed")
    return outcome != "violation"


def is_plain(value: Any, serializer: str, depth: int = 0) -> bool:
    """Tell whether every codec reads a value as what it was written for."""
    kind = type(value)
    if kind is Raw or kind is Pairs or depth > 30:
        return False
    if kind is list:
        return all(is_plain(each, serializer, depth + 1) for each in value)
    if kind is dict:
        keys_and_values = (*value.keys(), *value.values())
        return all(is_plain(each, serializer, depth + 1) for each in keys_and_values)
    if kind is int:
        return bool(-(2**63) <= value < 2**63)
    if kind is float:
        return math.isfinite(value)
    if kind is str:
        zero: bool = serializer.startswith("json") and value.startswith("\0")
        return not zero and value.isprintable() and len(value) < 5000
    return True
