"""How much memory decoded data take, for what is bounded in bytes."""

from __future__ import annotations

from sys import getsizeof
from typing import Any

__all__ = ["payload_size"]


def payload_size(*values: Any) -> int:
    """Return the bytes that plain data take, containers and keys included.

    An estimate: what occurs several times in it is counted as often.
    """
    size = 0
    pending = [*values]
    # A stack of its own: recursion would let a client's payload end in RecursionError.
    while pending:
        value = pending.pop()
        size += getsizeof(value)
        if type(value) is dict:
            pending += value
            pending += value.values()
        elif type(value) is list:
            pending += value
    return size
