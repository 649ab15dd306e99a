"""Autobahn|Python signs in by methods of its own and says what came of it, in JSON.

Run by ../test_sign_in_methods.py, in a process of its own so that Autobahn's warnings
are not ours. Each line of standard input is an order, a JSON object with ``url`` and
``options``: what `create_authenticator` takes, by method, in the order of preference.
Each is answered with a line.
"""

# mypy: allow-untyped-calls
# Autobahn annotates only some of its functions.

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from autobahn.asyncio.wamp import ApplicationRunner, Session
from autobahn.wamp.auth import create_authenticator

PATIENCE = 15.0


class Client(Session):
    """One session, and what is seen of it."""

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.seen: dict[str, Any] = {"challenges": []}
        self.closed = asyncio.Event()
        for method, options in config.extra.items():
            self.add_authenticator(create_authenticator(method, **options))

    def onChallenge(self, challenge: Any) -> Any:
        self.seen["challenges"].append(challenge.method)
        return super().onChallenge(challenge)

    async def on_join(self, details: Any) -> None:
        names = ("realm", "authid", "authrole", "authmethod")
        self.seen |= {name: getattr(details, name) for name in names}
        self.seen["called"] = await self.call("who.am.i")
        self.leave()

    def on_leave(self, details: Any) -> None:
        self.seen["left"] = details.reason
        self.disconnect()

    def on_disconnect(self) -> None:
        self.closed.set()


async def sign_in(url: str, options: dict[str, Any]) -> dict[str, Any]:
    opened: asyncio.Future[Client] = asyncio.get_running_loop().create_future()

    def make(config: Any) -> Client:
        opened.set_result(Client(config))
        return opened.result()

    runner = ApplicationRunner(url, "members", extra=options)
    await runner.run(make, start_loop=False)
    client = await asyncio.wait_for(opened, PATIENCE)
    await asyncio.wait_for(client.closed.wait(), PATIENCE)
    return client.seen


async def main() -> None:
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        sys.stdout.write(json.dumps(await sign_in(**json.loads(line))) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main())
