"""A hosted procedure: how its handler is run, and what its result stands for."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.hosting.handlers import HandlerKind, handler_kind
from aiohttp_serverwamp.hosting.injection import needs_invocation
from aiohttp_serverwamp.hosting.invocation import (
    Invocation,
    RPCErrorResult,
    RPCProgressReport,
    RPCResult,
)

if TYPE_CHECKING:
    from aiohttp_serverwamp.hosting.binding import AnyBinding
    from aiohttp_serverwamp.hosting.route import ProcedureRoute
    from aiohttp_serverwamp.interfaces import AsyncSupport

__all__ = ["HostedProcedure", "result_arguments"]

#: Sequences that are one value each.
_TEXT = (str, bytes, bytearray, memoryview)


class HostedProcedure:
    """One handler, compiled.

    Raises `ConfigurationError` for a handler that cannot serve a call.
    """

    __slots__ = (
        "awaited",
        "binding",
        "function",
        "inline",
        "kind",
        "needs_invocation",
        "plain",
        "spread_results",
    )

    def __init__(self, route: ProcedureRoute, binding: AnyBinding) -> None:
        self.function = route.handler
        self.binding = binding
        self.kind = handler_kind(route.handler, thread=route.thread)
        #: Whether it runs at once, without a task of its own.
        self.inline = self.kind is HandlerKind.PLAIN and not binding.needs_task
        #: Whether it takes more of a call than its arguments and session.
        self.needs_invocation = needs_invocation(binding)
        #: Whether it does not, and runs at once.
        self.plain = self.inline and not self.needs_invocation
        #: Whether it is a coroutine function that has just to be awaited.
        self.awaited = self.kind is HandlerKind.COROUTINE and not binding.needs_task
        self.spread_results = route.spread_results

    async def run(
        self,
        support: AsyncSupport,
        invocation: Invocation,
        report: Callable[[Invocation, Any], None],
    ) -> Any:
        """Run the handler in the current task and return its final result.

        `report` is given each progressive one. Default args that are context managers
        are closed before this returns, so that a transaction is committed before its
        result is sent.
        """
        binding = self.binding
        given, named = invocation.args, invocation.kwargs
        if not binding.needs_task:
            args, kwargs = binding.bind(invocation, given, named)
            return await self._call(args, kwargs, support, invocation, report)
        async with AsyncExitStack() as stack:
            args, kwargs = await binding.bind_async(invocation, given, named, stack)
            return await self._call(args, kwargs, support, invocation, report)

    async def _call(
        self,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        support: AsyncSupport,
        invocation: Invocation,
        report: Callable[[Invocation, Any], None],
    ) -> Any:
        if self.kind is HandlerKind.COROUTINE:
            return await self.function(*args, **kwargs)
        if self.kind is HandlerKind.THREAD:
            call = functools.partial(self.function, *args, **kwargs)
            return await support.run_in_thread(call)
        if self.kind is HandlerKind.PLAIN:
            return self.function(*args, **kwargs)
        generator = self.function(*args, **kwargs)
        return await self._exhaust(generator, support, invocation, report)

    @staticmethod
    async def _exhaust(
        generator: AsyncGenerator[Any, None],
        support: AsyncSupport,
        invocation: Invocation,
        report: Callable[[Invocation, Any], None],
    ) -> Any:
        """Report what the generator yields until it yields a final result or ends."""
        try:
            async for item in generator:
                final = isinstance(item, RPCResult | RPCErrorResult)
                if final and not isinstance(item, RPCProgressReport):
                    return item
                report(invocation, item)
                # A generator that never waits must neither block the loop nor be deaf
                # to cancellation.
                await support.sleep(0)
        finally:
            await generator.aclose()
        return RPCResult()


def result_arguments(
    result: Any, *, spread: bool
) -> tuple[list[Any] | tuple[Any, ...], Mapping[str, Any]]:
    """Return the positional and keyword arguments that a handler's value stands for."""
    # Hot path.
    if result is None:
        return (), {}
    if type(result) is tuple:  # a NamedTuple is one value
        return result, {}
    if isinstance(result, RPCResult):
        return list(result.args), result.kwargs
    if spread:
        if isinstance(result, Mapping):
            return (), result
        if isinstance(result, Sequence) and not isinstance(result, _TEXT):
            return list(result), {}
    return (result,), {}
