"""The 24 WAMP messages: classes in wire order, `parse` and `marshal` (section 1).

A message is a list on the wire: its code, then the fields of its class in order, then
the optional tail. Parsing checks the shape of everything the protocol defines, before
any meaning: lengths, types, id ranges and the known keys of each dict. What fails is a
`ProtocolViolation`; the syntax of URIs is left to whoever can answer with the right
error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil, isfinite
from operator import attrgetter
from typing import Any, ClassVar, Final

from aiohttp_serverwamp.errors import ProtocolViolation
from aiohttp_serverwamp.ids import MAX_ID
from aiohttp_serverwamp.uris import Match

__all__ = [
    "Abort",
    "Authenticate",
    "Call",
    "Cancel",
    "CancelMode",
    "Challenge",
    "Error",
    "Event",
    "Goodbye",
    "Hello",
    "Interrupt",
    "Invocation",
    "InvokePolicy",
    "Message",
    "Publish",
    "Published",
    "Register",
    "Registered",
    "Result",
    "Subscribe",
    "Subscribed",
    "Unregister",
    "Unregistered",
    "Unsubscribe",
    "Unsubscribed",
    "Welcome",
    "Yield",
    "check_options",
    "marshal",
    "parse",
]


class InvokePolicy(StrEnum):
    """How a registration with several callees chooses one (specification, 5.9)."""

    SINGLE = "single"
    FIRST = "first"
    LAST = "last"
    RANDOM = "random"
    ROUNDROBIN = "roundrobin"


class CancelMode(StrEnum):
    """What becomes of a cancelled call (specification, 5.4)."""

    SKIP = "skip"
    KILL = "kill"
    KILLNOWAIT = "killnowait"


# --- The kinds of field -----------------------------------------------------------
# A check returns the value to keep, or raises ValueError saying what was expected.

Check = Callable[[Any], Any]


def _id(value: Any) -> int:
    # JavaScript's binary codecs send ids above 2^32 as floats (PIT-05).
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is not int or not 1 <= value <= MAX_ID:
        raise ValueError("an id from 1 to 2^53")
    return value


def _id_or_zero(value: Any) -> int:
    return 0 if type(value) is int and value == 0 else _id(value)


def _integer(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a non-negative integer")
    return value


def _string(value: Any) -> str:
    if type(value) is not str:
        raise ValueError("a string")
    return value


def _realm(value: Any) -> str | None:
    # null asks the router to choose a realm (REQ-SES-022): well-formed, refused later.
    return None if value is None else _string(value)


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise ValueError("true or false")
    return value


def _dict(value: Any) -> dict[str, Any]:
    if type(value) is not dict:
        raise ValueError("a dict")
    for key in value:
        if type(key) is not str:
            raise ValueError("a dict with string keys")
    return value


def _list(value: Any) -> list[Any]:
    if type(value) is not list:
        raise ValueError("a list")
    return value


def _ids(value: Any) -> list[int]:
    return [_id(item) for item in _list(value)]


def _strings(value: Any) -> list[str]:
    return [_string(item) for item in _list(value)]


def _milliseconds(value: Any) -> int:
    if type(value) is float and isfinite(value) and value >= 0:
        value = ceil(value)  # Autobahn|Python sends floats (REQ-RPC-087).
    if type(value) is not int or value < 0:
        raise ValueError("a non-negative number of milliseconds")
    return value


def _one_of(kind: type[StrEnum]) -> Check:
    members = {member.value: member for member in kind}

    def check(value: Any) -> StrEnum:
        member = members.get(value) if type(value) is str else None
        if member is None:
            raise ValueError(f"one of {', '.join(members)}")
        return member

    return check


_ROLES: Final = frozenset({"publisher", "subscriber", "caller", "callee"})


def _roles(value: Any) -> dict[str, Any]:
    roles = _dict(value)
    if not _ROLES.intersection(roles):
        raise ValueError("a dict with at least one of " + ", ".join(sorted(_ROLES)))
    for role, details in roles.items():
        if role in _ROLES:
            for announced in _features(_dict(details)).values():
                _boolean(announced)
    return roles


def _features(role: dict[str, Any]) -> dict[str, Any]:
    features = role.get("features")
    return {} if features is None else _dict(features)


# --- The known keys of each dict (REQ-MSG-007, 008); unknown ones are ignored -----

Keys = Mapping[str, Check]

_NO_KEYS: Keys = {}
_PPT: Keys = {
    "ppt_scheme": _string,
    "ppt_serializer": _string,
    "ppt_cipher": _string,
    "ppt_keyid": _string,
}
_HELLO_KEYS: Keys = {
    "roles": _roles,
    "agent": _string,
    "authmethods": _strings,
    "authid": _string,
    "authrole": _string,
    "authextra": _dict,
}
_TEXT_KEYS: Keys = {"message": _string}
_PUBLISH_KEYS: Keys = {
    "acknowledge": _boolean,
    "exclude_me": _boolean,
    "disclose_me": _boolean,
    "exclude": _ids,
    "exclude_authid": _strings,
    "exclude_authrole": _strings,
    "eligible": _ids,
    "eligible_authid": _strings,
    "eligible_authrole": _strings,
    "retain": _boolean,
    **_PPT,
}
_SUBSCRIBE_KEYS: Keys = {"match": _one_of(Match), "get_retained": _boolean}
_CALL_KEYS: Keys = {
    "receive_progress": _boolean,
    "progress": _boolean,
    "disclose_me": _boolean,
    "timeout": _milliseconds,
    **_PPT,
}
_REGISTER_KEYS: Keys = {
    "match": _one_of(Match),
    "invoke": _one_of(InvokePolicy),
    "disclose_caller": _boolean,
    "forward_timeout": _boolean,
}
_CANCEL_KEYS: Keys = {"mode": _one_of(CancelMode)}
_YIELD_KEYS: Keys = {"progress": _boolean, **_PPT}


# --- The messages -----------------------------------------------------------------


class Message:
    """Base of the message classes; ``CODE`` is the first element on the wire."""

    __slots__ = ()
    CODE: ClassVar[int]


@dataclass(slots=True)
class Hello(Message):
    """A client asks to join a realm."""

    CODE: ClassVar[int] = 1
    realm: str | None
    details: dict[str, Any]


@dataclass(slots=True)
class Welcome(Message):
    """The router accepts a session."""

    CODE: ClassVar[int] = 2
    session: int
    details: dict[str, Any]


@dataclass(slots=True)
class Abort(Message):
    """Either side refuses or ends a session at once; never answered."""

    CODE: ClassVar[int] = 3
    details: dict[str, Any]
    reason: str
    args: list[Any] | None = None
    kwargs: dict[str, Any] | None = None


@dataclass(slots=True)
class Challenge(Message):
    """The router asks a joining client to prove its identity."""

    CODE: ClassVar[int] = 4
    authmethod: str
    extra: dict[str, Any]


@dataclass(slots=True)
class Authenticate(Message):
    """A client answers a CHALLENGE."""

    CODE: ClassVar[int] = 5
    # Not shown: it may be a ticket, which is a secret.
    signature: str = field(repr=False)
    extra: dict[str, Any]


@dataclass(slots=True)
class Goodbye(Message):
    """Either side ends a session in order, or acknowledges its end."""

    CODE: ClassVar[int] = 6
    details: dict[str, Any]
    reason: str


@dataclass(slots=True)
class Error(Message):
    """The negative answer to a request; `request_type` is the code of that request."""

    CODE: ClassVar[int] = 8
    request_type: int
    request: int
    details: dict[str, Any]
    error: str
    args: list[Any] | None = None
    kwargs: dict[str, Any] | None = None


@dataclass(slots=True)
class Publish(Message):
    """A publisher sends an event to a topic."""

    CODE: ClassVar[int] = 16
    request: int
    options: dict[str, Any]
    topic: str
    args: list[Any] | None = None
    kwargs: dict[str, Any] | None = None


@dataclass(slots=True)
class Published(Message):
    """The broker acknowledges a PUBLISH."""

    CODE: ClassVar[int] = 17
    request: int
    publication: int


@dataclass(slots=True)
class Subscribe(Message):
    """A subscriber asks for the events of a topic or pattern."""

    CODE: ClassVar[int] = 32
    request: int
    options: dict[str, Any]
    topic: str


@dataclass(slots=True)
class Subscribed(Message):
    """The broker grants a subscription."""

    CODE: ClassVar[int] = 33
    request: int
    subscription: int


@dataclass(slots=True)
class Unsubscribe(Message):
    """A subscriber gives up a subscription."""

    CODE: ClassVar[int] = 34
    request: int
    subscription: int


@dataclass(slots=True)
class Unsubscribed(Message):
    """A subscription has ended; request 0 with details: it was revoked."""

    CODE: ClassVar[int] = 35
    request: int
    details: dict[str, Any] | None = None


@dataclass(slots=True)
class Event(Message):
    """The broker delivers a publication on one subscription."""

    CODE: ClassVar[int] = 36
    subscription: int
    publication: int
    details: dict[str, Any]
    args: list[Any] | None = None
    kwargs: dict[str, Any] | None = None


@dataclass(slots=True)
class Call(Message):
    """A caller calls a procedure."""

    CODE: ClassVar[int] = 48
    request: int
    options: dict[str, Any]
    procedure: str
    args: list[Any] | None = None
    kwargs: dict[str, Any] | None = None


@dataclass(slots=True)
class Cancel(Message):
    """A caller cancels a call."""

    CODE: ClassVar[int] = 49
    request: int
    options: dict[str, Any]


@dataclass(slots=True)
class Result(Message):
    """The dealer returns a result, final or progressive."""

    CODE: ClassVar[int] = 50
    request: int
    details: dict[str, Any]
    args: list[Any] | None = None
    kwargs: dict[str, Any] | None = None


@dataclass(slots=True)
class Register(Message):
    """A callee offers a procedure."""

    CODE: ClassVar[int] = 64
    request: int
    options: dict[str, Any]
    procedure: str


@dataclass(slots=True)
class Registered(Message):
    """The dealer grants a registration."""

    CODE: ClassVar[int] = 65
    request: int
    registration: int


@dataclass(slots=True)
class Unregister(Message):
    """A callee withdraws a procedure."""

    CODE: ClassVar[int] = 66
    request: int
    registration: int


@dataclass(slots=True)
class Unregistered(Message):
    """A registration has ended; request 0 with details: it was revoked."""

    CODE: ClassVar[int] = 67
    request: int
    details: dict[str, Any] | None = None


@dataclass(slots=True)
class Invocation(Message):
    """The dealer passes a call to a callee."""

    CODE: ClassVar[int] = 68
    request: int
    registration: int
    details: dict[str, Any]
    args: list[Any] | None = None
    kwargs: dict[str, Any] | None = None


@dataclass(slots=True)
class Interrupt(Message):
    """The dealer asks a callee to stop working on an invocation."""

    CODE: ClassVar[int] = 69
    request: int
    options: dict[str, Any]


@dataclass(slots=True)
class Yield(Message):
    """A callee returns a result, final or progressive."""

    CODE: ClassVar[int] = 70
    request: int
    options: dict[str, Any]
    args: list[Any] | None = None
    kwargs: dict[str, Any] | None = None


# --- Layouts ----------------------------------------------------------------------


class _Layout:
    """How one class lies on the wire: its mandatory fields, its dict, its tail."""

    __slots__ = (
        "checks",
        "cls",
        "dict_at",
        "head",
        "keys",
        "lengths",
        "payload",
        "tail",
        "wire",
    )

    def __init__(
        self,
        cls: type[Message],
        fields: Mapping[str, Check],
        *,
        keys: Keys = _NO_KEYS,
        payload: bool = False,
        details: bool = False,
    ) -> None:
        self.cls = cls
        self.checks = tuple(fields.values())
        self.wire = tuple(fields)
        #: Gives the mandatory fields of a message, and whether a payload follows.
        self.head = _head(*fields)
        self.payload = payload
        self.keys = keys
        # Where the dict with the known keys stands among the mandatory fields.
        self.dict_at = self.checks.index(_dict) if keys else -1
        self.tail: dict[str, Check] = (
            {"args": _list, "kwargs": _dict}
            if payload
            else {"details": _dict}
            if details
            else {}
        )
        shortest = 1 + len(fields)
        self.lengths = range(shortest, shortest + len(self.tail) + 1)


def _head(*fields: str) -> Callable[[Message], tuple[Any, ...]]:
    get = attrgetter(*fields)
    return get if len(fields) > 1 else lambda message: (get(message),)


_LAYOUTS: Final[dict[int, _Layout]] = {
    layout.cls.CODE: layout
    for layout in (
        _Layout(Hello, {"realm": _realm, "details": _dict}, keys=_HELLO_KEYS),
        _Layout(Welcome, {"session": _id, "details": _dict}),
        _Layout(Abort, {"details": _dict, "reason": _string}, payload=True),
        _Layout(Challenge, {"authmethod": _string, "extra": _dict}),
        _Layout(Authenticate, {"signature": _string, "extra": _dict}),
        _Layout(Goodbye, {"details": _dict, "reason": _string}, keys=_TEXT_KEYS),
        _Layout(
            Error,
            {
                "request_type": _integer,
                "request": _id,
                "details": _dict,
                "error": _string,
            },
            keys=_PPT,
            payload=True,
        ),
        _Layout(
            Publish,
            {"request": _id, "options": _dict, "topic": _string},
            keys=_PUBLISH_KEYS,
            payload=True,
        ),
        _Layout(Published, {"request": _id, "publication": _id}),
        _Layout(
            Subscribe,
            {"request": _id, "options": _dict, "topic": _string},
            keys=_SUBSCRIBE_KEYS,
        ),
        _Layout(Subscribed, {"request": _id, "subscription": _id}),
        _Layout(Unsubscribe, {"request": _id, "subscription": _id}),
        _Layout(Unsubscribed, {"request": _id_or_zero}, details=True),
        _Layout(
            Event,
            {"subscription": _id, "publication": _id, "details": _dict},
            payload=True,
        ),
        _Layout(
            Call,
            {"request": _id, "options": _dict, "procedure": _string},
            keys=_CALL_KEYS,
            payload=True,
        ),
        _Layout(Cancel, {"request": _id, "options": _dict}, keys=_CANCEL_KEYS),
        _Layout(Result, {"request": _id, "details": _dict}, payload=True),
        _Layout(
            Register,
            {"request": _id, "options": _dict, "procedure": _string},
            keys=_REGISTER_KEYS,
        ),
        _Layout(Registered, {"request": _id, "registration": _id}),
        _Layout(Unregister, {"request": _id, "registration": _id}),
        _Layout(Unregistered, {"request": _id_or_zero}, details=True),
        _Layout(
            Invocation,
            {"request": _id, "registration": _id, "details": _dict},
            payload=True,
        ),
        _Layout(Interrupt, {"request": _id, "options": _dict}),
        _Layout(
            Yield, {"request": _id, "options": _dict}, keys=_YIELD_KEYS, payload=True
        ),
    )
}


# --- Parsing ----------------------------------------------------------------------


def parse(raw: Any) -> Message:
    """Make a message from a decoded list.

    The dict of options or details may be changed: known keys with a null value are
    removed (REQ-MSG-011), integral floats in id lists become integers.

    Raises `ProtocolViolation` when the shape is not that of a WAMP message (REQ-MSG-001
    to 008, 011, 012, 014).
    """
    # Hot path.
    if type(raw) is not list or not raw:
        raise ProtocolViolation("a message is a non-empty list")
    size = len(raw)
    if size == 5 and (call := _usual_call(raw)) is not None:
        return call
    if size == 4 and (answer := _usual_yield(raw)) is not None:
        return answer
    return _by_the_table(raw)


def _by_the_table(raw: list[Any]) -> Message:
    code = raw[0]
    layout = _LAYOUTS.get(code) if type(code) is int else None
    if layout is None:
        raise ProtocolViolation(f"{_shown(code)} is not a message code")
    if len(raw) not in layout.lengths:
        raise ProtocolViolation(
            f"{_name(layout)} with {len(raw)} elements; "
            f"expected {layout.lengths[0]} to {layout.lengths[-1]}"
        )
    values = []
    position = 0
    try:
        for check in layout.checks:
            position += 1
            values.append(check(raw[position]))
        for check in layout.tail.values():
            position += 1
            if position == len(raw):
                break
            value = raw[position]
            values.append(None if value is None else check(value))
    except ValueError as error:
        name = (*layout.wire, *layout.tail)[position - 1]
        raise ProtocolViolation(f"{_name(layout)}.{name}: expected {error}") from None
    if layout.dict_at >= 0:
        known = values[layout.dict_at]
        if known:
            _check_keys(layout, known)
        if layout.cls is Hello and "roles" not in known:
            raise ProtocolViolation("HELLO.details.roles is missing")
    return layout.cls(*values)


def _usual_call(raw: list[Any]) -> Call | None:
    """Make the CALL that most are: no options, and positional arguments.

    A third of what the table costs, which has all others, and knows what is wrong.
    """
    # Hot path.
    code, request, options, procedure, args = raw
    if (
        code == Call.CODE
        and type(code) is int
        and type(request) is int
        and 0 < request <= MAX_ID
        and type(options) is dict
        and not options
        and type(procedure) is str
        and type(args) is list
    ):
        return Call(request, options, procedure, args)
    return None


def _usual_yield(raw: list[Any]) -> Yield | None:
    """Make the YIELD that most are, in the same way."""
    # Hot path.
    code, request, options, args = raw
    if (
        code == Yield.CODE
        and type(code) is int
        and type(request) is int
        and 0 < request <= MAX_ID
        and type(options) is dict
        and not options
        and type(args) is list
    ):
        return Yield(request, options, args)
    return None


def check_options(cls: type[Message], options: dict[str, Any]) -> None:
    """Check the known keys of a message's options, as `parse` does, and change them so.

    For options that do not come from the wire. Raises `ProtocolViolation`.
    """
    _check_keys(_LAYOUTS[cls.CODE], options)


def _check_keys(layout: _Layout, values: dict[str, Any]) -> None:
    for key in layout.keys.keys() & values.keys():
        value = values[key]
        if value is None:
            del values[key]
            continue
        try:
            values[key] = layout.keys[key](value)
        except ValueError as error:
            raise ProtocolViolation(
                f"{_name(layout)}.{layout.wire[layout.dict_at]}.{key}: expected {error}"
            ) from None


def _name(layout: _Layout) -> str:
    return layout.cls.__name__.upper()


def _shown(value: Any) -> str:
    return str(value) if type(value) is int and abs(value) < 10**9 else "this element"


# --- Marshalling ------------------------------------------------------------------


def marshal(message: Any) -> list[Any]:
    """Make the wire list of a message (REQ-MSG-018 to 021).

    Empty payloads are left out.
    """
    # Hot path.
    layout = _LAYOUTS[message.CODE]
    wire = [message.CODE, *layout.head(message)]
    if layout.payload:
        if message.kwargs:
            wire += (message.args or [], message.kwargs)
        elif message.args:
            wire.append(message.args)
    elif layout.tail and message.details is not None:
        wire.append(message.details)
    return wire
