"""What each kind of handler is given by annotation or by name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.hosting.default_args import DefaultArg
from aiohttp_serverwamp.hosting.events import Event
from aiohttp_serverwamp.hosting.injection import (
    compile_event_handler,
    compile_life_handler,
    compile_procedure,
)
from aiohttp_serverwamp.hosting.invocation import Invocation
from aiohttp_serverwamp.hosting.session import Session


class Upgrade:
    """What only a server's adapter knows."""


SESSION = object()
UPGRADE = Upgrade()
RUNTIME: Any = SimpleNamespace(
    injections={Upgrade: lambda session: UPGRADE if session is SESSION else None}
)
CALL = SimpleNamespace(session=SESSION)
OCCASION = SimpleNamespace(session=SESSION, topic_uri="a.b")
EVENT = Event("a.b", 1, [], {}, {})


def given(binding: Any, context: object, *args: Any, **kwargs: Any) -> list[Any]:
    values, keywords = binding.bind(context, args, kwargs)
    assert keywords == {}
    return [*values]


def unannotated(session, invocation, request): ...  # type: ignore[no-untyped-def] # by name


def annotated(a: Session, b: Invocation, c: Upgrade | None, request: Upgrade) -> None:
    """Annotations go before names."""


def test_a_procedure_is_given_call_session_and_what_the_server_knows() -> None:
    by_name = compile_procedure(unannotated, RUNTIME, {})
    by_annotation = compile_procedure(annotated, RUNTIME, {})

    assert given(by_name, CALL) == [SESSION, CALL, CALL]
    assert given(by_annotation, CALL) == [SESSION, CALL, UPGRADE, UPGRADE]


def test_with_whole_a_procedure_is_given_the_call_and_nothing_else() -> None:
    binding = compile_procedure(lambda anything: None, RUNTIME, {}, whole=True)

    assert given(binding, CALL, 1, b=2) == [CALL]


async def accompany(
    topic_uri: str, session: Any, who: Session, upgrade: Upgrade, house: str
) -> AsyncIterator[None]:
    yield


def test_a_life_handler_is_given_topic_session_and_default_args() -> None:
    binding = compile_life_handler(accompany, RUNTIME, {"house": DefaultArg("ours")})

    assert given(binding, OCCASION) == ["a.b", SESSION, SESSION, UPGRADE, "ours"]


def test_with_whole_a_life_handler_is_given_topic_and_session_in_this_order() -> None:
    async def handler(first: Any, second: Any) -> AsyncIterator[None]:
        yield

    binding = compile_life_handler(handler, RUNTIME, {}, whole=True)

    assert given(binding, OCCASION) == ["a.b", SESSION]


def test_an_event_handler_is_given_the_event_and_its_arguments() -> None:
    def handler(event: Any, number: int, again: Event, session: str) -> None:
        """Here ``session`` is an argument like any other: an event has none."""

    binding = compile_event_handler(handler, {})

    assert given(binding, EVENT, 1, "s") == [EVENT, 1, EVENT, "s"]


def wrongly_named_session(session: int) -> None: ...
def wrongly_named_request(request: str) -> None: ...
def wrongly_named_event(event: dict[str, Any]) -> None: ...


@pytest.mark.parametrize(
    "compiled",
    [
        lambda: compile_procedure(wrongly_named_session, RUNTIME, {}),
        lambda: compile_procedure(wrongly_named_request, RUNTIME, {}),
        lambda: compile_event_handler(wrongly_named_event, {}),
    ],
)
def test_an_injected_name_that_is_annotated_as_something_else_is_refused(
    compiled: Callable[[], Any],
) -> None:
    with pytest.raises(ConfigurationError, match="wrongly_named"):
        compiled()


def test_a_life_handler_has_no_caller_to_give_it_arguments() -> None:
    async def handler(number: int) -> AsyncIterator[None]:
        yield

    with pytest.raises(ConfigurationError, match="number"):
        compile_life_handler(handler, RUNTIME, {})
