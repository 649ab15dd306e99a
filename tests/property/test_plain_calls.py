"""A plain call is answered with the very bytes of an ordinary one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from enum import IntEnum, StrEnum
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aiohttp_serverwamp import OPEN, Realm, RPCRouteSet
from tests.conformance.harness import Client, World

SERIALIZERS = ("json", "msgpack", "cbor", "json.batched")


class Text(StrEnum):
    """Text that is not exactly a str."""

    A = "a"


class Number(IntEnum):
    """An int that is not exactly one."""

    ONE = 1


class Callee:
    """A realm whose procedure returns what a test says, and its callers."""

    def __init__(self, *, plain: bool) -> None:
        self.result: Any = None
        self.took: Any = None
        api = RPCRouteSet()

        @api.route("com.p")
        def procedure(a: int, b: str | None = None, *rest: float, c: Any = 0) -> Any:
            self.took = repr((a, b, rest, c))
            return self.result

        realm = Realm("realm1", permissions=OPEN)
        realm.add_routes(api)
        if not plain:
            realm.set_trust_levels(lambda session, action, uri: None)
        world = World(realm)
        self.clients = {name: world.join(serializer=name) for name in SERIALIZERS}

    def call(self, client: Client, args: Any, kwargs: Any) -> tuple[bytes, Any]:
        """Return the bytes of the answer, and what the handler took."""
        self.took = None
        before = len(client.wire.written)
        client.send([48, 1, {}, "com.p", args, *([] if kwargs is None else [kwargs])])
        client.world.settle()
        [answer] = client.wire.written[before:]
        return answer, self.took


PLAIN, ORDINARY = Callee(plain=True), Callee(plain=False)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-5, 5)
    | st.floats()
    | st.text(max_size=5)
    | st.characters()
    | st.binary(max_size=3)
)
foreign = (
    st.binary(max_size=3).map(bytearray)
    | st.binary(max_size=3).map(lambda data: memoryview(data))
    | st.binary(min_size=4, max_size=6).map(lambda data: memoryview(data)[::2])
    | st.sampled_from([Text.A, Number.ONE, object()])
)
results = st.recursive(
    scalars | foreign,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers(0, 3), inner, max_size=3)
    ),
    max_leaves=8,
)
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(
    allow_nan=False, allow_infinity=False
)
arguments = st.lists(st.none() | numbers | st.just("text"), max_size=4)
keywords = st.none() | st.dictionaries(st.sampled_from("abcd"), numbers, max_size=2)


@pytest.mark.parametrize("name", SERIALIZERS)
@settings(
    deadline=None,
    suppress_health_check=[
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
    ],
)
@given(results, st.just([1]) | arguments, keywords)
@example((1, [(2, {"a": bytearray(b"x")})], memoryview(b"y")), [1], None)
@example(10**5000, [1], None)
@example("\ud800", [1], None)
@example(2**64, [1], None)
@example([float("nan")], [1], None)
@example(memoryview(b"abcd")[::2], [1], None)
@example(True, [1.0, None, 2], {"c": 1})
def test_a_plain_call_is_answered_like_any_other(
    name: str, result: Any, args: list[Any], kwargs: dict[str, Any] | None
) -> None:
    answers = []
    for callee in (PLAIN, ORDINARY):
        callee.result = result
        answers.append(callee.call(callee.clients[name], args, kwargs))

    assert answers[0] == answers[1]
    session = PLAIN.clients[name].session
    assert session.router.plain_calls._known[session.authrole, "com.p"] is not None
    assert not session.dealing.calls
