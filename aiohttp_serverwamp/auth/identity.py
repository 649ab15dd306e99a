"""Identity: who a client is, as an authenticator says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from aiohttp_serverwamp.errors import ConfigurationError

__all__ = ["Identity"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a client is; what an authenticator may return.

    The first four fields go to the client in WELCOME, so `authextra` is plain data;
    without an `authprovider` the authenticator's own is named there.
    `user` stays on the server: whatever the application wants to find at
    ``session.identity.user``. With a `realm` the client joins that one, whichever it
    has asked for. At `expires_at`, in seconds as ``time.time()`` counts them, the
    client's session ends, unless `Session.renew` gave it an identity that lasts longer.

    Raises TypeError for a field of the wrong type and `ConfigurationError` for an empty
    one.
    """

    authid: str
    authrole: str = "user"
    authprovider: str | None = None
    authextra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    # Not shown: a record of a user often holds the hash of a password.
    user: Any = field(default=None, hash=False, repr=False)
    realm: str | None = None
    expires_at: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        for name in ("authid", "authrole", "authprovider", "realm"):
            value = getattr(self, name)
            if value is not None or name in ("authid", "authrole"):
                _check_text(name, value)
        if not isinstance(self.authextra, Mapping):
            raise TypeError(
                f"Identity(authextra=...) takes a mapping, not {self.authextra!r}"
            )
        _check_time(self.expires_at)


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(
            f"Identity({name}=...) takes a str, not {type(value).__name__}: "
            f"write {name}=str(...)"
        )
    if not value:
        raise ConfigurationError(
            f"Identity({name}='') names nobody: give a non-empty {name}, or return "
            "None from the authenticator for a client that it does not know"
        )


def _check_time(value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(
            "Identity(expires_at=...) takes seconds as time.time() counts them, not "
            f"{type(value).__name__}: write time.time() + seconds, or when.timestamp()"
        )
    if not isfinite(value):
        raise ConfigurationError(
            f"Identity(expires_at={value!r}) is no time: leave it out for an identity "
            "that holds until the client leaves"
        )
