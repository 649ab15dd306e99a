"""Payloads that one serializer cannot carry: only that delivery is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from tests.soak.codecs import SERIALIZERS
from tests.soak.doors import join
from tests.soak.peer import (
    CALL,
    ERROR,
    EVENT,
    INVOCATION,
    PUBLISH,
    PUBLISHED,
    REGISTER,
    RESULT,
    SUBSCRIBE,
    YIELD,
    Peer,
)
from tests.soak.process import serving
from tests.soak.row import Outcome, Row, scaled

ROUNDS: Final = 40
SUBSCRIBERS: Final = 2


def _nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


#: A value, and which serializations have a form for it.
PAYLOADS: Final[Sequence[tuple[Any, Sequence[str]]]] = (
    (float("nan"), ("msgpack", "cbor")),
    (float("-inf"), ("msgpack", "cbor")),
    (2**70, ("json", "cbor")),
    (-(2**70), ("json", "cbor")),
    ("\ud800", ("json",)),
    (_nested(700), ("json", "msgpack")),
)


def carries(serializer: str, able: Sequence[str]) -> bool:
    """Tell whether a serializer, batched or not, is one of these."""
    return serializer.partition(".")[0] in able


class Counts:
    """What was lost rightly and what was not."""

    def __init__(self) -> None:
        self.sent = self.lost = self.wrong = self.calls = 0


async def publish(
    publisher: Peer, subscribers: Sequence[Peer], payload: Any, able: Sequence[str]
) -> int:
    """Publish one that not all can be sent, and one for all; return the wrong ones."""
    for value in (payload, "for all"):
        answer = await publisher.request(PUBLISH, {"acknowledge": True}, "t", [value])
        assert answer[0] == PUBLISHED, answer
    wrong = 0
    for peer in subscribers:
        event = await peer.receive()
        if carries(peer.serializer, able):
            # NaN is no equal of itself.
            wrong += event[0] != EVENT or repr(event[4]) != repr([payload])
            event = await peer.receive()
        wrong += event[0] != EVENT or event[4] != ["for all"]
    return wrong


async def call(caller: Peer, callee: Peer, payload: Any, able: Sequence[str]) -> bool:
    """Have the callee return it; tell whether the caller got what it can be sent."""
    calling = asyncio.create_task(caller.request(CALL, {}, f"of.{callee.serializer}"))
    invocation = await callee.receive()
    assert invocation[0] == INVOCATION, invocation
    callee.send(YIELD, invocation[1], {}, [payload])
    answer = await calling
    if carries(caller.serializer, able):
        return bool(answer[0] == RESULT and repr(answer[3]) == repr([payload]))
    return bool(answer[:2] == [ERROR, CALL])


async def run(effort: float) -> Outcome:
    rounds = scaled(ROUNDS, effort, least=2)
    outcome, counts = Outcome(), Counts()
    async with serving() as server:
        senders = {each: await join(server.door, each) for each in SERIALIZERS}
        subscribers = [
            await join(server.door, each)
            for each in SERIALIZERS
            for _ in range(SUBSCRIBERS)
        ]
        callers = [await join(server.door, each) for each in SERIALIZERS]
        for peer in subscribers:
            await peer.request(SUBSCRIBE, {}, "t")
        for peer in senders.values():
            await peer.request(REGISTER, {}, f"of.{peer.serializer}")
        for _ in range(rounds):
            for payload, able in PAYLOADS:
                able_to_receive = sum(carries(p.serializer, able) for p in subscribers)
                for sender in senders.values():
                    if not carries(sender.serializer, able):
                        continue
                    counts.wrong += await publish(sender, subscribers, payload, able)
                    counts.sent += 1
                    counts.lost += len(subscribers) - able_to_receive
                    for caller in callers:
                        right = await call(caller, sender, payload, able)
                        counts.wrong += not right
                        counts.calls += 1
        everybody = [*senders.values(), *subscribers, *callers]
        cut = sum(peer.ended.done() for peer in everybody)
        outcome.require(not counts.wrong, f"{counts.wrong} deliveries were wrong")
        outcome.require(not cut, f"{cut} were cut")
        server.require_no_traceback(outcome)
        for peer in everybody:
            peer.reset()
    outcome.done = (
        f"{counts.sent:,} events to {len(subscribers)} subscribers and "
        f"{counts.calls:,} results, {len(PAYLOADS)} payloads, {len(SERIALIZERS)} "
        "serializers"
    )
    outcome.seen = (
        f"{counts.lost:,} deliveries lost, which had no form; {counts.wrong} others; "
        f"{cut} cut"
    )
    return outcome


ROW = Row(
    "one-payload",
    "payloads that one serializer cannot carry",
    "only that delivery is lost, a result becomes an ERROR; nobody is cut",
    run,
)
