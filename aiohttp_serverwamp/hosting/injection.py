"""What each kind of handler is given by annotation or by name, besides arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.hosting.binding import (
    AnyBinding,
    Binding,
    Injectables,
    WholeBinding,
    compile_binding,
)
from aiohttp_serverwamp.hosting.chunks import Chunks
from aiohttp_serverwamp.hosting.events import Event
from aiohttp_serverwamp.hosting.invocation import Invocation
from aiohttp_serverwamp.hosting.session import Session

if TYPE_CHECKING:
    from aiohttp_serverwamp.hosting.default_args import DefaultArg
    from aiohttp_serverwamp.hosting.runtime import Runtime

__all__ = [
    "compile_event_handler",
    "compile_life_handler",
    "compile_procedure",
    "needs_invocation",
]

Handler = Callable[..., Any]
DefaultArgs = Mapping[str, "DefaultArg"]

_session: Final = attrgetter("session")
_chunks: Final = attrgetter("chunks")
_topic_uri: Final = attrgetter("topic_uri")


def _itself(context: Any) -> Any:
    return context


def _alone(context: Any) -> tuple[Any]:
    return (context,)


#: What takes more of an `Invocation` than who has called.
_OF_INVOCATION: Final[frozenset[Callable[[Any], Any]]] = frozenset(
    {_itself, _alone, _chunks}
)


def needs_invocation(binding: AnyBinding) -> bool:
    """Tell whether a procedure's binding needs an `Invocation` as its context.

    Others need something with a ``session``.
    """
    return not binding.getters.isdisjoint(_OF_INVOCATION)


def compile_procedure(
    handler: Handler,
    runtime: Runtime,
    default_args: DefaultArgs,
    *,
    whole: bool = False,
    camel_snake: bool = False,
) -> AnyBinding:
    """Compile a procedure's handler; its context is the `Invocation`.

    With `whole` it is called with that, and nothing else. With `camel_snake` keyword
    arguments are respelled.
    """
    if whole:
        return WholeBinding(_alone)
    injectables = Injectables(
        {
            Session: _session,
            Invocation: _itself,
            Chunks: _chunks,
            **_of_session(runtime),
        },
        {
            "session": (Session, _session),
            "invocation": (Invocation, _itself),
            "request": (Invocation, _itself),
        },
    )
    return compile_binding(
        handler,
        injectables=injectables,
        default_args=default_args,
        camel_snake=camel_snake,
    )


def compile_life_handler(
    handler: Handler,
    runtime: Runtime,
    default_args: DefaultArgs,
    *,
    whole: bool = False,
) -> AnyBinding:
    """Compile a subscription or lifespan handler; its context is the `Occasion`.

    With `whole` it is called with the topic and the session, and nothing else.
    """
    if whole:
        return WholeBinding(attrgetter("topic_uri", "session"))
    injectables = Injectables(
        {Session: _session, **_of_session(runtime)},
        {"session": (Session, _session), "topic_uri": (str, _topic_uri)},
    )
    return compile_binding(
        handler, injectables=injectables, default_args=default_args, arguments=False
    )


def compile_event_handler(
    handler: Handler, default_args: DefaultArgs, *, camel_snake: bool = False
) -> Binding:
    """Compile a handler of the application's own subscriptions; context: `Event`."""
    injectables = Injectables({Event: _itself}, {"event": (Event, _itself)})
    return compile_binding(
        handler,
        injectables=injectables,
        default_args=default_args,
        camel_snake=camel_snake,
    )


def _of_session(runtime: Runtime) -> dict[type, Callable[[Any], Any]]:
    """Return what only the server's adapter knows, such as the upgrade request."""
    return {
        kind: partial(_from_session, getter)
        for kind, getter in runtime.injections.items()
    }


def _from_session(getter: Callable[[Any], Any], context: Any) -> Any:
    return getter(context.session)
