"""How full every table is: a walk over all containers that objects of ours hold.

Found out once before there were clients and again when they have gone, the difference
is what they have left behind.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakSet

from aiohttp_serverwamp.router.deadlines import Deadlines

CONTAINERS: Final = (dict, list, set, frozenset, deque, WeakSet, WeakKeyDictionary)
PACKAGE: Final = "aiohttp_serverwamp"

#: Classes of what may keep something of those who have gone, within bounds of its own.
LASTING: Final = frozenset(
    {
        "Binding",  # the types of arguments that have fitted
        "FailedSignIns",  # for their window
        "MemoryHistory",
        "Permissions",
        "PlainCalls",
        "Retention",
        "Tally",
    }
)


def sizes(root: object) -> dict[str, int]:
    """Return the length of every container within reach, by its path from the root.

    Only attributes of objects of the package are followed, and what its containers
    hold, but for those of `LASTING` classes.
    """
    found: dict[str, int] = {}
    seen = {id(root)}
    waiting: deque[tuple[str, object]] = deque([("", root)])
    while waiting:
        path, value = waiting.popleft()
        if isinstance(value, (*CONTAINERS, Deadlines)):
            found[path] = len(value)
        for name, inner in _within(value):
            if id(inner) not in seen and _matters(inner):
                seen.add(id(inner))
                waiting.append((f"{path}{name}", inner))
    return found


def grown(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """Return the containers that hold more than before, and how much more."""
    return {
        path: more
        for path, length in after.items()
        if (more := length - before.get(path, 0)) > 0
    }


def _matters(value: object) -> bool:
    if isinstance(value, type) or type(value).__name__ in LASTING:
        return False
    return isinstance(value, (*CONTAINERS, tuple)) or type(value).__module__.startswith(
        PACKAGE
    )


def _within(value: object) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | WeakKeyDictionary):
        for key, inner in [*value.items()]:
            yield f"[{key!r}]", inner
            yield f" key {key!r}", key
    elif isinstance(value, (*CONTAINERS, tuple)):
        for number, inner in enumerate([*value]):
            yield f"[{number}]", inner
    elif not isinstance(value, Deadlines):  # cancelled ones stay in its heap
        for name in _attributes(value):
            yield f".{name}", getattr(value, name, None)


def _attributes(value: object) -> Iterator[str]:
    yield from getattr(value, "__dict__", ())
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__weakref__", "__dict__"):
                yield name
