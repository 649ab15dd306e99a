"""The types of topics: what is published is checked, what arrives is converted."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from inspect import isfunction
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.errors import (
    ApplicationError,
    ConfigurationError,
    InvalidArgument,
    RuntimeFailure,
)
from aiohttp_serverwamp.hosting.binding import Injectables, compile_binding
from aiohttp_serverwamp.hosting.conversion import Conversion, Unsupported
from aiohttp_serverwamp.router.uri_index import UriIndex
from aiohttp_serverwamp.uris import shown

if TYPE_CHECKING:
    from aiohttp_serverwamp.uris import Match

__all__ = ["HostedPayloads", "PayloadType"]

logger = logging.getLogger("aiohttp_serverwamp.hosting")

#: Positional and keyword arguments.
Payload = tuple[Sequence[Any], Mapping[str, Any]]

_NOTHING_INJECTED: Final = Injectables({}, {})


class PayloadType:
    """What the arguments of a topic's events have to be.

    A type is that of the one positional argument. A function has the parameters that
    the arguments are bound to; it is never called. Raises `ConfigurationError` for
    what nothing can be converted to.
    """

    __slots__ = ("_binding", "_conversion")

    def __init__(self, payload: Any, *, camel_snake: bool = False) -> None:
        self._binding = self._conversion = None
        if isfunction(payload):
            self._binding = compile_binding(
                payload,
                injectables=_NOTHING_INJECTED,
                default_args={},
                camel_snake=camel_snake,
            )
            return
        try:
            self._conversion = Conversion(payload)
        except Unsupported as error:
            raise ConfigurationError(
                f"payload={payload!r} is nothing that can be converted to ({error}): "
                "give the type of an event's one argument, or a function with the "
                "parameters of several"
            ) from error

    def convert(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Payload:
        """Return the arguments converted; raise `InvalidArgument`."""
        if self._binding is not None:
            return self._binding.bind(None, args, kwargs)
        assert self._conversion is not None, "it is one or the other"
        if len(args) != 1 or kwargs:
            raise InvalidArgument("expected one positional argument, the payload")
        return [self._conversion.convert(args[0], "'payload'")], {}


class HostedPayloads:
    """Implements `router.host.TopicPayloads` for the typed topics of a realm."""

    def __init__(self) -> None:
        self._types: UriIndex[PayloadType] = UriIndex()

    def add(self, uri: str, match: Match, payload: PayloadType) -> None:
        """Add a topic or pattern; for a topic the most specific one counts."""
        self._types.set(uri, match, payload)

    def check(
        self,
        topic: str,
        args: Sequence[Any] | None,
        kwargs: Mapping[str, Any] | None,
    ) -> None:
        """Raise `InvalidArgument` unless the arguments are what the topic's are."""
        payload = self._types.best(topic)
        if payload is None:
            return
        try:
            payload.convert(args or (), kwargs or {})
        except ApplicationError:
            raise
        except Exception as error:
            # Of the application's own validation; it was not the publisher's fault.
            logger.exception("the payload type of %s failed", shown(topic))
            raise RuntimeFailure from error

    def converted(
        self, topic: str, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Payload:
        """Return arguments as the type of their topic has them, others as they are."""
        payload = self._types.best(topic)
        return (args, kwargs) if payload is None else payload.convert(args, kwargs)
