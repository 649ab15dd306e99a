"""What is kept in HTTP sessions beside the application's own: ids, and CSRF tokens.

Reads who is signed in, and writes what belongs to that into a response that is being
prepared, after the application has saved its own.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import aiohttp_session
from aiohttp import hdrs, web

from aiohttp_serverwamp.auth.csrf import (
    CSRF,
    csrf_token_in,
    csrf_token_of,
    new_csrf_token,
)
from aiohttp_serverwamp.auth.http_session_ids import (
    BINDING,
    BindingIds,
    Standing,
    kept_for,
)
from aiohttp_serverwamp.errors import ConfigurationError

__all__ = [
    "HTTPSessionIds",
    "cookie_after",
    "is_changed",
    "save_again",
    "theirs",
]

logger = logging.getLogger("aiohttp_serverwamp.adapters")

_NOBODY: Final = Standing(None)

#: What is kept in HTTP sessions beside the application's own.
_OURS: Final = frozenset((BINDING, CSRF))

NO_HTTP_SESSION_FOR_CSRF: Final = (
    "csrf_token() keeps the token in the HTTP session, but aiohttp-session is not set "
    "up: call aiohttp_session.setup(app, storage) where you call setup_wamp(app)"
)


class HTTPSessionIds:
    """Knows the HTTP sessions of one application, by what it keeps in them."""

    def __init__(
        self,
        secret: bytes,
        own_key: str | None,
        identity_keys: Callable[[web.Request], Sequence[str]],
    ) -> None:
        self._ids = BindingIds(secret)
        self._own_key = own_key
        self._identity_keys = identity_keys

    def of_cookie(self, cookie: str) -> str:
        """Return the id of whatever HTTP session a cookie stands for."""
        return self._ids.of_cookie(cookie)

    def standing(
        self, request: web.Request, http_session: Mapping[str, Any]
    ) -> Standing:
        """Return who is signed in by an HTTP session, and under which ids."""
        own = self._own_key
        keys = {*self._identity_keys(request), *(() if own is None else (own,))}
        return self._ids.standing(http_session, keys)

    async def before(self, request: web.Request) -> Standing:
        """Return what the cookie stands for that the browser has sent."""
        try:
            storage = request[aiohttp_session.STORAGE_KEY]
            return self.standing(request, await storage.load_session(request))
        except Exception as error:
            # Its name says enough: what it says may show what is in there.
            name = type(error).__name__
            logger.debug("an HTTP session cannot be read again: %s", name)
            return _NOBODY

    async def complete(
        self,
        request: web.Request,
        response: web.StreamResponse,
        now: Standing,
        binding_id: str | None,
    ) -> None:
        """Keep what belongs to who is signed in now in an HTTP session just saved."""
        http_session: aiohttp_session.Session = request[aiohttp_session.SESSION_KEY]
        changed = False
        token = http_session.get(CSRF)
        if binding_id is None and token and kept_for(token, now.identity) is None:
            del http_session[CSRF]
            changed = True
        entries = self._ids.entries(http_session, now, binding_id)
        if entries != http_session.get(BINDING, {}):
            changed = True
            if entries:
                http_session[BINDING] = entries
            else:
                del http_session[BINDING]
        if changed:
            await save_again(request, response, http_session)

    async def csrf_token(self, request: web.Request) -> str:
        """Return the token of the request's HTTP session."""
        if aiohttp_session.STORAGE_KEY not in request:
            raise ConfigurationError(NO_HTTP_SESSION_FOR_CSRF)
        http_session = await aiohttp_session.get_session(request)
        standing = self.standing(request, http_session)
        token = csrf_token_in(http_session, standing)
        if token is None:
            token = await self._token_to_come(request, http_session, standing)
        if token is None:
            http_session[CSRF] = new_csrf_token(standing.identity)
            token = csrf_token_in(http_session, standing)
        assert token is not None, "it was made for who is signed in"
        return token

    async def _token_to_come(
        self,
        request: web.Request,
        http_session: aiohttp_session.Session,
        standing: Standing,
    ) -> str | None:
        """Return the token of a login that has no id yet, and gets one now.

        That is the one of its cookie. So all pages that are opened at once with that
        cookie get the same token.
        """
        cookie = request[aiohttp_session.STORAGE_KEY].load_cookie(request)
        named = standing.identity is None or standing.kept
        if named or http_session.new or cookie is None:
            return None
        before = await self.before(request)
        if before.identity == standing.identity and before.binding_ids:
            # Another page has kept the id since this one has read the HTTP session.
            return csrf_token_of(before.binding_ids)
        if before != standing:
            return None  # they are signing in just now
        http_session.changed()
        return csrf_token_of([self.of_cookie(cookie)])


async def save_again(
    request: web.Request,
    response: web.StreamResponse,
    http_session: aiohttp_session.Session,
) -> None:
    """Save an HTTP session once more, in a response that it was saved in already."""
    storage = request[aiohttp_session.STORAGE_KEY]
    name = storage.cookie_name
    if http_session.new and http_session.identity is None:
        # A server-side storage goes on under the key that it has just made.
        http_session.set_new_identity(response.cookies[name].value)
    await storage.save_session(request, response, http_session)
    written = response.headers.popall(hdrs.SET_COOKIE, None)
    if written is None:
        return  # aiohttp has yet to write the cookies into the headers
    others = [cookie for cookie in written if not cookie.startswith(f"{name}=")]
    for cookie in (*others, response.cookies[name].output(header="").strip()):
        response.headers.add(hdrs.SET_COOKIE, cookie)


def theirs(http_session: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the application keeps in an HTTP session."""
    return {key: http_session[key] for key in http_session if key not in _OURS}


def is_changed(http_session: aiohttp_session.Session) -> bool:
    """Tell whether a handler has written into an HTTP session."""
    # Where the private attribute is not, every HTTP session is looked at.
    return bool(getattr(http_session, "_changed", True))


def cookie_after(request: web.Request, response: web.StreamResponse) -> str | None:
    """Return the cookie that the browser sends from the next request on."""
    storage = request[aiohttp_session.STORAGE_KEY]
    saved = response.cookies.get(storage.cookie_name)
    cookie: str | None = storage.load_cookie(request) if saved is None else saved.value
    return cookie
