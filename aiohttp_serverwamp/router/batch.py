"""The messages of one batch, each handled before the next (specification, 8.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from aiohttp_serverwamp.errors import InvalidPayload
from aiohttp_serverwamp.router import endings
from aiohttp_serverwamp.router.states import State

if TYPE_CHECKING:
    from aiohttp_serverwamp.router.session import RouterSession

__all__ = ["receive_batch"]


def receive_batch(
    session: RouterSession,
    data: str | bytes,
    successor: Callable[[RouterSession], RouterSession],
) -> Iterator[RouterSession]:
    """Take a message of a batched subprotocol from the connection.

    Goes on only as it is iterated, so that there can be pauses between the messages,
    and yields the session that has just received one. `successor` makes the one that
    follows a session that its client has left. Nothing of a batch is handled after a
    message, or a damaged place, that ends the session.
    """
    try:
        for message in session.open_batch(data):
            session.receive(message)
            if session.left:
                session = successor(session)
            elif session.state is State.ENDED:
                return
            yield session
    except InvalidPayload as error:
        endings.fail(session, error)
