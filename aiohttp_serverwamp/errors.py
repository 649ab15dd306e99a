"""Every exception of the package, and the class of each predefined error URI.

::

    WAMPError
     ├─ ProtocolViolation      the peer broke the protocol             → ABORT, close
     │   └─ InvalidPayload     undecodable bytes, not a WAMP message
     ├─ SessionRejected        no such realm, authentication failed …  → ABORT(reason)
     ├─ ApplicationError       uri, args, kwargs; raised by handlers, raised to callers
     │   ├─ SubscribeError     a subscription handler refuses a subscriber
     │   └─ one subclass per predefined URI, listed in ERRORS_BY_URI
     ├─ ConnectionClosed       using what has ended; a ConnectionError as well
     └─ ConfigurationError     wrong set-up; raised there; says what to call instead

Whose fault it is decides the branch: the remote peer's, the joining client's, the
called code's, the network's, or the integrator's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from aiohttp_serverwamp import uris

__all__ = [
    "ERRORS_BY_URI",
    "ApplicationError",
    "AuthorizationFailed",
    "Canceled",
    "ConfigurationError",
    "ConnectionClosed",
    "DisclosureNotAllowed",
    "EncodingError",
    "FeatureNotSupported",
    "InvalidArgument",
    "InvalidPayload",
    "InvalidURI",
    "NetworkFailure",
    "NoAvailableCallee",
    "NoSuchProcedure",
    "NoSuchRegistration",
    "NoSuchSession",
    "NoSuchSubscription",
    "NotAuthorized",
    "PayloadSizeExceeded",
    "ProcedureAlreadyExists",
    "ProtocolViolation",
    "RateLimited",
    "RuntimeFailure",
    "SessionRejected",
    "SubscribeError",
    "TimedOut",
    "Unavailable",
    "WAMPError",
]


class WAMPError(Exception):
    """Base of every exception this package raises on purpose."""


class ProtocolViolation(WAMPError):
    """The peer broke the protocol; answered by ABORT and close (REQ-MSG-032)."""


class InvalidPayload(ProtocolViolation):
    """The peer sent bytes that are not a WAMP message in the negotiated serializer."""


class SessionRejected(WAMPError):
    """A client may not join; answered by ABORT with this reason (REQ-ERR-003).

    Authenticators raise it to choose the reason themselves, a URI. Raises
    `ConfigurationError` for what is no text.
    """

    def __init__(self, reason: str, message: str = "") -> None:
        if not isinstance(reason, str) or not isinstance(message, str):
            raise ConfigurationError(
                f"SessionRejected({reason!r}, {message!r}): write the reason's URI and "
                "a text, as SessionRejected('wamp.error.not_authorized', 'closed')"
            )
        super().__init__(reason, message)
        self.reason = reason
        self.message = message

    def __str__(self) -> str:
        return f"{self.reason}: {self.message}" if self.message else self.reason


class ApplicationError(WAMPError):
    """A WAMP error: a URI with positional and keyword arguments (specification, ERROR).

    Raise it in a procedure and the caller receives exactly this; `Realm.call` raises it
    when the callee answers with an ERROR. Predefined URIs have subclasses of their own.

    The URI comes first, ``ApplicationError("shop.sold_out", sku=7)``. A subclass that
    sets the class attribute `URI` leaves it out: ``SoldOut(sku=7)``.

    Raises `ConfigurationError` when the URI is missing or no str.
    """

    #: The URI of a subclass; the base class takes it as its first argument.
    URI: ClassVar[str | None] = None

    def __init__(self, /, *args: Any, **kwargs: Any) -> None:
        uri: Any
        if self.URI is None:
            uri, *args_ = args or (None,)
        else:
            # A subclass may pass its own URI on, as it would pass any other.
            uri, args_ = self.URI, [*args[args[:1] == (self.URI,) :]]
        if not isinstance(uri, str):
            raise ConfigurationError(
                f"{type(self).__name__}: the error's URI comes first and is a str, as "
                f"'shop.error.sold_out', not {uri!r}"
            )
        super().__init__(*args_)
        #: Plain text, also where a member of an Enum was given.
        self.uri = str.__str__(uri)
        self.kwargs: dict[str, Any] = kwargs

    @staticmethod
    def from_uri(
        uri: str,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
    ) -> ApplicationError:
        """Make the error for `uri`: its predefined subclass, or the base class."""
        cls = ERRORS_BY_URI.get(uri, ApplicationError)
        error = cls.__new__(cls)
        ApplicationError.__init__(error, uri, *(args or ()), **(kwargs or {}))
        return error

    @property
    def error_uri(self) -> str:
        """The same as `uri`; the name that serverwamp uses."""
        return self.uri

    def __str__(self) -> str:
        parts = [repr(arg) for arg in self.args]
        parts += [f"{key}={value!r}" for key, value in self.kwargs.items()]
        return f"{self.uri}({', '.join(parts)})" if parts else self.uri

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"

    def __reduce__(self) -> tuple[Any, ...]:
        # Not by calling the class: a subclass may have an __init__ of its own.
        return _made_again, (type(self), self.args), self.__dict__


def _made_again(cls: type[ApplicationError], args: tuple[Any, ...]) -> ApplicationError:
    return cls.__new__(cls, *args)


class SubscribeError(ApplicationError):
    """Raise it in a subscription handler before its ``yield`` to refuse.

    The URI may be given by name, too: ``SubscribeError(error_uri="shop.closed")``.
    """

    def __init__(
        self, /, *args: Any, error_uri: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*(args if error_uri is None else (error_uri, *args)), **kwargs)


class _PredefinedError(ApplicationError):
    """A WAMP error whose URI the class fixes."""


class InvalidURI(_PredefinedError):
    """A topic, procedure, realm or reason is malformed or reserved."""

    URI = uris.INVALID_URI


class NoSuchProcedure(_PredefinedError):
    """Nothing that the caller may call is registered under the URI."""

    URI = uris.NO_SUCH_PROCEDURE


class ProcedureAlreadyExists(_PredefinedError):
    """The URI is registered already and its policy admits no further callee."""

    URI = uris.PROCEDURE_ALREADY_EXISTS


class NoSuchRegistration(_PredefinedError):
    """The session holds no registration with this id."""

    URI = uris.NO_SUCH_REGISTRATION


class NoSuchSubscription(_PredefinedError):
    """The session holds no subscription with this id."""

    URI = uris.NO_SUCH_SUBSCRIPTION


class NoSuchSession(_PredefinedError):
    """Nobody in the realm has this session id, or it is the caller's own to kill."""

    URI = uris.NO_SUCH_SESSION


class InvalidArgument(_PredefinedError):
    """The arguments of a call do not fit the procedure."""

    URI = uris.INVALID_ARGUMENT


class Canceled(_PredefinedError):
    """The call was cancelled, or its callee left before it answered."""

    URI = uris.CANCELED


class TimedOut(_PredefinedError):
    """The call ran past its timeout."""

    URI = uris.TIMEOUT


class NotAuthorized(_PredefinedError):
    """The session may not do this."""

    URI = uris.NOT_AUTHORIZED


class AuthorizationFailed(_PredefinedError):
    """The authorizer itself failed; access is not granted."""

    URI = uris.AUTHORIZATION_FAILED


class DisclosureNotAllowed(_PredefinedError):
    """The realm forbids the disclosure of identities that was asked for."""

    URI = uris.OPTION_DISALLOWED_DISCLOSE_ME


class FeatureNotSupported(_PredefinedError):
    """The call needs a feature that this router or the callee does not offer."""

    URI = uris.FEATURE_NOT_SUPPORTED


class NetworkFailure(_PredefinedError):
    """The callee's transport failed while the call was sent to it."""

    URI = uris.NETWORK_FAILURE


class Unavailable(_PredefinedError):
    """Too many requests of this session wait already; try again later.

    From a procedure with several callees it means: let another one do it (5.12).
    """

    URI = uris.UNAVAILABLE


class NoAvailableCallee(_PredefinedError):
    """Every callee of the procedure has said that it cannot take the call."""

    URI = uris.NO_AVAILABLE_CALLEE


class EncodingError(_PredefinedError):
    """A value cannot be carried to the receiving session (REQ-TYP-005)."""

    URI = uris.INVALID_PAYLOAD


class PayloadSizeExceeded(EncodingError):
    """The message is larger than the receiver's transport admits (REQ-ERR-008)."""

    URI = uris.PAYLOAD_SIZE_EXCEEDED


class RuntimeFailure(_PredefinedError):
    """A procedure failed unexpectedly; the details are in the server's log only."""

    URI = uris.RUNTIME_ERROR


class RateLimited(_PredefinedError):
    """Too many requests came: in ``kwargs["retry_after"]`` seconds one is welcome."""

    URI = uris.RATE_LIMITED


class ConnectionClosed(WAMPError, ConnectionError):
    """The session or connection has ended; nothing can be sent on it any more."""


class ConfigurationError(WAMPError):
    """The set-up is wrong; the message says what to do instead."""


_PREDEFINED: tuple[type[ApplicationError], ...] = (
    *_PredefinedError.__subclasses__(),
    PayloadSizeExceeded,
)

#: The predefined error URIs and the classes raised for them.
ERRORS_BY_URI: Mapping[str, type[ApplicationError]] = {
    cls.URI: cls for cls in _PREDEFINED if cls.URI is not None
}
