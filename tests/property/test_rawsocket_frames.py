"""Frames of RawSocket, held against a reader that takes everything at once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aiohttp_serverwamp.adapters.rawsocket_protocol import FrameReader, FramingError

LIMIT = 64
#: What somebody may send: frames, with lengths that are right or not, and anything.
FRAMES = st.builds(
    lambda first, length, payload: bytes((first,)) + length.to_bytes(3) + payload,
    st.integers(0, 255) | st.sampled_from([0, 1, 2, 8]),
    st.integers(0, 80) | st.just(2**24 - 1),
    st.binary(max_size=80),
)
WHOLE = st.builds(
    lambda kind, payload: bytes((kind,)) + len(payload).to_bytes(3) + payload,
    st.sampled_from([0, 1, 2]),
    st.binary(max_size=LIMIT),
)
STREAMS = st.lists(WHOLE | WHOLE | FRAMES | st.binary(max_size=5), max_size=8)

Frames = list[tuple[int, bytes]]


def read_at_once(stream: bytes) -> tuple[Frames, bool]:
    """Return the frames of a stream, and whether it breaks off for what is none."""
    frames: Frames = []
    while len(stream) >= 4:
        first, length = stream[0], int.from_bytes(stream[1:4])
        if first >= 16 or first % 8 > 2 or (first & 8 and length):
            return frames, True
        if (2**24 if first & 8 else length) > LIMIT:
            return frames, True
        if len(stream) < 4 + length:
            break
        frames.append((first, stream[4 : 4 + length]))
        stream = stream[4 + length :]
    return frames, False


def read_in_pieces(pieces: list[bytes]) -> tuple[Frames, bool]:
    frames: Frames = []
    reader = FrameReader(LIMIT)
    try:
        for piece in pieces:
            reader.feed(piece)
            while (frame := reader.next()) is not None:
                frames.append(frame)
    except FramingError:
        return frames, True
    return frames, False


@given(parts=STREAMS, cuts=st.lists(st.integers(0, 500), max_size=6))
def test_frames_are_the_same_wherever_a_stream_is_cut(
    parts: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(parts)
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    pieces = [stream[start:end] for start, end in zip(places, places[1:], strict=False)]

    assert read_in_pieces(pieces) == read_at_once(stream)
