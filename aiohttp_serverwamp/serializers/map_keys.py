"""The keys of MessagePack maps, looked at before anything is made of them.

Only text is hashed with a secret. A map whose keys are numbers, or arrays of numbers,
can be written so that all of them have one hash: to build its dict would then take time
that grows with the square of its size.
"""

from __future__ import annotations

from typing import Final

from aiohttp_serverwamp.errors import InvalidPayload

__all__ = ["check_map_keys"]

#: Bytes of a value by its first byte, where that says it; 0 for all others.
_SIZES: Final = bytes(
    [1] * 0x80  # positive fixint
    + [0] * 0x20  # fixmap, fixarray
    + [1 + length for length in range(0x20)]  # fixstr
    + [1, 0, 1, 1]  # nil, unassigned, false, true
    + [0] * 6  # bin and ext with their length in front
    + [5, 9, 2, 3, 5, 9, 2, 3, 5, 9]  # floats and integers
    + [3, 4, 6, 10, 18]  # fixext, with its type
    + [0] * 7  # str with its length in front, array, map
    + [1] * 0x20  # negative fixint
)
#: Bytes of the length that follows, and bytes besides it: of bin, ext and str.
_LENGTHS: Final = {
    0xC4: (1, 0),
    0xC5: (2, 0),
    0xC6: (4, 0),
    0xC7: (1, 1),
    0xC8: (2, 1),
    0xC9: (4, 1),
    0xD9: (1, 0),
    0xDA: (2, 0),
    0xDB: (4, 0),
}
#: Bytes of the count that follows, and values for each: arrays count down below zero.
_COUNTS: Final = {0xDC: (2, -1), 0xDD: (4, -1), 0xDE: (2, 2), 0xDF: (4, 2)}
_TEXT: Final = frozenset([*range(0xA0, 0xC0), 0xD9, 0xDA, 0xDB])


def check_map_keys(data: bytes, max_depth: int) -> None:
    """Refuse a map key that is not text, and maps and arrays deeper than `max_depth`.

    One pass forward, a step for each value. What is wrong otherwise is left to the
    decoder. Raises `InvalidPayload` (REQ-SER-012).
    """
    # Values to come in each open array (below zero) and map (above; even before keys).
    outer: list[int] = []
    left = -1
    at, end = 0, len(data)
    while at < end:
        code = data[at]
        if left > 0:
            if not left & 1 and code not in _TEXT:
                raise InvalidPayload("a dict has a key that is not a string")
            left -= 1
        else:
            left += 1
        size = _SIZES[code]
        if size:
            at += size
        elif code in _LENGTHS:
            width, besides = _LENGTHS[code]
            length = int.from_bytes(data[at + 1 : at + 1 + width])
            at += 1 + width + besides + length
        else:
            outer.append(left)
            if len(outer) > max_depth:
                raise InvalidPayload(f"nested deeper than {max_depth} levels")
            left, size = _opened(data, at, code)
            at += size
        while not left:
            if not outer:
                return
            left = outer.pop()


def _opened(data: bytes, at: int, code: int) -> tuple[int, int]:
    """Return the values of the array or map that begins here, and its head's size."""
    if code in _COUNTS:
        width, sign = _COUNTS[code]
        return sign * int.from_bytes(data[at + 1 : at + 1 + width]), 1 + width
    if code < 0x90:
        return 2 * (code & 0x0F), 1
    if code < 0xA0:
        return -(code & 0x0F), 1
    raise InvalidPayload("not valid MessagePack")
