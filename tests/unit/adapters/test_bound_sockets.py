"""When the socket of a signed-in browser ends, and when it is asked about."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest

from aiohttp_serverwamp.adapters import aiohttp_bound_sockets, aiohttp_revalidation
from aiohttp_serverwamp.adapters.aiohttp_bound_sockets import BoundSocket
from aiohttp_serverwamp.adapters.aiohttp_revalidation import Revalidation, Revalidator
from aiohttp_serverwamp.auth.identity import Identity
from tests.sites import until


class Peer:
    renewals = 0


class Joined:
    """A session as far as it is looked at here."""

    id, authid, is_open = 1, "ann", True

    def __init__(self) -> None:
        self.peer = Peer()
        self.roles = list[str | None]()

    async def renew(self, identity: Identity) -> None:
        self.peer.renewals += 1
        self.roles.append(identity.authrole)


class Connected:
    aborted = False
    transport_info: dict[str, Any] = {}

    def abort(self) -> None:
        self.aborted = True


class Host:
    """An application with one session, or none."""

    def __init__(self, session: Joined | None = None) -> None:
        self.session = session

    def send_away(self, connection: Any, reason: str, message: str = "") -> bool:
        return False

    def session_on(self, connection: Any) -> Any:
        return self.session


@pytest.fixture
def sockets() -> Iterator[list[BoundSocket]]:
    made = list[BoundSocket]()
    yield made
    for socket in made:
        socket.release()


def socket_on(host: Host, sockets: list[BoundSocket]) -> BoundSocket:
    socket = BoundSocket(host, frozenset({"id"}))
    connection: Any = Connected()
    socket.connect(connection)
    sockets.append(socket)
    return socket


async def test_what_nobody_serves_is_cut_off(sockets: list[BoundSocket]) -> None:
    socket = socket_on(Host(), sockets)

    socket.end("wamp.close.logout", "")

    connection: Any = socket.connection
    assert connection.aborted


async def test_the_clock_on_the_wall_says_when_a_socket_expires(
    sockets: list[BoundSocket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Timers stand still while a machine sleeps."""
    monkeypatch.setattr(aiohttp_bound_sockets, "_LOOK_AGAIN", 0.01)
    socket = socket_on(Host(), sockets)
    socket.expire_at(time.time() + 1000)
    await asyncio.sleep(0.05)
    assert not socket.ended

    awake = time.time() + 1001
    monkeypatch.setattr(time, "time", lambda: awake)

    await until(lambda: socket.ended)


async def test_sockets_that_came_together_are_not_asked_about_together(
    sockets: list[BoundSocket],
) -> None:
    for _ in range(30):
        asked(socket_on(Host(), sockets), lambda session: True, 1000)

    due = [socket.revalidation.due or 0 for socket in sockets if socket.revalidation]
    assert len(due) == 30
    assert max(due) - min(due) > 100


def asked(socket: BoundSocket, ask: Any, interval: float = 10) -> Revalidation:
    socket.revalidate(Revalidator(ask, interval))
    assert socket.revalidation is not None
    return socket.revalidation


async def test_an_answer_that_is_older_than_the_identity_is_not_taken_on(
    sockets: list[BoundSocket],
) -> None:
    session = Joined()
    socket = socket_on(Host(session), sockets)

    async def ask(session: Any) -> Identity:
        if not session.roles:
            await session.renew(Identity("ann", "user"))
            return Identity("ann", "admin")
        return Identity("ann", "guest")

    revalidation = asked(socket, ask)
    revalidation.ask_now()
    await until(lambda: revalidation.due)
    assert session.roles == ["user"]

    revalidation.ask_now()
    await until(lambda: revalidation.due)
    assert session.roles == ["user", "guest"]


async def test_who_is_not_there_just_now_is_asked_about_in_a_moment(
    sockets: list[BoundSocket],
) -> None:
    """Who leaves and joins again all the time is not met by chance only."""
    revalidation = asked(socket_on(Host(), sockets), lambda session: True, 1000)

    revalidation.ask_now()

    due, now = revalidation.due, asyncio.get_running_loop().time()
    assert due is not None
    assert due - now < 1


async def test_no_more_than_so_many_are_remembered_who_were_told_no(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(aiohttp_revalidation, "_MAX_DOUBTED", 2)
    revalidator = Revalidator(lambda session: False, 1000)
    told = [BoundSocket(Host(), frozenset({name})) for name in "abc"]

    for socket in told:
        revalidator.note(socket, good=False)
    revalidator.note(told[1], good=True)

    now = asyncio.get_running_loop().time()
    for socket, at_once in zip(told, (False, False, True), strict=True):
        socket.revalidate(revalidator)
        assert socket.revalidation is not None
        due = socket.revalidation.due or 0.0
        socket.release()
        assert (due - now < 1) is at_once
