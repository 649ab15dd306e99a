"""Users lose their sockets: by logging out, expiry, a kick, a ban, another role."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import aiohttp

from tests.soak.doors import connect, join
from tests.soak.peer import (
    AUTHENTICATE,
    CALL,
    CHALLENGE,
    RESULT,
    SUBSCRIBE,
    SUBSCRIBED,
    UNSUBSCRIBED,
    WELCOME,
    Gone,
    Peer,
)
from tests.soak.process import Server, serving
from tests.soak.row import MARGIN, Outcome, Row, scaled
from tests.soak.rows.origins import cookie_of
from tests.soak.site import BRIEFLY, TICKET

USERS: Final = 60
SOCKETS: Final = 3
#: Seconds in which a user's sockets are closed.
CLOSED: Final = 2.0
HELD_TO: Final = MARGIN * CLOSED
#: Seconds that a sign-in lasts, where expiry is tested, and that a second user signs in
#: later.
MAX_AGE, LATER = 8, 6.0
#: Seconds between two questions about a user.
INTERVAL: Final = 1.0

LOGOUT, KILLED, EXPIRED = 4401, 4403, 4408


class User:
    """Somebody with some sockets, each of which follows the news and the staff's."""

    def __init__(self, name: str, cookie: str, sockets: Sequence[Peer]) -> None:
        self.name = name
        #: When it had signed in.
        self.since = time.monotonic()
        self.cookie = cookie
        self.sockets = sockets

    async def ended(self, patience: float) -> tuple[float, set[int | None]]:
        """Wait until all sockets are closed; return the seconds, and the codes."""
        started = time.monotonic()
        try:
            codes = {await peer.end(patience) for peer in self.sockets}
        except TimeoutError:
            codes = {0}
        return time.monotonic() - started, codes

    async def goes_on(self) -> bool:
        """Tell whether all sockets are still served."""
        try:
            answers = [await peer.request(CALL, {}, "echo") for peer in self.sockets]
        except Gone:
            return False
        return all(answer[0] == RESULT for answer in answers)


async def signed_in(server: Server, name: str) -> User:
    """Have somebody sign in and open sockets."""
    cookie = await cookie_of(server, name)
    sockets = []
    for serializer in ("json", "msgpack", "cbor")[:SOCKETS]:
        peer = await join(server.door, serializer, cookie, realm="members")
        for topic in ("news", "staff.news"):
            answer = await peer.request(SUBSCRIBE, {}, topic)
            assert answer[0] == SUBSCRIBED, answer
        sockets.append(peer)
    return User(name, cookie, sockets)


async def by_ticket(server: Server, name: str) -> User:
    """Have somebody join whose ticket does not last."""
    peer = await join_by_ticket(server, name)
    return User(name, "", [peer])


async def join_by_ticket(server: Server, name: str) -> Peer:
    peer = await connect(server.door)
    answer = await peer.hello("ticket", authid=name, authmethods=["ticket"])
    assert answer[0] == CHALLENGE, answer
    peer.send(AUTHENTICATE, TICKET, {})
    answer = await peer.receive()
    assert answer[0] == WELCOME, answer
    return peer


async def log_out(server: Server, user: User) -> None:
    name, _, value = user.cookie.partition(": ")
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        http.post(f"http://127.0.0.1:{server.door.port}/logout", headers={name: value}),
    ):
        pass


async def kick(server: Server, user: User) -> None:
    await server.ask("kick", user.name)


async def ban(server: Server, user: User) -> None:
    await server.ask("ban", user.name)


WAYS: Final[Sequence[tuple[Callable[[Server, User], Awaitable[None]], int, float]]] = (
    (log_out, LOGOUT, 0.0),
    (kick, KILLED, 0.0),
    (ban, KILLED, INTERVAL),
)


async def lose_sockets(outcome: Outcome, count: int) -> tuple[float, int]:
    """Send one user after the other away; return the slowest, and who went besides."""
    slowest, others = 0.0, 0
    async with serving(revalidate=INTERVAL) as server:
        users = [await signed_in(server, f"user{n}") for n in range(count)]
        staying = users[len(users) // 2 :]
        for number, user in enumerate(users[: len(users) // 2]):
            send_away, code, allowance = WAYS[number % len(WAYS)]
            await send_away(server, user)
            seconds, codes = await user.ended(2 * HELD_TO + allowance)
            slowest = max(slowest, seconds - allowance)
            how = send_away.__name__
            outcome.require(codes == {code}, f"{how}: closed with {codes}")
            outcome.require(
                seconds <= HELD_TO + allowance, f"{how}: closed after {seconds:.1f} s"
            )
        others = sum([not await user.goes_on() for user in staying])
        others += await change_roles(outcome, server, staying)
        server.require_clean_log(outcome)
    return slowest, others


async def change_roles(outcome: Outcome, server: Server, users: Sequence[User]) -> int:
    """Take the staff's topics from half of them; return who lost what besides."""
    demoted, others = users[: len(users) // 2], users[len(users) // 2 :]
    started = time.monotonic()
    for user in demoted:
        await server.ask("change_role", user.name, "reader")
        for peer in user.sockets:
            lost = await peer.receive()
            outcome.require(
                lost[:2] == [UNSUBSCRIBED, 0], f"after a role change: {lost}"
            )
    seconds = time.monotonic() - started
    outcome.require(seconds <= HELD_TO * len(demoted), f"role changes: {seconds:.1f} s")
    # Whoever has lost something finds that before the answer to the call.
    return sum([not await user.goes_on() for user in (*others, *demoted)])


async def expire(outcome: Outcome, count: int) -> tuple[float, int]:
    """Let sign-ins expire; return the slowest end, and who went besides."""
    async with serving(max_age=MAX_AGE) as server:
        await asyncio.sleep(1 - time.time() % 1)  # a cookie counts in seconds
        began = time.monotonic()
        brief = [await by_ticket(server, f"brief{n}") for n in range(count)]
        lasting = [await by_ticket(server, f"other{n}") for n in range(count)]
        late = []
        first = [await signed_in(server, f"first{n}") for n in range(count)]
        for user in brief:
            _, codes = await user.ended(BRIEFLY + 2 * HELD_TO)
            late.append(time.monotonic() - user.since - BRIEFLY)
            outcome.require(codes == {EXPIRED}, f"a ticket has expired: {codes}")
        await asyncio.sleep(max(0.0, LATER - (time.monotonic() - began)))
        second = [await signed_in(server, f"second{n}") for n in range(count)]
        for user in first:
            _, codes = await user.ended(MAX_AGE + 2 * HELD_TO)
            late.append(time.monotonic() - user.since - MAX_AGE)
            outcome.require(codes == {EXPIRED}, f"a sign-in has expired: {codes}")
        others = sum([not await user.goes_on() for user in (*second, *lasting)])
        outcome.require(
            max(late) <= HELD_TO, f"an expired one was closed {max(late):.1f} s late"
        )
        server.require_clean_log(outcome)
    return max(late), others


async def run(effort: float) -> Outcome:
    outcome = Outcome()
    count = scaled(USERS, effort, least=12)
    few = scaled(10, effort, least=3)
    slowest, others = await lose_sockets(outcome, count)
    late, more = await expire(outcome, few)
    others += more
    outcome.require(not others, f"{others} others were closed, too")
    outcome.done = (
        f"{count} users with {SOCKETS} sockets each: {count // 2} logged out, kicked "
        f"or banned, {count // 4} given another role; {2 * few} sign-ins expired, "
        f"{2 * few} others not"
    )
    outcome.seen = (
        f"closed after {slowest:.2f} s at most, {late:.1f} s after the expiry; "
        f"{others} others closed"
    )
    return outcome


ROW = Row(
    "signing-out",
    "logout, expiry, role change, kick",
    f"that user's sockets closed (or what the role may not have revoked) within "
    f"{CLOSED:g} s (held to {HELD_TO:g} s); nobody else's",
    run,
)
