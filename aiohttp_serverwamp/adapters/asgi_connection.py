"""WebSocket connections of ASGI servers, under any async library.

Frames, pings and close frames are the server's. Here is what ASGI leaves to the
application: what waits to be sent to one client, by a task that alone may wait for it,
and ends that come in time.

A server says nothing of the bytes that it holds back: a frame is what counts.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from aiohttp_serverwamp.adapters.sending_task import SendingTaskConnection
from aiohttp_serverwamp.adapters.websocket import codec_for

if TYPE_CHECKING:
    from aiohttp_serverwamp.interfaces import AsyncSupport, Serializer, TaskRunner
    from aiohttp_serverwamp.limits import Limits

__all__ = ["ASGIConnection", "Receive", "Send"]

# Each server has types of its own for what goes in and out.
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

MESSAGE_TOO_BIG: Final = 1009


class ASGIConnection(SendingTaskConnection):
    """One client's WebSocket, accepted already; implements `Connection`.

    Of `limits`, `max_message_size` is used besides those that `SendingTaskConnection`
    uses.
    """

    __slots__ = (
        "_max_size",
        "_send_event",
        "_wait_for_event",
    )

    def __init__(
        self,
        receive: Receive,
        send: Send,
        *,
        serializer: Serializer,
        limits: Limits,
        support: AsyncSupport,
        tasks: TaskRunner,
        transport_info: Mapping[str, Any],
    ) -> None:
        self._wait_for_event = receive
        self._send_event = send
        self._max_size = limits.max_message_size or sys.maxsize
        super().__init__(
            codec=codec_for(serializer, framed=False),
            limits=limits,
            support=support,
            tasks=tasks,
            transport_info=transport_info,
        )

    def stop_reading(self) -> None:
        """Have `receive` return None: the server will bring nothing more.

        What is written is still sent, until `close` is through.
        """
        self._interruption.end()

    async def _read(self) -> Any:
        # Hot path.
        return await self._wait_for_event()

    def _message_in(self, read: Any) -> str | bytes | None:
        # Hot path.
        if read["type"] == "websocket.disconnect":
            self._lose()
            return None
        data: str | bytes | None = read.get("text")
        if data is None:
            data = read.get("bytes") or b""
        if self._is_too_large(data):
            self._say_close(MESSAGE_TOO_BIG, "")
            return None
        return data

    def _is_too_large(self, data: str | bytes) -> bool:
        limit = self._max_size
        if isinstance(data, bytes) or len(data) > limit:
            return len(data) > limit
        # A character takes four bytes at most.
        return 4 * len(data) > limit and len(data.encode()) > limit

    async def _send(self, data: bytes) -> None:
        # Hot path: runs for every frame to every client.
        if self.codec.serializer.binary:
            await self._send_event({"type": "websocket.send", "bytes": data})
        else:
            await self._send_event({"type": "websocket.send", "text": data.decode()})

    async def _send_farewell(self, code: int, reason: str) -> None:
        await self._send_event(
            {"type": "websocket.close", "code": code, "reason": reason}
        )
