"""The 24 messages field by field, as the specification has them, not as the code does.

`what_is_wrong` holds a decoded message against the table. It knows three answers: that
nothing is, what is, and that it cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Final

#: What stands for "the table does not say".
UNSURE: Final = "unsure"

MAX_ID: Final = 2**53

MATCHES: Final = ("exact", "prefix", "wildcard")
POLICIES: Final = ("single", "first", "last", "random", "roundrobin")
MODES: Final = ("skip", "kill", "killnowait")
ROLES: Final = ("caller", "callee", "publisher", "subscriber")


def _is_id(value: Any) -> bool:
    if type(value) is float and isfinite(value) and value.is_integer():
        value = int(value)
    return type(value) is int and 1 <= value <= MAX_ID


def _is_duration(value: Any) -> bool:
    if type(value) is float:
        return isfinite(value) and value >= 0
    return type(value) is int and value >= 0


def _is_dict(value: Any) -> bool:
    return type(value) is dict and all(type(key) is str for key in value)


#: Kinds of fields and of options, and who belongs to them.
KINDS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "id": _is_id,
    "id or zero": lambda value: value == 0 or _is_id(value),
    "number": lambda value: type(value) is int and value >= 0,
    "text": lambda value: type(value) is str,
    "uri": lambda value: type(value) is str,
    "realm": lambda value: value is None or type(value) is str,
    "dict": _is_dict,
    "list": lambda value: type(value) is list,
    "flag": lambda value: type(value) is bool,
    "ids": lambda value: type(value) is list and all(map(_is_id, value)),
    "texts": lambda value: (
        type(value) is list and all(type(each) is str for each in value)
    ),
    "milliseconds": _is_duration,
    "match": lambda value: value in MATCHES,
    "invoke": lambda value: value in POLICIES,
    "mode": lambda value: value in MODES,
    "roles": lambda value: (
        _is_dict(value)
        and not value.keys().isdisjoint(ROLES)
        and all(_is_dict(value[role]) for role in ROLES if role in value)
    ),
}

_PPT: Final = {
    "ppt_scheme": "text",
    "ppt_serializer": "text",
    "ppt_cipher": "text",
    "ppt_keyid": "text",
}


@dataclass(frozen=True)
class Layout:
    """One message: its fields, the known keys of its dict, what may follow."""

    name: str
    fields: Mapping[str, str]
    keys: Mapping[str, str] = field(default_factory=dict)
    #: The kinds of what may follow.
    tail: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        return tuple(self.fields.values())


_PAYLOAD: Final = ("list", "dict")

MESSAGES: Final[Mapping[int, Layout]] = {
    1: Layout(
        "HELLO",
        {"realm": "realm", "details": "dict"},
        {
            "roles": "roles",
            "agent": "text",
            "authmethods": "texts",
            "authid": "text",
            "authrole": "text",
            "authextra": "dict",
        },
    ),
    2: Layout("WELCOME", {"session": "id", "details": "dict"}),
    3: Layout("ABORT", {"details": "dict", "reason": "uri"}, tail=_PAYLOAD),
    4: Layout("CHALLENGE", {"authmethod": "text", "extra": "dict"}),
    5: Layout("AUTHENTICATE", {"signature": "text", "extra": "dict"}),
    6: Layout("GOODBYE", {"details": "dict", "reason": "uri"}, {"message": "text"}),
    8: Layout(
        "ERROR",
        {"type": "number", "request": "id", "details": "dict", "error": "uri"},
        _PPT,
        _PAYLOAD,
    ),
    16: Layout(
        "PUBLISH",
        {"request": "id", "options": "dict", "topic": "uri"},
        {
            "acknowledge": "flag",
            "exclude_me": "flag",
            "disclose_me": "flag",
            "exclude": "ids",
            "exclude_authid": "texts",
            "exclude_authrole": "texts",
            "eligible": "ids",
            "eligible_authid": "texts",
            "eligible_authrole": "texts",
            "retain": "flag",
            **_PPT,
        },
        _PAYLOAD,
    ),
    17: Layout("PUBLISHED", {"request": "id", "publication": "id"}),
    32: Layout(
        "SUBSCRIBE",
        {"request": "id", "options": "dict", "topic": "uri"},
        {"match": "match", "get_retained": "flag"},
    ),
    33: Layout("SUBSCRIBED", {"request": "id", "subscription": "id"}),
    34: Layout("UNSUBSCRIBE", {"request": "id", "subscription": "id"}),
    35: Layout("UNSUBSCRIBED", {"request": "id or zero"}, tail=("dict",)),
    36: Layout(
        "EVENT",
        {"subscription": "id", "publication": "id", "details": "dict"},
        tail=_PAYLOAD,
    ),
    48: Layout(
        "CALL",
        {"request": "id", "options": "dict", "procedure": "uri"},
        {
            "receive_progress": "flag",
            "progress": "flag",
            "disclose_me": "flag",
            "timeout": "milliseconds",
            **_PPT,
        },
        _PAYLOAD,
    ),
    49: Layout("CANCEL", {"request": "id", "options": "dict"}, {"mode": "mode"}),
    50: Layout("RESULT", {"request": "id", "details": "dict"}, tail=_PAYLOAD),
    64: Layout(
        "REGISTER",
        {"request": "id", "options": "dict", "procedure": "uri"},
        {
            "match": "match",
            "invoke": "invoke",
            "disclose_caller": "flag",
            "forward_timeout": "flag",
        },
    ),
    65: Layout("REGISTERED", {"request": "id", "registration": "id"}),
    66: Layout("UNREGISTER", {"request": "id", "registration": "id"}),
    67: Layout("UNREGISTERED", {"request": "id or zero"}, tail=("dict",)),
    68: Layout(
        "INVOCATION",
        {"request": "id", "registration": "id", "details": "dict"},
        tail=_PAYLOAD,
    ),
    69: Layout("INTERRUPT", {"request": "id", "options": "dict"}),
    70: Layout(
        "YIELD",
        {"request": "id", "options": "dict"},
        {"progress": "flag", **_PPT},
        _PAYLOAD,
    ),
}

#: What a router sends.
FROM_ROUTER: Final = frozenset({2, 3, 4, 6, 8, 17, 33, 35, 36, 50, 65, 67, 68, 69})
#: What a client may send, and still not when it likes.
FROM_CLIENT: Final = frozenset({1, 3, 5, 6, 8, 16, 32, 34, 48, 49, 64, 66, 70})


def what_is_wrong(message: Any) -> str | None:
    """Say what makes a list no WAMP message, `UNSURE`, or None if nothing does."""
    if type(message) is not list or not message:
        return "no list with something in it"
    code = message[0]
    layout = MESSAGES.get(code) if type(code) is int else None
    if layout is None:
        return "no such code"
    kinds = layout.kinds
    if not len(kinds) <= len(message) - 1 <= len(kinds) + len(layout.tail):
        return "too short or too long"
    for kind, value in zip(kinds, message[1:], strict=False):
        if not KINDS[kind](value):
            return f"no {kind}"
    for kind, value in zip(layout.tail, message[1 + len(kinds) :], strict=False):
        if value is not None and not KINDS[kind](value):
            return f"no {kind}"
    return _wrong_key(layout, message)


def _wrong_key(layout: Layout, message: list[Any]) -> str | None:
    if not layout.keys:
        return None
    known = message[1 + layout.kinds.index("dict")]
    for key, kind in layout.keys.items():
        value = known.get(key)
        if value is not None and not KINDS[kind](value):
            return f"{key}: no {kind}"
    if layout.name == "HELLO":
        if known.get("roles") is None:
            return UNSURE if "roles" in known else "no roles"
        return _odd_features(known["roles"])
    return None


def _odd_features(roles: Mapping[str, Any]) -> str | None:
    for role in ROLES:
        features = roles.get(role, {}).get("features")
        if features is None:
            continue
        if not _is_dict(features) or {*map(type, features.values())} - {bool}:
            return UNSURE
    return None
