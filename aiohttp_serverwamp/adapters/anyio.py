"""anyio: tasks, timers, waiters and threads, on asyncio or trio underneath.

Importing this module does not need anyio; `AnyioAsyncSupport` does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp_serverwamp.adapters import asyncio_streams, trio_streams
from aiohttp_serverwamp.adapters.asyncio import (
    call_from_thread_in,
    is_asyncio_running,
    run_to_the_end,
)
from aiohttp_serverwamp.adapters.nursery import NurserySupport
from aiohttp_serverwamp.adapters.trio import call_from_thread_in_trio, is_trio_running
from aiohttp_serverwamp.errors import ConfigurationError

if TYPE_CHECKING:
    import socket
    import ssl

    from aiohttp_serverwamp.interfaces import ByteStream

__all__ = ["AnyioAsyncSupport"]

T = TypeVar("T")


class AnyioAsyncSupport(NurserySupport):
    """The anyio side of `AsyncSupport`.

    Raises `ConfigurationError` where anyio is not installed.
    """

    name = "anyio"
    eager = False

    def __init__(self) -> None:
        try:
            import anyio
            import anyio.to_thread
        except ImportError as error:
            raise ConfigurationError(
                "AnyioAsyncSupport needs anyio: pip install aiohttp-serverwamp[anyio]"
            ) from error
        super().__init__(anyio, anyio.create_task_group)
        self.cancelled: type[BaseException] | tuple[type[BaseException], ...] = (
            _cancelled_on_any_backend()
        )

    def is_running(self) -> bool:
        """Tell whether one of its two libraries runs here."""
        return is_asyncio_running() or is_trio_running()

    async def run_to_the_end(
        self,
        func: Callable[[], Coroutine[Any, Any, None]],
        on_cancel: Callable[[], None],
    ) -> None:
        """Await ``func()`` even if cancelled, at which ``on_cancel()`` is called."""
        # What runs anyio on asyncio cancels as asyncio does, shielded or not.
        if is_asyncio_running():
            await run_to_the_end(func, on_cancel)
        else:
            await super().run_to_the_end(func, on_cancel)

    def caller_from_thread(self) -> Callable[[Callable[[], object]], None]:
        """Return a function that runs its argument in this loop, from any thread."""
        # anyio's own way makes the calling thread wait, a loop's own thread for ever.
        if is_asyncio_running():
            return call_from_thread_in(asyncio.get_running_loop())
        return call_from_thread_in_trio()

    async def accept(self, listener: socket.socket) -> socket.socket:
        """Wait for the next client of a listening socket."""
        if is_asyncio_running():
            return await asyncio_streams.accept(listener)
        return await trio_streams.accept(listener)

    async def open_stream(
        self, connected: socket.socket, tls: ssl.SSLContext | None
    ) -> ByteStream:
        """Make a stream of an accepted socket, after the handshake of TLS."""
        # anyio's own streams would do no more than what they are built of.
        if is_asyncio_running():
            return await asyncio_streams.open_stream(connected, tls)
        return await trio_streams.open_stream(connected, tls)


def _cancelled_on_any_backend() -> tuple[type[BaseException], ...]:
    # anyio.get_cancelled_exc_class() answers only within a running loop.
    try:
        import trio
    except ImportError:
        return (asyncio.CancelledError,)
    return asyncio.CancelledError, trio.Cancelled
