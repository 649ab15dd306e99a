"""A server process as a row sees it: its doors, its memory, its log, what it holds."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Container, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import IO, Any, Final

from benchmarks.machine import Cores, choose_cores, resident_bytes
from tests.soak.doors import Door
from tests.soak.inventory import differences
from tests.soak.row import Outcome

__all__ = ["MIB", "Memory", "Server", "serving"]

MIB: Final = 2**20
#: Seconds after which a server answers no more.
PATIENCE: Final = 60.0
#: Lines of the log that stand for what was not foreseen.
TRACEBACKS: Final = re.compile(r"^(?:Traceback|ERROR (?:asyncio|aiohttp\.).*)", re.M)
ERRORS: Final = re.compile(r"^(?:Traceback|ERROR|CRITICAL).*", re.M)

_cores: list[Cores] = []


class Memory:
    """The memory of a server, looked at all the time."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.start = self.most = resident_bytes(pid)

    async def watch(self) -> None:
        """Look for ever."""
        while True:
            self.most = max(self.most, resident_bytes(self._pid))
            await asyncio.sleep(0.02)

    @property
    def grown(self) -> float:
        """How much more there was at most than at the start, in MiB."""
        return (self.most - self.start) / MIB


class Server:
    """A running server."""

    def __init__(
        self, process: asyncio.subprocess.Process, ports: Sequence[int], log: IO[str]
    ) -> None:
        self.process = process
        self.pid = process.pid
        self.door = Door(ports[0])
        self.raw_door = Door(ports[1], rawsocket=True)
        self._log = log
        self._asking = asyncio.Lock()

    async def ask(self, what: str, *options: Any) -> Any:
        """Return the server's answer to a question; see `tests.soak.server`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        async with self._asking, asyncio.timeout(PATIENCE):
            self.process.stdin.write(json.dumps([what, options]).encode() + b"\n")
            line = await self.process.stdout.readline()
        return json.loads(line)

    async def settled(
        self,
        before: Mapping[str, int],
        patience: float,
        apart_from: Container[str] = (),
    ) -> list[str]:
        """Wait until it holds what it held `before`; return what is not so."""
        end = time.monotonic() + patience
        while True:
            found = [
                each
                for each in differences(before, await self.ask("inventory"))
                if each.partition(": ")[0] not in apart_from
            ]
            if not found or time.monotonic() > end:
                return found
            await asyncio.sleep(0.5)

    @property
    def resident(self) -> float:
        """The memory it has now, in MiB."""
        return resident_bytes(self.pid) / MIB

    @asynccontextmanager
    async def memory(self) -> AsyncIterator[Memory]:
        """Watch its memory meanwhile."""
        memory = Memory(self.pid)
        watching = asyncio.create_task(memory.watch())
        try:
            yield memory
        finally:
            watching.cancel()

    def log(self) -> str:
        """Return what it has logged: warnings and worse."""
        self._log.seek(0)
        return self._log.read()

    def require_clean_log(self, outcome: Outcome) -> None:
        """Fail the row for any traceback or error in the log."""
        self._require_no(outcome, ERRORS)

    def require_no_traceback(self, outcome: Outcome) -> None:
        """Fail the row for a traceback, where the library says what was lost."""
        self._require_no(outcome, TRACEBACKS)

    def _require_no(self, outcome: Outcome, lines: re.Pattern[str]) -> None:
        found = lines.findall(self.log())
        shown = "; ".join(found[:3])
        outcome.require(not found, f"{len(found)} errors in the log: {shown}")

    async def terminate(self) -> float:
        """Send SIGTERM; return the seconds until the process is gone."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE):
            await self.process.wait()
        return time.monotonic() - started


def _pin(pid: int) -> None:
    """Give servers a core and this process another, as far as there are two."""
    if not _cores:
        _cores.append(choose_cores())
    core = _cores[0].server
    if core is not None:
        os.sched_setaffinity(pid, {core})


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[Server]:
    """Run a server as long as the context lasts; `options` are those of `site.make`.

    An exception within it is told the end of the server's log.
    """
    with tempfile.TemporaryFile("w+") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.soak.server", json.dumps(options)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            limit=16 * MIB,
        )
        try:
            _pin(process.pid)
            assert process.stdout is not None
            ports = json.loads(await process.stdout.readline())
            server = Server(process, ports, log)
            await server.ask("sessions")  # it has started
            yield server
        except Exception as error:
            log.seek(0)
            error.add_note(f"the server's log ended: {log.read()[-2000:]}")
            raise
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
