"""What is done to a message that was right: to its structure, or to its bytes."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any, Final

from tests.fuzz.encoders import Pairs
from tests.fuzz.fields import MAX_ID, MESSAGES
from tests.fuzz.values import ODD_URIS, Values


class Damage:
    """Damages messages, as its random numbers say."""

    def __init__(self, rng: random.Random, values: Values) -> None:
        self.rng = rng
        self.values = values

    # --- The structure ------------------------------------------------------------

    def of_structure(self, message: list[Any]) -> list[Any]:
        """Return a message with one to three things changed."""
        changed = copy.deepcopy(message)
        for _ in range(self.rng.choice((1, 1, 1, 2, 3))):
            self.rng.choice(STRUCTURAL)(self, changed)
        return changed

    def _place(self, message: list[Any]) -> tuple[Any, Any]:
        """Return a container within the message, and one of its keys."""
        container: Any = message
        key: Any = self.rng.randrange(len(message)) if message else None
        while key is not None and self.rng.random() < 0.6:
            inner = container[key]
            if type(inner) not in (list, dict) or not inner:
                break
            container = inner
            key = self.rng.choice(
                [*inner] if type(inner) is dict else range(len(inner))
            )
        return container, key

    def _replace(self, message: list[Any]) -> None:
        container, key = self._place(message)
        if key is not None:
            container[key] = self.values.odd()

    def _retype(self, message: list[Any]) -> None:
        container, key = self._place(message)
        if key is not None:
            container[key] = self.rng.choice(
                (None, True, 0, 1, "", "a", [], {}, [1], {"a": 1}, 1.5, b"\0")
            )

    def _drop(self, message: list[Any]) -> None:
        container, key = self._place(message)
        if key is not None:
            del container[key]

    def _insert(self, message: list[Any]) -> None:
        message.insert(self.rng.randint(0, len(message)), self.values.odd())

    def _lengthen(self, message: list[Any]) -> None:
        message.extend(self.values.plain() for _ in range(self.rng.randint(1, 3)))

    def _shorten(self, message: list[Any]) -> None:
        del message[self.rng.randint(0, len(message)) :]

    def _swap(self, message: list[Any]) -> None:
        if len(message) > 2:
            one, other = self.rng.sample(range(len(message)), 2)
            message[one], message[other] = message[other], message[one]

    def _recode(self, message: list[Any]) -> None:
        if message:
            codes = (*MESSAGES, 0, 7, 9, 71, 999, -1, 48.0, "48", None, True, 2**70)
            message[0] = self.rng.choice(codes)

    def _another_id(self, message: list[Any]) -> None:
        if len(message) > 1:
            message[1] = self.rng.choice(
                (0, -1, 1, 2, 10**6, MAX_ID, MAX_ID + 1, 2.0, 2.5, "1", True, 2**80)
            )

    def _another_uri(self, message: list[Any]) -> None:
        texts = [at for at, each in enumerate(message) if type(each) is str]
        if texts:
            message[self.rng.choice(texts)] = self.rng.choice(ODD_URIS)

    def _add_option(self, message: list[Any]) -> None:
        dicts = [each for each in message if type(each) is dict]
        code = message[0] if message else None
        layout = MESSAGES.get(code) if type(code) is int else None
        if layout is not None and dicts:
            key = self.rng.choice((*layout.keys, "x_own", "progress", "ppt_scheme"))
            right = key in layout.keys and self.rng.random() < 0.5
            value = self.values.of(layout.keys[key]) if right else self.values.odd()
            self.rng.choice(dicts)[key] = value

    def _double_key(self, message: list[Any]) -> None:
        dicts = [at for at, each in enumerate(message) if type(each) is dict]
        if dicts:
            at = self.rng.choice(dicts)
            items = [*message[at].items(), ("k", 1)]
            twice = (self.rng.choice(items)[0], self.values.odd())
            message[at] = Pairs((*items, twice))

    def _nest(self, message: list[Any]) -> None:
        container, key = self._place(message)
        if key is not None:
            value = container[key]
            for _ in range(self.rng.choice((1, 3, 30))):
                value = [value] if self.rng.random() < 0.5 else {"a": value}
            container[key] = value

    # --- The bytes ----------------------------------------------------------------

    def of_bytes(self, data: bytes, other: bytes) -> bytes:
        """Return the data with one to four things changed; `other` is some other."""
        for _ in range(self.rng.choice((1, 1, 2, 4))):
            data = self.rng.choice(BYTEWISE)(self, data, other)
        return data

    def _cut(self, data: bytes) -> tuple[int, int]:
        start = self.rng.randint(0, len(data))
        return start, min(len(data), start + self.rng.choice((1, 2, 5, 20)))

    def _flip(self, data: bytes, other: bytes) -> bytes:
        if not data:
            return b"\0"
        changed = bytearray(data)
        changed[self.rng.randrange(len(data))] ^= 1 << self.rng.randrange(8)
        return bytes(changed)

    def _overwrite(self, data: bytes, other: bytes) -> bytes:
        start, end = self._cut(data)
        return data[:start] + self.rng.randbytes(end - start) + data[end:]

    def _remove(self, data: bytes, other: bytes) -> bytes:
        start, end = self._cut(data)
        return data[:start] + data[end:]

    def _add(self, data: bytes, other: bytes) -> bytes:
        start, _ = self._cut(data)
        more = self.rng.choice(
            (b"\0", b"\xff", b"[", b"]", b'"', b"\x1e", b"\x18", b"\x81", b"\x9f")
        )
        return data[:start] + more * self.rng.choice((1, 1, 7)) + data[start:]

    def _repeat(self, data: bytes, other: bytes) -> bytes:
        start, end = self._cut(data)
        return data[:end] + data[start:end] * 3 + data[end:]

    def _truncate(self, data: bytes, other: bytes) -> bytes:
        return data[: self.rng.randint(0, len(data))]

    def _append(self, data: bytes, other: bytes) -> bytes:
        return data + other

    def _splice(self, data: bytes, other: bytes) -> bytes:
        start, _ = self._cut(data)
        from_there, _ = self._cut(other)
        return data[:start] + other[from_there:]


STRUCTURAL: Final[tuple[Callable[[Damage, list[Any]], None], ...]] = (
    Damage._replace,
    Damage._replace,
    Damage._retype,
    Damage._retype,
    Damage._drop,
    Damage._insert,
    Damage._lengthen,
    Damage._shorten,
    Damage._swap,
    Damage._recode,
    Damage._another_id,
    Damage._another_uri,
    Damage._add_option,
    Damage._add_option,
    Damage._double_key,
    Damage._nest,
)

BYTEWISE: Final[tuple[Callable[[Damage, bytes, bytes], bytes], ...]] = (
    Damage._flip,
    Damage._flip,
    Damage._overwrite,
    Damage._remove,
    Damage._add,
    Damage._repeat,
    Damage._truncate,
    Damage._append,
    Damage._splice,
)
