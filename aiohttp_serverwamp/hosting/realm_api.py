"""What hosted code may ask of a live realm; `aiohttp_serverwamp.Realm` is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.hosting.session_selection import ANY, AnyValue
from aiohttp_serverwamp.uris import Match

if TYPE_CHECKING:
    from datetime import datetime

    from aiohttp_serverwamp.hosting.events import Event, HostedSubscription
    from aiohttp_serverwamp.hosting.local_session import LocalSession
    from aiohttp_serverwamp.hosting.progressive_call import ProgressiveCall
    from aiohttp_serverwamp.hosting.publication import (
        CallOptions,
        Publication,
        PublishOptions,
    )
    from aiohttp_serverwamp.hosting.session import Session
    from aiohttp_serverwamp.interfaces import Waiter
    from aiohttp_serverwamp.limits import RateLimit, SlowConsumer
    from aiohttp_serverwamp.router.permission_rules import Flag

__all__ = ["RealmAPI"]


class RealmAPI(Protocol):
    """A live realm, as handlers meet it in ``session.realm``; a `Realm` is one."""

    uri: str

    @property
    def local(self) -> LocalSession:
        """The application as a peer of the realm."""

    def waiter(self) -> Waiter[Any]:
        """Make a waiter for the running task."""

    async def run_in_thread(self, func: Callable[..., Any], *args: Any) -> Any:
        """Run a blocking function in a worker thread."""

    def publish(
        self,
        topic: str,
        /,
        *args: Any,
        options: PublishOptions | None = None,
        **kwargs: Any,
    ) -> Publication:
        """Publish an event as the application."""

    async def call(
        self,
        procedure: str,
        /,
        *args: Any,
        options: CallOptions | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call a procedure as the application."""

    def call_progressively(
        self,
        procedure: str,
        /,
        *args: Any,
        options: CallOptions | None = None,
        **kwargs: Any,
    ) -> ProgressiveCall:
        """Call a procedure as the application and take its progress."""

    def sessions(
        self, *, authid: str | AnyValue = ANY, authrole: str | AnyValue = ANY
    ) -> Sequence[Session]:
        """Return the sessions that are joined now."""

    async def close_sessions(
        self,
        *,
        authid: str | AnyValue = ANY,
        authrole: str | AnyValue = ANY,
        reason: str = uris.KILLED,
        message: str = "",
    ) -> int:
        """End sessions with GOODBYE; return how many."""

    def subscribe(
        self,
        uri: str,
        handler: Callable[..., Any],
        *,
        match: Match | str = Match.EXACT,
        thread: bool = False,
        get_retained: bool = False,
    ) -> HostedSubscription:
        """Receive the events of a topic as the application."""

    def retained(self, topic: str) -> Event | None:
        """Return the retained event of a topic."""

    def clear_retained(self, uri: str, *, match: Match | str = Match.EXACT) -> int:
        """Forget the retained events of a topic, or of all that match."""

    async def history(
        self,
        uri: str,
        *,
        match: Match | str = Match.EXACT,
        reverse: bool = False,
        limit: int | None = None,
        topic: str | None = None,
        from_time: datetime | str | None = None,
        after_time: datetime | str | None = None,
        before_time: datetime | str | None = None,
        until_time: datetime | str | None = None,
        from_publication: int | None = None,
        after_publication: int | None = None,
        before_publication: int | None = None,
        until_publication: int | None = None,
    ) -> Sequence[Event]:
        """Return the kept events of a topic or pattern with history."""

    def permit(
        self,
        uri: str,
        *,
        match: Match | str = Match.EXACT,
        call: bool | None = None,
        register: Flag | None = None,
        publish: bool | None = None,
        subscribe: bool | None = None,
        retain: bool | None = None,
        roles: Iterable[str] | None = None,
        slow_consumer: SlowConsumer | str | None = None,
        rate_limit: RateLimit | str | None = None,
    ) -> None:
        """Say what clients may do with a URI."""

    def drop_decisions(self, session: Session | None = None) -> None:
        """Forget the authorizer's remembered decisions: of one session, or all."""
