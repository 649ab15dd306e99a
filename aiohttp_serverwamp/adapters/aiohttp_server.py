"""Which server runs an aiohttp application, and how it is told to stop.

aiohttp stops listening before it tells the application that it is to stop. Who has to
go on for a while, for a load balancer to notice, has to hear of the signal first.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["before_stopping", "gunicorn_worker", "stop_handlers"]

logger = logging.getLogger("aiohttp_serverwamp.adapters")


def _frames() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back


def gunicorn_worker() -> Any:
    """Return the worker that serves this application, None without gunicorn.

    To be called at start-up, which it awaits: it is on the stack.
    """
    base: Any = sys.modules.get("gunicorn.workers.base")
    if base is None:
        return None
    found = (frame.f_locals.get("self") for frame in _frames())
    return next((each for each in found if isinstance(each, base.Worker)), None)


def _handles_signals() -> bool:
    """Tell whether aiohttp's runner, which is on the stack too, handles signals."""
    found = (frame.f_locals.get("self") for frame in _frames())
    runner = next((each for each in found if isinstance(each, web.BaseRunner)), None)
    return bool(getattr(runner, "_handle_signals", False))


def _exit_gracefully() -> None:
    raise web.GracefulExit


def stop_handlers() -> Mapping[signal.Signals, Callable[[], None]]:
    """Return what the server does at which signals; nothing for an unknown server.

    To be called at start-up. Known are ``web.run_app``, runners with
    ``handle_signals=True``, and gunicorn, whose SIGINT is for those in a hurry.
    """
    worker = gunicorn_worker()
    if worker is not None:
        leave = partial(worker.handle_exit, signal.SIGTERM, None)
        return {signal.SIGTERM: leave}
    if _handles_signals():
        return {signal.SIGINT: _exit_gracefully, signal.SIGTERM: _exit_gracefully}
    return {}


@asynccontextmanager
async def before_stopping(
    take_leave: Callable[[], Coroutine[Any, Any, None]],
    handlers: Mapping[signal.Signals, Callable[[], None]],
) -> AsyncIterator[None]:
    """Await ``take_leave()`` at the first signal, and let the server stop after that.

    `handlers` are the server's own; from the second signal on they are called at once.
    They are set again at the end, unless the server takes them away itself.
    """
    loop = asyncio.get_running_loop()
    leaving: list[asyncio.Task[None]] = []

    async def leave(proceed: Callable[[], None]) -> None:
        try:
            await take_leave()
        except Exception:
            logger.exception("the clients could not take their leave")
        # Not from here: what it raises is for the loop, and not for a task.
        loop.call_soon(proceed)

    def handle(proceed: Callable[[], None]) -> None:
        if leaving:
            leaving[0].cancel()
            proceed()
        else:
            leaving.append(loop.create_task(leave(proceed)))

    held_up = []
    if threading.current_thread() is threading.main_thread():
        for number, proceed in handlers.items():
            try:
                loop.add_signal_handler(number, handle, proceed)
            except NotImplementedError:  # Windows
                break
            held_up.append(number)
    try:
        yield
    finally:
        for number in held_up:
            loop.add_signal_handler(number, handlers[number])
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
