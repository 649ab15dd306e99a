"""Credential stores that block, under every async library."""

from __future__ import annotations

import json
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp_serverwamp import Application, Identity, Realm, auth
from aiohttp_serverwamp.adapters.memory import linked_connections
from aiohttp_serverwamp.interfaces import AsyncSupport
from aiohttp_serverwamp.serializers import SUBPROTOCOLS
from aiohttp_serverwamp.serializers.frame import SerializerCodec

Run = Callable[[Callable[[AsyncSupport], Awaitable[None]]], None]

CHEAP = auth.KDF("argon2id13", iterations=1, memory=64)


class Observed(auth.SQLiteCredentials):
    """A store that notes whether the loop's thread asks it."""

    asked_by_loop = False

    def find(self, authmethod: str, authid: str) -> auth.Credential | None:
        self.asked_by_loop |= threading.current_thread() is threading.main_thread()
        return super().find(authmethod, authid)


def test_a_store_is_asked_in_a_thread_of_the_library(run: Run, tmp_path: Path) -> None:
    store = Observed(tmp_path / "credentials.db")
    store.add(auth.TicketCredential.derive(Identity("ann"), "a ticket", kdf=CHEAP))

    async def body(support: AsyncSupport) -> None:
        application = Application(async_support=support)
        application.add_realm(realm := Realm("members"))
        realm.add_authenticator(auth.Ticket(store))
        codec = SerializerCodec(SUBPROTOCOLS["wamp.2.json"])
        async with application.run(), support.task_group() as tasks:
            server, client = linked_connections(support, codec)
            tasks.start(application.serve, server)

            async def ask(*message: Any) -> Any:
                client.write(json.dumps(message).encode())
                return json.loads(await client.receive() or "")

            hello = {"roles": {"caller": {}}, "authid": "ann"}
            challenge = await ask(1, "members", {**hello, "authmethods": ["ticket"]})
            welcome = await ask(5, "a ticket", {})
            client.abort()
            await tasks.join(5)

        assert challenge == [4, "ticket", {}]
        assert welcome[2]["authid"] == "ann"

    run(body)

    assert not store.asked_by_loop
