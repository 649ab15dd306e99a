"""``wamp.session.add_testament`` and ``flush_testaments`` (6.12)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.errors import (
    FeatureNotSupported,
    InvalidArgument,
    NotAuthorized,
    ProtocolViolation,
)
from aiohttp_serverwamp.messages import Publish, parse
from aiohttp_serverwamp.router.requests import may_publish
from aiohttp_serverwamp.router.testaments import Scope

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.meta.call import MetaCall
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["PROCEDURES"]


def _add(call: MetaCall) -> Sequence[Any]:
    """Keep what PUBLISH would be given (REQ-META-004 to 006)."""
    session, scope = _caller(call), _scope(call)
    topic, options = call.text(0, "topic"), call.kwargs.get("publish_options")
    try:
        message = parse(
            [
                Publish.CODE,
                1,
                {} if options is None else options,
                topic,
                call.sequence(1, "args"),
                call.mapping(2, "kwargs"),
            ]
        )
    except ProtocolViolation as error:
        raise InvalidArgument(str(error)) from error
    assert isinstance(message, Publish), "by its code"
    call.router.broker.check_publish(session, message)
    if not may_publish(session, topic):
        # Asked again in the end, about who the session is then; but who may not publish
        # now had better know.
        raise NotAuthorized(f"not authorized to publish {topic}")
    call.router.broker.check_payload(message)
    call.router.testaments.add(session, scope, message)
    return []


def _flush(call: MetaCall) -> Sequence[Any]:
    call.router.testaments.flush(_caller(call), _scope(call))
    return []


def _caller(call: MetaCall) -> RouterSession:
    session = call.router.sessions.get(call.caller.id)
    if session is None or session is not call.caller:
        raise FeatureNotSupported("hosted code does not leave, and has no testament")
    return session


def _scope(call: MetaCall) -> Scope:
    name = call.keyword_text("scope")
    try:
        return Scope.DESTROYED if name is None else Scope(name)
    except ValueError:
        raise InvalidArgument("scope is to be 'destroyed' or 'detached'") from None


#: URI → what does it; see `meta.api.PROCEDURES`.
PROCEDURES: Final[Mapping[str, Callable[[MetaCall], Sequence[Any]]]] = {
    "wamp.session.add_testament": _add,
    "wamp.session.flush_testaments": _flush,
}
