"""What an authenticator found out is what everybody is told, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import Identity, Session
from aiohttp_serverwamp.errors import NotAuthorized
from tests.sites import Site, site, until

CLAIMED = {
    "authid": "eve",
    "authrole": "admin",
    "authprovider": "the moon",
    "authextra": {"is_admin": True},
}


class User:
    """A record of the application."""

    def __init__(self, name: str) -> None:
        self.name = name


def by_transport(realm: serverwamp.Realm, found: Identity) -> dict[str, Any]:
    realm.add_transport_authenticator(lambda session: found)
    return {}


def by_ticket(realm: serverwamp.Realm, found: Identity) -> dict[str, Any]:
    realm.set_ticket_authenticator(lambda session, ticket: found)
    return {"ticket": "open sesame"}


def by_handler(realm: serverwamp.Realm, found: Identity) -> dict[str, Any]:
    async def handle(session: Session) -> Identity:
        await session.challenge("ticket")
        return found

    realm.set_authentication_handler(handle)
    return {"ticket": "open sesame"}


WAYS = pytest.mark.parametrize("way", [by_transport, by_ticket, by_handler])
Way = Callable[[serverwamp.Realm, Identity], dict[str, Any]]


def realm_of(seen: list[Session]) -> serverwamp.Realm:
    """Make a realm that keeps the session in every kind of handler that has one."""
    realm = serverwamp.Realm("r")
    api, topics = serverwamp.RPCRouteSet(), serverwamp.TopicRouteSet()

    @api.route("look")
    async def look(session: Session) -> None:
        seen.append(session)

    @api.route("for.clerks", roles=["clerk"])
    async def for_clerks() -> str:
        return "welcome"

    @topics.route("news")
    async def news(session: Session) -> Any:
        seen.append(session)
        yield

    async def life(session: Session) -> Any:
        seen.append(session)
        yield

    async def authorize(session: Session, action: str, uri: str, options: Any) -> bool:
        seen.append(session)
        return True

    realm.add_routes(api)
    realm.add_routes(topics)
    realm.add_session_lifespan_handler(life)
    realm.set_authorizer(authorize)
    return realm


def told(session: Session) -> tuple[Any, ...]:
    return (
        session.authid,
        session.authrole,
        session.authprovider,
        dict(session.authextra),
        session.identity.user.name,
    )


@WAYS
async def test_handlers_and_the_client_are_told_who_it_is(way: Way) -> None:
    seen: list[Session] = []
    realm = realm_of(seen)
    found = Identity("ann", "clerk", "the office", {"desk": 7}, User("Ann"))
    options = way(realm, found)
    async with site(realm=realm) as running:
        async with running.client(details=CLAIMED, **options) as client:
            welcome = client.welcome
            await client.call("look")
            await client.subscribe("news")
            kinds = len(seen)
            listed = [*realm.sessions(authid="ann", authrole="clerk")]
            told_to = {told(session)[:3] for session in (*seen, *listed)}
            details = [told(session)[3:] for session in (*seen, *listed)]
            seen.clear()
            listed.clear()

        assert kinds == 5  # joined, authorized twice, called, subscribed
        assert told_to == {("ann", "clerk", "the office")}
        assert details == [({"desk": 7}, "Ann")] * 6
        assert welcome["authid"] == "ann"
        assert welcome["authrole"] == "clerk"
        assert welcome["authprovider"] == "the office"
        assert welcome["authextra"] == {"desk": 7}
        assert "Ann" not in str(welcome)


@WAYS
async def test_what_a_client_claims_of_itself_is_nothing(way: Way) -> None:
    realm = realm_of([])
    options = way(realm, Identity("ann"))
    async with (
        site(realm=realm) as running,
        running.client(details=CLAIMED, **options) as client,
    ):
        (session,) = realm.sessions()
        assert session.authrole == "user"
        assert session.authextra == {}
        assert realm.sessions(authid="eve") == []
        assert "authextra" not in client.welcome
        with pytest.raises(NotAuthorized):
            await client.call("for.clerks")
        del session


async def test_rules_go_by_the_role_of_the_identity() -> None:
    realm = serverwamp.Realm("r")
    realm.permit("memo.", match="prefix", publish=True, subscribe=True, roles=["clerk"])
    realm.permit("memo.front", publish=True, roles=["chief"])
    roles = iter(["clerk", "chief"])
    realm.add_transport_authenticator(lambda session: Identity("ann", next(roles)))
    async with site(realm=realm) as running, running.client() as clerk:
        await clerk.publish("memo.7", "text")
        with pytest.raises(NotAuthorized):
            await clerk.publish("memo.front", "text")
        async with running.client() as chief:
            await chief.publish("memo.front", "text")
            with pytest.raises(NotAuthorized):
                await chief.publish("memo.7", "text")


@WAYS
async def test_an_identity_that_expires_ends_the_socket_whoever_found_it(
    way: Way,
) -> None:
    realm = serverwamp.Realm("r")
    options = way(realm, Identity("ann", expires_at=time.time() + 2))
    async with (
        site(realm=realm) as running,
        running.client(authid="ann", **options) as one,
    ):
        assert await one.close_code() == 4408
        assert one.ended == "wamp.close.expired"
        await until(lambda: not running.realm.sessions())


async def renewed(running: Site, identity: Identity) -> None:
    (session,) = running.realm.sessions()
    await session.renew(identity)


async def test_a_renewed_identity_is_what_handlers_see_from_then_on() -> None:
    realm = realm_of([])
    realm.add_transport_authenticator(
        lambda session: Identity("ann", "clerk", "the office", {"desk": 7}, User("Ann"))
    )
    async with site(realm=realm) as running, running.client() as client:
        assert await client.call("for.clerks") == "welcome"

        await renewed(running, Identity("ann", "guest", None, {"desk": 8}, User("A.")))

        (session,) = realm.sessions()
        assert told(session) == ("ann", "guest", "the office", {"desk": 8}, "A.")
        with pytest.raises(NotAuthorized):
            await client.call("for.clerks")
        del session
