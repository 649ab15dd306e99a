"""How a session comes to be: HELLO → CHALLENGE → AUTHENTICATE → WELCOME or ABORT.

A `Handshake` walks through the realm's authenticators: the transport authenticators,
then one of the challenge methods, then further ones if that asks for a second factor.
All of them end in `_accept` or `_denied`. Whatever answers with an awaitable suspends
the walk; see `Questions`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp import uris
from aiohttp_serverwamp.auth.authenticator import SecondFactor
from aiohttp_serverwamp.auth.identity import Identity
from aiohttp_serverwamp.errors import (
    ConfigurationError,
    SessionRejected,
)
from aiohttp_serverwamp.messages import Authenticate, Challenge, Hello
from aiohttp_serverwamp.router import endings
from aiohttp_serverwamp.router.features import announced
from aiohttp_serverwamp.router.member import Member, welcome
from aiohttp_serverwamp.router.questions import Questions
from aiohttp_serverwamp.router.states import State
from aiohttp_serverwamp.uris import shown

if TYPE_CHECKING:
    from aiohttp_serverwamp.auth.authenticator import Attempt, Authenticator
    from aiohttp_serverwamp.router.deadlines import Deadline
    from aiohttp_serverwamp.router.host import JoinableRealm
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["Handshake"]

logger = logging.getLogger("aiohttp_serverwamp.router")

_ANONYMOUS = "anonymous"

_KEPT: Final = ("authextra", "authid", "authmethods", "authrole")

#: Characters of an authid that a client claims; it goes into logs and disclosures.
_MAX_AUTHID: Final = 256


class Handshake:
    """One client's way from HELLO to WELCOME."""

    __slots__ = (
        "_answered_by",
        "_attempt",
        "_authenticator",
        "_challenged",
        "_deadline",
        "_details",
        "_marked",
        "_member",
        "_method",
        "_realm",
        "_session",
        "_transport",
        "realm_uri",
    )

    def __init__(self, session: RouterSession, hello: Hello) -> None:
        """Look up the realm; raise `SessionRejected` when there is none."""
        self._session = session
        # No more is kept than is looked at: what a client says of its transport is not
        # to be believed (REQ-SES-023), and the rest may be large.
        self._details: dict[str, Any] = {
            key: hello.details[key] for key in _KEPT if key in hello.details
        }
        session.features = announced(hello.details["roles"])
        self.realm_uri = self._realm_uri(hello.realm)
        self._realm: JoinableRealm = session.host.realm_of(self.realm_uri)
        self._transport: Iterator[Any] = iter(self._realm.transport_authenticators)
        self._authenticator: Authenticator | None = None
        self._attempt: Attempt | None = None
        self._member: Member | None = None
        #: Whether the client has something to fail at.
        self._challenged = False
        # Hears the answer to a challenge of the realm's own authentication handler.
        self._answered_by: Callable[[str, dict[str, Any]], None] | None = None
        self._deadline: Deadline | None = None
        # The authmethod of the realm's own authentication handler, and the identity
        # that it has marked the session with.
        self._method = "custom"
        self._marked: tuple[Any] | None = None

    @property
    def _questions(self) -> Questions:
        # Made anew each time: it knows the handshake, which must not know it.
        return Questions(self._session, self.realm_uri, self._refused)

    @staticmethod
    def _realm_uri(uri: str | None) -> str | None:
        # Who names none may be assigned one (REQ-SES-022).
        if uri is not None and (len(uri) > 1024 or not uris.is_valid_uri(uri)):
            raise SessionRejected(uris.INVALID_URI, "the realm is not a URI")
        return uri

    def begin(self) -> None:
        """Take up HELLO: identify the client or challenge it."""
        session = self._session
        session.state = State.ESTABLISHING
        session.approach(self._realm)
        session.id = session.host.new_session_id()
        session.authid = self._details.get("authid", "")
        session.authextra = self._details.get("authextra") or {}
        if len(session.authid) > _MAX_AUTHID:
            raise SessionRejected(uris.AUTHENTICATION_DENIED, "the authid is too long")
        session.offered = tuple(self._details.get("authmethods") or ())
        life = self._realm.life(session, joining=True)
        if life is None:
            self._identify()
        else:
            session.accompany(life, None, self._accompanied)
        if session.state is State.ESTABLISHING and self._deadline is None:
            # Whoever is let in at once, or refused, needs none.
            self._restart_deadline()

    def _accompanied(self, error: Exception | None) -> None:
        if error is not None:
            # The application relies on what its handler sets up.
            raise SessionRejected(uris.RUNTIME_ERROR)
        self._identify()

    def _identify(self) -> None:
        session = self._session
        handler = self._realm.authentication_handler
        if handler is None:
            self._questions.guarded(self._try_transport)
        else:
            ask = partial(handler, session.public())
            self._questions.guarded(partial(self._questions.ask, self._handled, ask))

    def authenticate(self, message: Authenticate) -> None:
        """Take up the answer to a CHALLENGE."""
        self._session.state = State.ESTABLISHING
        self._check_failures()
        if self._answered_by is not None:
            answered_by, self._answered_by = self._answered_by, None
            answered_by(message.signature, message.extra)
            return
        self._questions.guarded(partial(self._verify, message.signature, message.extra))

    # --- The realm's own authentication handler -------------------------------------

    def challenge(
        self,
        method: str,
        extra: dict[str, Any],
        answered_by: Callable[[str, dict[str, Any]], None],
    ) -> None:
        """Challenge the client for the authentication handler that runs now.

        Raises `ConfigurationError` where the realm has none.
        """
        if self._realm.authentication_handler is None:
            raise ConfigurationError(
                "transport authenticators do not challenge: write an authentication "
                "handler, for realm.set_authentication_handler(...)"
            )
        self._answered_by = answered_by
        self._method = method
        self._send_challenge(method, extra)

    def mark(self, identity: Any) -> None:
        """Let the client in as `identity` when the authentication handler is done.

        Raises `ConfigurationError` where the realm has none.
        """
        if self._realm.authentication_handler is None:
            raise ConfigurationError(
                "an authenticator marks nothing: let it return the identity; or write "
                "an authentication handler, for realm.set_authentication_handler(...)"
            )
        self._marked = (identity,)

    def _handled(self, identity: Any) -> None:
        if self._marked is not None:
            (identity,) = self._marked
            if identity is None:
                self._welcome_anonymous()
                return
        elif not identity:
            raise self._denied("not let in")
        # As with the other authenticators: who was challenged has answered for the
        # authid of HELLO, which otherwise is a mere claim.
        claimed = self._session.authid if self._challenged else ""
        authid = claimed or self._session.host.new_authid()
        provided = Identity(authid, authprovider="dynamic")
        self._accept(identity, self._method, provided)

    # --- Transport authenticators: the first truthy identity wins -----------------

    def _try_transport(self) -> None:
        authenticator = next(self._transport, None)
        if authenticator is None:
            self._choose_method()
            return
        self._questions.ask(
            partial(self._identified, authenticator),
            partial(authenticator, self._session.public()),
        )

    def _identified(self, authenticator: Any, identity: Any) -> None:
        if not identity:
            self._try_transport()
            return
        anybody = Identity(
            self._named_by(authenticator) or self._session.host.new_authid(),
            authprovider=getattr(authenticator, "authprovider", "dynamic"),
        )
        method = getattr(authenticator, "authmethod", "transport")
        self._accept(identity, method, anybody)

    def _named_by(self, authenticator: Any) -> str | None:
        """Return the authid of a client whose identity is the application's own."""
        authid_of = getattr(authenticator, "authid_of", None)
        if authid_of is None:
            return None
        authid: str | None = authid_of(self._session.public())
        return authid

    # --- Challenge methods, in the client's order of preference -------------------

    def _choose_method(self) -> None:
        realm = self._realm
        if not realm.authenticators:
            if realm.transport_authenticators:
                raise SessionRejected(
                    uris.AUTHENTICATION_REQUIRED, "sign in before you join this realm"
                )
            self._welcome_anonymous()
            return
        offered = self._details.get("authmethods") or [_ANONYMOUS]
        for method in offered:
            authenticator = realm.authenticators.get(method)
            if authenticator is not None and self._begin_attempt(authenticator):
                return
        methods = ", ".join(realm.authenticators)
        if set(offered) == {_ANONYMOUS}:
            raise SessionRejected(
                uris.AUTHENTICATION_REQUIRED,
                f"sign in before you join this realm, or by one of: {methods}"
                if realm.transport_authenticators
                else f"not open to anonymous clients; sign in by: {methods}",
            )
        raise SessionRejected(
            uris.NO_MATCHING_AUTH_METHOD, f"this realm offers {methods}"
        )

    def _begin_attempt(self, authenticator: Authenticator) -> bool:
        attempt = authenticator.begin(self._session.public(), self._details)
        if attempt is None:
            return False
        self._authenticator, self._attempt = authenticator, attempt
        self._questions.ask(self._challenge, attempt.challenge)
        return True

    def _challenge(self, extra: Any) -> None:
        assert self._authenticator is not None, "an attempt has its authenticator"
        method = self._authenticator.authmethod
        if extra is not None:
            self._send_challenge(method, dict(extra))
            return
        if method != _ANONYMOUS:
            # What it can fail at has come with HELLO.
            self._check_failures()
            self._challenged = True
        self._verify("", {})

    def _send_challenge(self, method: str, extra: dict[str, Any]) -> None:
        self._check_failures()
        self._challenged = True
        self._session.state = State.AUTHENTICATING
        self._restart_deadline()
        self._session.send(Challenge(method, extra))

    def _verify(self, signature: str, extra: dict[str, Any]) -> None:
        assert self._attempt is not None, "AUTHENTICATE comes after CHALLENGE only"
        self._questions.ask(
            self._verified, partial(self._attempt.verify, signature, extra)
        )

    def _verified(self, found: Any) -> None:
        if not found:
            raise self._denied("wrong credentials")
        attempt, authenticator = self._attempt, self._authenticator
        assert attempt is not None, "only what was challenged is verified"
        assert authenticator is not None, "an attempt has its authenticator"
        method = authenticator.authmethod
        # A guest has no identity, by whichever way it came.
        who = None if method == _ANONYMOUS else found
        self._accept(who, method, attempt.identity, attempt.authextra)

    # --- What all of them come to ---------------------------------------------------

    def _accept(
        self,
        found: Any,
        method: str,
        default: Identity,
        authextra: Mapping[str, Any] | None = None,
    ) -> None:
        """Welcome the client that an authenticator is content with, or go on asking.

        The first factor says who the client is, and by which method; see `Member`.
        """
        factor = found if isinstance(found, SecondFactor) else None
        if self._member is None:
            who = found if factor is None else factor.identity
            self._member = Member(who, method, default, authextra or {})
        if factor is None:
            self._welcome(self._member)
        else:
            self._challenge_further(factor.authenticator, self._member)

    def _challenge_further(self, authenticator: Authenticator, member: Member) -> None:
        """Ask for another factor, by a method that the client offers (REQ-AUTH-013)."""
        method = authenticator.authmethod
        self._session.authid = self._details["authid"] = member.identity.authid
        offered = method in (self._details.get("authmethods") or ())
        if not (offered and self._begin_attempt(authenticator)):
            raise SessionRejected(
                uris.NO_MATCHING_AUTH_METHOD, f"a second factor is needed: {method}"
            )

    # --- Those who fail too often -----------------------------------------------------

    @property
    def _claimed(self) -> str:
        """Whom the client claims to be."""
        attempt = self._attempt
        return self._session.authid if attempt is None else attempt.identity.authid

    def _denied(self, message: str) -> SessionRejected:
        """Count a failed sign-in and return what it means."""
        self._refused()
        return SessionRejected(uris.AUTHENTICATION_DENIED, message)

    def _refused(self) -> None:
        """Count a failed sign-in, once there is something to fail at.

        Who has to wait by now is told that, as it would be with the right answer:
        otherwise the one of many guesses made at once that is answered differently
        would be the right one. It is not counted again.
        """
        self._session.router.tally.sign_in_failed(self._session)
        if self._challenged:
            self._check_failures()
            self._count_failure()

    def _count_failure(self) -> None:
        failed = self._session.host.failed_sign_ins
        failed.add(self._session.network, self._claimed)
        if failed.refuses(self._session.network, self._claimed):
            logger.warning(
                "session %s: too many failed sign-ins from %s, which has to wait (if "
                "that is a proxy, name it in setup_wamp(trusted_proxies=[...]))",
                self._session.id,
                shown(self._session.network),
            )

    def _check_failures(self) -> None:
        """Refuse a client that has to wait, whatever it answers (REQ-AUTH-014)."""
        failed = self._session.host.failed_sign_ins
        if failed.refuses(self._session.network, self._claimed):
            self._session.router.tally.rate_limited += 1
            raise SessionRejected(
                uris.AUTHENTICATION_DENIED, "too many failed sign-ins; try again later"
            )

    # --- The end of it ------------------------------------------------------------

    def _welcome_anonymous(self) -> None:
        # A client's own authid is not honoured; the random one cannot be guessed
        # (REQ-AUTH-017).
        guest = Identity(self._session.host.new_authid(), _ANONYMOUS, "static")
        self._accept(None, _ANONYMOUS, guest)

    def _welcome(self, member: Member) -> None:
        """Welcome the client to its realm, as who it is."""
        session = self._session
        if self._challenged:
            # Others may have failed since it was challenged, at the same name.
            self._check_failures()
            session.host.failed_sign_ins.forgive(session.network, self._claimed)
        realm_uri = self._assigned_realm(member.identity.realm)
        member.lend_identity(session)
        if not session.router.permissions.knows(session.authrole):
            raise SessionRejected(uris.NO_SUCH_ROLE, "this realm has no such role")
        if self._deadline is not None:
            session.deadlines.cancel(self._deadline)
        kick = session.router.joining.kick_of(session)
        if kick is None:
            session.welcome(welcome(session, realm_uri))
        else:
            endings.goodbye(session, kick.reason, kick.message)

    def _assigned_realm(self, assigned: str | None) -> str:
        """Have the client join the realm that its identity names (REQ-AUTH-015)."""
        if assigned is not None and assigned != self.realm_uri:
            self._realm = self._session.host.assigned_realm(assigned)
            self.realm_uri = assigned
            self._session.approach(self._realm)
        if self.realm_uri is None:
            raise SessionRejected(uris.NO_SUCH_REALM, "name the realm to join")
        return self.realm_uri

    def _restart_deadline(self) -> None:
        session = self._session
        if self._deadline is not None:
            session.deadlines.cancel(self._deadline)
        timeout = session.host.limits.auth_timeout
        if timeout:
            self._deadline = session.deadlines.add(
                session.host.now() + timeout, self._too_late
            )

    def _too_late(self) -> None:
        endings.reject(
            self._session,
            SessionRejected(uris.AUTHENTICATION_FAILED, "authentication took too long"),
        )
