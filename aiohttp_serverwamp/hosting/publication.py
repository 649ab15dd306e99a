"""Publishing and calling from application code: options, and what `publish` returns."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, fields
from typing import Any

from aiohttp_serverwamp.errors import ConfigurationError, ProtocolViolation
from aiohttp_serverwamp.messages import Call, Message, Publish, check_options
from aiohttp_serverwamp.router.passthru import PASSTHRU_KEYS

__all__ = [
    "CallOptions",
    "Publication",
    "PublishOptions",
    "check_name",
    "options_dict",
]


class Publication:
    """A publication that has been made; its `id` is the one in every EVENT.

    May be awaited, which waits for nothing.
    """

    __slots__ = ("id",)

    def __init__(self, id: int) -> None:
        self.id = id

    def __int__(self) -> int:
        return self.id

    __index__ = __int__

    def __repr__(self) -> str:
        return f"Publication({self.id})"

    def __await__(self) -> Generator[None, None, Publication]:
        yield from ()
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishOptions:
    """``PUBLISH.Options``; None leaves an option out (specification, 6.2 to 6.10).

    Whitelists and blacklists hold for every subscriber; all that are given must be met.
    Raises `ConfigurationError` for a value of the wrong type, and for passthru keys
    without a scheme.
    """

    #: False: the application's own subscriptions receive the event as well.
    exclude_me: bool | None = None
    #: Make the publisher's identity known to the subscribers.
    disclose_me: bool | None = None
    #: Session ids that receive nothing.
    exclude: Sequence[int] | None = None
    #: The same by authid.
    exclude_authid: Sequence[str] | None = None
    #: The same by role.
    exclude_authrole: Sequence[str] | None = None
    #: Session ids that may receive the event; an empty whitelist admits nobody.
    eligible: Sequence[int] | None = None
    #: The same by authid.
    eligible_authid: Sequence[str] | None = None
    #: The same by role.
    eligible_authrole: Sequence[str] | None = None
    #: Payload passthru: the scheme, as ``x_mine``; the one argument is the payload, as
    #: bytes, and no subscriber gets anything else of it (8.6).
    ppt_scheme: str | None = None
    #: What the payload is serialized by.
    ppt_serializer: str | None = None
    #: What it is encrypted by.
    ppt_cipher: str | None = None
    #: What key it is encrypted with.
    ppt_keyid: str | None = None

    #: Keep the event as the topic's retained one, for those who subscribe later.
    retain: bool | None = None
    #: Taken and without effect: publishing returns the id, or raises.
    acknowledge: bool | None = None

    def __post_init__(self) -> None:
        _check(Publish, self)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOptions:
    """``CALL.Options``; None leaves an option out (specification, 5.13).

    Raises `ConfigurationError` for a value of the wrong type, and for passthru keys
    without a scheme.
    """

    #: Milliseconds, not seconds, until `TimedOut` is raised, as in ``CALL.Options``;
    #: 0: never. `Invocation.timeout` is in seconds.
    timeout: int | None = None
    #: Make the caller's identity known to the callee.
    disclose_me: bool | None = None
    #: Ask for progressive results; `Realm.call_progressively` always does.
    receive_progress: bool | None = None
    #: More chunks of arguments follow, by `ProgressiveCall.send`.
    progress: bool | None = None
    #: Payload passthru: the scheme, as ``x_mine``; the one argument is the payload, as
    #: bytes (8.6).
    ppt_scheme: str | None = None
    #: What the payload is serialized by.
    ppt_serializer: str | None = None
    #: What it is encrypted by.
    ppt_cipher: str | None = None
    #: What key it is encrypted with.
    ppt_keyid: str | None = None

    def __post_init__(self) -> None:
        _check(Call, self)


def _check(cls: type[Message], options: PublishOptions | CallOptions) -> None:
    given = options_dict(cls, options)
    if not given.get("ppt_scheme") and any(key in given for key in PASSTHRU_KEYS):
        raise ConfigurationError(
            f"{type(options).__name__}: ppt_serializer, ppt_cipher and ppt_keyid go "
            "with a ppt_scheme"
        )


def check_name(kind: str, uri: object) -> None:
    """Raise `ConfigurationError` unless a topic or procedure is text."""
    if not isinstance(uri, str):
        raise ConfigurationError(
            f"{uri!r} is no {kind}: its URI comes first, as 'cart.changed', and the "
            "arguments follow"
        )


def options_dict(
    cls: type[Message], options: PublishOptions | CallOptions | None
) -> dict[str, Any]:
    """Return the options as they stand in a message.

    Raises `ConfigurationError` for options of another kind of message.
    """
    if options is None:
        return {}
    kind = PublishOptions if cls is Publish else CallOptions
    if not isinstance(options, kind):
        raise ConfigurationError(
            f"options={options!r}: write options={kind.__name__}(...)"
        )
    given = {
        field.name: value
        for field in fields(options)
        if (value := getattr(options, field.name)) is not None
    }
    for name, value in given.items():
        if isinstance(value, tuple | set | frozenset):
            given[name] = list(value)
    try:
        check_options(cls, given)
    except ProtocolViolation as error:
        raise ConfigurationError(f"{type(options).__name__}: {error}") from None
    return given
