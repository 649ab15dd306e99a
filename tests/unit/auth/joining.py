"""A joining client, as far as a method looks at it."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from aiohttp_serverwamp import Identity
from aiohttp_serverwamp.auth import KDF

CHEAP = KDF("argon2id13", iterations=1, memory=8)
ANN = Identity("ann", "person")


class JoiningRealm:
    """Runs at once what belongs in a thread, and counts it."""

    def __init__(self) -> None:
        self.in_thread: list[Callable[..., Any]] = []

    async def run_in_thread(self, func: Callable[..., Any], *args: Any) -> Any:
        self.in_thread.append(func)
        return func(*args)


class Joining:
    """A client that claims to be somebody."""

    def __init__(self, authid: str = "ann") -> None:
        self.authid = authid
        self.id = 7
        self.connection = SimpleNamespace(transport_info={})
        self.realm = JoiningRealm()
