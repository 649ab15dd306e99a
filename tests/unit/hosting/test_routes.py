"""Route tables: what a decorator records, and what it refuses."""

from __future__ import annotations

import re
from typing import Any

import pytest

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.hosting.route import ProcedureRoute, TopicRoute
from aiohttp_serverwamp.hosting.routes import RPCRouteSet, TopicRouteSet
from aiohttp_serverwamp.realm import Realm
from aiohttp_serverwamp.uris import Match
from tests.sites import running


async def handler() -> None: ...


async def life() -> Any:
    yield


def test_a_procedure_route_records_what_was_said() -> None:
    api = RPCRouteSet(spread_results=True)

    decorated = api.route("cart.add", thread=True, roles=["user"])(handler)

    (route,) = api
    assert decorated is handler
    assert isinstance(route, ProcedureRoute)
    assert (route.uri, route.match, route.handler) == ("cart.add", Match.EXACT, handler)
    assert (route.thread, route.roles) == (True, frozenset(["user"]))
    assert route.spread_results


def test_routes_keep_their_order_and_are_a_sequence() -> None:
    api = RPCRouteSet()
    api.route("a")(handler)
    api.prefix_route("b.")(handler)
    api.wildcard_route("c..d")(handler)
    api.regex_route(r"e\d")(handler)

    assert len(api) == 4
    assert [route.match for route in api[:3]] == [
        Match.EXACT,
        Match.PREFIX,
        Match.WILDCARD,
    ]
    assert api[3].uri == re.compile(r"e\d")
    assert "count=4" in repr(api)


def test_a_handler_may_serve_several_uris() -> None:
    api = RPCRouteSet()

    api.route("a")(api.route("b")(handler))

    assert [route.uri for route in api] == ["b", "a"]


def test_a_topic_route_records_what_was_said() -> None:
    topics = TopicRouteSet()

    topics.route("news", roles=["user"], publish=True)(life)
    topics.declare("cart.", match="prefix", publish=False)

    news, cart = topics
    assert isinstance(news, TopicRoute)
    assert isinstance(cart, TopicRoute)
    assert (news.uri, news.handler, news.publish) == ("news", life, True)
    assert news.roles == frozenset(["user"])
    assert (cart.uri, cart.match, cart.handler) == ("cart.", Match.PREFIX, None)
    assert cart.publish is False


METHODS: list[Any] = [
    RPCRouteSet().route,
    RPCRouteSet().prefix_route,
    RPCRouteSet().wildcard_route,
    TopicRouteSet().route,
    TopicRouteSet().prefix_route,
    TopicRouteSet().wildcard_route,
    TopicRouteSet().declare,
]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__qualname__)
@pytest.mark.parametrize("uri", ["a b", "a#b", "a\n", 7, None, b"a"])
def test_a_malformed_uri_is_refused(method: Any, uri: Any) -> None:
    with pytest.raises(ConfigurationError, match="URI"):
        method(uri)


@pytest.mark.parametrize("uri", ["", "a.", ".a", "a..b"])
def test_only_patterns_have_empty_components(uri: str) -> None:
    with pytest.raises(ConfigurationError, match="no exact URI"):
        RPCRouteSet().route(uri)
    RPCRouteSet().wildcard_route(uri)


@pytest.mark.parametrize("pattern", ["(", "*", 7, None])
def test_what_is_no_expression_is_refused(pattern: Any) -> None:
    for routes in (RPCRouteSet(), TopicRouteSet()):
        with pytest.raises(ConfigurationError, match="regular expression"):
            routes.regex_route(pattern)


def test_one_role_is_written_as_a_list() -> None:
    with pytest.raises(ConfigurationError, match=r"roles=\['admin'\]"):
        RPCRouteSet().route("a", roles="admin")


def test_what_cannot_be_called_is_no_handler() -> None:
    with pytest.raises(ConfigurationError, match="decorate a function"):
        RPCRouteSet().route("a")("not a function")  # type: ignore[type-var]  # the mistake


def test_an_unknown_match_policy_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="fuzzy"):
        TopicRouteSet().declare("a", match="fuzzy")


@pytest.mark.parametrize("table", [RPCRouteSet, TopicRouteSet])
@pytest.mark.parametrize("roles", ["admin", 5, [], [1], [""]])
def test_roles_are_names_on_every_route(table: Any, roles: Any) -> None:
    routes = table()
    for add in (
        routes.route,
        routes.prefix_route,
        routes.wildcard_route,
        routes.regex_route,
    ):
        with pytest.raises(ConfigurationError, match="roles="):
            add("a", roles=roles)


@pytest.mark.parametrize("pattern", [rb"a\.b", re.compile(rb"a")])
def test_an_expression_is_text(pattern: Any) -> None:
    for table in (RPCRouteSet(), TopicRouteSet()):
        with pytest.raises(ConfigurationError, match="URIs are text"):
            table.regex_route(pattern)


@pytest.mark.parametrize("thread", ["no", 1, None])
def test_thread_is_yes_or_no(thread: Any) -> None:
    with pytest.raises(ConfigurationError, match="give True or False"):
        RPCRouteSet().route("a", thread=thread)(handler)
    with pytest.raises(ConfigurationError, match="give True or False"):
        TopicRouteSet().on("a", thread=thread)(handler)


def test_a_class_is_a_service() -> None:
    class Cart: ...

    for table in (RPCRouteSet(), TopicRouteSet()):
        with pytest.raises(ConfigurationError, match=r"@api\.service"):
            table.route("cart")(Cart)


@pytest.mark.parametrize(
    "decorator",
    [
        RPCRouteSet().route,
        RPCRouteSet().prefix_route,
        RPCRouteSet().regex_route,
        RPCRouteSet().service,
        TopicRouteSet().route,
        TopicRouteSet().regex_route,
        TopicRouteSet().on,
    ],
)
def test_a_decorator_without_its_uri_says_what_to_write(decorator: Any) -> None:
    """``@api.route`` above a function gives the function where the URI belongs."""
    with pytest.raises(ConfigurationError, match=r"write @api\.route\('cart\.add'\)"):
        decorator(handler)


@pytest.mark.parametrize("uri", ["chat.*", "/cart/{id}", "a.{b}", "^a"])
def test_what_looks_like_a_pattern_and_is_none_is_said(
    uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    uses: list[Any] = [
        lambda: RPCRouteSet().route(uri),
        lambda: TopicRouteSet().prefix_route(uri),
        lambda: Realm("r").permit(uri, call=True),
    ]
    for use in uses:
        caplog.clear()
        use()
        (line,) = caplog.messages
        assert "match='prefix'" in line


def test_patterns_as_they_should_be_are_not_remarked_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    api = RPCRouteSet()
    api.route("cart.add")
    api.prefix_route("cart.")
    api.wildcard_route("cart..changed")
    api.regex_route(r"^cart\.{1}.*")
    Realm("r").permit("cart.", match="prefix", call=True)

    assert not caplog.messages


# --- What is said of a procedure besides its URI --------------------------------------


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"invoke": "shared"}, "'single', or to share"),
    ({"invoke": None}, "'single', or to share"),
    ({"disclose_caller": "yes"}, "disclose_caller='yes': give True or False"),
    ({"timeout": "2s"}, "timeout='2s': give seconds"),
    ({"timeout": 0}, "timeout=0: give seconds"),
    ({"timeout": -1.0}, "give seconds"),
    ({"timeout": float("nan")}, "give seconds"),
    ({"timeout": float("inf")}, "give seconds"),
    ({"timeout": True}, "give seconds"),
]


@pytest.mark.parametrize(("options", "advice"), WRONG)
def test_options_of_a_procedure_are_checked(
    options: dict[str, Any], advice: str
) -> None:
    api = RPCRouteSet()
    for decorator in (api.route, api.prefix_route, api.wildcard_route):
        with pytest.raises(ConfigurationError, match=re.escape(advice)):
            decorator("a.b", **options)
    with pytest.raises(ConfigurationError, match=re.escape(advice)):
        serverwamp.procedure("a.b", **options)
    if "timeout" in options:
        with pytest.raises(ConfigurationError, match=re.escape(advice)):
            api.regex_route("a.b", timeout=options["timeout"])


def test_a_match_policy_that_there_is_not_is_a_mistake() -> None:
    with pytest.raises(ConfigurationError, match="'exact', 'prefix' or 'wildcard'"):
        RPCRouteSet().route("a", match="regex")
    with pytest.raises(ConfigurationError, match="no exact URI"):
        RPCRouteSet().route("a..b")


async def test_routes_by_match_are_the_routes_by_name() -> None:
    def named(api: RPCRouteSet) -> None:
        api.prefix_route("a.", invoke="last", timeout=2)(print)
        api.wildcard_route("a..b", disclose_caller=True)(print)

    def matched(api: RPCRouteSet) -> None:
        api.route("a.", match="prefix", invoke="last", timeout=2)(print)
        api.route("a..b", match="wildcard", disclose_caller=True)(print)

    tables = []
    for fill in (named, matched):
        api = RPCRouteSet()
        fill(api)
        tables.append([*api])

    assert tables[0] == tables[1]


async def test_services_have_the_same_options() -> None:
    api = RPCRouteSet()

    @api.service("clock.")
    class Clock:
        @serverwamp.procedure("read", invoke="first", timeout=3, disclose_caller=True)
        def read(self) -> int:
            return 12

    [route] = api
    assert isinstance(route, ProcedureRoute)
    assert (route.invoke, route.timeout, route.disclose_caller) == ("first", 3.0, True)
    async with running(api) as realm:
        assert await realm.call("clock.read") == 12
