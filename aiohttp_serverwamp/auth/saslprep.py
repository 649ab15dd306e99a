"""SASLprep: one spelling for names and passwords that look alike (RFC 4013)."""

from __future__ import annotations

import stringprep
import unicodedata
from collections.abc import Callable
from typing import Final

__all__ = ["saslprep"]

_PROHIBITED: Final[tuple[Callable[[str], bool], ...]] = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(text: str) -> str:
    """Return the prepared form of a name or password.

    Characters younger than the tables of RFC 3454 (emoji, say) are kept: they are
    "unassigned" there, which a query may contain. Raises ValueError for what is
    prohibited, and does not say what that is: it may be a password.
    """
    mapped = "".join(
        " " if stringprep.in_table_c12(character) else character
        for character in text
        if not stringprep.in_table_b1(character)
    )
    prepared = unicodedata.normalize("NFKC", mapped)
    if any(prohibits(each) for each in prepared for prohibits in _PROHIBITED):
        raise ValueError("a character that SASLprep prohibits")
    if not _reads_one_way(prepared):
        raise ValueError("left-to-right and right-to-left characters are mixed")
    return prepared


def _reads_one_way(text: str) -> bool:
    """Tell whether right-to-left text stands alone, and encloses itself (RFC 3454)."""
    if not any(map(stringprep.in_table_d1, text)):
        return True
    return (
        not any(map(stringprep.in_table_d2, text))
        and stringprep.in_table_d1(text[0])
        and stringprep.in_table_d1(text[-1])
    )
