"""Which routes a class offers, and how it is built."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from aiohttp_serverwamp import ConfigurationError, RPCRouteSet, procedure, topic
from aiohttp_serverwamp.hosting.default_args import DefaultArg
from aiohttp_serverwamp.hosting.route import ProcedureRoute, TopicRoute
from aiohttp_serverwamp.hosting.services import Service


class Cart:
    """A service with what most of these tests need."""

    def __init__(self, db: Any, size: int = 3) -> None:
        self.db = db
        self.size = size

    @procedure("add")
    def add(self, sku: str) -> str:
        return sku


def service(target: Any, prefix: str = "") -> Service:
    return Service(prefix, target, spread_results=False)


def uris_of(target: Any, prefix: str = "") -> list[Any]:
    return [route.uri for route in service(target, prefix).routes()]


# --- Routes ---------------------------------------------------------------------------


def test_a_route_is_the_prefix_and_what_the_mark_says() -> None:
    assert uris_of(Cart, "cart.") == ["cart.add"]


def test_marks_keep_the_order_of_their_definition_and_their_options() -> None:
    class Shop:
        @procedure("z", thread=True, roles=["clerk"])
        def z(self) -> None: ...

        @topic("changed.", match="prefix", publish=True)
        async def changed(self) -> AsyncIterator[None]:
            yield

        @procedure("a")
        def a(self) -> None: ...

    z, changed, a = service(Shop, "shop.").routes()

    assert isinstance(z, ProcedureRoute)
    assert (z.uri, z.thread, z.roles) == ("shop.z", True, frozenset({"clerk"}))
    assert isinstance(changed, TopicRoute)
    assert (changed.uri, changed.match, changed.publish) == (
        "shop.changed.",
        "prefix",
        True,
    )
    assert a.uri == "shop.a"


def test_a_method_may_have_several_marks() -> None:
    class Shop:
        @procedure("new")
        @procedure("old")
        def both(self) -> None: ...

    assert sorted(uris_of(Shop)) == ["new", "old"]


def test_a_base_class_offers_its_procedures_through_a_subclass() -> None:
    class Small(Cart):
        @procedure("remove")
        def remove(self) -> None: ...

    assert uris_of(Small, "cart.") == ["cart.add", "cart.remove"]


def test_what_overrides_a_marked_method_serves_in_its_place() -> None:
    class Loud(Cart):
        def add(self, sku: str) -> str:
            return sku.upper()

    assert uris_of(Loud) == ["add"]
    [route] = service(Loud).routes()
    assert route.handler.function is Loud.add  # type: ignore[attr-defined] # a procedure's


def test_a_mark_of_its_own_replaces_the_marks_of_the_overridden_method() -> None:
    class Renamed(Cart):
        @procedure("put")
        def add(self, sku: str) -> str:
            return sku

    assert uris_of(Renamed) == ["put"]


def test_a_method_is_withdrawn_by_none() -> None:
    class Closed(Cart):
        add = None  # type: ignore[assignment] # this is how Python unmakes a method

        @procedure("look")
        def look(self) -> None: ...

    assert uris_of(Closed) == ["look"]


def test_marks_count_inside_and_outside_of_static_and_class_methods() -> None:
    class Shop:
        @procedure("a")
        @staticmethod
        def a() -> None: ...

        @staticmethod
        @procedure("b")
        def b() -> None: ...

        @procedure("c")
        @classmethod
        def c(cls) -> None: ...

        @classmethod
        @procedure("d")
        def d(cls) -> None: ...

    assert uris_of(Shop) == ["a", "b", "c", "d"]


# --- Wrong use ------------------------------------------------------------------------


def test_a_class_that_offers_nothing_is_refused_with_what_to_write() -> None:
    class Empty:
        def add(self) -> None: ...

    with pytest.raises(ConfigurationError, match=r"Empty offers nothing.*@procedure"):
        RPCRouteSet().service("cart.")(Empty)


@pytest.mark.parametrize("mark", [procedure, topic])
def test_a_mark_without_its_uri_is_refused_with_what_to_write(mark: Any) -> None:
    with pytest.raises(ConfigurationError, match=mark.__name__ + r'\("add"\)'):
        mark(lambda: None)


def test_what_is_no_method_cannot_be_marked() -> None:
    size: Any = property(lambda self: 3)

    with pytest.raises(ConfigurationError, match="no method"):
        procedure("size")(size)


def test_a_malformed_uri_is_refused_when_the_class_is_added() -> None:
    with pytest.raises(ConfigurationError, match="no exact URI"):
        RPCRouteSet().service("cart..")(Cart)


def test_a_mark_with_options_that_make_no_sense_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="match="):
        procedure("add", match="glob")
    with pytest.raises(ConfigurationError, match="roles="):
        topic("changed", roles="admin")


# --- Building -------------------------------------------------------------------------


def test_a_class_is_built_with_the_default_args_that_it_names() -> None:
    built = service(Cart).build(
        {"db": DefaultArg("the database"), "unused": DefaultArg(1)}
    )

    assert (built.db, built.size) == ("the database", 3)


def test_a_factory_makes_what_a_class_is_built_with() -> None:
    built = service(Cart).build({"db": DefaultArg(factory=lambda: ["fresh"])})

    assert built.db == ["fresh"]


def test_positional_only_parameters_are_supplied_as_well() -> None:
    class Strict:
        def __init__(self, db: Any, /, *, size: int) -> None:
            self.got = (db, size)

        @procedure("add")
        def add(self) -> None: ...

    built = service(Strict).build({"db": DefaultArg(1), "size": DefaultArg(2)})

    assert built.got == (1, 2)


def test_an_instance_serves_as_it_is() -> None:
    cart = Cart("db")

    assert service(cart).build({}) is cart


def test_a_missing_constructor_argument_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"Cart needs 'db'.*set_default_arg"):
        service(Cart).build({})


async def _connect() -> object:
    return object()


@asynccontextmanager
async def _connection() -> AsyncIterator[object]:
    yield object()


@pytest.mark.parametrize("factory", [_connect, _connection])
def test_what_is_made_anew_for_each_call_cannot_build_a_service(factory: Any) -> None:
    with pytest.raises(ConfigurationError, match="built once, at start-up"):
        service(Cart).build({"db": DefaultArg(factory=factory)})


def test_a_method_that_was_never_bound_does_not_run() -> None:
    [route] = service(Cart).routes()

    with pytest.raises(TypeError, match="not bound"):
        route.handler("tea")  # type: ignore[attr-defined] # a procedure's
