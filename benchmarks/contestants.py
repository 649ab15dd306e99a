"""Who takes part: a new one is one more entry here and one module in `servers`."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import aiohttp_serverwamp
from benchmarks.servers import ADD, ADD_ASYNC

__all__ = ["CONTESTANTS", "FLOOR", "Contestant", "versions"]

CALL_ROWS = frozenset({"one", "many"})
ALL_ROWS = CALL_ROWS | {"fan-out"}


@dataclass(frozen=True, slots=True)
class Contestant:
    """One line of the table in the rows it takes part in."""

    name: str
    #: The module whose process serves, and the procedure that adds.
    server: str
    procedure: str = ADD
    rows: frozenset[str] = ALL_ROWS
    #: The distribution that must be installed for it to take part; None: nothing.
    needs: str | None = None

    def is_installed(self) -> bool:
        """Tell whether it can take part here."""
        return self.needs is None or _version(self.needs) is not None


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
)


def versions() -> str:
    """Return the versions that the figures depend on."""
    # The checkout is what is measured, whether or not it is installed.
    found = [f"aiohttp-serverwamp {aiohttp_serverwamp.__version__}"]
    names = ["aiohttp", "ujson", "msgspec"]
    names += [each.needs for each in CONTESTANTS if each.needs]
    found += [f"{name} {_version(name) or '(not installed)'}" for name in names]
    return ", ".join(found)


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
