"""What a test may leave behind: nothing. Used by the fixtures in conftest.py."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import threading
from collections.abc import Callable, Sized
from typing import Final, TypeVar

from aiohttp_serverwamp import Application
from aiohttp_serverwamp.router.session import RouterSession

T = TypeVar("T", bound=Sized)

#: Seconds in which closing connections may still finish by themselves. What ends ends
#: within milliseconds; a leak waits for all of it and then fails the test.
PATIENCE = 3.0

#: Errors logged here are failures, unless the test expects them.
LOGGERS = ("aiohttp_serverwamp", "aiohttp.server", "asyncio")


#: Threads that wait for more work, and end with their loop or when they have waited
#: long enough; by the beginning of their names.
IDLE_THREADS: Final = ("asyncio_", "uvloop_", "Trio thread", "AnyIO worker thread")

#: Where an Application keeps clients, and places for them.
TABLES: Final = ("_open", "_joining", "_session_ids", "_all_closed")


def open_descriptors() -> dict[int, str]:
    """Return what each open descriptor is; empty where the system cannot tell."""
    directory = "/proc/self/fd"
    found = {}
    for name in os.listdir(directory) if os.path.isdir(directory) else ():
        try:
            found[int(name)] = os.readlink(f"{directory}/{name}")
        except OSError:
            # The descriptor that read the directory itself.
            continue
    return found


def live_sessions() -> list[str]:
    """Describe every wire session made since `gc.freeze` that is still referred to."""
    gc.collect()
    sessions = [each for each in gc.get_objects() if type(each) is RouterSession]
    return [f"RouterSession {each.id} {each.state}" for each in sessions]


def occupied_applications() -> list[str]:
    """Describe every Application made since `gc.freeze` that still has clients."""
    gc.collect()
    return [
        f"{application!r}: {held}"
        for application in gc.get_objects()
        if type(application) is Application and (held := _held_by(application))
    ]


def _held_by(application: Application) -> dict[str, int]:
    held = {name: len(getattr(application, name)) for name in TABLES}
    held["admitted"] = application._admitted
    for realm in application._every_realm():
        if realm._router is not None:
            held[f"sessions of {realm.uri}"] = len(realm._router.sessions)
    return {name: count for name, count in held.items() if count}


async def what_stays(look: Callable[[], T]) -> T:
    """Look until there is nothing to see, or patience is over; return the last look."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE
    pause = 0.0
    while True:
        found = look()
        if not found or loop.time() > end:
            return found
        # Let go of the objects before the next look counts the references to them.
        del found
        await asyncio.sleep(pause)
        pause = min(0.1, 2 * pause + 0.001)


class Leaks:
    """What there is, to be held against what there is later.

    Tasks, threads, descriptors, wire sessions, and clients of Applications.
    """

    def __init__(self) -> None:
        self._tasks = asyncio.all_tasks()
        self._threads = set(threading.enumerate())
        self._descriptors = open_descriptors()
        # What there is already is not looked through again: that took half of the time
        # of all tests with a server.
        gc.collect()
        gc.freeze()

    async def found(self) -> list[str]:
        """Wait a little for what is ending, and describe what has not ended."""
        report = [f"task: {task!r}" for task in await what_stays(self._new_tasks)]
        sessions = await what_stays(live_sessions)
        report += [f"session: {session}" for session in sessions]
        applications = await what_stays(occupied_applications)
        report += [f"application: {application}" for application in applications]
        threads = await what_stays(self._new_threads)
        report += [f"thread: {thread}" for thread in threads]
        descriptors = await what_stays(self._new_descriptors)
        return report + [f"descriptor: {each}" for each in descriptors]

    def _new_tasks(self) -> list[asyncio.Task[object]]:
        current = asyncio.current_task()
        tasks = asyncio.all_tasks() - self._tasks
        return [task for task in tasks if task is not current]

    def _new_threads(self) -> list[threading.Thread]:
        return [
            thread
            for thread in threading.enumerate()
            if thread not in self._threads and not thread.name.startswith(IDLE_THREADS)
        ]

    def _new_descriptors(self) -> list[str]:
        now = open_descriptors()
        if len(now) <= len(self._descriptors):
            return []
        gc.collect()
        return [
            f"{number} {what}"
            for number, what in open_descriptors().items()
            if self._descriptors.get(number) != what
        ]


class LoggedErrors(logging.Handler):
    """Collects what is logged as an error where none belongs."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if any(f"{record.name}.".startswith(f"{name}.") for name in LOGGERS):
            self.lines.append(self.format(record))
