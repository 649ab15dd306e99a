"""The options of an Application, checked; what makes no sense is refused.

Each function raises `ConfigurationError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.hosting.handlers import is_async
from aiohttp_serverwamp.limits import Limits
from aiohttp_serverwamp.router.session import HANDLERS
from aiohttp_serverwamp.router.states import State

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import AsyncSupport
    from aiohttp_serverwamp.messages import Message
    from aiohttp_serverwamp.router.host import RequestHandler

__all__ = ["checked_limits", "checked_request_handlers", "checked_support"]


def checked_limits(limits: Limits | None) -> Limits:
    """Return the limits, the default ones for None."""
    if limits is None:
        return Limits()
    if not isinstance(limits, Limits):
        raise ConfigurationError(f"limits={limits!r}: give Limits(...)")
    return limits


def checked_support(given: type[AsyncSupport] | AsyncSupport) -> AsyncSupport:
    """Return the async library, of which a class may be given."""
    if not hasattr(given, "caller_from_thread"):
        raise ConfigurationError(
            f"async_support={given!r}: give a class of aiohttp_serverwamp.adapters, "
            "asyncio.AsyncioAsyncSupport, trio.TrioAsyncSupport or "
            "anyio.AnyioAsyncSupport"
        )
    return given() if isinstance(given, type) else given


def checked_request_handlers(
    given: Mapping[type[Message], RequestHandler] | None,
) -> dict[type[Message], RequestHandler]:
    """Return what replaces the handling of message types."""
    if given is not None and not isinstance(given, Mapping):
        raise ConfigurationError(
            f"protocol_request_handlers={given!r}: give a dict, as {{messages.Call: "
            "handler}"
        )
    handlers = dict(given or {})
    for kind, handler in handlers.items():
        if kind not in HANDLERS[State.ESTABLISHED]:
            raise ConfigurationError(
                f"protocol_request_handlers: {kind!r} is no message of a joined "
                "client; the keys are classes such as messages.Call"
            )
        if not is_async(handler):
            raise ConfigurationError(
                f"protocol_request_handlers: {handler!r} cannot be awaited; write "
                "'async def handler(message, session)'"
            )
    return handlers
