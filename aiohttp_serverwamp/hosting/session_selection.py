"""Which sessions are meant, by who the clients are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Final, TypeVar

from aiohttp_serverwamp.errors import ConfigurationError
from aiohttp_serverwamp.router.peer import Peer

__all__ = ["ANY", "AnyValue", "named", "selected", "selector"]

P = TypeVar("P", bound=Peer)


class AnyValue(Enum):
    """What `authid` and `authrole` are by default."""

    ANY = "any"

    def __repr__(self) -> str:
        return self.name


#: Not None: the authid of somebody who is not signed in must not mean everybody.
ANY: Final = AnyValue.ANY


def selected(
    peers: Iterable[P], *, authid: str | AnyValue, authrole: str | AnyValue
) -> list[P]:
    """Return the peers that match; raise `ConfigurationError` for what is no name."""
    means = selector(authid=authid, authrole=authrole)
    return [peer for peer in peers if means(peer)]


def selector(
    *, authid: str | AnyValue, authrole: str | AnyValue
) -> Callable[[Peer], bool]:
    """Return what tells whether a peer matches.

    Raises `ConfigurationError` for what is no name.
    """
    _check("authid", authid)
    _check("authrole", authrole)
    return lambda peer: (
        authid in (ANY, peer.authid) and authrole in (ANY, peer.authrole)
    )


def named(authid: str | AnyValue) -> str:
    """Return the authid of one user; raise `ConfigurationError` for what is none."""
    _check("authid", authid)
    if not isinstance(authid, str):
        raise ConfigurationError("authid=ANY: name one user; publish() is for all")
    return authid


def _check(name: str, value: object) -> None:
    if value is ANY or (isinstance(value, str) and value):
        return
    if not value and not isinstance(value, int):
        raise ConfigurationError(
            f"{name}={value!r} names nobody: ask first whether somebody is signed in; "
            f"to mean every session, leave {name}= out"
        )
    raise ConfigurationError(f"{name}={value!r}: this is a str, write {name}=str(...)")
