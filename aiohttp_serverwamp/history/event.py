"""What is kept of a publication, and how much is kept of a topic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.serializers.payload_size import payload_size

__all__ = ["NANOSECONDS", "History", "HistoryEvent", "event_size"]

#: Of a second.
NANOSECONDS: Final = 10**9

#: Option of the publication → whether it lists those who receive, and which of
#: (authid, authrole) it lists.
_LISTS: Final = {
    "eligible_authid": (True, 0),
    "eligible_authrole": (True, 1),
    "exclude_authid": (False, 0),
    "exclude_authrole": (False, 1),
}


@dataclass(frozen=True, slots=True)
class History:
    """How much of a topic's history is kept; what is beyond goes, the oldest first.

    Raises `ConfigurationError` for a limit that is no positive whole number, and a
    maximal age that is no positive number.
    """

    #: So many events at most.
    limit: int = 1_000
    #: Seconds that an event may be old; None: any age.
    max_age: float | None = None

    def __post_init__(self) -> None:
        if type(self.limit) is not int or self.limit < 1:
            raise ConfigurationError(
                f"History(limit={self.limit!r}): give a whole number of events, 1 or "
                "more"
            )
        age: object = self.max_age
        # "not >" rather than "<=" also refuses NaN.
        if age is not None and (
            type(age) not in (int, float) or not 0 < age < float("inf")  # type: ignore[operator]  # a number by then
        ):
            raise ConfigurationError(
                f"History(max_age={age!r}): give a positive number of seconds, or None"
            )

    def oldest(self, now: float) -> int | None:
        """Return the earliest timestamp that is kept; None if age does not matter."""
        if self.max_age is None:
            return None
        return int((now - self.max_age) * NANOSECONDS)


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """A publication as it is kept."""

    publication: int
    #: Nanoseconds of the epoch.
    timestamp: int
    topic: str
    #: ``EVENT.Details`` as subscribers saw them.
    details: Mapping[str, Any]
    args: Sequence[Any] | None = None
    kwargs: Mapping[str, Any] | None = None
    #: The white- and blacklists of authids and roles, by option of PUBLISH.
    receivers: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def is_for(self, authid: str, authrole: str) -> bool:
        """Tell whether the lists admit this identity (REQ-PUB-052)."""
        identity = (authid, authrole)
        return all(
            (identity[which] in self.receivers[option]) is admits
            for option, (admits, which) in _LISTS.items()
            if option in self.receivers
        )


def event_size(event: HistoryEvent) -> int:
    """Return the bytes of memory that an event takes, roughly."""
    return payload_size(
        event.args, event.kwargs, event.topic, event.details, event.receivers
    )
