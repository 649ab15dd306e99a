"""By which way the messages of aiohttp's WebSockets are read, and why."""

from __future__ import annotations

import inspect
import logging
from typing import Final, Literal, TypeAlias, get_args

import aiohttp

from aiohttp_serverwamp.adapters.aiohttp_socket import UpgradedSocket
from aiohttp_serverwamp.errors import ConfigurationError

__all__ = ["Reader", "socket_class"]

logger = logging.getLogger("aiohttp_serverwamp.adapters")

Reader: TypeAlias = Literal["auto", "public", "fast"]

#: The versions that `aiohttp_fast_reader` was tested with.
TESTED: Final = ("3.14",)

#: The parameters of what it overrides there.
_POST_START: Final = ("self", "request", "protocol", "writer")


def socket_class(reader: Reader) -> type[UpgradedSocket]:
    """Return the class of the WebSockets that are read by way of `reader`.

    ``"public"`` is aiohttp's documented API, ``"fast"`` is `aiohttp_fast_reader`, and
    ``"auto"`` the latter where it works, which is logged where it does not.

    Raises `ConfigurationError` for ``"fast"`` where it does not work, and for others.
    """
    if reader not in get_args(Reader):
        raise ConfigurationError(
            f"reader={reader!r}: give 'auto', 'public' or 'fast', or leave it out"
        )
    if reader == "public":
        return UpgradedSocket
    reason = _obstacle(aiohttp.__version__)
    if reason is None:
        from aiohttp_serverwamp.adapters.aiohttp_fast_reader import FastSocket

        return FastSocket
    if reader == "fast":
        raise ConfigurationError(
            f"reader='fast': {reason}; leave it out, or install aiohttp {TESTED[-1]}"
        )
    logger.info("messages are read by aiohttp's public API: %s", reason)
    return UpgradedSocket


def _obstacle(version: str) -> str | None:
    """Return what keeps the fast reader from working, or None."""
    if ".".join(version.split(".")[:2]) not in TESTED:
        return f"the fast reader was not tested with aiohttp {version}"
    try:
        from aiohttp_serverwamp.adapters.aiohttp_fast_reader import FastSocket
    except ImportError as error:
        return f"aiohttp {version} has not what the fast reader needs: {error}"
    overridden = inspect.signature(super(FastSocket, FastSocket)._post_start)
    if tuple(overridden.parameters) != _POST_START:
        return f"aiohttp {version} opens WebSockets as the fast reader does not"
    return None
