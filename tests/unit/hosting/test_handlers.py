"""Which kinds of function can be handlers."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.hosting.handlers import HandlerKind, handler_kind


def plain(a: int = 0) -> None: ...


async def coroutine(a: int = 0) -> None: ...


async def generator(a: int = 0) -> AsyncIterator[int]:
    yield a


def plain_generator() -> Iterator[int]:
    yield 1


class Things:
    """Handlers that are no functions."""

    def plain(self) -> None: ...

    async def coroutine(self) -> None: ...

    async def generator(self) -> AsyncIterator[int]:
        yield 1

    @classmethod
    async def of_class(cls) -> None: ...

    async def __call__(self) -> None: ...


THINGS = Things()


@pytest.mark.parametrize(
    ("handler", "kind"),
    [
        (plain, HandlerKind.PLAIN),
        (coroutine, HandlerKind.COROUTINE),
        (generator, HandlerKind.GENERATOR),
        (THINGS.plain, HandlerKind.PLAIN),
        (THINGS.coroutine, HandlerKind.COROUTINE),
        (THINGS.generator, HandlerKind.GENERATOR),
        (Things.of_class, HandlerKind.COROUTINE),
        (THINGS, HandlerKind.COROUTINE),
        (len, HandlerKind.PLAIN),
        (lambda: None, HandlerKind.PLAIN),
    ],
)
def test_the_kind_of_a_handler_shows_through_partials(
    handler: Callable[..., Any], kind: HandlerKind
) -> None:
    assert handler_kind(handler, thread=False) is kind
    partial = functools.partial(functools.partial(handler))
    assert handler_kind(partial, thread=False) is kind


@pytest.mark.parametrize("handler", [plain, THINGS.plain, functools.partial(plain)])
def test_plain_functions_may_run_in_threads(handler: Callable[..., Any]) -> None:
    assert handler_kind(handler, thread=True) is HandlerKind.THREAD


@pytest.mark.parametrize("handler", [coroutine, generator, THINGS])
def test_what_is_async_runs_in_no_thread(handler: Callable[..., Any]) -> None:
    with pytest.raises(ConfigurationError, match="thread=True is for plain"):
        handler_kind(handler, thread=True)


@pytest.mark.parametrize("thread", [False, True])
def test_a_plain_generator_is_refused_with_what_to_write(thread: bool) -> None:
    with pytest.raises(ConfigurationError, match=r"plain_generator.*async def"):
        handler_kind(plain_generator, thread=thread)
