"""trio: tasks, timers, waiters and threads for the rest of the package.

Importing this module does not need trio; `TrioAsyncSupport` does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from aiohttp_serverwamp.adapters import trio_streams
from aiohttp_serverwamp.adapters.failure_log import call_logged
from aiohttp_serverwamp.adapters.nursery import NurserySupport
from aiohttp_serverwamp.errors import ConfigurationError

if TYPE_CHECKING:
    import socket
    import ssl

    from aiohttp_serverwamp.interfaces import ByteStream

__all__ = ["TrioAsyncSupport", "call_from_thread_in_trio", "is_trio_running"]

T = TypeVar("T")


class TrioAsyncSupport(NurserySupport):
    """The trio side of `AsyncSupport`.

    Raises `ConfigurationError` where trio is not installed.
    """

    name = "trio"
    eager = False

    def __init__(self) -> None:
        try:
            import trio
        except ImportError as error:
            raise ConfigurationError(
                "TrioAsyncSupport needs trio: pip install aiohttp-serverwamp[trio]"
            ) from error
        super().__init__(trio, trio.open_nursery)
        self.cancelled: type[BaseException] | tuple[type[BaseException], ...] = (
            trio.Cancelled
        )

    def is_running(self) -> bool:
        """Tell whether trio runs here."""
        return is_trio_running()

    def caller_from_thread(self) -> Callable[[Callable[[], object]], None]:
        """Return a function that runs its argument in this loop, from any thread."""
        return call_from_thread_in_trio()

    async def accept(self, listener: socket.socket) -> socket.socket:
        """Wait for the next client of a listening socket."""
        return await trio_streams.accept(listener)

    async def open_stream(
        self, connected: socket.socket, tls: ssl.SSLContext | None
    ) -> ByteStream:
        """Make a stream of an accepted socket, after the handshake of TLS."""
        return await trio_streams.open_stream(connected, tls)


def is_trio_running() -> bool:
    """Tell whether trio runs here."""
    trio = sys.modules.get("trio")
    if trio is None:  # it would have been imported
        return False
    try:
        trio.lowlevel.current_trio_token()
    except RuntimeError:
        return False
    return True


def call_from_thread_in_trio() -> Callable[[Callable[[], object]], None]:
    """Return a function that hands its argument to this trio, from any thread."""
    import trio

    token = trio.lowlevel.current_trio_token()

    def call(func: Callable[[], object]) -> None:
        try:
            # What is raised in there would end the whole of trio.
            token.run_sync_soon(call_logged, func)
        except trio.RunFinishedError as error:
            raise ConfigurationError(
                "the event loop of the application has ended; publish and call while "
                "it runs"
            ) from error

    return call
