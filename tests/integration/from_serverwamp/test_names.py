"""Every public name of serverwamp 2.0 is here, or says what to write instead."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import serverwamp
from serverwamp.application import CRAAuthRequirement
from serverwamp.session import WAMPSession

import aiohttp_serverwamp
from aiohttp_serverwamp import application
from tests.sites import site

GUIDE = Path(__file__).parents[3] / "docs" / "migrate-serverwamp.rst"
#: As something that is not typed, which it is not quite.
THEIRS: Any = serverwamp
SESSION = cast("Any", WAMPSession)(
    connection=SimpleNamespace(transport_info={}), realm=None, tasks=None
)
REQUEST = serverwamp.RPCRequest(1, SESSION, "p", (), {})

#: Objects to compare: theirs and ours.
PAIRS: dict[str, tuple[Any, Any]] = {
    "CRAAuthRequirement": (
        CRAAuthRequirement(b"s", "role", "provider"),
        aiohttp_serverwamp.CRAAuthRequirement(b"s", "role", "provider"),
    ),
    **{
        name: (getattr(THEIRS, name)(*args), getattr(aiohttp_serverwamp, name)(*args))
        for name, args in {
            "Application": (),
            "Realm": ("r",),
            "RPCErrorResult": ("e.e",),
            "RPCProgressReport": (),
            "RPCResult": (),
            "RPCRouteSet": (),
            "SubscribeError": ("e.e",),
            "TopicRouteSet": (),
        }.items()
    },
}
#: Parameters with another name here, by method. The guide says so, but of those that
#: are given by position.
OTHER_NAMES = {
    ("close", "uri"): "reason",
    ("abort", "uri"): "reason",
    ("set_default_arg", "arg_name"): "name",
    # A Realm's; that of an Application is called as it is here.
    ("add_transport_authenticator", "transport_authenticator"): "authenticator",
    ("spawn_task", "fn"): "function",
    ("spawn_task", "fn_args"): "args",
    ("spawn_task", "fn_kwargs"): "kwargs",
    ("send_raw", "msg"): "message",
}
#: Parameters that have a default there and none here.
REQUIRED = {("__init__", "uri")}


def public(thing: object) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


def answers(ours: Any, name: str) -> bool:
    """Tell whether our object has the name, or advises."""
    try:
        getattr(ours, name)
    except AttributeError as error:
        return "as it has in serverwamp: " in str(error)
    return True


def test_every_name_at_the_top_is_at_the_top_here() -> None:
    assert {*serverwamp.__all__} <= {*aiohttp_serverwamp.__all__}


@pytest.mark.filterwarnings("ignore:.*_state_handlers is deprecated:DeprecationWarning")
@pytest.mark.parametrize("kind", PAIRS)
def test_every_attribute_is_there_or_advises(kind: str) -> None:
    theirs, ours = PAIRS[kind]

    assert [n for n in sorted(public(theirs)) if not answers(ours, n)] == []


async def test_so_is_every_attribute_of_sessions_and_requests() -> None:
    silent: list[str] = []
    api = aiohttp_serverwamp.RPCRouteSet()

    @api.route("p")
    def compare(
        request: aiohttp_serverwamp.RPCRequest, session: aiohttp_serverwamp.Session
    ) -> None:
        for theirs, ours in ((REQUEST, request), (SESSION, session)):
            silent.extend(n for n in sorted(public(theirs)) if not answers(ours, n))

    async with site(api) as served, served.client() as client:
        await client.call("p")

    assert silent == []


@pytest.mark.parametrize(
    ("thing", "name", "advice"),
    [
        (PAIRS["Application"][1], "handle_connection", "setup_wamp(app, "),
        (PAIRS["Realm"][1], "handle_rpc_call", "set_rpc_handler("),
        (aiohttp_serverwamp, "session", "import Session"),
    ],
)
def test_advice_says_what_to_write(thing: object, name: str, advice: str) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(thing, name)

    assert advice in str(caught.value)


@pytest.mark.parametrize("thing", [PAIRS["Application"][1], aiohttp_serverwamp])
def test_other_names_are_unknown_as_usual(thing: object) -> None:
    with pytest.raises(AttributeError, match="has no attribute 'add_rout'$"):
        getattr(thing, "add_rout")  # noqa: B009 - type checkers know better


#: Modules that nobody imports from, but serverwamp itself.
INTERNAL = {"helpers", "json", "routing"}


def test_modules_are_there_or_advise() -> None:
    modules = {each.name for each in pkgutil.iter_modules(serverwamp.__path__)}

    for name in modules - INTERNAL:
        try:
            importlib.import_module(f"aiohttp_serverwamp.{name}")
        except ModuleNotFoundError:
            with pytest.raises(AttributeError, match="from aiohttp_serverwamp import"):
                getattr(aiohttp_serverwamp, name)


# --- Signatures -----------------------------------------------------------------------

CLASSES: dict[str, tuple[type, type]] = {
    "Session": (WAMPSession, aiohttp_serverwamp.Session),
    **{
        name: (getattr(serverwamp, name), getattr(aiohttp_serverwamp, name))
        for name in serverwamp.__all__
        if name not in ("RPCRequest", "ConnectionClosed", "SubscribeError")
    },
}


def methods() -> list[tuple[str, str]]:
    """Return what is a method of both."""
    return [
        (kind, name)
        for kind, (theirs, ours) in CLASSES.items()
        for name in [*sorted(public(theirs) & public(ours)), "__init__"]
        if inspect.isfunction(getattr(theirs, name))
        if (kind, name) != ("Session", "__init__")
    ]


@pytest.mark.parametrize(("kind", "name"), methods())
def test_a_method_takes_what_it_takes_there(kind: str, name: str) -> None:
    theirs, ours = (getattr(cls, name) for cls in CLASSES[kind])
    found = inspect.signature(ours).parameters

    for parameter in inspect.signature(theirs).parameters.values():
        if kind.endswith("RouteSet") and parameter.name == "kwargs":
            continue  # of no use: whatever is given is an error there
        known = OTHER_NAMES.get((name, parameter.name), parameter.name)
        assert known in found
        if parameter.default is not parameter.empty and (name, known) not in REQUIRED:
            assert found[known].default is not parameter.empty


def test_the_guide_tells_the_other_names() -> None:
    guide = " ".join(GUIDE.read_text(encoding="utf-8").split())
    told = guide.partition("A few parameters have other names")[2].partition("**")[0]

    for (method, theirs), ours in OTHER_NAMES.items():
        if method != "spawn_task":
            assert f"{method}({ours}=)``" in told
            assert f"``{theirs}=``" in told


def test_a_requirement_is_imported_from_where_it_is_there() -> None:
    assert application.CRAAuthRequirement is aiohttp_serverwamp.CRAAuthRequirement


def test_the_fields_of_a_requirement_are_in_the_same_order() -> None:
    theirs, ours = PAIRS["CRAAuthRequirement"]

    fields = [*vars(theirs)]
    assert [getattr(theirs, name) for name in fields] == [b"s", "role", "provider"]
    assert [getattr(ours, name) for name in fields] == [b"s", "role", "provider"]


def test_connection_closed_is_a_connection_error() -> None:
    for library in (serverwamp, aiohttp_serverwamp):
        assert issubclass(library.ConnectionClosed, ConnectionError)


def test_subscribe_errors_take_their_uri_by_name() -> None:
    for library in (serverwamp, aiohttp_serverwamp):
        error: Any = library.SubscribeError(error_uri="shop.error.closed")
        assert error.error_uri == "shop.error.closed"


def test_route_sets_are_sequences() -> None:
    for library in (serverwamp, aiohttp_serverwamp):
        api: Any = library.RPCRouteSet()

        def handler() -> None: ...

        assert api.route("a")(handler) is handler
        api.prefix_route(uri_prefix="b.")(handler)
        api.regex_route(uri_pattern=r"c\d")(handler)

        assert (len(api), repr(api)) == (3, "<RPCRouteSet count=3>")
        assert [route.handler for route in api] == [handler] * 3
        assert api[0].uri == "a"
        assert api[-1] in api
        assert len([*api[1:], *api]) == 5
