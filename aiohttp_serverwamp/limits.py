"""The limits, deadlines and policies of an Application, validated once.

Zero or ``None`` switches a limit off; `Limits.close_timeout` says what zero means
there. Times are seconds, sizes are bytes.
"""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass, fields
from enum import StrEnum
from typing import Final, Literal

from aiohttp_serverwamp.errors import ConfigurationError

__all__ = [
    "MESSAGES_A_TURN",
    "Limits",
    "RateLimit",
    "SlowConsumer",
    "SlowConsumerReport",
]

#: Messages of one client that are handled before everybody else has a turn. More than
#: that may come together, in a batch or in one read from the socket, or may have waited
#: for one decision.
MESSAGES_A_TURN: Final = 100

_RATE: Final = re.compile(r"([1-9][0-9]{0,8})/(s|min|h)")

_SECONDS: Final = {"s": 1, "min": 60, "h": 3600}

_KEYS: Final = ("session", "authid", "ip")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one client may cost the server.

    Raises `ConfigurationError` for a value that is not a non-negative number (whole
    numbers for sizes and counts).
    """

    #: Seconds a fresh connection has to send HELLO (REQ-SES-010).
    hello_timeout: float | None = 5.0
    #: Seconds a client has to answer a CHALLENGE (REQ-SES-011).
    auth_timeout: float | None = 10.0
    #: Seconds between WebSocket pings; half as long again without a pong ends the
    #: connection. TCP asks RawSocket clients as often; see `RawSocket`.
    heartbeat: float | None = 20.0
    #: Seconds a leaving client, and the clean-up code of handlers, are waited for
    #: (REQ-SES-039): half of it for the answer to GOODBYE, all of it for clean-up code.
    #: Zero: the client is not waited for, clean-up code for as long as it takes.
    close_timeout: float = 2.0
    #: Seconds that `Application.shutdown` may take in all.
    shutdown_timeout: float = 5.0
    #: Bytes of one incoming message; a larger one ends the connection with 1009. For
    #: RawSockets it is rounded down to a power of two, and is 16 MiB at most.
    max_message_size: int | None = 2**20
    #: Nesting of one incoming message; the codecs' own bound (1,024) applies where this
    #: is None.
    max_depth: int | None = None
    #: Bytes that may wait to be sent to one client before it is cut.
    max_pending_bytes: int | None = 8 * 2**20
    #: Seconds that waiting bytes may make no progress before the client is cut.
    write_deadline: float | None = 10.0
    #: Bytes of events under one policy that drops, see `SlowConsumer`, that may wait
    #: for one client, beside `max_pending_bytes`, before they are dropped.
    max_droppable_bytes: int | None = 2**20
    #: Calls of one session in flight, and requests waiting behind a pending decision.
    max_pending_calls: int | None = 1_000
    #: Chunks of one session's progressive calls that hosted procedures have not taken,
    #: and progressive results of one call by the application that it has not taken.
    max_pending_chunks: int | None = 256
    #: Bytes of memory that these may take, roughly; a single one may be larger.
    max_pending_chunk_bytes: int | None = 16 * 2**20
    #: Subscriptions of one session.
    max_subscriptions: int | None = 1_000
    #: Registrations of one session.
    max_registrations: int | None = 1_000
    #: Topics of which a realm keeps retained events (REQ-PUB-066); beyond, those whose
    #: events are oldest are forgotten.
    max_retained_topics: int | None = 10_000
    #: Bytes of memory that the retained events of a realm may take, roughly.
    max_retained_bytes: int | None = 64 * 2**20
    #: Testaments of one session.
    max_testaments: int | None = 100
    #: Bytes of memory that all testaments of one session may take, roughly.
    max_testament_size: int | None = 256 * 2**10
    #: Characters of a URI.
    max_uri_length: int | None = 1_024
    #: Components of a URI.
    max_uri_components: int | None = 32
    #: Connections served at once; further upgrades are answered with 503, further
    #: RawSockets with error 4.
    max_sessions: int | None = None
    #: Connections that have not joined yet; further upgrades are answered with 503.
    max_unauthenticated: int | None = 1_000
    #: Failed sign-ins of one authid from one address, before the right answer is no
    #: longer taken either (REQ-AUTH-014).
    max_failed_sign_ins: int | None = 10
    #: Failed sign-ins from one address, the first 64 bits of IPv6, by any authid.
    max_failed_sign_ins_per_address: int | None = 100
    #: Seconds after which failed sign-ins are forgotten, from the first of them on.
    failed_sign_in_window: float | None = 300.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            optional = "None" in str(field.type)
            if value is None and optional:
                continue
            kinds = (int, float) if "float" in str(field.type) else (int,)
            # "not >=" rather than "<" also refuses NaN.
            if type(value) not in kinds or not value >= 0 or value == float("inf"):
                raise ConfigurationError(
                    f"Limits({field.name}={value!r}): give a non-negative "
                    f"{'number' if float in kinds else 'whole number'}"
                    f"{', or None for no limit' if optional else ''}"
                )


class SlowConsumer(StrEnum):
    """What becomes of a topic's events for a client that does not keep up.

    Nothing but events is ever dropped, and those that are not keep their order. What
    waits besides, as results do, still has the client cut over
    `Limits.max_pending_bytes`, and so has `Limits.write_deadline`.
    """

    #: They wait, and the client is cut when too much does. What holds by default.
    DISCONNECT = "disconnect"
    #: The oldest that wait make room for new ones.
    DROP_OLDEST = "drop_oldest"
    #: New ones are dropped while too many wait.
    DROP_NEWEST = "drop_newest"
    #: Of each topic and subscription only the newest one waits.
    CONFLATE = "conflate"

    @classmethod
    def of(cls, given: SlowConsumer | str) -> SlowConsumer:
        """Return the policy meant; raise `ConfigurationError`."""
        try:
            return cls(given)
        except ValueError:
            raise ConfigurationError(
                f"slow_consumer={given!r}: give 'disconnect', 'drop_oldest', "
                "'drop_newest' or 'conflate'"
            ) from None


@dataclass(frozen=True, slots=True)
class SlowConsumerReport:
    """What ``on_slow_consumer`` is told of a client that has stopped keeping up."""

    #: What is done now: `SlowConsumer.DISCONNECT` if the client has been cut.
    policy: SlowConsumer
    #: The topic whose events are dropped; None if the client has been cut.
    topic: str | None
    #: How many events the session has not been sent so far for being slow.
    dropped: int


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How many requests may come: ``RateLimit("20/s", burst=40, key="authid")``.

    `rate` is a number and the time it is for, ``s``, ``min`` or ``h``. So many requests
    may also come at once, or `burst` if given. `key` says whose are counted together:
    those of a session, of all sessions of an authid, or of all from an address (the
    first 64 bits of IPv6; of a session where the address is not known). Whatever takes
    one takes the text alone as well: ``rate_limit="20/s"``.

    Raises `ConfigurationError` for what makes no limit.
    """

    rate: str
    _: KW_ONLY
    #: Requests that may come at once; None: as many as the rate says.
    burst: int | None = None
    key: Literal["session", "authid", "ip"] = "session"

    def __post_init__(self) -> None:
        if not isinstance(self.rate, str) or not _RATE.fullmatch(self.rate):
            raise ConfigurationError(
                f"RateLimit({self.rate!r}): give a number and a time, as '20/s', "
                "'100/min' or '5/h'"
            )
        if self.burst is not None and (type(self.burst) is not int or self.burst < 1):
            raise ConfigurationError(
                f"RateLimit(burst={self.burst!r}): give a whole number, at least 1"
            )
        if self.key not in _KEYS:
            raise ConfigurationError(
                f"RateLimit(key={self.key!r}): give 'session', 'authid' or 'ip'"
            )

    @classmethod
    def of(cls, given: RateLimit | str) -> RateLimit:
        """Return the limit meant; raise `ConfigurationError`."""
        return given if isinstance(given, RateLimit) else cls(given)

    @property
    def interval(self) -> float:
        """Seconds for each request."""
        count, unit = self.rate.split("/")
        return _SECONDS[unit] / int(count)

    @property
    def size(self) -> int:
        """Requests that may come at once."""
        return self.burst or int(self.rate.split("/")[0])
