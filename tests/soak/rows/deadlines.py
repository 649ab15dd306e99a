"""Clients that are silent, or say a byte now and then, in every phase of a session."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.wire import frame
from tests.soak.doors import Door, connect, enter, join
from tests.soak.peer import CHALLENGE, GOODBYE, Peer
from tests.soak.process import Server, serving
from tests.soak.rawsocket_peer import HANDSHAKES, RawSocketPeer
from tests.soak.row import MARGIN, Outcome, Row, scaled

CLIENTS: Final = 30
#: The defaults of `Limits`, as the design has them.
HELLO_TIMEOUT, AUTH_TIMEOUT, CLOSE_TIMEOUT = 5.0, 10.0, 2.0
#: Nobody here answers a close frame: what is over takes so much longer to end.
HELLO_ENDS, AUTH_ENDS = HELLO_TIMEOUT + CLOSE_TIMEOUT, AUTH_TIMEOUT + CLOSE_TIMEOUT
#: A ping after 20 s, and half as long again for its answer.
HEARTBEAT: Final = 30.0
#: More than a client that dribbles will ever say.
ENDLESS: Final = 2**16 - 1


async def no_word(peer: Peer) -> None:
    """Say nothing."""


async def pings(peer: Peer) -> None:
    """Say nothing but pings."""
    while not peer.ended.done():
        peer.send_ping()
        await asyncio.sleep(0.5)


async def dribble(peer: Peer) -> None:
    """Begin a frame, and send a byte of it every half second."""
    peer.begin_message(ENDLESS)
    while not peer.ended.done():
        peer.write(b" ")
        await asyncio.sleep(0.5)


async def fragments(peer: Peer) -> None:
    """Begin a message, and send a fragment of it every half second."""
    peer.write(b"\x01" + frame(b"[")[1:])
    while not peer.ended.done():
        peer.write(b"\x00" + frame(b" ")[1:])
        await asyncio.sleep(0.5)


async def at_the_door(door: Door, source: str) -> Peer:
    """Connect, and send the first octet of a handshake."""

    def make() -> RawSocketPeer:
        peer = RawSocketPeer("json", HANDSHAKES["json"][:1])
        peer.opened.set_result(None)
        return peer

    return await enter(door, make, source)


async def connected(door: Door, source: str) -> Peer:
    return await connect(door, source=source)


async def challenged(door: Door, source: str) -> Peer:
    peer = await connect(door, source=source)
    answer = await peer.hello("ticket", authid="ann", authmethods=["ticket"])
    assert answer[0] == CHALLENGE, answer
    return peer


async def undecided(door: Door, source: str) -> Peer:
    peer = await connect(door, source=source)
    peer.send(1, "pending", {"roles": {"caller": {}}})
    return peer


async def joined(door: Door, source: str) -> Peer:
    return await join(door, source=source)


async def leaving(door: Door, source: str) -> Peer:
    peer = await join(door, source=source)
    peer.send(GOODBYE, {}, "wamp.close.close_realm")
    assert (await peer.receive())[0] == GOODBYE
    return peer


async def in_violation(door: Door, source: str) -> Peer:
    peer = await join(door, source=source)
    peer.deaf = True
    peer.send_payload(b"nonsense")
    return peer


@dataclass(frozen=True, slots=True)
class Phase:
    """How far a client has come, how it behaves then, and how long it may."""

    name: str
    arrive: Callable[[Door, str], Awaitable[Peer]]
    behave: Callable[[Peer], Coroutine[None, None, None]]
    deadline: float


PHASES: Final[Sequence[Phase]] = (
    Phase("silent before HELLO", connected, no_word, HELLO_ENDS),
    Phase("pings before HELLO", connected, pings, HELLO_ENDS),
    Phase("HELLO byte by byte", connected, dribble, HELLO_ENDS),
    Phase("HELLO in fragments", connected, fragments, HELLO_ENDS),
    Phase("CHALLENGE unanswered", challenged, no_word, AUTH_ENDS),
    Phase("AUTHENTICATE byte by byte", challenged, dribble, AUTH_ENDS),
    Phase("nobody decides", undecided, pings, AUTH_ENDS),
    Phase("joined, deaf to pings", joined, no_word, HEARTBEAT),
    Phase("joined, byte by byte", joined, dribble, HEARTBEAT),
    Phase("joined, fragments", joined, fragments, HEARTBEAT),
    Phase("left, and silent", leaving, no_word, HELLO_ENDS),
    Phase("close unanswered", in_violation, no_word, CLOSE_TIMEOUT),
)


#: Those that there are over RawSocket: before the handshake nobody waits for a close.
RAW_PHASES: Final[Sequence[Phase]] = (
    Phase("no handshake", at_the_door, no_word, HELLO_TIMEOUT),
    *(phase for phase in PHASES if phase.behave is not fragments),
)


async def outlast(
    server: Server, door: Door, phase: Phase, source: str, count: int
) -> float:
    """Return the seconds after which the server has let go of all clients."""
    arriving = [phase.arrive(door, source) for _ in range(count)]
    peers = await asyncio.gather(*arriving)
    started = time.monotonic()
    behaving: list[asyncio.Task[None]] = []
    for peer in peers:
        peer.deaf = True
        behaving.append(asyncio.create_task(phase.behave(peer)))
    seconds = 0.0
    while seconds < phase.deadline + 2 * MARGIN:
        seconds = time.monotonic() - started
        # Who has not shaken hands is not served yet: that one sees the end itself.
        there = (await server.ask("open")).get(source)
        if not there and all(peer.has_seen_end for peer in peers):
            break
        await asyncio.sleep(0.1)
    for task in behaving:
        task.cancel()
    for peer in peers:
        peer.reset()
    return seconds


async def run(effort: float) -> Outcome:
    count = scaled(CLIENTS, effort, least=5)
    outcome = Outcome()
    async with serving() as server:
        tried = [(server.door, phase) for phase in PHASES]
        tried += [(server.raw_door, phase) for phase in RAW_PHASES]
        # The server tells them apart by where they come from.
        outlasting = [
            outlast(server, door, phase, f"127.0.1.{number}", count)
            for number, (door, phase) in enumerate(tried, start=1)
        ]
        seconds = await asyncio.gather(*outlasting)
        server.require_clean_log(outcome)
    late = []
    for (door, phase), took in zip(tried, seconds, strict=True):
        late.append(took - phase.deadline)
        outcome.require(
            late[-1] <= MARGIN,
            f"{phase.name}, {door.transport}: {phase.deadline:g} s, and {late[-1]:.1f} "
            "s more",
        )
    outcome.done = (
        f"{len(tried)} kinds, {count} clients each: before HELLO, challenged, joined, "
        "leaving; silent, pinging, a byte or a fragment at a time; WebSocket and "
        "RawSocket"
    )
    outcome.seen = f"all closed, at most {max(0.0, *late):.1f} s after their deadline"
    return outcome


ROW = Row(
    "deadlines",
    "silent sockets, unanswered challenges, dribbled bytes",
    "all closed within their deadline, and that of the close, + 1 s (held to + 3 s)",
    run,
)
