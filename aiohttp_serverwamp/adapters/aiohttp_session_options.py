"""How sockets follow the HTTP session: what an application may say of it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from aiohttp import web

from aiohttp_serverwamp.auth.revocations import MemoryRevocationList
from aiohttp_serverwamp.errors import ConfigurationError

if TYPE_CHECKING:
    from aiohttp_serverwamp.adapters.aiohttp_revalidation import Revalidate
    from aiohttp_serverwamp.interfaces import RevocationList

__all__ = ["SessionBinding"]

Policy = Literal["close", "ignore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionBinding:
    """How sockets follow the HTTP session, for `setup_wamp`.

    `identity_key` is a key of the HTTP session that names the user, beside those that
    the realms' `session_authenticator` read. `on_invalidate` and `on_expiry` say
    whether a socket is closed ("close") or left alone ("ignore") when its HTTP session
    ends, and when it is older than the storage's ``max_age``.

    ``revalidate(session)``, sync or async, is asked about every joined session of a
    signed-in browser, each `revalidate_interval` seconds or so. It returns True, an
    `Identity` of the same user, which the session takes on, or what is false: the
    socket ends, as it does when the function raises or takes longer than the interval.
    Who comes back after that is asked about at once.

    `revocations` remembers the HTTP sessions that have ended, whose cookies could be
    replayed; give one that all processes share if there are several, together with a
    `secret` that they share. `apps` are further aiohttp applications in which people
    sign in or out, such as the parent of a sub-application.

    ``before_upgrade(request)``, sync or async, is called before a WebSocket is
    accepted. What it writes into the HTTP session is saved, and the cookie is set with
    the upgrade; an `aiohttp.web.HTTPException` that it raises refuses the client.

    Raises `ConfigurationError` for options that make no sense.
    """

    identity_key: str | None = None
    on_invalidate: Policy = "close"
    on_expiry: Policy = "close"
    revalidate: Revalidate | None = None
    revalidate_interval: float = 60.0
    revocations: RevocationList = field(default_factory=MemoryRevocationList)
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    apps: Sequence[web.Application] = ()
    before_upgrade: Callable[[web.Request], Any] | None = None

    def __post_init__(self) -> None:
        key = self.identity_key
        if key is not None and (not isinstance(key, str) or not key):
            raise ConfigurationError(
                f"SessionBinding(identity_key={key!r}): give the HTTP session's key "
                'that names the user, as "user_id"'
            )
        for name in ("on_invalidate", "on_expiry"):
            if getattr(self, name) not in get_args(Policy):
                raise ConfigurationError(
                    f"SessionBinding({name}={getattr(self, name)!r}): give 'close' or "
                    "'ignore'"
                )
        if self.revalidate is not None and not callable(self.revalidate):
            raise ConfigurationError(
                "SessionBinding(revalidate=...): give a function of one argument, the "
                "session, that returns True, an Identity or False"
            )
        if self.before_upgrade is not None and not callable(self.before_upgrade):
            raise ConfigurationError(
                "SessionBinding(before_upgrade=...): give a function of one argument, "
                "the request"
            )
        interval = self.revalidate_interval
        if type(interval) not in (int, float) or not 0 < interval < float("inf"):
            raise ConfigurationError(
                f"SessionBinding(revalidate_interval={interval!r}): give seconds; "
                "without revalidate= nothing is asked"
            )
        if not isinstance(self.secret, bytes) or len(self.secret) < 16:
            raise ConfigurationError(
                "SessionBinding(secret=...): give 16 random bytes or more, the same in "
                "each process"
            )
        if not all(isinstance(app, web.Application) for app in self.apps):
            raise ConfigurationError(
                "SessionBinding(apps=...): give a list of aiohttp.web.Application"
            )
