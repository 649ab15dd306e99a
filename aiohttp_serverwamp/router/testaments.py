"""Testaments: what a session has the broker publish once it has gone (6.12).

They are publications of the departed: permissions are asked then, about the session as
it was in the end. Where the realm's authorizer takes its time, what comes behind waits
for it, `on_leave` included.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from enum import StrEnum
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.errors import (
    ApplicationError,
    InvalidArgument,
    PayloadSizeExceeded,
)
from aiohttp_serverwamp.router.decisions import Decision, decision_from
from aiohttp_serverwamp.router.permission_rules import Action
from aiohttp_serverwamp.router.request_queue import wait
from aiohttp_serverwamp.router.requests import check_content, may_publish
from aiohttp_serverwamp.serializers.payload_size import payload_size

if TYPE_CHECKING:
    from aiohttp_serverwamp.limits import Limits
    from aiohttp_serverwamp.messages import Publish
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["Scope", "Testaments", "publish_last"]

logger = logging.getLogger("aiohttp_serverwamp.router")


class Scope(StrEnum):
    """The buckets, in the order in which they are published (REQ-META-002)."""

    DETACHED = "detached"
    DESTROYED = "destroyed"


class _Bucket:
    """What one session has left under one scope."""

    __slots__ = ("messages", "size")

    def __init__(self) -> None:
        self.messages: list[Publish] = []
        self.size = 0


class Testaments:
    """The testaments of the sessions of one realm."""

    __slots__ = ("_buckets", "_max_number", "_max_size")

    def __init__(self, limits: Limits) -> None:
        self._buckets: dict[RouterSession, dict[Scope, _Bucket]] = {}
        self._max_number = limits.max_testaments or float("inf")
        self._max_size = limits.max_testament_size or float("inf")

    def __len__(self) -> int:
        """Return how many sessions have left one."""
        return len(self._buckets)

    def add(self, session: RouterSession, scope: Scope, message: Publish) -> None:
        """Keep a testament, behind the others (REQ-META-001, 008).

        Raises `InvalidArgument` when there are too many, `PayloadSizeExceeded` when
        they are too large together.
        """
        size = payload_size(
            message.args, message.kwargs, message.topic, message.options
        )
        buckets = self._buckets.get(session, {}).values()
        if sum(len(bucket.messages) for bucket in buckets) >= self._max_number:
            raise InvalidArgument("too many testaments")
        if sum(bucket.size for bucket in buckets) + size > self._max_size:
            raise PayloadSizeExceeded("the testaments of this session are too large")
        own = self._buckets.setdefault(session, {})
        bucket = own.setdefault(scope, _Bucket())
        bucket.messages.append(message)
        bucket.size += size

    def flush(self, session: RouterSession, scope: Scope) -> None:
        """Forget what was left under one scope (REQ-META-003)."""
        buckets = self._buckets.get(session, {})
        buckets.pop(scope, None)
        if not buckets:
            self._buckets.pop(session, None)

    def take(self, session: RouterSession) -> Sequence[Publish]:
        """Return what is to be published, in order, and forget it."""
        buckets = self._buckets.pop(session, None)
        if buckets is None:
            return ()
        return [
            message
            for scope in Scope
            if scope in buckets
            for message in buckets[scope].messages
        ]


# --- Publishing them --------------------------------------------------------------


def publish_last(
    session: RouterSession, messages: Sequence[Publish], done: Callable[[], None]
) -> None:
    """Publish the testaments of a session that has gone, one after the other."""
    _go_on(session, deque(messages), done)


def _go_on(
    session: RouterSession, waiting: deque[Publish], done: Callable[[], None]
) -> None:
    router = session.router
    while waiting:
        message = waiting.popleft()
        answer = _ask(session, message)
        if isawaitable(answer):

            def answered(
                value: Any, error: Exception | None, message: Publish = message
            ) -> None:
                if error is not None:
                    _log_failure(session, error)
                else:
                    router.run(_publish, session, message, value)
                # Not from here: tasks that start at once would nest in each other.
                router.later(_go_on, session, waiting, done)

            assert router.tasks is not None, "set where there is an authorizer"
            router.tasks.start(wait, answer, answered)
            return
        _publish(session, message, answer)
    done()


def _ask(session: RouterSession, message: Publish) -> Any:
    """Return what the rules or, where they allow it, the authorizer says."""
    if not may_publish(session, message.topic):
        return False
    authorizer = session.router.authorizer
    if authorizer is None:
        return True
    try:
        return authorizer(
            session.public(), Action.PUBLISH, message.topic, message.options
        )
    except Exception as failure:
        _log_failure(session, failure)
        return False


def _publish(session: RouterSession, message: Publish, answer: Any) -> None:
    try:
        decision: Decision = decision_from(answer)
    except TypeError as wrong:
        _log_failure(session, wrong)
        return
    if not decision.allow:
        logger.debug("session %s: testament dropped: not authorized", session.id)
        return
    try:
        check_content(session, message)
        session.router.broker.publish(session, message, disclose=decision.disclose)
    except ApplicationError as error:
        logger.debug("session %s: testament dropped: %s", session.id, error)


def _log_failure(session: RouterSession, failure: Exception) -> None:
    logger.error("session %s: the authorizer failed", session.id, exc_info=failure)
