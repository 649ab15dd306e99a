"""Who takes part: a new one is one more entry here and one module in `servers`."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.dialects import Dialect
from benchmarks.dialects.socket_io import SOCKET_IO
from benchmarks.dialects.wamp import WAMP
from benchmarks.rows import CALL_ROWS, KEYS
from benchmarks.servers import ADD, ADD_ASYNC

__all__ = ["CONTESTANTS", "FLOOR", "Contestant"]


@dataclass(frozen=True, slots=True)
class Contestant:
    """One line of the summary, one of each row it takes part in."""

    name: str
    #: The module whose process serves, and the procedure that adds.
    server: str
    procedure: str = ADD
    dialect: Dialect = WAMP
    rows: frozenset[str] = frozenset(KEYS)
    #: The distribution that serves, in the other environment; None: this project.
    distribution: str | None = None


FLOOR = Contestant("raw aiohttp (the floor)", "benchmarks.servers.raw")
CONTESTANTS = (
    FLOOR,
    Contestant("this library, def", "benchmarks.servers.library"),
    Contestant(
        "this library, async def",
        "benchmarks.servers.library",
        procedure=ADD_ASYNC,
        rows=CALL_ROWS,
    ),
    Contestant(
        "serverwamp 2",
        "benchmarks.servers.serverwamp_2",
        distribution="serverwamp",
    ),
    Contestant(
        "python-socketio",
        "benchmarks.servers.socket_io",
        dialect=SOCKET_IO,
        distribution="python-socketio",
    ),
)
