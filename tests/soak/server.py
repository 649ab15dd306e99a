"""The process that is soaked: the site on ports of its own, and a way to look inside.

It reads questions from its standard input and answers them on its standard output, a
line of JSON each, so that looking needs no connection of those that are counted.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from aiohttp_serverwamp import WAMP, Application, Identity
from tests.soak.inventory import inventory
from tests.soak.site import banned, make

#: Seconds between two looks at the event loop.
TICK: Final = 0.01


class Stalls:
    """How long the event loop was away at a time, on the clock and in CPU time.

    The CPU time of its thread does not count what other processes took.
    """

    def __init__(self) -> None:
        self.clock = self.cpu = 0.0

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            clock, cpu = time.monotonic(), time.thread_time()
            await asyncio.sleep(TICK)
            self.clock = max(self.clock, time.monotonic() - clock - TICK)
            self.cpu = max(self.cpu, time.thread_time() - cpu)

    def taken(self) -> list[float]:
        """Return the longest since this was asked last."""
        longest = [self.clock, self.cpu]
        self.clock = self.cpu = 0.0
        return longest


def _open_by_address(wamp: Application) -> dict[str, int]:
    """Count the connections, joined or not, by where they come from."""
    infos = [each.transport_info for each in wamp._open]
    return dict(Counter(str(info["peer_address"]) for info in infos))


async def _kick(wamp: Application, authid: str) -> int:
    return await wamp.close_sessions(authid=authid)


async def _change_role(wamp: Application, authid: str, role: str) -> int:
    sessions = wamp.sessions(authid=authid)
    for session in sessions:
        await session.renew(Identity(authid, role))
    return len(sessions)


class Control:
    """Answers the questions that come on the standard input."""

    def __init__(self, wamp: Application) -> None:
        self._wamp = wamp
        self._stalls = Stalls()
        self._answers: dict[str, Callable[..., Any]] = {
            "inventory": inventory,
            "stalls": self._stalls.taken,
            "sessions": lambda: len(wamp.sessions()),
            "open": lambda: _open_by_address(wamp),
            "ban": banned.add,
            "kick": lambda authid: _kick(wamp, authid),
            "change_role": lambda authid, role: _change_role(wamp, authid, role),
        }

    async def run(self, app: web.Application) -> AsyncIterator[None]:
        """Answer while the application runs (a clean-up context)."""
        questions = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(questions), sys.stdin
        )
        watching = asyncio.create_task(self._stalls.watch())
        answering = asyncio.create_task(self._answer(questions))
        yield
        watching.cancel()
        answering.cancel()

    async def _answer(self, questions: asyncio.StreamReader) -> None:
        while line := await questions.readline():
            name, options = json.loads(line)
            answer = self._answers[name](*options)
            if isinstance(answer, Awaitable):
                answer = await answer
            say(answer)
        # Whoever started this process is gone.
        os._exit(1)


def say(what: Any) -> None:
    """Write one line of JSON."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def reached_us(record: logging.LogRecord) -> bool:
    """Tell apart what is no HTTP: aiohttp refuses it, with a traceback of its own."""
    error = record.exc_info and record.exc_info[1]
    return not (
        record.name == "aiohttp.server" and isinstance(error, HttpProcessingError)
    )


def main() -> None:
    """Serve until SIGTERM, as an application does that is run by aiohttp."""
    layout = "%(levelname)s %(name)s %(message)s"
    logging.basicConfig(level=logging.WARNING, format=layout)
    logging.getLogger().handlers[0].addFilter(reached_us)
    rawsocket = socket.create_server(("127.0.0.1", 0), backlog=1024)
    app = make(json.loads(sys.argv[1]), rawsocket)
    app.cleanup_ctx.append(Control(app[WAMP]).run)
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    say([each.getsockname()[1] for each in (listening, rawsocket)])
    web.run_app(app, sock=listening, print=None, access_log=None)


if __name__ == "__main__":
    main()
