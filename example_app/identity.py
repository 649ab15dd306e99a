"""Who somebody is, once a cookie or a password has told.

What both ways of signing in share: by a cookie, which `accounts` gives out, and by a
ticket at the WebSocket itself, as in `asgi`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from aiohttp_serverwamp import Identity, RealmAPI, uris
from example_app.passwords import verify_password
from example_app.store import Store, User

__all__ = [
    "MEMBERS",
    "VALIDITY",
    "check_password",
    "end_of_sign_in",
    "identity_of",
    "sign_out_everywhere",
]

MEMBERS = "members"

# A working day: after it everybody signs in again.
VALIDITY = timedelta(hours=12)


def identity_of(user: User, *, expires_at: float | None = None) -> Identity:
    """Tell the realm who a client is; `expires_at` as `Identity` takes it."""
    return Identity(
        authid=str(user.id),
        authrole=user.role,
        authextra={"name": user.name},
        user=user,
        expires_at=expires_at,
    )


def check_password(store: Store, name: str, password: str) -> User | None:
    """Find the user with this name and password. Blocks for the hashing."""
    user = store.users.named(name)
    stored = None if user is None else user.password_hash
    return user if verify_password(password, stored) else None


def end_of_sign_in() -> datetime:
    """Tell when somebody who signs in now has to do it again."""
    return datetime.now(UTC) + VALIDITY


async def sign_out_everywhere(
    store: Store, realm: RealmAPI, name: str, *, reason: str = uris.KILLED
) -> None:
    """End all sign-ins of a user: first the cookies, then the sockets.

    In this order a tab that comes back at once is refused, and one whose cookie is
    being looked at just then is met by `close_sessions`. Raises `NoSuchMember`.
    """
    user = await realm.run_in_thread(store.users.end_sign_ins, name)
    await realm.close_sessions(authid=str(user.id), reason=reason)
