"""What can be done with the events of a realm: publish, receive, see what is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.hosting.publication import check_name
from aiohttp_serverwamp.hosting.route import checked_uri, event_route, policy_of
from aiohttp_serverwamp.uris import Match

if TYPE_CHECKING:
    from aiohttp_serverwamp.hosting.events import Event, HostedSubscription
    from aiohttp_serverwamp.hosting.publication import Publication, PublishOptions
    from aiohttp_serverwamp.realm import Realm

__all__ = ["RealmEvents"]


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
