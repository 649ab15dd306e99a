"""Autobahn|Python, driven by a test."""

# mypy: allow-untyped-calls
# Autobahn annotates only some of its functions.

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from autobahn.asyncio.wamp import ApplicationRunner, ApplicationSession
from autobahn.wamp.auth import AuthWampCra
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.message import Call, Error
from autobahn.wamp.serializer import CBORSerializer, JsonSerializer, MsgPackSerializer
from autobahn.wamp.types import (
    CallDetails,
    CallOptions,
    CallResult,
    EventDetails,
    PublishOptions,
    RegisterOptions,
    SubscribeOptions,
)

from tests.interop.python.driver import (
    Client,
    Joined,
    Joining,
    Listener,
    Options,
    Payload,
    Procedure,
    Progress,
    StartedCall,
    Undo,
    WampError,
    serve,
)

SERIALIZERS = {
    "cbor": CBORSerializer,
    "json": JsonSerializer,
    "msgpack": MsgPackSerializer,
}


class Session(ApplicationSession):
    """A session whose joining and leaving can be awaited."""

    def __init__(
        self, config: Any, joining: Joining, sent_away: Callable[[str], None]
    ) -> None:
        super().__init__(config)
        self._joining = joining
        self._sent_away = sent_away
        loop = asyncio.get_running_loop()
        self.joined: asyncio.Future[Joined] = loop.create_future()
        self.closed = asyncio.Event()
        self.is_leaving = False
        self._call_error: asyncio.Future[str] = loop.create_future()

    def onConnect(self) -> None:
        joining = self._joining
        methods = [joining.authmethod] if joining.authmethod else None
        self.join(joining.realm, methods, joining.authid)

    def onChallenge(self, challenge: Any) -> str:
        assert challenge.method == self._joining.authmethod, challenge
        if challenge.method == "wampcra":
            signer = AuthWampCra(authid="", secret=self._joining.secret)
            return str(signer.on_challenge(None, challenge))
        return self._joining.secret

    def onJoin(self, details: Any) -> None:
        self.joined.set_result(
            Joined(
                details.session,
                details.realm,
                details.authid,
                details.authrole,
                details.authmethod,
            )
        )

    def onLeave(self, details: Any) -> None:
        if not self.joined.done():
            self.joined.set_exception(WampError(details.reason))
        elif not self.is_leaving:
            self._sent_away(details.reason)
        self.disconnect()

    def onDisconnect(self) -> None:
        self.closed.set()

    def onUserError(self, fail: Any, msg: str) -> None:
        """Tell nobody: procedures fail here because a test wants it."""

    def next_call_error(self) -> asyncio.Future[str]:
        """Return the URI of the next ERROR that answers a call, once it has come."""
        self._call_error = asyncio.get_running_loop().create_future()
        return self._call_error

    def onMessage(self, msg: Any) -> None:
        super().onMessage(msg)
        answers_call = isinstance(msg, Error) and msg.request_type == Call.MESSAGE_TYPE
        if answers_call and not self._call_error.done():
            self._call_error.set_result(msg.error)


class AutobahnCall(StartedCall):
    def __init__(self, session: Session, future: asyncio.Future[CallResult]) -> None:
        self._session = session
        self._future = future
        self._error: asyncio.Future[str] | None = None

    async def result(self) -> Payload:
        try:
            with wamp_errors():
                return payload_of(await self._future)
        except asyncio.CancelledError:
            if self._error is None:
                raise
        raise WampError(await self._error)

    def cancel(self, mode: str | None) -> None:
        if mode is not None:
            raise NotImplementedError("Autobahn sends CANCEL without a mode")
        # Autobahn shows its user no answer to a call given up.
        self._error = self._session.next_call_error()
        self._future.cancel()


class AutobahnClient(Client):
    async def join(self, joining: Joining, sent_away: Callable[[str], None]) -> Joined:
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[Session] = loop.create_future()

        def make(config: Any) -> Session:
            opened.set_result(Session(config, joining, sent_away))
            return opened.result()

        name, _, batched = joining.serializer.partition(".")
        serializer = SERIALIZERS[name](batched=bool(batched))
        runner = ApplicationRunner(joining.url, joining.realm, serializers=[serializer])
        await runner.run(make, start_loop=False)
        self._session = await opened
        return await self._session.joined

    async def leave(self) -> None:
        self._session.is_leaving = True
        self._session.leave()
        await self._session.closed.wait()

    # Autobahn raises TypeError for an option that it does not know.

    async def call(
        self,
        procedure: str,
        payload: Payload,
        options: Options,
        progress: Progress | None,
    ) -> StartedCall:
        def report(*args: Any, **kwargs: Any) -> None:
            assert progress is not None
            progress(Payload(list(args), kwargs))

        future = self._session.call(
            procedure,
            *payload.args,
            options=CallOptions(on_progress=report if progress else None, **options),
            **payload.kwargs,
        )
        return AutobahnCall(self._session, future)

    async def register(self, uri: str, options: Options, procedure: Procedure) -> Undo:
        async def endpoint(*args: Any, details: CallDetails, **kwargs: Any) -> Any:
            def report(payload: Payload) -> None:
                details.progress(*payload.args, **payload.kwargs)

            progress = report if details.progress else None
            try:
                result = await procedure(
                    details.procedure or uri,
                    Payload(list(args), kwargs),
                    shown(details, "caller", "caller_authid", "caller_authrole"),
                    progress,
                )
            except WampError as error:
                raise ApplicationError(
                    error.uri, *error.arguments, **error.keywords
                ) from None
            except asyncio.CancelledError:
                raise ApplicationError("wamp.error.canceled") from None
            return CallResult(*result.args, **result.kwargs)

        with wamp_errors():
            registration = await self._session.register(
                endpoint, uri, RegisterOptions(details_arg="details", **options)
            )
        undo: Undo = registration.unregister
        return undo

    async def subscribe(self, uri: str, options: Options, listener: Listener) -> Undo:
        def hear(*args: Any, details: EventDetails, **kwargs: Any) -> None:
            whose = ("publisher", "publisher_authid", "publisher_authrole")
            shown_details = shown(details, *whose, "retained")
            listener(details.topic or uri, Payload(list(args), kwargs), shown_details)

        with wamp_errors():
            subscription = await self._session.subscribe(
                hear, uri, SubscribeOptions(details_arg="details", **options)
            )
        undo: Undo = subscription.unsubscribe
        return undo

    async def publish(self, topic: str, payload: Payload, options: Options) -> None:
        published = self._session.publish(
            topic, *payload.args, options=PublishOptions(**options), **payload.kwargs
        )
        if published is not None:
            with wamp_errors():
                await published


def shown(details: CallDetails | EventDetails, *names: str) -> Options:
    """Return those of the details that Autobahn has kept, and that were there."""
    found = {name: getattr(details, name) for name in names}
    return {name: value for name, value in found.items() if value is not None}


def payload_of(result: object) -> Payload:
    """Undo Autobahn's way of giving one positional result without a wrapping."""
    if isinstance(result, CallResult):
        return Payload(list(result.results), dict(result.kwresults or {}))
    return Payload([] if result is None else [result])


@contextmanager
def wamp_errors() -> Iterator[None]:
    try:
        yield
    except ApplicationError as error:
        raise WampError(error.error, error.args, error.kwargs) from None


if __name__ == "__main__":
    serve(AutobahnClient)
