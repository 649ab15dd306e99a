"""WebSockets that end with the HTTP session they were opened in.

A socket of a signed-in browser is bound to its HTTP session. While a response is being
prepared whose handler has changed the HTTP session, the sockets that are bound to it
are looked at: they end if nobody is signed in any more, if somebody else is, or if the
user has signed in anew. Then it does not matter where the middleware stands that keeps
HTTP sessions, nor how it is asked to: `invalidate`, `new_session`, a key removed.

A cookie changes with every write, and what a server-side storage shows after a logout
is what is left. So sockets are found by two ids: that of the cookie that the browser
has sent, and the one that is kept in the HTTP session (see `BindingIds`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

import aiohttp_session

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.adapters.aiohttp_bound_sockets import (
    BoundSocket,
    BoundSockets,
    HTTPSide,
    SocketHost,
)
from aiohttp_serverwamp.adapters.aiohttp_revalidation import Revalidator
from aiohttp_serverwamp.adapters.aiohttp_session_ids import (
    HTTPSessionIds,
    cookie_after,
    is_changed,
    save_again,
    theirs,
)
from aiohttp_serverwamp.adapters.aiohttp_socket import UpgradedSocket
from aiohttp_serverwamp.auth.csrf import csrf_token_in

if TYPE_CHECKING:
    from aiohttp import web

    from aiohttp_serverwamp.adapters.aiohttp_session_options import SessionBinding
    from aiohttp_serverwamp.auth.http_session_ids import Standing

__all__ = ["HTTPSessionWatch"]

logger = logging.getLogger("aiohttp_serverwamp.adapters")


class HTTPSessionWatch:
    """Binds the sockets of one application, and sees their HTTP sessions end."""

    def __init__(
        self,
        options: SessionBinding,
        host: SocketHost,
        identity_keys: Callable[[web.Request], Sequence[str]],
    ) -> None:
        self._options = options
        self._host = host
        self._ids = HTTPSessionIds(options.secret, options.identity_key, identity_keys)
        self._revalidator = (
            None
            if options.revalidate is None
            else Revalidator(options.revalidate, options.revalidate_interval)
        )
        self.sockets = BoundSockets()

    async def csrf_token(self, request: web.Request) -> str:
        """Return the token of the request's HTTP session."""
        return await self._ids.csrf_token(request)

    def attach(self, app: web.Application) -> None:
        """See what handlers do to HTTP sessions, in an application and in `apps`."""
        for each in dict.fromkeys((app, *self._options.apps)):
            each.on_response_prepare.append(self.prepared)

    # --- Sockets ------------------------------------------------------------------

    async def bind(self, request: web.Request, ws: UpgradedSocket) -> HTTPSide:
        """Read the HTTP session of an upgrade, and bind the socket if it is somebody's.

        Whoever upgrades gives the connection to `connected`, and in the end the socket
        to `unbind`.
        """
        cookie = request[aiohttp_session.STORAGE_KEY].load_cookie(request)
        ids = frozenset((self._ids.of_cookie(cookie),) if cookie else ())
        # A logout that comes during the upgrade has to find something to end.
        pending = BoundSocket(self._host, ids)
        self.sockets.add(pending)
        try:
            return await self._bind(request, ws, pending)
        finally:
            self.sockets.remove(pending)

    async def forget(self, request: web.Request) -> HTTPSide:
        """Let nobody be signed in by an upgrade request, whoever looks at it."""
        await aiohttp_session.new_session(request)
        return HTTPSide({})

    async def _bind(
        self, request: web.Request, ws: UpgradedSocket, pending: BoundSocket
    ) -> HTTPSide:
        if await self._is_outdated(request, pending):
            return await self.forget(request)
        http_session = await self._before_upgrade(request)
        if pending.ended:
            return await self.forget(request)
        await self._save(request, ws, http_session, pending)
        standing = self._ids.standing(request, http_session)
        side = HTTPSide(
            theirs(http_session),
            csrf_token=csrf_token_in(http_session, standing),
        )
        cookie = cookie_after(request, ws)
        if standing.identity is None or not cookie:
            return side
        cookie_id = self._ids.of_cookie(cookie)
        ids = standing.binding_ids | {cookie_id}
        socket = BoundSocket(self._host, ids, standing)
        # Before anything is waited for: a logout that comes meanwhile must find it.
        self.sockets.add(socket)
        self._arm_expiry(socket, http_session)
        try:
            refused = pending.ended or await self._is_revoked(
                standing.binding_ids or ids
            )
        except BaseException:  # cancelled, when the client has gone
            self.unbind(socket)
            raise
        if refused:
            self.unbind(socket)
            ws.cookies.pop(request[aiohttp_session.STORAGE_KEY].cookie_name, None)
            return await self.forget(request)
        return side._replace(bound=socket)

    async def _is_outdated(self, request: web.Request, pending: BoundSocket) -> bool:
        """Tell whether somebody signed out since a middleware has read the session."""
        seen = request.get(aiohttp_session.SESSION_KEY)
        now = self._ids.standing(request, await aiohttp_session.get_session(request))
        stored = now if seen is None else await self._ids.before(request)
        if stored.identity is None:
            # Signing in takes nothing from a visitor.
            self.sockets.remove(pending)
            pending.ended = False
        pending.standing = stored
        if seen is None or now.identity is None:
            return pending.ended
        if now.binding_ids:
            return pending.ended or not now.binding_ids <= stored.kept_ids
        written = is_changed(seen) or seen.new
        return pending.ended or (not written and now != stored)

    async def _before_upgrade(self, request: web.Request) -> aiohttp_session.Session:
        """Let the application write into the HTTP session, and return it."""
        before_upgrade = self._options.before_upgrade
        if before_upgrade is not None:
            answer = before_upgrade(request)
            if isawaitable(answer):
                await answer
        return await aiohttp_session.get_session(request)

    async def _save(
        self,
        request: web.Request,
        ws: UpgradedSocket,
        http_session: aiohttp_session.Session,
        pending: BoundSocket,
    ) -> None:
        """Keep what was written before an upgrade, and see what came of it."""
        changed = is_changed(http_session)
        if self._options.before_upgrade is not None and changed:
            # The middleware of aiohttp-session leaves WebSockets alone.
            storage = request[aiohttp_session.STORAGE_KEY]
            await storage.save_session(request, ws, http_session)
        if changed or http_session.new:
            await self._touched(request, ws, http_session, pending)
        ws.seen_by = self

    def connected(self, socket: BoundSocket, connection: Any) -> None:
        """Take note of the connection that a bound socket has become."""
        socket.connect(connection)
        if self._revalidator is not None:
            socket.revalidate(self._revalidator)

    def unbind(self, socket: BoundSocket) -> None:
        """Let a socket go that is closed, or was never opened."""
        self.sockets.remove(socket)
        socket.release()

    def _arm_expiry(self, socket: BoundSocket, http_session: Any) -> None:
        max_age = http_session.max_age
        if self._options.on_expiry == "close" and max_age is not None:
            socket.expire_at(http_session.created + max_age)

    async def _is_revoked(self, ids: Iterable[str], *, unknown: bool = True) -> bool:
        revocations = self._options.revocations
        try:
            return any([await revocations.is_revoked(each) for each in ids])
        except Exception:
            # Nobody is let in on a guess.
            logger.exception("the list of revoked HTTP sessions cannot be read")
            return unknown

    # --- HTTP sessions ------------------------------------------------------------

    async def prepared(
        self, request: web.Request, response: web.StreamResponse
    ) -> None:
        """Look what has become of the request's HTTP session (a signal handler)."""
        # Hot path: once for each response of the application.
        http_session = request.get(aiohttp_session.SESSION_KEY)
        if http_session is None:
            return
        if isinstance(response, UpgradedSocket) and response.seen_by is self:
            return
        if is_changed(http_session) or http_session.new:
            await self._touched(request, response, http_session)

    async def _touched(
        self,
        request: web.Request,
        response: web.StreamResponse,
        http_session: aiohttp_session.Session,
        pending: BoundSocket | None = None,
    ) -> None:
        storage = request[aiohttp_session.STORAGE_KEY]
        saved = storage.cookie_name in response.cookies
        now = self._ids.standing(request, http_session)
        cookie = storage.load_cookie(request)
        if cookie is None:
            if saved:
                await self._ids.complete(request, response, now, None)
            return
        cookie_id = self._ids.of_cookie(cookie)
        before = await self._ids.before(request)
        found = self.sockets.under({cookie_id} | before.kept_ids)
        sockets = [socket for socket in found if socket is not pending]
        goes_on = (
            not http_session.new
            and now.goes_on_from(before)
            # What a server-side storage shows here may have been written just now.
            and all(socket.belongs_to(now) for socket in sockets)
        )
        unnamed = goes_on and not now.binding_ids
        known_by = now.binding_ids or ({cookie_id} if goes_on else ())
        revoked = (
            saved
            and self._options.on_invalidate == "close"
            and await self._is_revoked(known_by, unknown=False)
        )
        # A server-side storage shows what has just been written: a sign-in, maybe.
        if revoked and not (unnamed and http_session.identity is not None):
            await self._withdraw(request, response, known_by, sockets)
            return
        if goes_on and not saved:
            return
        ended = self._follow(http_session, sockets, goes_on)
        if not goes_on and saved:
            # Whoever signs in again is not known by what has been revoked.
            now = replace(now, binding_ids=frozenset())
            await self._revoke(ended, before, cookie_id, storage.max_age)
        if saved:
            known_id = cookie_id if goes_on and not revoked else None
            await self._ids.complete(request, response, now, known_id)

    async def _withdraw(
        self,
        request: web.Request,
        response: web.StreamResponse,
        known_by: Iterable[str],
        sockets: Iterable[BoundSocket],
    ) -> None:
        """Let a login that is over not come back by a write to its HTTP session.

        It is one with a stolen cookie, or one that began before the sign-out.
        """
        for socket in sockets:
            socket.end(uris.LOGGED_OUT, "you have signed out")
        await self._remember(known_by, request[aiohttp_session.STORAGE_KEY].max_age)
        http_session: aiohttp_session.Session = request[aiohttp_session.SESSION_KEY]
        http_session.invalidate()
        await save_again(request, response, http_session)

    def _follow(
        self,
        http_session: aiohttp_session.Session,
        sockets: Sequence[BoundSocket],
        goes_on: bool,
    ) -> Sequence[BoundSocket]:
        """End the sockets whose login does not go on, and return them."""
        if goes_on:
            for socket in sockets:
                socket.show(theirs(http_session))
                self._arm_expiry(socket, http_session)
            return ()
        if self._options.on_invalidate == "close":
            for socket in sockets:
                socket.end(uris.LOGGED_OUT, "you have signed out")
        return sockets

    async def _revoke(
        self,
        ended: Sequence[BoundSocket],
        before: Standing,
        cookie_id: str,
        max_age: int | None,
    ) -> None:
        if self._options.on_invalidate == "ignore":
            return
        over = {each for socket in ended for each in socket.ids if each != cookie_id}
        over |= before.kept_ids
        if not before.kept_ids and before.identity is not None:
            over.add(cookie_id)
        await self._remember(over, max_age)

    async def _remember(self, over: Iterable[str], max_age: int | None) -> None:
        for binding_id in over:
            try:
                await self._options.revocations.revoke(binding_id, max_age)
            except Exception:
                logger.exception("an HTTP session cannot be revoked")
