"""What is beneath WAMP: frames cut, joined, forbidden, too large, and lines that end.

What RFC 6455 forbids the server's own WebSocket finds. It asks for a close frame with a
code (7.1.7, 7.4.1), which not every server sends; all of them end the connection.
"""

from __future__ import annotations

import json

from tests.transports.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    HELLO,
    PING,
    RESERVED_BIT,
    TEXT,
    fragments,
    frame,
    joined_line,
    line,
)
from tests.transports.matrix import FRAMES, WEBSOCKETS, Cell, scenario
from tests.transports.places import WebSockets, joined
from tests.transports.site import LARGEST_MESSAGE
from tests.transports.test_scenarios import count_falls_to

ADD = [48, 1, {}, "math.add", [2, 3]]
SUM = [50, 1, {}, [5]]
TOO_LARGE = [48, 1, {}, "text.size", ["x" * LARGEST_MESSAGE]]
MEBIBYTE = 2**20

CUTS = ("dropped", "it drops the connection without a close frame")
HAS_NO_CODES = ("closed with 1005", "its close frames for such reasons have no code")
LOOKS_AWAY = ("answered", "it does not look at this")
COUNTS_LATE = ("closed with 1009 after 16 MiB", "it counts what has come")
ENDS_DIFFER = {"hypercorn": CUTS, "hypercorn-trio": CUTS, "granian": HAS_NO_CODES}


@scenario("A message in five frames, a ping between them", WEBSOCKETS, table=FRAMES)
async def test_a_message_in_fragments(
    place: WebSockets, cell: Cell, outcome: str
) -> None:
    async with line(place.url) as client:
        for number, piece in enumerate(fragments(HELLO, 5)):
            await client.drain(piece)
            if number == 2:
                client.send(frame(b"there?", PING))
        assert (await client.message())[0] == 2
        assert await client.ask(*ADD) == SUM


@scenario("Byte by byte, the request included", WEBSOCKETS, table=FRAMES)
async def test_bytes_one_by_one(place: WebSockets, cell: Cell, outcome: str) -> None:
    async with line(place.url, slowly=True) as client:
        await client.drip(frame(HELLO))
        assert (await client.message())[0] == 2
        await client.drip(frame(ADD))
        assert await client.message() == SUM


@scenario("A hundred frames in one packet", WEBSOCKETS, table=FRAMES)
async def test_frames_that_come_together(
    place: WebSockets, cell: Cell, outcome: str
) -> None:
    calls = [[48, n, {}, "math.add", [1, n]] for n in range(1, 100)]
    async with line(place.url) as client:
        client.send(b"".join(map(frame, [HELLO, *calls])))
        assert (await client.message())[0] == 2
        assert [await client.message() for _ in calls] == [
            [50, n, {}, [1 + n]] for n in range(1, 100)
        ]


@scenario(
    "A larger message in one frame",
    WEBSOCKETS,
    outcome="closed with 1009",
    table=FRAMES,
)
async def test_a_frame_too_large(place: WebSockets, cell: Cell, outcome: str) -> None:
    async with joined_line(place.url) as client:
        client.send(frame(TOO_LARGE))
        assert await client.end() == outcome


@scenario(
    "A larger message in many frames",
    WEBSOCKETS,
    outcome="closed with 1009",
    table=FRAMES,
)
async def test_fragments_too_large(place: WebSockets, cell: Cell, outcome: str) -> None:
    async with joined_line(place.url) as client:
        for piece in fragments(TOO_LARGE, 20):
            client.send(piece)
        assert await client.end() == outcome


@scenario(
    "A frame that claims to have 2^40 bytes",
    WEBSOCKETS,
    outcome="closed with 1009",
    differing={
        "hypercorn": COUNTS_LATE,
        "hypercorn-trio": COUNTS_LATE,
        "granian": HAS_NO_CODES,
    },
    table=FRAMES,
)
async def test_a_frame_that_claims_too_much(
    place: WebSockets, cell: Cell, outcome: str
) -> None:
    async with joined_line(place.url) as client:
        client.send(frame(b"", BINARY, size=2**40))
        if outcome == COUNTS_LATE[0]:
            await client.drain(bytes(17 * MEBIBYTE))
            assert f"{await client.closing()} after 16 MiB" == outcome
        else:
            assert await client.end() == outcome


@scenario(
    "Text that is not UTF-8",
    WEBSOCKETS,
    outcome="closed with 1007",
    differing=ENDS_DIFFER,
    table=FRAMES,
)
async def test_text_that_is_not_utf8(
    place: WebSockets, cell: Cell, outcome: str
) -> None:
    async with joined_line(place.url) as client:
        client.send(frame(b"\xff\xfe"))
        assert await client.end() == outcome


FORBIDDEN = {
    "of an unknown kind": frame(b"x", 0x3),
    "with a reserved bit": frame(ADD, bits=RESERVED_BIT),
    "that goes on with nothing": frame(b"x", CONTINUATION),
    "of another message, in between": frame(b"[48,", fin=False) + frame(ADD),
    "with a part of a ping": frame(b"x", PING, fin=False),
    "with a long ping": frame(bytes(126), PING),
    "with half a close code": frame(b"x", CLOSE),
}


@scenario(
    "Frames that RFC 6455 forbids",
    WEBSOCKETS,
    outcome="closed with 1002",
    differing=ENDS_DIFFER,
    table=FRAMES,
)
async def test_frames_that_are_forbidden(
    place: WebSockets, cell: Cell, outcome: str
) -> None:
    for what, data in FORBIDDEN.items():
        async with joined_line(place.url) as client:
            client.send(data)
            assert await client.end() == outcome, what


@scenario(
    "A frame that is not masked",
    WEBSOCKETS,
    outcome="closed with 1002",
    differing={**ENDS_DIFFER, "aiohttp": LOOKS_AWAY, "aiohttp-public": LOOKS_AWAY},
    table=FRAMES,
)
async def test_a_frame_without_a_mask(
    place: WebSockets, cell: Cell, outcome: str
) -> None:
    async with joined_line(place.url) as client:
        client.send(frame(ADD, masked=False))
        if outcome == "answered":
            assert await client.message() == SUM
        else:
            assert await client.end() == outcome


@scenario(
    "A binary frame where text was agreed",
    WEBSOCKETS,
    outcome="ABORT, closed with 1002",
    table=FRAMES,
)
async def test_the_wrong_kind_of_frame(
    place: WebSockets, cell: Cell, outcome: str
) -> None:
    async with joined_line(place.url) as client:
        client.send(frame(json.dumps(ADD), BINARY))
        assert await client.end() == outcome


@scenario(
    "An empty message",
    WEBSOCKETS,
    outcome="ABORT, closed with 1002",
    table=FRAMES,
)
async def test_an_empty_message(place: WebSockets, cell: Cell, outcome: str) -> None:
    async with joined_line(place.url) as client:
        client.send(frame(b"", TEXT))
        assert await client.end() == outcome


@scenario("A close frame is answered with its code", WEBSOCKETS, table=FRAMES)
async def test_a_close_frame(place: WebSockets, cell: Cell, outcome: str) -> None:
    for code in (1000, 1001, 4000):
        async with joined_line(place.url) as client:
            client.send(frame(code.to_bytes(2, "big"), CLOSE))
            assert await client.end() == f"closed with {code}"


@scenario(
    "A client that shuts its half of the line leaves its realm",
    WEBSOCKETS,
    outcome="dropped",
    table=FRAMES,
)
async def test_half_a_line(place: WebSockets, cell: Cell, outcome: str) -> None:
    async with joined(place, "json") as witness, joined_line(place.url) as client:
        await count_falls_to(witness, 2)
        client.writer.write_eof()
        assert await client.end() == outcome
        await count_falls_to(witness, 1)


@scenario(
    "A line that breaks within a message leaves nothing", WEBSOCKETS, table=FRAMES
)
async def test_a_line_that_breaks(place: WebSockets, cell: Cell, outcome: str) -> None:
    async with joined(place, "json") as witness:
        news = await witness.subscribe("news")
        publish = [16, 1, {}, "news", ["x" * 1_000]]
        for part in (frame(publish)[:500], fragments(publish, 3)[0]):
            async with joined_line(place.url) as client:
                await count_falls_to(witness, 2)
                await client.drain(part)
                client.vanish()
                await count_falls_to(witness, 1)
        async with joined(place, "json") as other:
            await other.publish("news", "whole")
        assert (await news.next()).args == ["whole"]
