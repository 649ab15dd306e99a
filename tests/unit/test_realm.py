"""Setting up a realm: what is refused, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import ConfigurationError
from aiohttp_serverwamp.router.authorization import Verdict
from aiohttp_serverwamp.router.permission_rules import Action
from tests.sites import running


async def handler() -> None: ...


async def life() -> Any:
    yield


def rpc(uri: str = "a", function: Any = handler) -> serverwamp.RPCRouteSet:
    routes = serverwamp.RPCRouteSet()
    routes.route(uri)(function)
    return routes


def topics(uri: str = "a", function: Any = life) -> serverwamp.TopicRouteSet:
    routes = serverwamp.TopicRouteSet()
    routes.route(uri)(function)
    return routes


# --- Making one -----------------------------------------------------------------------


@pytest.mark.parametrize("uri", ["", "a b", "a.", "#", 7, None, b"a"])
def test_a_realm_has_a_uri(uri: Any) -> None:
    with pytest.raises(ConfigurationError, match="give a URI"):
        serverwamp.Realm(uri)


@pytest.mark.parametrize("policy", ["", "Allow", 7, True])
def test_an_unknown_disclosure_is_refused(policy: Any) -> None:
    with pytest.raises(ConfigurationError, match="disclosure="):
        serverwamp.Realm("r", disclosure=policy)


# --- Routes ---------------------------------------------------------------------------


def test_a_procedure_and_a_topic_may_share_a_uri() -> None:
    realm = serverwamp.Realm("r")

    realm.add_routes(rpc("a"))
    realm.add_routes(topics("a"))


@pytest.mark.parametrize("make", [rpc, topics])
def test_a_route_is_added_once(make: Any) -> None:
    realm = serverwamp.Realm("r")
    realm.add_routes(make("a"))

    with pytest.raises(ConfigurationError, match="already"):
        realm.add_routes(make("a"))


def test_the_same_uri_under_another_policy_is_another_route() -> None:
    realm, routes = serverwamp.Realm("r"), serverwamp.RPCRouteSet()
    for add in (routes.route, routes.prefix_route, routes.wildcard_route):
        add("a.b")(handler)

    realm.add_routes(routes)


def test_route_sets_may_be_mixed_and_nested() -> None:
    realm = serverwamp.Realm("r")

    realm.add_routes([rpc("a"), topics("a"), *rpc("b")])
    with pytest.raises(ConfigurationError, match="already"):
        realm.add_routes(rpc("b"))


@pytest.mark.parametrize("routes", [None, 7, "a", {"a": handler}, handler, [handler]])
def test_what_is_no_route_is_refused(routes: Any) -> None:
    with pytest.raises(ConfigurationError, match="route"):
        serverwamp.Realm("r").add_routes(routes)


def test_one_table_serves_several_realms() -> None:
    routes = rpc()
    for uri in ("a", "b"):
        serverwamp.Realm(uri).add_routes(routes)


def test_the_names_of_serverwamp_work_too() -> None:
    realm = serverwamp.Realm("r")
    realm.add_rpc_routes(rpc())
    realm.add_topic_routes(topics())


def test_a_subscription_handler_is_an_async_generator() -> None:
    with pytest.raises(ConfigurationError, match="async generator"):
        serverwamp.Realm("r").add_routes(topics(function=handler))
    with pytest.raises(ConfigurationError, match="async generator"):
        serverwamp.Realm("r").add_session_lifespan_handler(handler)


def plain_generator() -> Any:
    yield 1


async def needs_what_nothing_gives(session: int) -> None: ...


async def unconvertible(x: Realm_ | None) -> None: ...  # type: ignore[name-defined]  # noqa: F821 - the mistake


@pytest.mark.parametrize(
    "function", [plain_generator, needs_what_nothing_gives, unconvertible]
)
async def test_a_handler_that_cannot_serve_is_found_at_the_start(function: Any) -> None:
    with pytest.raises(ConfigurationError):
        async with running(rpc(function=function)):
            pass


@pytest.mark.parametrize(
    "function", [plain_generator, needs_what_nothing_gives, unconvertible]
)
async def test_added_later_it_is_found_at_once_and_leaves_no_trace(
    function: Any,
) -> None:
    async with running() as realm:
        with pytest.raises(ConfigurationError):
            realm.add_routes(rpc("a", function))
        realm.add_routes(rpc("a"))
        assert await realm.call("a") is None


async def test_what_the_realm_supplies_may_be_said_after_the_routes() -> None:
    async def uses(db: str) -> str:
        return db

    realm = serverwamp.Realm("r")
    realm.add_routes(rpc("a", uses))
    realm.set_default_arg("db", "given")
    async with running(realm=realm):
        assert await realm.call("a") == "given"


# --- Authenticators, authorizers ------------------------------------------------------


def test_what_cannot_be_called_authenticates_nobody() -> None:
    realm = serverwamp.Realm("r")
    with pytest.raises(ConfigurationError, match="transport authenticator"):
        realm.add_transport_authenticator("user_id")  # type: ignore[arg-type]  # the mistake
    with pytest.raises(ConfigurationError, match="ticket authenticator"):
        realm.set_ticket_authenticator("secret")  # type: ignore[arg-type]  # the mistake
    with pytest.raises(ConfigurationError, match="factory="):
        realm.set_default_arg("db", factory=7)  # type: ignore[arg-type]  # the mistake


async def test_using_what_is_live_needs_a_running_application() -> None:
    realm = serverwamp.Realm("r")
    for use in (
        lambda: realm.publish("t"),
        lambda: realm.router,
        lambda: realm.local,
        lambda: realm.drop_decisions(),
    ):
        with pytest.raises(ConfigurationError, match="not running"):
            use()
    assert realm.sessions() == []
    assert await realm.close_sessions() == 0


async def test_a_realm_goes_live_again_with_all_it_offers() -> None:
    realm = serverwamp.Realm("r")
    realm.add_routes(rpc())
    wamp = serverwamp.Application()
    wamp.add_realm(realm)
    for _ in range(2):
        async with wamp.run():
            assert await realm.call("a") is None
        with pytest.raises(ConfigurationError):
            realm.publish("t")


# --- While it runs --------------------------------------------------------------------


async def test_what_is_supplied_too_late_is_refused() -> None:
    """Handlers are compiled: the value would be ignored, and taken from callers."""
    async with running() as realm:
        with pytest.raises(ConfigurationError, match="too late"):
            realm.set_default_arg("db", "given")
    realm.set_default_arg("db", "given")


@pytest.mark.parametrize("bad", [rpc("a"), rpc("b", needs_what_nothing_gives)])
async def test_routes_are_added_all_or_none(bad: Any) -> None:
    async with running(rpc("a"), open_=True) as realm:
        with pytest.raises(ConfigurationError):
            realm.add_routes([rpc("new"), topics("t"), *bad])
        with pytest.raises(serverwamp.errors.NoSuchProcedure):
            await realm.call("new")
        realm.add_routes([rpc("new"), topics("t")])
        assert await realm.call("new") is None


def test_of_a_table_that_is_refused_nothing_is_permitted() -> None:
    realm = serverwamp.Realm("r")
    with pytest.raises(ConfigurationError, match="already"):
        realm.add_routes([rpc("a"), rpc("a")])

    assert realm.permissions.decide("anonymous", Action.CALL, "a") is Verdict.UNSAID


async def test_a_service_that_cannot_be_built_leaves_the_realm_as_it_was() -> None:
    routes = serverwamp.RPCRouteSet()

    @routes.service()
    class Broken:
        def __init__(self) -> None:
            raise LookupError("no database")

        @serverwamp.procedure("a")
        async def a(self) -> None: ...

    realm = serverwamp.Realm("late")
    realm.add_routes(routes)
    async with running() as other:
        wamp: Any = other.owner
        with pytest.raises(LookupError):
            wamp.add_realm(realm)
        with pytest.raises(ConfigurationError, match="not running"):
            realm.publish("t")


async def test_sessions_are_closed_and_routes_added_in_the_thread_of_the_loop() -> None:
    def close() -> None:
        asyncio.run(realm.close_sessions())

    async with running() as realm:
        for act in (close, lambda: realm.add_routes(rpc("b"))):
            with pytest.raises(ConfigurationError, match="threadsafe"):
                await asyncio.to_thread(act)


class Pool: ...


async def test_what_no_caller_can_send_may_be_a_default_arg() -> None:
    async def uses(db: Pool) -> None: ...

    with pytest.raises(ConfigurationError, match=r"set_default_arg\('db', \.\.\.\)"):
        async with running(rpc(function=uses)):
            pass


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        (("session", 1), "another name"),
        (("request", 1), "another name"),
        (("db", 1, dict), "not both"),
        ((7, 1), "name of a parameter"),
        (("d b", 1), "name of a parameter"),
    ],
)
def test_a_default_arg_is_a_name_and_a_value(given: Any, advice: str) -> None:
    with pytest.raises(ConfigurationError, match=advice):
        serverwamp.Realm("r").set_default_arg(*given)


@pytest.mark.parametrize("given", [("db",), ("db", None)])
async def test_a_default_arg_may_be_none(given: Any) -> None:
    async def uses(db: str) -> str:
        return repr(db)

    realm = serverwamp.Realm("r")
    realm.set_default_arg(*given)
    async with running(rpc("a", uses), realm=realm):
        assert await realm.call("a") == "None"


@pytest.mark.parametrize("authorizer", [True, serverwamp.Decision(allow=True), 7])
def test_an_authorizer_is_a_function(authorizer: Any) -> None:
    realm = serverwamp.Realm("r")
    with pytest.raises(ConfigurationError, match="four arguments"):
        realm.set_authorizer(authorizer)
    realm.set_authorizer(None)


async def asynchronous(session: Any, action: str, uri: str) -> int:
    return 1


@pytest.mark.parametrize("levels", [3, asynchronous])
def test_trust_levels_come_from_a_plain_function(levels: Any) -> None:
    realm = serverwamp.Realm("r")
    with pytest.raises(ConfigurationError, match="plain function of three"):
        realm.set_trust_levels(levels)
    realm.set_trust_levels(None)


async def test_handlers_see_how_far_their_callers_and_publishers_are_trusted() -> None:
    seen: list[int | None] = []

    async def call(invocation: serverwamp.Invocation) -> int | None:
        return invocation.trust_level

    async with running(rpc("call", call)) as realm:
        realm.subscribe("t", lambda event: seen.append(event.trust_level))
        options = serverwamp.PublishOptions(exclude_me=False)
        realm.publish("t", options=options)
        assert await realm.call("call") is None

        realm.set_trust_levels(lambda session, action, uri: len(action))

        assert await realm.call("call") == 4
        realm.publish("t", options=options)
        assert seen == [None, 7]


@pytest.mark.parametrize(
    "name",
    [
        "session_authenticator",
        "security_authenticator",
        "jwt_authenticator",
        "certificate_authenticator",
    ],
)
def test_what_makes_an_authenticator_is_called_and_not_given(name: str) -> None:
    maker: Any = getattr(serverwamp, name)
    with pytest.raises(
        ConfigurationError, match=rf"add_transport_authenticator\({name}\("
    ):
        serverwamp.Realm("r").add_transport_authenticator(maker)


def test_what_makes_an_authorizer_is_called_and_not_given() -> None:
    maker: Any = serverwamp.security_authorizer
    with pytest.raises(ConfigurationError, match=r"set_authorizer\(security_autho"):
        serverwamp.Realm("r").set_authorizer(maker)


async def test_a_handler_reaches_the_permissions_through_its_session() -> None:
    async def open_(session: serverwamp.Session) -> None:
        realm: serverwamp.RealmAPI = session.realm
        realm.permit("late", call=True)
        realm.drop_decisions()
        realm.subscribe("t", handler).unsubscribe()

    async with running(rpc("open", open_)) as realm:
        await realm.call("open")
        decided = realm.permissions.decide("user", serverwamp.Action.CALL, "late")
        assert decided is Verdict.ALLOWED


async def test_a_default_arg_that_no_handler_takes_is_told_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A misspelt parameter is otherwise the caller's to fill, without a word."""
    api = serverwamp.RPCRouteSet()

    @api.service("house.")
    class House:
        def __init__(self, address: str) -> None:
            self.address = address

        @serverwamp.procedure("rooms")
        def rooms(self, size: int) -> int:
            return size

    @api.route("book")
    async def book(hosue: str, desk: str) -> str:
        return hosue + desk

    async def accompany(bell: str) -> AsyncIterator[None]:
        yield

    for realm in (serverwamp.Realm("full"), serverwamp.Realm("empty")):
        for name in ("house", "desk", "bell", "address"):
            realm.set_default_arg(name, "ours")
        if realm.uri == "full":
            realm.add_routes(api)
            realm.add_session_lifespan_handler(accompany)
        wamp = serverwamp.Application()
        wamp.add_realm(realm)
        async with wamp.run():
            pass

    (record,) = [each for each in caplog.records if each.levelname == "WARNING"]
    assert "'house'" in record.getMessage()
    assert "'full'" in record.getMessage()
