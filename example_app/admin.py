"""What an administrator may do: see who is signed in, and sign somebody out."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp_serverwamp import RPCRouteSet, Session, TopicRouteSet
from example_app.board import Name
from example_app.identity import sign_out_everywhere
from example_app.store import Store

__all__ = ["ADMIN", "admin_api", "admin_topics", "tell_administrators"]

ADMIN = "admin"
PEOPLE_CHANGED = "admin.people_changed"
SIGNED_OUT_BY_ADMIN = "board.close.signed_out_by_administrator"

admin_api = RPCRouteSet()
admin_topics = TopicRouteSet()
admin_topics.declare(PEOPLE_CHANGED, roles=[ADMIN])


@dataclass(frozen=True, slots=True)
class Account:
    """One member, as an administrator sees them."""

    name: str
    role: str
    signed_in: bool
    tabs: int


@admin_api.route("admin.people", roles=[ADMIN])
async def people(*, session: Session, store: Store) -> list[Account]:
    """Everybody who can sign in, and who has."""
    users = await session.realm.run_in_thread(store.users.all)
    now = datetime.now(UTC)
    tabs = Counter(one.authid for one in session.realm.sessions())
    return [
        Account(
            name=user.name,
            role=user.role,
            # By a cookie, with or without a tab; or by a ticket, in a tab.
            signed_in=tabs[str(user.id)] > 0
            or (user.signed_in_until is not None and user.signed_in_until > now),
            tabs=tabs[str(user.id)],
        )
        for user in users
    ]


@admin_api.route("admin.sign_out", roles=[ADMIN])
async def sign_out(name: Name, *, session: Session, store: Store) -> None:
    """End all sign-ins of a member: cookies in every browser, and every socket."""
    await sign_out_everywhere(store, session.realm, name, reason=SIGNED_OUT_BY_ADMIN)
    session.realm.publish(PEOPLE_CHANGED)


async def tell_administrators(session: Session) -> AsyncIterator[None]:
    """Tell that somebody came, and went again (a session lifespan handler)."""
    session.realm.publish(PEOPLE_CHANGED)
    yield
    session.realm.publish(PEOPLE_CHANGED)
