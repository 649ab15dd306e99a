"""What hosted code runs on while its application runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import get_ident
from typing import TYPE_CHECKING, Any

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.observability.observers import Observers
from aiohttp_serverwamp.router.joining import Joining

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import AsyncSupport, TaskRunner

__all__ = ["Runtime"]


@dataclass(slots=True, eq=False)
class Runtime:
    """The async library and the application's switches, as realms need them."""

    support: AsyncSupport
    #: Owner of the tasks that belong to no client.
    tasks: TaskRunner
    #: The thread of the loop; publishing from any other is handed over by
    #: `from_thread`.
    thread: int
    from_thread: Callable[[Callable[[], object]], None]
    #: Whether callers see what an unexpected exception says.
    debug: bool
    #: Whether a handler is cancelled when its caller leaves.
    cancel_on_disconnect: bool
    #: Seconds that the rest of a subscription or lifespan handler may take.
    close_timeout: float
    #: Injected types that only the server's adapter knows: type → getter(session).
    injections: Mapping[type, Callable[[Any], Any]]
    #: Who is on the way into one of the realms.
    joining: Joining = field(default_factory=Joining)

    #: Who hears what happens in the realms.
    observers: Observers = field(default_factory=Observers)

    def check_thread(self, call: str) -> None:
        """Raise `ConfigurationError` unless this is the thread of the loop."""
        if get_ident() != self.thread:
            raise ConfigurationError(
                f"{call} belongs to the application's loop: from another thread write "
                "asyncio.run_coroutine_threadsafe(...) for a coroutine, "
                "loop.call_soon_threadsafe(...) for a function"
            )
