"""What can be done with the events of a realm: publish, receive, see what is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.history.event import History
from aiohttp_serverwamp.history.query import HistoryQuery
from aiohttp_serverwamp.hosting.publication import check_name
from aiohttp_serverwamp.hosting.route import checked_uri, event_route, policy_of
from aiohttp_serverwamp.ids import MAX_ID
from aiohttp_serverwamp.timestamps import nanoseconds_of, rfc3339_nanoseconds
from aiohttp_serverwamp.uris import Match

if TYPE_CHECKING:
    from datetime import datetime

    from aiohttp_serverwamp.hosting.events import Event, HostedSubscription
    from aiohttp_serverwamp.hosting.publication import Publication, PublishOptions
    from aiohttp_serverwamp.interfaces import HistoryStore
    from aiohttp_serverwamp.realm import Realm

__all__ = ["RealmEvents"]

#: What a history store can do.
_STORE: Final = ("append", "select")


class RealmEvents:
    """The part of `RealmMethods` that is about events."""

    def _target(self) -> Realm:
        """Return the realm that is meant."""
        raise NotImplementedError

    def publish(
        self,
        topic: str,
        /,
        *args: Any,
        options: PublishOptions | None = None,
        **kwargs: Any,
    ) -> Publication:
        """Publish an event to everybody who is subscribed.

        Acts at once and never waits; the result may be awaited all the same. From
        another thread the work is handed to the loop.

        Raises `EncodingError` for what is not plain data, whether or not anybody
        listens, `InvalidURI`, and `ConfigurationError` while no application runs the
        realm.
        """
        return self._target().local.publish(topic, args, kwargs, options=options)

    def subscribe(
        self,
        uri: str,
        handler: Callable[..., Any],
        *,
        match: Match | str = Match.EXACT,
        thread: bool = False,
        get_retained: bool = False,
    ) -> HostedSubscription:
        """Receive the events of a topic as the application; see `TopicRouteSet.on`.

        Returns a subscription to call `unsubscribe` on. Raises `ConfigurationError` for
        a malformed URI and a handler that cannot receive events.
        """
        route = event_route(
            uri, handler, match=match, thread=thread, get_retained=get_retained
        )
        return self._target().install_subscription(route)

    # --- Retained events ----------------------------------------------------------

    def retained(self, topic: str) -> Event | None:
        """Return the retained event of a topic, whoever it is for; None without one.

        Raises `ConfigurationError` while no application runs the realm, and in another
        thread than the loop's.
        """
        check_name("topic", topic)
        local = self._target().local
        local.runtime.check_thread("retained()")
        return local.retained(topic)

    def clear_retained(self, uri: str, *, match: Match | str = Match.EXACT) -> int:
        """Forget the retained events of a topic, or of all that match.

        Clients cannot (specification, 6.10). Returns how many topics had one. Raises
        `ConfigurationError` for a malformed URI, and as `retained` does.
        """
        policy = policy_of(match)
        uri = checked_uri(uri, policy)
        realm = self._target()
        realm.local.runtime.check_thread("clear_retained()")
        return realm.router.broker.retention.clear(uri, policy)

    # --- History ------------------------------------------------------------------

    def keep_history(
        self,
        uri: str,
        *,
        match: Match | str = Match.EXACT,
        limit: int = 1_000,
        max_age: float | None = None,
    ) -> None:
        """Keep what is published to a topic, or to all that match (specification, 6.9).

        The last `limit` events, and those not older than `max_age` seconds, whether or
        not anybody is subscribed. Clients that may subscribe read them with
        ``wamp.subscription.get_events``, the application with `history`. Events whose
        receivers are chosen by session id are not kept.

        Raises `ConfigurationError` for a malformed URI, for what makes no `History`,
        and where there is one already.
        """
        policy = policy_of(match)
        history = History(limit=limit, max_age=max_age)
        self._target().install_history(checked_uri(uri, policy), policy, history)

    def set_history_store(self, store: HistoryStore) -> None:
        """Keep histories there, such as an `SQLiteHistory`; by default in memory.

        Raises `ConfigurationError` for what is no store, and while the realm runs.
        """
        if isinstance(store, type) or not all(
            callable(getattr(store, name, None)) for name in _STORE
        ):
            raise ConfigurationError(
                f"set_history_store({store!r}): give MemoryHistory(), "
                "SQLiteHistory(path) or an object with append() and select()"
            )
        self._target().install_history_store(store)

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
        """Return the kept events of a topic or pattern with history, oldest first.

        Those for certain receivers, too. The filters are those of the specification
        (6.9), and all of them apply; `reverse` is the newest first, of which `limit`
        are returned. Times are datetimes with a time zone, or text of RFC 3339. A
        publication that is not kept counts as older than all that are.

        Raises `ConfigurationError` for a topic without history, for filters of the
        wrong kind and while no application runs the realm; also what the store raises.
        """
        query = HistoryQuery(
            reverse=reverse,
            limit=_checked_limit(limit),
            topic=topic,
            from_time=_nanoseconds("from_time", from_time),
            after_time=_nanoseconds("after_time", after_time),
            before_time=_nanoseconds("before_time", before_time),
            until_time=_nanoseconds("until_time", until_time),
            from_publication=_checked_id("from_publication", from_publication),
            after_publication=_checked_id("after_publication", after_publication),
            before_publication=_checked_id("before_publication", before_publication),
            until_publication=_checked_id("until_publication", until_publication),
        )
        local = self._target().local
        local.runtime.check_thread("history()")
        return await local.history(uri, policy_of(match), query)


def _checked_limit(limit: int | None) -> int | None:
    if limit is not None and (type(limit) is not int or limit < 1):
        raise ConfigurationError(f"limit={limit!r}: give a number of events, 1 or more")
    return limit


def _checked_id(name: str, publication: int | None) -> int | None:
    """Return an id; that of a `Publication` will do."""
    if publication is None:
        return None
    number = int(publication) if hasattr(publication, "__index__") else 0
    if isinstance(publication, bool) or not 1 <= number <= MAX_ID:
        raise ConfigurationError(f"{name}={publication!r}: give a publication's id")
    return number


def _nanoseconds(name: str, time: datetime | str | None) -> int | None:
    if time is None:
        return None
    try:
        if isinstance(time, str):
            return rfc3339_nanoseconds(time)
        return nanoseconds_of(time)
    except (TypeError, ValueError):
        raise ConfigurationError(
            f"{name}={time!r}: give a datetime with a time zone, or text of RFC 3339"
        ) from None
