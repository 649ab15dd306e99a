"""What the library holds in this process, counted: for comparison before and after.

Nothing is named here: every living object of the package's classes is found, and the
size of every container that it has. What a session leaves behind shows up under the
name of the attribute that keeps it. `tests.tables` walks from one object, and is quick;
this finds also what nothing leads to any more.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sized
from collections.abc import Set as AbstractSet
from typing import Any, Final
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary

__all__ = ["differences", "inventory"]

PACKAGE: Final = "aiohttp_serverwamp"
#: Of these only the number of objects counts.
AROUND: Final = ("aiohttp.", "aiohttp_session.", "asyncio.", "_asyncio.")
#: asyncio throws cancelled timers away when half of them are.
LAZY: Final = frozenset({"asyncio.events.TimerHandle", "asyncio.events.Handle"})

CONTAINERS: Final = (
    *(dict, list, set, deque, bytearray),
    *(WeakSet, WeakValueDictionary, WeakKeyDictionary),
)
#: Containers in containers in containers: further down there are messages.
DEPTH: Final = 3


def inventory() -> dict[str, int]:
    """Count objects by class, the contents of their containers, tasks, descriptors."""
    gc.collect()
    found: Counter[str] = Counter()
    for each in gc.get_objects():
        kind = type(each)
        name = f"{kind.__module__}.{kind.__qualname__}"
        if name.startswith(f"{PACKAGE}."):
            found[name] += 1
            for attribute, value in _attributes(each):
                _measure(f"{name}.{attribute}", value, found)
        elif name.startswith(AROUND) and name not in LAZY:
            found[name] += 1
    _measure_modules(found)
    found["tasks"] = len(asyncio.all_tasks())
    found["descriptors"] = len(os.listdir("/proc/self/fd"))
    return dict(found)


def differences(before: Mapping[str, int], after: Mapping[str, int]) -> list[str]:
    """Say what is not as it was."""
    return [
        f"{name}: {before.get(name, 0)} before, {after.get(name, 0)} after"
        for name in sorted({*before, *after})
        if before.get(name, 0) != after.get(name, 0)
    ]


def _attributes(owner: object) -> Iterator[tuple[str, Any]]:
    yield from list(getattr(owner, "__dict__", {}).items())
    for kind in type(owner).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            private = slot.startswith("__") and not slot.endswith("__")
            name = f"_{kind.__name__.lstrip('_')}{slot}" if private else slot
            if slot not in ("__dict__", "__weakref__") and hasattr(owner, name):
                yield name, getattr(owner, name)


def _measure(name: str, value: object, found: Counter[str], depth: int = DEPTH) -> None:
    if not isinstance(value, CONTAINERS):
        return
    found[name] += len(value)
    if depth and not isinstance(value, bytearray):
        for inner in _contents(value):
            _measure(f"{name}[]", inner, found, depth - 1)


def _contents(container: Any) -> list[Any]:
    if isinstance(container, Mapping):
        return list(container.values())
    return list(container) if isinstance(container, list | deque | AbstractSet) else []


def _measure_modules(found: Counter[str]) -> None:
    for name, module in list(sys.modules.items()):
        if name != PACKAGE and not name.startswith(f"{PACKAGE}."):
            continue
        for attribute, value in list(vars(module).items()):
            if attribute.startswith("__"):
                continue
            if isinstance(value, Sized):
                _measure(f"{name}:{attribute}", value, found)
            cached = getattr(value, "cache_info", None)
            if cached is not None and not isinstance(value, type):
                found[f"{name}:{attribute}"] = cached().currsize
