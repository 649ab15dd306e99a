"""What a call costs in the router alone: ``python -m benchmarks.profile_call``.

No socket, no aiohttp: one process feeds a session the text of CALLs and takes the bytes
of RESULTs, frame header included. The floor is what the bare handler of the benchmark
does between its frames: it decodes, adds, and encodes. Figures are the least of several
runs, so that a busy machine matters little. ``--functions`` lists every Python function
on the way of one call instead, with what it costs under the profiler, and ``--steps``
what a call of a ``def`` handler consists of.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from timeit import Timer
from typing import Any

import ujson

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.messages import parse
from aiohttp_serverwamp.router.session import RouterSession
from benchmarks.in_process import join
from benchmarks.rows.calls import LARGE
from benchmarks.servers import ADD, ADD_ASYNC, ECHO, REALM
from benchmarks.servers.library import api

__all__ = ["main"]

#: What is called, and with what, by the name in the table.
KINDS: Mapping[str, tuple[str, list[Any]]] = {
    "def": (ADD, [2, 3]),
    "async def": (ADD_ASYNC, [2, 3]),
    "client to client": ("bench.remote", [2, 3]),
    "64 KiB, def": (ECHO, [*LARGE.arguments]),
}
#: Calls that are answered before the loop goes on, as they come in one read.
AT_ONCE = 64


def _texts(procedure: str, args: list[Any], number: int) -> list[str]:
    return [ujson.dumps([48, n, {}, procedure, args]) for n in range(1, number + 1)]


@asynccontextmanager
async def _sessions() -> AsyncIterator[tuple[RouterSession, RouterSession]]:
    """Run the procedures, with two clients that have joined."""
    realm = serverwamp.Realm(REALM)
    realm.permit("bench.remote", call=True, register=True)
    realm.add_routes(api)
    application = serverwamp.Application()
    application.add_realm(realm)
    async with (
        application.run(),
        application.support.task_group() as tasks,
    ):
        yield await join(application, tasks), await join(application, tasks)
        application._open.clear()  # nothing here closes as a connection does


async def _run(kind: str, number: int, runs: int, profile: Any = None) -> float:
    """Return the seconds of `number` calls, the least of several runs."""
    async with _sessions() as (session, callee):
        _answer_as(callee)
        load = _load(session, _texts(*KINDS[kind], number))
        least = float("inf")
        for _ in range(runs):
            session.connection.written.clear()  # type: ignore[attr-defined]  # ours
            if profile is not None:
                profile.enable()
            began = time.process_time()
            await load()
            least = min(least, time.process_time() - began)
            if profile is not None:
                profile.disable()
            written = session.connection.written  # type: ignore[attr-defined]  # ours
            assert len(written) == number, f"{len(written)} answers to {number} calls"
            assert b"[50," in written[-1][:16], written[-1]
    return least


def _answer_as(callee: RouterSession) -> None:
    """Have a client answer what it is called with, without a turn of the loop."""
    callee.receive('[64,1,{},"bench.remote"]')

    def answer(data: bytes) -> None:
        request = data[6 : data.index(b",", 6)].decode()
        callee.receive(f"[70,{request},{{}},[5]]")

    callee._write = answer  # in place of its connection


def _load(session: RouterSession, texts: list[str]) -> Callable[[], Awaitable[None]]:
    receive = session.receive

    async def load() -> None:
        for first in range(0, len(texts), AT_ONCE):
            for text in texts[first : first + AT_ONCE]:
                receive(text)
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    return load


def _floor(kind: str, number: int, runs: int) -> float:
    texts = _texts(*KINDS[kind], number)
    least = float("inf")
    for _ in range(runs):
        began = time.process_time()
        for text in texts:
            message = ujson.loads(text)
            ujson.dumps([50, message[1], {}, message[4]])
        least = min(least, time.process_time() - began)
    return least


def _print_functions(kind: str, number: int) -> None:
    profile = cProfile.Profile()
    asyncio.run(_run(kind, number, 1))
    asyncio.run(_run(kind, number, 1, profile))
    stats = pstats.Stats(profile)
    rows = sorted(
        stats.stats.items(),  # type: ignore[attr-defined]  # not in its stub
        key=lambda row: -row[1][2],
    )
    print(f"{kind}: function calls and µs of each per call, under the profiler")
    for (file, line, name), (_, calls, own, _, _) in rows:
        if calls >= number // 2:
            where = "" if file == "~" else f" {file.rpartition('/')[2]}:{line}"
            print(f"{calls / number:6.1f} {own / number * 1e6:7.2f}  {name}{where}")


def _steps(session: RouterSession) -> Mapping[str, Callable[[], object]]:
    """Return what a call of a def handler consists of, in the order it is done."""
    text = f'[48,7,{{}},"{ADD}",[2,3]]'
    serializer, codec = session._serializer, session._codec
    raw = serializer.decode(text)
    call: Any = parse(raw)
    plain_calls = session.router.plain_calls
    answer: Any = plain_calls.find(session, call)
    procedure = answer._procedure
    wire = [50, 7, {}, [5]]
    return {
        "decode the text": lambda: serializer.decode(text),
        "parse and check the message": lambda: parse(raw),
        "find its procedure, permitted": lambda: plain_calls.find(session, call),
        "bind the arguments": lambda: procedure.binding.bind(None, call.args, {}),
        "run the handler": lambda: procedure.function(2, 3),
        "encode the result, with its frame": lambda: codec.encode_simple(wire),
    }


async def _print_steps(number: int, runs: int) -> None:
    total = await _run("def", number, runs) / number * 1e6
    least: dict[str, float] = {}
    async with _sessions() as (session, _):
        for name, step in {"": lambda: None, **_steps(session)}.items():
            seconds = min(Timer(step, timer=time.process_time).repeat(runs, number))
            least[name] = seconds / number * 1e6
    own = least.pop("")  # of calling and counting
    for name, cost in least.items():
        print(f"{name:36} {cost - own:5.2f} µs")
        total -= cost - own
    print(f"{'between these':36} {total:5.2f} µs")


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile_call")
    parser.add_argument("--kinds", nargs="*", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--calls", type=int, default=5_000, help="of a run")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--functions", action="store_true")
    parser.add_argument("--steps", action="store_true", help="of a def handler")
    options = parser.parse_args(arguments)
    if options.steps:
        asyncio.run(_print_steps(options.calls, options.runs))
        return
    for kind in options.kinds:
        number = options.calls if len(KINDS[kind][1]) > 1 else options.calls // 100
        if options.functions:
            _print_functions(kind, number)
            continue
        floor = _floor(kind, number, options.runs) / number * 1e6
        cost = asyncio.run(_run(kind, number, options.runs)) / number * 1e6
        print(f"{kind:18} {cost:8.2f} µs, floor {floor:8.2f}, × {cost / floor:.2f}")


if __name__ == "__main__":
    main()
