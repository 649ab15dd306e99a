"""xconn's asynchronous client, driven by a test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import msgspec
from wampproto.exception import ApplicationError as Aborted
from wampproto.messages import Goodbye, Message, Welcome
from xconn import (
    AnonymousAuthenticator,
    AsyncClient,
    CBORSerializer,
    JSONSerializer,
    MsgPackSerializer,
    TicketAuthenticator,
    WAMPCRAAuthenticator,
)
from xconn.exception import ApplicationError
from xconn.types import Event, Invocation, Result

from tests.interop.python.driver import (
    Client,
    Joined,
    Joining,
    Listener,
    Options,
    Payload,
    Procedure,
    Progress,
    Reply,
    StartedCall,
    Undo,
    WampError,
    serve,
)

SERIALIZERS = {
    "cbor": CBORSerializer,
    "json": JSONSerializer,
    "msgpack": MsgPackSerializer,
}
AUTHENTICATORS = {"ticket": TicketAuthenticator, "wampcra": WAMPCRAAuthenticator}


def witnessing(serializer: str, witness: Callable[[Message], None]) -> Any:
    """Make a serializer that shows each message received.

    xconn keeps WELCOME's authmethod and the reason of a GOODBYE from its user.
    """
    witnessed = SERIALIZERS[serializer]()
    deserialize = witnessed.deserialize

    def show(data: Any) -> Any:
        message = deserialize(data)
        witness(message)
        return message

    witnessed.deserialize = show
    return witnessed


class XconnCall(StartedCall):
    def __init__(self, task: asyncio.Task[Result]) -> None:
        self._task = task

    async def result(self) -> Payload:
        with wamp_errors():
            return payload_of(await self._task)

    def cancel(self, mode: str | None) -> None:
        raise NotImplementedError("xconn sends no CANCEL")


class XconnClient(Client):
    leaves_binary_to_its_user = True

    async def join(self, joining: Joining, sent_away: Callable[[str], None]) -> Joined:
        welcomes = []

        def witness(message: Message) -> None:
            if isinstance(message, Welcome):
                welcomes.append(message)
            elif isinstance(message, Goodbye) and not self._is_leaving:
                sent_away(message.reason)

        self._is_leaving = False
        client = AsyncClient(
            AUTHENTICATORS[joining.authmethod](joining.authid, joining.secret)
            if joining.authmethod
            else AnonymousAuthenticator(""),
            witnessing(joining.serializer, witness),
        )
        with wamp_errors():
            self._session = await client.connect(joining.url, joining.realm)
        (welcome,) = welcomes
        # It looks at no realm but the one that it asked for.
        return Joined(
            welcome.session_id,
            joining.realm,
            welcome.authid,
            welcome.authrole,
            welcome.authmethod,
        )

    async def leave(self) -> None:
        self._is_leaving = True
        reading = self._session.wait_task
        leaving = asyncio.create_task(self._session.leave())
        await asyncio.wait({reading, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if reading.done() and not reading.cancelled() and reading.exception():
            # A message that it did not expect has ended its reading: it would wait in
            # vain for the answer to its GOODBYE.
            leaving.cancel()
            await self._session._base_session.close()
        else:
            await leaving

    # Options are sent as they are; details come as they are.

    async def call(
        self,
        procedure: str,
        payload: Payload,
        options: Options,
        progress: Progress | None,
    ) -> StartedCall:
        if progress:
            options["receive_progress"] = True
        sent = packed(payload, options)
        return XconnCall(
            asyncio.create_task(
                self._session.call(procedure, sent.args, sent.kwargs, options)
            )
        )

    async def register(self, uri: str, options: Options, procedure: Procedure) -> Undo:
        async def endpoint(invocation: Invocation) -> Result:
            details = invocation.details or {}
            called = details.get("procedure", uri)
            try:
                reply = await procedure(called, payload_of(invocation), details, None)
            except WampError as error:
                raise ApplicationError(
                    error.uri, *error.arguments, **error.keywords
                ) from None
            return result_of(reply)

        with wamp_errors():
            registration = await self._session.register(uri, endpoint, options)
        undo: Undo = registration.unregister
        return undo

    async def subscribe(self, uri: str, options: Options, listener: Listener) -> Undo:
        async def hear(event: Event) -> None:
            details = event.details or {}
            listener(details.get("topic", uri), payload_of(event), details)

        with wamp_errors():
            subscription = await self._session.subscribe(uri, hear, options)
        undo: Undo = subscription.unsubscribe
        return undo

    async def publish(self, topic: str, payload: Payload, options: Options) -> None:
        sent = packed(payload, options)
        with wamp_errors():
            await self._session.publish(topic, sent.args, sent.kwargs, options)


def packed(payload: Payload, options: Options) -> Payload:
    """Put a payload into one binary item, for passthru."""
    if "ppt_scheme" not in options:
        return payload
    return Payload([msgspec.msgpack.encode(asdict(payload))])


def result_of(reply: Reply) -> Result:
    sent = packed(Payload(reply.args, reply.kwargs), reply.options)
    return Result(sent.args, sent.kwargs, reply.options)


def payload_of(carrier: Result | Invocation | Event) -> Payload:
    if "ppt_scheme" in (carrier.details or {}):
        assert carrier.args is not None
        return Payload(**msgspec.msgpack.decode(carrier.args[0]))
    return Payload(carrier.args or [], carrier.kwargs or {})


@contextmanager
def wamp_errors() -> Iterator[None]:
    try:
        yield
    except (ApplicationError, Aborted) as error:
        raise WampError(error.message, error.args, error.kwargs) from None


if __name__ == "__main__":
    serve(XconnClient)
