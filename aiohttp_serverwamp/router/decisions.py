"""What the application's authorizer answers, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.uris import Match

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.permission_rules import Action

__all__ = [
    "Authorizer",
    "Decision",
    "DecisionCache",
    "SessionDecisions",
    "decision_from",
]

#: ``fn(session, action, uri, options)``, sync or async; see `decision_from`.
Authorizer: TypeAlias = "Callable[[Any, Action, str, Mapping[str, Any]], Any]"


@dataclass(frozen=True, slots=True)
class Decision:
    """What an authorizer may answer.

    `disclose` tells the receivers who called or published, beyond what the client asked
    for (REQ-AUTZ-011). `cache` keeps the decision for this session, action and URI, so
    it must not depend on the options. Raises TypeError for anything but bools.
    """

    allow: bool
    disclose: bool = False
    cache: bool = False

    def __post_init__(self) -> None:
        for name in ("allow", "disclose", "cache"):
            value = getattr(self, name)
            if not isinstance(value, bool):
                raise TypeError(f"{name} of a decision is a bool, not {value!r}")


def decision_from(result: Any) -> Decision:
    """Return the decision that an authorizer's result means (REQ-AUTZ-008).

    Raises TypeError for anything but a bool, a `Decision` or a mapping with a boolean
    "allow": the authorizer has failed then, and nothing is granted (REQ-AUTZ-009).
    """
    if isinstance(result, Decision):
        return result
    if isinstance(result, bool):
        return Decision(result)
    if isinstance(result, Mapping) and "allow" in result:
        return Decision(
            result["allow"], result.get("disclose", False), result.get("cache", False)
        )
    raise TypeError(
        "an authorizer returns a bool, a Decision or a mapping with a boolean 'allow', "
        f"not {type(result).__name__}"
    )


class SessionDecisions:
    """What is remembered for one session, the oldest forgotten first."""

    __slots__ = ("_decisions", "_limit")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._decisions: dict[tuple[Action, str, Match], Decision] = {}

    def get(
        self, action: Action, uri: str, match: Match = Match.EXACT
    ) -> Decision | None:
        """Return the decision remembered, None if the authorizer has to be asked."""
        return self._decisions.get((action, uri, match))

    def put(self, action: Action, uri: str, match: Match, decision: Decision) -> None:
        """Remember `decision` if it says so (``cache=True``)."""
        if not decision.cache:
            return
        key = (action, uri, match)
        if len(self._decisions) >= self._limit and key not in self._decisions:
            del self._decisions[next(iter(self._decisions))]
        self._decisions[key] = decision


class DecisionCache:
    """The authorizer's decisions to remember: at most `limit` for each session.

    Take `of(session)` before the authorizer is asked and put its answer into that same
    object. `drop` replaces the object, so the answer to a question that was asked
    before is not kept, and whoever waits for one can tell that it has to be asked
    again. Drop a session that leaves.
    """

    __slots__ = ("_limit", "_sessions")

    def __init__(self, *, limit: int = 256) -> None:
        if limit < 1:
            raise ConfigurationError("DecisionCache(limit=...) takes at least 1")
        self._limit = limit
        self._sessions: dict[Hashable, SessionDecisions] = {}

    def of(self, session: Hashable) -> SessionDecisions:
        """Return what is remembered for `session`, to look into and to add to."""
        decisions = self._sessions.get(session)
        if decisions is None:
            decisions = self._sessions[session] = SessionDecisions(self._limit)
        return decisions

    def drop(self, session: Hashable | None = None) -> None:
        """Forget the decisions for `session`, or all of them."""
        if session is None:
            self._sessions.clear()
        else:
            self._sessions.pop(session, None)
