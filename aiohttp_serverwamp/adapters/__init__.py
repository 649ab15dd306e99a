"""Everything that knows an async library or a server.

The three async libraries are here by name, ``adapters.trio.TrioAsyncSupport``; none of
them is needed before its class is used.
"""

from aiohttp_serverwamp.adapters import anyio, asyncio, trio

__all__ = ["anyio", "asyncio", "trio"]
