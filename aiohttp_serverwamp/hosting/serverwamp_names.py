"""What serverwamp 2.0 has and this package has not, with what to write instead.

Programs that come from there meet these names; docs/migrate-serverwamp.rst says more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

__all__ = ["MODULES", "Advising"]

_CHALLENGE: Final = (
    'challenge it: signature, extra = await session.challenge("ticket"), in a handler '
    "given to set_authentication_handler(); or use set_ticket_authenticator() or "
    "set_cra_handlers(), which do it for you"
)
_SUBSCRIBING: Final = (
    "subscriptions are the router's: write a handler in a TopicRouteSet, or give one "
    "to set_subscription_handler()"
)
_SERVING: Final = (
    "attach the Application: setup_wamp(app, application); a connection of your own "
    "kind is served by: await application.serve(connection)"
)
_LIFESPAN: Final = "write add_session_lifespan_handler(handler, authenticated_only=...)"
_REPLACING: Final = (
    "what a message does is replaced by Application(protocol_request_handlers="
    "{messages.Call: handler}), and where it only is to be allowed or denied by "
    "set_authorizer()"
)

#: By class: what it has in serverwamp, and what to write here.
_ADVICE: Final[Mapping[str, Mapping[str, str]]] = {
    "Session": {
        "mark_subscribed": _SUBSCRIBING,
        "mark_unsubscribed": _SUBSCRIBING,
        "register_subscription": _SUBSCRIBING,
        "request_cra_auth": _CHALLENGE,
        "request_ticket_auth": _CHALLENGE,
        "request_ticket_authentication": _CHALLENGE,
        "subscription_id_for_topic": _SUBSCRIBING,
        "unregister_subscription": _SUBSCRIBING,
    },
    "RealmMethods": {
        "authed_session_lifespan_handlers": _LIFESPAN,
        "authed_session_state_handlers": _LIFESPAN,
        "authenticate_session": "write set_authentication_handler(handler)",
        "default_auth_handler": "add authenticators, and set no handler of your own",
        "default_protocol_subscribe_handler": _REPLACING,
        "default_protocol_unsubscribe_handler": _REPLACING,
        "handle_connection": _SERVING,
        "handle_rpc_call": "write set_rpc_handler(handler)",
        "handle_session": _SERVING,
        "handle_subscription": "write set_subscription_handler(handler)",
        "session_lifespan_handlers": _LIFESPAN,
        "session_state_handlers": _LIFESPAN,
    },
    "Invocation": {
        "disclose_caller": "the application always knows: write invocation.session",
        "partition_route": "WAMP has no partitioned calls any more",
    },
}

_AT_THE_TOP: Final = "what it has is here at the top: from aiohttp_serverwamp import "

#: The modules of serverwamp that programs import from.
MODULES: Final[Mapping[str, str]] = {
    "connection": _AT_THE_TOP + "ConnectionClosed",
    "events": _AT_THE_TOP + "SubscribeError, TopicRouteSet",
    "protocol": _AT_THE_TOP + "messages; WAMPRPCRequest is messages.Call, and so on",
    "rpc": _AT_THE_TOP + "RPCErrorResult, RPCRequest, RPCResult, RPCRouteSet, ...",
    "session": _AT_THE_TOP + "Session; WAMPSession is its name there",
}


class Advising:
    """Says, of a name that its class has in serverwamp only, what to write instead."""

    __slots__ = ()

    if not TYPE_CHECKING:  # which would take it for permission to use any name

        def __getattr__(self, name: str) -> Any:
            cls = type(self)
            message = f"{cls.__name__!r} object has no attribute {name!r}"
            for base in cls.__mro__:
                advice = _ADVICE.get(base.__name__, {}).get(name)
                if advice is not None:
                    message += f", as it has in serverwamp: {advice}"
                    break
            raise AttributeError(message, name=name, obj=self)
