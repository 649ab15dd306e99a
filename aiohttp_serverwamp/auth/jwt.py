"""JSON Web Tokens (RFC 7519): in a header of the upgrade request, or as a ticket.

What a token says is believed once its signature, its times, its audience and its issuer
are right. How it must be signed is said by the application, never by the token.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, ClassVar, Final

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.auth.authenticator import CannotTell
from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.auth.jwt_keys import (
    FetchedKeys,
    FixedKey,
    Keys,
    KeysUnavailable,
    checked_algorithms,
    import_jwt,
)
from aiohttp_serverwamp.auth.roles import DEFAULT_ROLE, check_load, check_role
from aiohttp_serverwamp.errors import ApplicationError, ConfigurationError

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import Waiter

__all__ = ["JWTAuthenticator", "jwt_authenticator"]

logger = logging.getLogger("aiohttp_serverwamp.auth")

_PROVIDER: Final = "jwt"

#: ``fn(claims) -> Identity | None``, or an awaitable of it.
Load = Callable[[Mapping[str, Any]], Any]


class JWTAuthenticator:
    """Signs clients in by their tokens; made by `jwt_authenticator`.

    As a transport authenticator it reads ``Authorization: Bearer ...`` of the upgrade
    request; clients without that header are left to the next authenticator. `ticket` is
    for ``set_ticket_authenticator``.
    """

    authmethod: ClassVar[str] = "bearer"
    authprovider: ClassVar[str] = _PROVIDER

    __slots__ = ("_checks", "_keys", "_load", "_role", "_role_claim", "_waiting")

    def __init__(
        self,
        keys: Keys,
        *,
        checks: Mapping[str, Any],
        role: str,
        role_claim: str | None,
        load: Load | None,
    ) -> None:
        self._keys = keys
        #: What PyJWT is to check, as the arguments of its `decode`.
        self._checks = checks
        self._role = role
        self._role_claim = role_claim
        self._load = load
        # Those who wait for the keys, by the runtime of their application.
        self._waiting: dict[Any, list[Waiter[Any]]] = {}

    def __call__(self, session: Any) -> Any:
        """Return who the header of the upgrade request is for; None without one."""
        headers = session.connection.transport_info.get("http_headers_raw") or ()
        values = [value for name, value in headers if name.lower() == b"authorization"]
        bearers = [each for each in values if each[:7].lower() == b"bearer "]
        if not bearers:
            return None
        if len(values) > 1:
            raise _refused("there are several Authorization headers")
        return self.identity(session, bearers[0][7:].decode("latin-1").strip())

    async def ticket(self, session: Any, ticket: str) -> Identity:
        """Return who a ticket is for, which is who the client has said it is."""
        identity = await self.identity(session, ticket)
        if identity.authid != session.authid:
            logger.info("session %s: the token is another authid's", session.id)
            raise _refused("the token is for another authid")
        return identity

    async def renew(self, session: Any, token: str) -> None:
        """Let a joined session go on until a newer token of its user expires.

        For a procedure that clients call with it: what is wrong with the token is their
        `ApplicationError` ``wamp.error.authentication_denied``. The session gets the
        role of the new token as well; see `Session.renew`.
        """
        identity = await self.identity(session, token)
        if identity.authid != session.authid:
            raise _refused("the token is for another authid")
        await session.renew(identity)

    async def identity(self, session: Any, token: str) -> Identity:
        """Return who a token is for, after checking it; it expires with the token.

        `session` is whoever brings it. Raises `ApplicationError` for a token that is
        not to be believed, and where the keys cannot be fetched.
        """
        claims = await self._claims(session, token)
        expires_at = claims["exp"] + self._checks["leeway"]
        found = self._own_identity(claims) if self._load is None else self._load(claims)
        if isawaitable(found):
            found = await found
        if found is None:
            raise _refused("there is no such user")
        if not isinstance(found, Identity):
            raise ConfigurationError(
                "jwt_authenticator(load=...) returns an Identity or None, not "
                f"{type(found).__name__}: write Identity(claims['sub'], user=...)"
            )
        if found.expires_at is not None:
            expires_at = min(expires_at, found.expires_at)
        provider = found.authprovider or _PROVIDER
        return replace(found, authprovider=provider, expires_at=expires_at)

    async def _claims(self, session: Any, token: str) -> Mapping[str, Any]:
        jwt = import_jwt()
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            if self._keys.must_wait(kid):
                await self._fetched(session.realm)
            # Not fetched here, whatever time it is by now: this is the loop's thread.
            key = self._keys.found(kid)
            if key is None:
                raise jwt.InvalidTokenError
            claims: dict[str, Any] = jwt.decode(token, key, **self._checks)
            claims["exp"] = float(claims["exp"])
        except KeysUnavailable:
            raise CannotTell("tokens cannot be checked now") from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            # Its name says enough, and no more than that can be shown.
            kind = type(error).__name__
            logger.info("session %s: a token was refused: %s", session.id, kind)
            expired = isinstance(error, jwt.ExpiredSignatureError)
            raise _refused(
                "the token has expired" if expired else "the token is not valid"
            ) from None
        return claims

    async def _fetched(self, realm: Any) -> None:
        """Wait until the keys were fetched, once for all who wait.

        Each in a thread of its own would leave none to the rest of the application. The
        one that fetches belongs to no client: who leaves does not stop it.
        """
        runtime = realm.local.runtime
        waiter = realm.waiter()
        waiting = self._waiting.get(runtime)
        if waiting is not None:
            waiting.append(waiter)
        else:
            self._waiting[runtime] = [waiter]
            runtime.tasks.start(self._fetch, realm)
        await waiter.wait()

    async def _fetch(self, realm: Any) -> None:
        try:
            await realm.run_in_thread(self._keys.fetch)
        finally:
            for waiter in self._waiting.pop(realm.local.runtime):
                waiter.set_result(None)

    def _own_identity(self, claims: Mapping[str, Any]) -> Identity:
        authid = claims["sub"]
        if not isinstance(authid, str) or not authid:
            raise _refused("the token names nobody")
        role = claims.get(self._role_claim) if self._role_claim else None
        if role is None:
            role = self._role
        elif not isinstance(role, str) or not role:
            raise ConfigurationError(
                f"the claim {self._role_claim!r} holds no role name but a "
                f"{type(role).__name__}: give jwt_authenticator(..., load=...), which "
                "returns an Identity"
            )
        return Identity(authid, role, user=dict(claims))


def _refused(message: str) -> ApplicationError:
    return ApplicationError(uris.AUTHENTICATION_DENIED, message)


def jwt_authenticator(
    key: Any = None,
    *,
    algorithms: Sequence[str],
    jwks_url: str | None = None,
    audience: str | Sequence[str] | None = None,
    issuer: str | Sequence[str] | None = None,
    leeway: float = 0,
    role: str = DEFAULT_ROLE,
    role_claim: str | None = None,
    load: Load | None = None,
) -> JWTAuthenticator:
    """Sign clients in by JSON Web Tokens, until the token expires.

    Tokens are signed by one of `algorithms` with `key`, the secret or the public key as
    PEM, or with a key that is published at `jwks_url`. They must have ``sub`` and
    ``exp``; with `audience` and `issuer`, one of those. `leeway` is how many seconds
    the clocks of the two sides may differ, and how much longer a session lasts.

    The authid is ``sub``; the authrole is the claim `role_claim`, else `role`;
    ``session.identity.user`` is the mapping of claims. ``load(claims)``, sync or async,
    replaces that: it returns an `Identity`, or None for a user who does not exist.

    Give the result to ``add_transport_authenticator``, its `ticket` to
    ``set_ticket_authenticator``. Raises `ConfigurationError` for arguments that make no
    sense or are not safe, and without PyJWT (extra ``jwt``).
    """
    import_jwt()
    names = checked_algorithms(algorithms)
    if (key is None) is (jwks_url is None):
        raise ConfigurationError(
            "jwt_authenticator() takes the key of the tokens as its first argument, or "
            "jwks_url=, the address where their keys are published"
        )
    keys: Keys = (
        FixedKey(key, names) if jwks_url is None else FetchedKeys(jwks_url, names)
    )
    _check_names("audience", audience)
    _check_names("issuer", issuer)
    _check_leeway(leeway)
    _check_roles(role, role_claim, load)
    checks = {
        "algorithms": [*names],
        "audience": audience,
        "issuer": issuer,
        "leeway": leeway,
        "options": {"require": ["exp", "sub"]},
    }
    return JWTAuthenticator(
        keys, checks=checks, role=role, role_claim=role_claim, load=load
    )


def _check_names(name: str, value: object) -> None:
    names = [value] if isinstance(value, str) else value
    if value is not None and not (
        isinstance(names, Sequence)
        and names
        and all(isinstance(each, str) and each for each in names)
    ):
        raise ConfigurationError(
            f"jwt_authenticator({name}={value!r}): give a non-empty str or several, or "
            "leave it out"
        )


def _check_leeway(leeway: object) -> None:
    number = isinstance(leeway, int | float) and not isinstance(leeway, bool)
    if not number or not 0 <= float(leeway) <= 300:  # type: ignore[arg-type]  # a number
        raise ConfigurationError(
            f"jwt_authenticator(leeway={leeway!r}): give seconds, 300 at most"
        )


def _check_roles(role: object, role_claim: object, load: object) -> None:
    check_role("jwt_authenticator", role)
    if role_claim is not None and (not isinstance(role_claim, str) or not role_claim):
        raise ConfigurationError(
            "jwt_authenticator(role_claim=...) takes the name of the claim that holds "
            "the role"
        )
    check_load(
        "jwt_authenticator",
        load,
        given="the claims go in",
        options="role=/role_claim=",
        chosen=role_claim is not None or role != DEFAULT_ROLE,
    )
