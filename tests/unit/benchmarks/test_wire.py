"""The load generator reads exactly the frames that servers write."""

from __future__ import annotations

import pytest

from benchmarks.wire import frame, read_frames


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_a_client_frame_carries_its_payload_under_a_zero_mask(size: int) -> None:
    # given
    payload = b"x" * size
    # when
    sent = frame(payload)
    # then what is left without mask bit and key is the frame that a server would write
    extended = 0 if size < 126 else 2 if size < 2**16 else 8
    as_server = bytearray(sent)
    del as_server[2 + extended : 6 + extended]
    as_server[1] &= 0x7F
    assert sent[1] & 0x80
    assert read_frames(bytes(as_server)) == ([(1, payload)], b"")


def test_frames_are_found_wherever_a_read_ends() -> None:
    # given a short, an extended and a ping frame
    data = b"\x81\x02hi" + b"\x81\x7e\x00\x80" + b"y" * 128 + b"\x89\x00"
    expected = [(1, b"hi"), (1, b"y" * 128), (9, b"")]
    for cut in range(len(data) + 1):
        # when the data comes in two reads
        first, rest = read_frames(data[:cut])
        second, left = read_frames(rest + data[cut:])
        # then
        assert first + second == expected
        assert left == b""


@pytest.mark.parametrize("data", [b"\x01\x00", b"\x81\x80\x00\x00\x00\x00"])
def test_fragments_and_masked_frames_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="fragmented or masked"):
        read_frames(data)
