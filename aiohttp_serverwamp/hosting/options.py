"""The options of an Application or a Realm, checked; what makes no sense is refused.

Each function raises `ConfigurationError`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.hosting.handlers import is_async
from aiohttp_serverwamp.limits import Limits, SlowConsumerReport
from aiohttp_serverwamp.router.session import HANDLERS
from aiohttp_serverwamp.router.states import State
from aiohttp_serverwamp.serializers import serializers

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import AsyncSupport, Serializer
    from aiohttp_serverwamp.messages import Message
    from aiohttp_serverwamp.router.host import RequestHandler

__all__ = [
    "SlowConsumerHook",
    "check_flags",
    "checked_hook",
    "checked_limits",
    "checked_request_handlers",
    "checked_serializers",
    "checked_support",
]

#: ``fn(session, report)``, a plain function.
SlowConsumerHook: TypeAlias = "Callable[[Any, SlowConsumerReport], object]"

#: Of what a header may hold, and without the dot of ".batched".
_SUBPROTOCOL: Final = re.compile("[A-Za-z0-9_-]+")

#: What can be taken out; CBOR is not there everywhere.
_BUILT_IN: Final = ("json", "msgpack", "cbor")


def checked_limits(limits: Limits | None) -> Limits:
    """Return the limits, the default ones for None."""
    if limits is None:
        return Limits()
    if not isinstance(limits, Limits):
        raise ConfigurationError(f"limits={limits!r}: give Limits(...)")
    return limits


def check_flags(**flags: object) -> None:
    """Refuse what is neither True nor False: "false" from a file would be true."""
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise ConfigurationError(f"{name}={flag!r}: give True or False")


def checked_hook(name: str, hook: SlowConsumerHook | None) -> SlowConsumerHook | None:
    """Return a function that is told something, and not awaited."""
    if hook is not None and (not callable(hook) or is_async(hook)):
        raise ConfigurationError(
            f"{name}={hook!r}: give a plain function of two arguments, the session "
            "and the report"
        )
    return hook


def checked_support(given: type[AsyncSupport] | AsyncSupport) -> AsyncSupport:
    """Return the async library, of which a class may be given."""
    if not hasattr(given, "caller_from_thread"):
        raise ConfigurationError(
            f"async_support={given!r}: give a class of aiohttp_serverwamp.adapters, "
            "asyncio.AsyncioAsyncSupport, trio.TrioAsyncSupport or "
            "anyio.AnyioAsyncSupport"
        )
    return given() if isinstance(given, type) else given


def checked_serializers(
    given: Mapping[str, Serializer | None] | None, limits: Limits
) -> Mapping[str, Serializer]:
    """Return the serializers of the subprotocols, with the changes `given`."""
    if given is not None and not isinstance(given, Mapping):
        raise ConfigurationError(
            f'serializers={given!r}: give a dict, as {{"json": OrjsonCodec()}}'
        )
    for name, serializer in (given or {}).items():
        _check_serializer(name, serializer)
    offered = serializers(given, max_depth=limits.max_depth)
    if not offered:
        raise ConfigurationError("serializers: at least one has to be left")
    return offered


def _check_serializer(name: str, serializer: Serializer | None) -> None:
    if serializer is None:
        if name not in _BUILT_IN:
            raise ConfigurationError(
                f"serializers: {name!r} is not offered anyway; None takes out "
                f"{', '.join(map(repr, _BUILT_IN))}, and their batched forms"
            )
        return
    if isinstance(serializer, type) or not all(
        hasattr(serializer, each) for each in ("name", "binary", "encode", "decode")
    ):
        raise ConfigurationError(
            f"serializers: {serializer!r} is no Serializer, which has name, binary, "
            "encode() and decode(); give an instance, or None to offer it no longer"
        )
    if serializer.name != name or not _SUBPROTOCOL.fullmatch(name):
        raise ConfigurationError(
            f"serializers: {name!r} is for {serializer!r}, whose name is "
            f"{serializer.name!r}: the two have to be the same, and letters, digits, "
            "'-' and '_', as in the subprotocol wamp.2.<name>"
        )


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
