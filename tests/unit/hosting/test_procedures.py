"""How a handler is run, and what its value stands for."""

from __future__ import annotations

import functools
from collections import OrderedDict
from typing import Any, NamedTuple

import pytest

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.hosting.binding import Injectables, compile_binding
from aiohttp_serverwamp.hosting.handlers import HandlerKind
from aiohttp_serverwamp.hosting.invocation import RPCProgressReport, RPCResult
from aiohttp_serverwamp.hosting.procedures import HostedProcedure, result_arguments
from aiohttp_serverwamp.hosting.route import ProcedureRoute


class Point(NamedTuple):
    x: int
    y: int


@pytest.mark.parametrize(
    ("result", "args", "kwargs"),
    [
        (None, (), {}),
        (0, (0,), {}),
        ("", ("",), {}),
        ((), (), {}),
        ((None,), (None,), {}),
        ((1, [2]), (1, [2]), {}),
        ([1, 2], ([1, 2],), {}),
        ({"a": 1}, ({"a": 1},), {}),
        (Point(1, 2), (Point(1, 2),), {}),
        (RPCResult((1,), {"b": 2}), [1], {"b": 2}),
        (RPCProgressReport([1]), [1], {}),
        (RPCResult(), [], {}),
    ],
)
def test_a_value_is_one_argument_and_a_tuple_several(
    result: Any, args: Any, kwargs: Any
) -> None:
    assert result_arguments(result, spread=False) == (args, kwargs)


@pytest.mark.parametrize(
    ("result", "args", "kwargs"),
    [
        ([1, 2], [1, 2], {}),
        ((1, 2), (1, 2), {}),
        ({"a": 1}, (), {"a": 1}),
        (OrderedDict(a=1), (), {"a": 1}),
        ("text", ("text",), {}),
        (None, (), {}),
    ],
)
def test_serverwamps_convention_spreads(result: Any, args: Any, kwargs: Any) -> None:
    assert result_arguments(result, spread=True) == (args, kwargs)


def plain() -> None: ...


async def coroutine() -> None: ...


async def generator() -> Any:
    yield 1


def plain_generator() -> Any:
    yield 1


class Callable_:
    async def __call__(self) -> None: ...

    def method(self) -> None: ...

    async def async_method(self) -> None: ...


def procedure(handler: Any, *, thread: bool = False) -> HostedProcedure:
    route = ProcedureRoute(uri="a", handler=handler, thread=thread)
    binding = compile_binding(handler, injectables=Injectables({}, {}), default_args={})
    return HostedProcedure(route, binding)


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        (plain, HandlerKind.PLAIN),
        (coroutine, HandlerKind.COROUTINE),
        (generator, HandlerKind.GENERATOR),
        (functools.partial(plain), HandlerKind.PLAIN),
        (functools.partial(functools.partial(coroutine)), HandlerKind.COROUTINE),
        (functools.partial(generator), HandlerKind.GENERATOR),
        (Callable_(), HandlerKind.COROUTINE),
        (Callable_().method, HandlerKind.PLAIN),
        (Callable_().async_method, HandlerKind.COROUTINE),
        (lambda: None, HandlerKind.PLAIN),
    ],
)
def test_the_kind_of_a_handler_is_seen_through_its_wrapping(
    handler: Any, kind: HandlerKind
) -> None:
    assert procedure(handler).kind is kind


def test_a_thread_is_for_plain_functions() -> None:
    assert procedure(plain, thread=True).kind is HandlerKind.THREAD
    for handler in (coroutine, generator, Callable_()):
        with pytest.raises(ConfigurationError, match="thread=True"):
            procedure(handler, thread=True)


@pytest.mark.parametrize("thread", [True, False])
def test_a_plain_generator_is_refused(thread: bool) -> None:
    with pytest.raises(ConfigurationError, match="async def"):
        procedure(plain_generator, thread=thread)


def test_only_a_plain_function_runs_inline() -> None:
    assert procedure(plain).inline
    assert not procedure(plain, thread=True).inline
    assert not procedure(coroutine).inline
