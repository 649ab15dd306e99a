"""How many requests clients may make in a time: token buckets, and what has one.

A bucket holds as many tokens as requests may come at once, and fills up at the rate of
the limit; a request takes one. All that has to be known of it is when it will be full
again. One that is full is like one that was never used, and is forgotten.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Final, TypeAlias

from aiohttp_serverwamp.errors import RateLimited
from aiohttp_serverwamp.router.uri_settings import UriSettings

if TYPE_CHECKING:
    from aiohttp_serverwamp.limits import RateLimit
    from aiohttp_serverwamp.router.session import RouterSession
    from aiohttp_serverwamp.uris import Match

__all__ = ["Buckets", "RateLimits"]

Clock: TypeAlias = "Callable[[], float]"

#: Buckets of one limit that are remembered; then that one is not which was used least
#: lately. Who has so many addresses or names gets as many times what is allowed anyway.
MAX_REMEMBERED: Final = 10_000


class Buckets:
    """The buckets of one limit, by key."""

    __slots__ = ("_full_at", "_interval", "_slack")

    def __init__(self, limit: RateLimit) -> None:
        self._interval = limit.interval
        # How far ahead of now a bucket may be full again, and have a token left.
        self._slack = limit.interval * (limit.size - 1)
        #: When each is full again; the one that was used last stands last.
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: Hashable, now: float) -> float:
        """Take a token; return 0, or the seconds until there is one."""
        full_at = max(self._full_at.get(key, now), now)
        wait = full_at - now - self._slack
        # Less than a millionth of a token is an error of rounding.
        if wait > self._interval * 1e-6:
            return wait
        self._full_at[key] = full_at + self._interval
        self._full_at.move_to_end(key)
        self.sweep(now)
        if len(self._full_at) > MAX_REMEMBERED:
            self._full_at.popitem(last=False)
        return 0.0

    def sweep(self, now: float) -> None:
        """Forget those that are full again, from the one that was used first on."""
        full_at = self._full_at
        while full_at:
            key, when = next(iter(full_at.items()))
            if when > now:
                return
            del full_at[key]

    def drop(self, key: Hashable) -> None:
        """Forget one bucket."""
        self._full_at.pop(key, None)

    def clear(self) -> None:
        """Forget all of them."""
        self._full_at.clear()


class _Rule:
    """One limit, with the buckets of all that it is set for."""

    __slots__ = ("buckets", "limit")

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self.buckets = Buckets(limit)

    def key_of(self, session: RouterSession) -> Hashable:
        if self.limit.key == "authid":
            return session.authid
        if self.limit.key == "ip" and session.network:
            return session.network
        # Behind a Unix socket nobody's address is known: they would all share one.
        return session.id


class RateLimits:
    """The limits of one realm; False while there are none.

    `now` is the clock, in seconds. CANCEL, GOODBYE, and what answers invocations are
    not limited.
    """

    __slots__ = ("_calls", "_now", "_publications", "_realm", "_used")

    def __init__(self, realm: RateLimit | None = None) -> None:
        self._now: Clock = float
        self._realm = None if realm is None else _Rule(realm)
        self._calls: UriSettings[_Rule] = UriSettings()
        self._publications: UriSettings[_Rule] = UriSettings()
        #: Those of which some buckets are remembered.
        self._used: dict[Buckets, None] = {}

    def __bool__(self) -> bool:
        return bool(self._realm or len(self._calls) or len(self._publications))

    @property
    def remembered(self) -> int:
        """How many buckets are remembered."""
        return sum(map(len, self._used))

    def start(self, now: Clock) -> None:
        """Begin anew, with this clock."""
        self._now = now
        for buckets in self._used:
            buckets.clear()
        self._used.clear()

    def set(
        self,
        uri: str,
        match: Match,
        limit: RateLimit,
        *,
        calls: bool = False,
        publications: bool = False,
        explicit: bool,
    ) -> None:
        """Limit calls of procedures, or publications to topics, or all of them.

        What matches a pattern has one bucket together.
        """
        rule = _Rule(limit)
        if calls:
            self._calls.set(uri, match, rule, explicit=explicit)
        if publications:
            self._publications.set(uri, match, rule, explicit=explicit)

    def check(self, session: RouterSession) -> None:
        """Raise `RateLimited` if it is too early for any request of a session."""
        if self._realm is not None:
            self._take(self._realm, session)

    def check_call(self, session: RouterSession, procedure: str) -> None:
        """Raise `RateLimited` if it is too early for a call of a procedure."""
        rule = self._calls.of(procedure)
        if rule is not None:
            self._take(rule, session)

    def check_publish(self, session: RouterSession, topic: str) -> None:
        """Raise `RateLimited` if it is too early for a publication to a topic."""
        rule = self._publications.of(topic)
        if rule is not None:
            self._take(rule, session)

    def limits_calls_of(self, procedure: str) -> bool:
        """Tell whether there is a limit for the calls of a procedure."""
        return self._calls.of(procedure) is not None

    def _take(self, rule: _Rule, session: RouterSession) -> None:
        wait = rule.buckets.take(rule.key_of(session), self._now())
        self._used[rule.buckets] = None
        if wait:
            # Rounded up: who comes then is not too early.
            seconds = math.ceil(wait * 1000) / 1000
            raise RateLimited(
                f"no more than {rule.limit.rate}: come back in {seconds:g} s",
                retry_after=seconds,
            )

    def forget(self, session: RouterSession) -> None:
        """Forget a session that has left, and what is full again."""
        now = self._now()
        for buckets in [*self._used]:
            buckets.drop(session.id)
            buckets.sweep(now)
            if not len(buckets):
                del self._used[buckets]
