"""Exceptions: whose fault, which URI, and that they survive being copied."""

from __future__ import annotations

import copy
import enum
import pickle
from typing import Any

import pytest

from aiohttp_serverwamp import errors, uris

PREDEFINED = {
    "wamp.error.invalid_uri": errors.InvalidURI,
    "wamp.error.no_such_procedure": errors.NoSuchProcedure,
    "wamp.error.procedure_already_exists": errors.ProcedureAlreadyExists,
    "wamp.error.no_such_registration": errors.NoSuchRegistration,
    "wamp.error.no_such_session": errors.NoSuchSession,
    "wamp.error.no_such_subscription": errors.NoSuchSubscription,
    "wamp.error.invalid_argument": errors.InvalidArgument,
    "wamp.error.canceled": errors.Canceled,
    "wamp.error.timeout": errors.TimedOut,
    "wamp.error.payload_size_exceeded": errors.PayloadSizeExceeded,
    "wamp.error.network_failure": errors.NetworkFailure,
    "wamp.error.feature_not_supported": errors.FeatureNotSupported,
    "wamp.error.unavailable": errors.Unavailable,
    "wamp.error.no_available_callee": errors.NoAvailableCallee,
    "wamp.error.option_disallowed.disclose_me": errors.DisclosureNotAllowed,
    "wamp.error.not_authorized": errors.NotAuthorized,
    "wamp.error.authorization_failed": errors.AuthorizationFailed,
    "wamp.error.runtime_error": errors.RuntimeFailure,
    "wamp.error.invalid_payload": errors.EncodingError,
    "wamp.error.rate_limited": errors.RateLimited,
}


def test_each_predefined_uri_has_exactly_one_class() -> None:
    """The literal spelling, one l in "canceled"."""
    assert dict(errors.ERRORS_BY_URI) == PREDEFINED


@pytest.mark.parametrize("uri", PREDEFINED)
def test_a_predefined_class_knows_its_uri(uri: str) -> None:
    error = PREDEFINED[uri]("text", detail=1)

    assert error.uri == error.error_uri == uri
    assert error.args == ("text",)
    assert error.kwargs == {"detail": 1}


@pytest.mark.parametrize("uri", PREDEFINED)
def test_an_error_by_uri_is_of_the_predefined_class(uri: str) -> None:
    error = errors.ApplicationError.from_uri(uri, ["text"], {"detail": 1})

    assert type(error) is PREDEFINED[uri]
    assert (error.uri, error.args, error.kwargs) == (uri, ("text",), {"detail": 1})


def test_an_error_by_any_other_uri_is_of_the_base_class() -> None:
    error = errors.ApplicationError.from_uri("shop.error.sold_out")

    assert type(error) is errors.ApplicationError
    assert (error.uri, error.args, error.kwargs) == ("shop.error.sold_out", (), {})


@pytest.mark.parametrize(
    "error",
    [
        errors.ApplicationError("shop.error.sold_out", "sku-1", left=0),
        errors.InvalidArgument("too many", parameter="n"),
    ],
)
@pytest.mark.parametrize("how", ["pickle", "copy"])
def test_a_copied_application_error_is_whole(
    error: errors.ApplicationError, how: str
) -> None:
    again = pickle.loads(pickle.dumps(error)) if how == "pickle" else copy.copy(error)

    assert type(again) is type(error)
    assert (again.uri, again.args, again.kwargs) == (
        error.uri,
        error.args,
        error.kwargs,
    )


class SoldOut(errors.ApplicationError):
    """Sells out."""

    URI = "shop.error.sold_out"


class Late(SoldOut):
    """Passes its own URI on, and has an __init__ of its own."""

    def __init__(self, minutes: int) -> None:
        super().__init__(self.URI, minutes, unit="min")
        self.minutes = minutes


class Name(enum.Enum):
    SOLD_OUT = "shop.error.sold_out"


class TextName(str, enum.Enum):  # noqa: UP042 - the older way to write it
    SOLD_OUT = "shop.error.sold_out"


def test_a_subclass_may_fix_the_uri() -> None:
    error = SoldOut("sku-1", left=0)

    assert error.uri == "shop.error.sold_out"
    assert (error.args, error.kwargs) == (("sku-1",), {"left": 0})
    assert SoldOut().args == ()
    assert Late(5).args == (5,)


@pytest.mark.parametrize("how", ["pickle", "copy"])
@pytest.mark.parametrize("error", [SoldOut("sku-1", left=0), Late(5)])
def test_a_copied_error_stays_of_its_class(
    error: errors.ApplicationError, how: str
) -> None:
    again = pickle.loads(pickle.dumps(error)) if how == "pickle" else copy.copy(error)

    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)


@pytest.mark.parametrize("uri", [7, None, b"a.b", Name.SOLD_OUT])
def test_an_error_has_a_uri_that_is_text(uri: Any) -> None:
    for make in (errors.ApplicationError, errors.SubscribeError):
        with pytest.raises(errors.ConfigurationError, match="URI comes first"):
            make(uri, "detail")
    with pytest.raises(errors.ConfigurationError, match="URI comes first"):
        errors.ApplicationError()


def test_a_uri_out_of_an_enum_of_texts_is_plain_text() -> None:
    assert type(errors.ApplicationError(TextName.SOLD_OUT).uri) is str


def test_an_error_may_have_keywords_of_any_name() -> None:
    given: dict[str, Any] = {"uri": 1, "self": 2}

    assert errors.ApplicationError("a.b", **given).kwargs == given


@pytest.mark.parametrize(
    "given", [(5,), (None,), (uris.NOT_AUTHORIZED, 5), (uris.NOT_AUTHORIZED, None)]
)
def test_a_rejection_is_a_uri_and_a_text(given: Any) -> None:
    with pytest.raises(errors.ConfigurationError, match="the reason's URI"):
        errors.SessionRejected(*given)


def test_an_application_error_prints_its_uri_and_arguments() -> None:
    assert str(errors.ApplicationError("shop.error.sold_out")) == "shop.error.sold_out"
    assert (
        str(errors.ApplicationError("shop.error.sold_out", "sku-1", left=0))
        == "shop.error.sold_out('sku-1', left=0)"
    )


def test_a_rejected_session_prints_its_reason_and_text() -> None:
    assert str(errors.SessionRejected(uris.NO_SUCH_REALM)) == "wamp.error.no_such_realm"
    assert (
        str(errors.SessionRejected(uris.NO_SUCH_REALM, "no realm 'x'"))
        == "wamp.error.no_such_realm: no realm 'x'"
    )


def test_the_branches_of_the_tree_say_whose_fault_it_is() -> None:
    """A violation ends the session, an application error never does."""
    assert issubclass(errors.InvalidPayload, errors.ProtocolViolation)
    assert issubclass(errors.SubscribeError, errors.ApplicationError)
    branches = (
        errors.ProtocolViolation,
        errors.SessionRejected,
        errors.ApplicationError,
        errors.ConnectionClosed,
        errors.ConfigurationError,
    )
    for branch in branches:
        assert branch.__mro__[1] is errors.WAMPError


def test_every_exception_is_drawn_in_the_tree_or_in_the_table() -> None:
    drawn = errors.__doc__ or ""
    tabled = {cls.__name__ for cls in errors.ERRORS_BY_URI.values()}
    exceptions = {name for name in errors.__all__ if name != "ERRORS_BY_URI"}

    assert {name for name in exceptions - tabled if name not in drawn} == set()
