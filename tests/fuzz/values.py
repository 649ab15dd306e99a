"""Values for fields and payloads: ordinary ones, and those that break programs."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.fuzz.encoders import Pairs, Raw
from tests.fuzz.fields import MATCHES, MODES, POLICIES, ROLES

#: Procedures and topics of the grounds, and some that clients make themselves.
URIS: Final = (
    "fuzz.echo",
    "fuzz.typed",
    "fuzz.slow",
    "fuzz.progress",
    "fuzz.chunks",
    "fuzz.fail",
    "fuzz.refuse",
    "fuzz.kick",
    "fuzz.publish",
    "fuzz.call",
    "fuzz.odd",
    "fuzz.thread",
    "any.prefix.x",
    "any.x.wildcard",
    "expression7",
    "topic.plain",
    "topic.slow",
    "topic.refused",
    "topic.typed",
    "topic.retained",
    "topic.kept",
    "kept.a",
    "com.a",
    "com.b",
    "com.a.b",
    "com.c.b",
)

PATTERNS: Final = ("com.", "com", "com..b", "topic.", "..a", "any.prefix.", "kept.")

META: Final = (
    "wamp.session.count",
    "wamp.session.list",
    "wamp.session.get",
    "wamp.session.kill",
    "wamp.session.kill_by_authid",
    "wamp.session.kill_by_authrole",
    "wamp.session.kill_all",
    "wamp.session.add_testament",
    "wamp.session.flush_testaments",
    "wamp.registration.list",
    "wamp.registration.lookup",
    "wamp.registration.match",
    "wamp.registration.get",
    "wamp.registration.list_callees",
    "wamp.registration.count_callees",
    "wamp.subscription.list",
    "wamp.subscription.lookup",
    "wamp.subscription.match",
    "wamp.subscription.get",
    "wamp.subscription.list_subscribers",
    "wamp.subscription.count_subscribers",
    "wamp.subscription.get_events",
    "wamp.session.on_join",
    "wamp.subscription.on_create",
    "wamp.registration.on_delete",
)

ODD_URIS: Final = (
    "",
    ".",
    "..",
    "a..b",
    "a b",
    "com.#",
    "wamp.",
    "wamp.x",
    "a." * 40 + "a",
    "x" * 2000,
    "\0",
    "com.\u202e\x1b[31m",
    "ä.ö",
    "COM.A",
    "\ud800",
    "a\r\nb",
)

ODD_NUMBERS: Final = (
    0,
    -1,
    1,
    2,
    2**31,
    2**32,
    2**53,
    2**53 + 1,
    2**63,
    2**64 - 1,
    2**64,
    -(2**63),
    10**30,
    2**9000,
    10**4400,
    1.0,
    1.5,
    -0.0,
    1e308,
    float("inf"),
    float("-inf"),
    float("nan"),
)

#: Bytes in the place of a value, by serializer.
RAW: Final[Mapping[str, tuple[bytes, ...]]] = {
    "json": (
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"01",
        b"-",
        b"'a'",
        b'"\\ud800"',
        b'"\\u0000AAA="',
        b'"\\u0000?"',
        b'"\\q"',
        b'"\x01"',
        b"tru",
        b"[1,]",
        b"[" * 3000 + b"]" * 3000,
        b'{"a":' * 500 + b"1" + b"}" * 500,
        b"[" * 1021 + b"]" * 1021,
        b"[" * 1023 + b"]" * 1023,
        b"1" * 5000,
        b"",
    ),
    "msgpack": (
        b"\xc1",
        b"\xd4\x00\x00",  # undefined, as JavaScript writes it
        b"\xd4\x05\x00",
        b"\xd6\xff\x00\x00\x00\x00",  # a timestamp
        b"\xc7\x0c\xff" + b"\xff" * 12,
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\xc6\x7f\xff\xff\xff",
        b"\xa2\xff\xfe",
        b"\x91" * 3000 + b"\xc0",
        b"\x91" * 500 + b"\xc0",
        b"\x91" * 1021 + b"\xc0",
        b"\x91" * 1023 + b"\xc0",
        b"\x81\x01\x02",
        b"\x82\xa1a\x01\xa1a\x02",
        b"",
    ),
    "cbor": (
        b"\xf7",  # undefined
        b"\xf8\x20",
        b"\xc0\x60",
        b"\xc1\x1a\xff\xff\xff\xff",
        b"\xc2\x42\x01\x00",
        b"\xc2\x59\x10\x00" + b"\xff" * 4096,
        b"\xc3\x40",
        b"\xd8\x1c\x80",  # a value that is shared
        b"\xd8\x1d\x00",  # and a reference to it
        b"\xd8\x23\x61(",  # a regular expression
        b"\xd8\x40\x43abc",
        b"\xd9\x01\x00\x80",  # references to strings
        b"\x9f\x01\xff",
        b"\x9f\x01",
        b"\xbf\x61a\x01\xff",
        b"\x5f\x41a\xff",
        b"\x7f\x61a\xff",
        b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xbb\x00\xff\xff\xff\xff\xff\xff\xff",
        b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
        b"\x81" * 3000 + b"\xf6",
        b"\x81" * 397 + b"\xf6",
        b"\x81" * 399 + b"\xf6",
        b"\xa1\x01\x02",
        b"\xa1\x80\x02",
        b"\xff",
        b"\xfc",
        b"",
    ),
}

FEATURES: Final = {
    "callee": (
        "call_canceling",
        "call_timeout",
        "call_reroute",
        "call_trustlevels",
        "caller_identification",
        "payload_passthru_mode",
        "progressive_call_results",
        "progressive_call_invocations",
        "registration_revocation",
        "shared_registration",
    ),
    "caller": (
        "call_canceling",
        "payload_passthru_mode",
        "progressive_call_invocations",
        "progressive_call_results",
    ),
    "publisher": ("payload_passthru_mode", "publisher_exclusion"),
    "subscriber": (
        "payload_passthru_mode",
        "publisher_identification",
        "subscription_revocation",
    ),
}


class Values:
    """Draws values for one serializer."""

    def __init__(self, rng: random.Random, serializer: str) -> None:
        self.rng = rng
        self.raw = RAW[serializer.partition(".")[0]]
        self._kinds: Mapping[str, Callable[[], Any]] = {
            "id": self.id,
            "id or zero": lambda: self.rng.choice((0, self.id())),
            "number": lambda: self.rng.choice((0, 8, 48, 64, 68, 16, 32)),
            "text": self.text,
            "uri": self.uri,
            "realm": lambda: self.rng.choice(("realm1", "members", "strict", "no")),
            "dict": self.entries,
            "list": self.items,
            "flag": lambda: self.rng.random() < 0.5,
            "ids": lambda: [self.id() for _ in range(self.rng.randrange(3))],
            "texts": lambda: [self.text() for _ in range(self.rng.randrange(3))],
            "milliseconds": lambda: self.rng.choice((0, 1, 50, 5000, 0.5, 1e300)),
            "match": lambda: self.rng.choice(MATCHES),
            "invoke": lambda: self.rng.choice(POLICIES),
            "mode": lambda: self.rng.choice(MODES),
            "roles": self.roles,
        }

    def of(self, kind: str) -> Any:
        """Return a value of a kind of field."""
        return self._kinds[kind]()

    def id(self) -> int:
        return self.rng.choice((1, 2, 3, 4, 5, 7, 9, 17, 300, 2**33, 2**53))

    def text(self) -> str:
        return self.rng.choice(
            ("", "a", "ann", "user", "guest", "anonymous", "ticket", "é\0\n", "x_mine")
        )

    def uri(self) -> str:
        chance = self.rng.random()
        if chance < 0.75:
            return self.rng.choice(URIS)
        if chance < 0.9:
            return self.rng.choice(META)
        return self.rng.choice(ODD_URIS if chance > 0.95 else PATTERNS)

    def scalar(self) -> Any:
        return self.rng.choice(
            (None, True, False, 0, 1, -7, 2**40, 0.5, "", "a", "b\0", b"", b"\xff\0")
        )

    def items(self, depth: int = 0) -> list[Any]:
        return [self.plain(depth + 1) for _ in range(self.rng.randrange(4))]

    def entries(self, depth: int = 0) -> dict[str, Any]:
        names = self.rng.sample(("a", "b", "flag", "k", "match", ""), 2)
        return {name: self.plain(depth + 1) for name in names[: self.rng.randrange(3)]}

    def plain(self, depth: int = 0) -> Any:
        chance = self.rng.random()
        if depth > 2 or chance < 0.7:
            return self.scalar()
        return self.items(depth) if chance < 0.85 else self.entries(depth)

    def odd(self) -> Any:
        """Return what somebody may not have thought of."""
        chance = self.rng.random()
        if chance < 0.3:
            return self.rng.choice(ODD_NUMBERS)
        if chance < 0.5:
            return self.rng.choice(ODD_URIS)
        if chance < 0.75:
            return Raw(self.rng.choice(self.raw))
        if chance < 0.85:
            keys = [self.rng.choice(("a", "a", 1, None, b"a", True)) for _ in range(3)]
            return Pairs(tuple((key, self.scalar()) for key in keys))
        if chance < 0.9:
            return "x" * self.rng.choice((1000, 20_000))
        return self.plain()

    def roles(self) -> dict[str, Any]:
        chosen = self.rng.sample(ROLES, self.rng.randint(1, 4))
        return {role: {"features": self._features(role)} for role in chosen}

    def _features(self, role: str) -> dict[str, bool]:
        known = FEATURES[role]
        some = self.rng.sample(known, self.rng.randint(0, len(known)))
        return {name: self.rng.random() < 0.9 for name in some}
