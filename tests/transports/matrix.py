"""Which scenario runs over which transport and codec, and what comes out of it there.

`scenario` parametrises a test by its cells, and says what the table on the page calls
its outcome. Where transports differ it says how, and the test compares what it has seen
with just these words: the page can say nothing that has not been run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import pytest

#: Those that come by WebSocket, each in a process of its own, see `serve`.
WEB_SERVERS: Final = (
    "aiohttp",
    "aiohttp-public",
    "uvicorn",
    "hypercorn",
    "hypercorn-trio",
    "granian",
)
RAW_SERVERS: Final = ("rawsocket", "rawsocket-trio")
#: In the order of the table.
TRANSPORTS: Final = (*WEB_SERVERS, *RAW_SERVERS, "memory")
SERIALIZERS: Final = ("json", "msgpack", "cbor")
CODECS: Final = (*SERIALIZERS, *(f"{name}.batched" for name in SERIALIZERS))

YES: Final = "yes"

#: Transport → what comes out there, and why.
Differing = Mapping[str, tuple[str, str]]

Test = TypeVar("Test", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Cell:
    """One transport with one codec."""

    transport: str
    codec: str

    def __str__(self) -> str:
        return f"{self.transport}-{self.codec}"


#: RawSocket has no batches.
ALL: Final = tuple(
    Cell(name, codec)
    for name in TRANSPORTS
    for codec in (SERIALIZERS if name in RAW_SERVERS else CODECS)
)
BATCHED: Final = tuple(cell for cell in ALL if cell.codec.endswith("batched"))
#: For what is slow and no codec's affair.
JSON_ONLY: Final = tuple(cell for cell in ALL if cell.codec == "json")
WEBSOCKETS: Final = tuple(cell for cell in JSON_ONLY if cell.transport in WEB_SERVERS)


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the table."""

    title: str
    cells: Sequence[Cell]
    outcome: str = YES
    #: Transport → its outcome, where it differs, and → why.
    differing: Mapping[str, str] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    def outcome_on(self, transport: str) -> str:
        """Return what comes out there, in the words of the table."""
        return self.differing.get(transport, self.outcome)


#: The tables: rows in the order in which the tests are written. What WAMP carries, and
#: what is beneath it.
MESSAGES: Final[list[Scenario]] = []
FRAMES: Final[list[Scenario]] = []


def scenario(
    title: str,
    cells: Sequence[Cell] = ALL,
    *,
    outcome: str = YES,
    differing: Differing | None = None,
    table: list[Scenario] = MESSAGES,
) -> Callable[[Test], Test]:
    """Parametrise a test by `cells`; `differing` says where it differs, and why.

    The test asks for ``cell``, and for ``outcome`` on its transport.
    """
    other = differing or {}
    row = Scenario(
        title,
        cells,
        outcome,
        {transport: words for transport, (words, _) in other.items()},
        {transport: reason for transport, (_, reason) in other.items()},
    )
    table.append(row)
    run = [(cell, row.outcome_on(cell.transport)) for cell in cells]
    return pytest.mark.parametrize(("cell", "outcome"), run, ids=map(str, cells))
