"""Keyword arguments in the spelling of JavaScript, for parameters in that of Python."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from typing import Any, Final

from aiohttp_serverwamp.errors import InvalidArgument
from aiohttp_serverwamp.hosting.conversion import quoted

__all__ = ["snake_case", "snake_case_keywords"]

#: Before a capital that follows a small letter or a digit, and before the last one of
#: several that begins a word: ``user|Id``, ``HTTP|Server``.
_BOUNDARY: Final = re.compile(r"(?<=[^\W_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake_case(name: str) -> str:
    """Return a name as Python spells it: ``userId`` becomes ``user_id``."""
    return _BOUNDARY.sub("_", name).lower()


def snake_case_keywords(
    kwargs: Mapping[str, Any], known: Container[str], *, others: bool = True
) -> dict[str, Any]:
    """Return the arguments under snake_case names; those in `known` keep theirs.

    Without `others` only those are respelled that are known then, so that what is said
    of the rest is in the caller's words. Raises `InvalidArgument` for one that is given
    in both spellings.
    """
    renamed: dict[str, Any] = {}
    for name, value in kwargs.items():
        spelled = name if name in known else snake_case(name)
        if not others and spelled not in known:
            spelled = name
        if spelled in renamed:
            raise InvalidArgument(
                f"parameter {quoted(spelled)}: given twice, in two spellings"
            )
        renamed[spelled] = value
    return renamed
