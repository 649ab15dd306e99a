"""The user's own text, getting_started.rst beside this file, runs and keeps its word.

``serverwamp`` is read as ``aiohttp_serverwamp``; that is the only change. The text
leaves out its authenticators and route sets, which are supplied here, and writes
``admin_realm`` once where it means ``admins_realm``.
"""

from __future__ import annotations

import importlib
import inspect
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp.plugin import AiohttpClient

import aiohttp_serverwamp
from aiohttp_serverwamp.adapters.asyncio import AsyncioAsyncSupport
from tests.code_blocks import CodeBlock, code_blocks, run_blocks
from tests.raw_client import (
    ABORT,
    AUTHENTICATE,
    CHALLENGE,
    WELCOME,
    RawClient,
    connected,
)

SEED = Path(__file__).with_name("getting_started.rst")
BLOCKS = code_blocks(SEED)
REALMS, NO_DEFAULT_REALM, WITH_TRIO = BLOCKS
TICKET = "open sesame"
CUSTOMERS = {"cookie-of-ann": "ann"}


class Names(dict[str, Any]):
    """The names of a block; the slip in the text means the realm defined above it."""

    def __missing__(self, name: str) -> Any:
        if name == "admin_realm":
            return self["admins_realm"]
        raise KeyError(name)


def procedure(uri: str, answer: str) -> aiohttp_serverwamp.RPCRouteSet:
    routes = aiohttp_serverwamp.RPCRouteSet()

    @routes.route(uri)
    async def handler(session: aiohttp_serverwamp.Session) -> list[Any]:
        return [answer, session.identity]

    return routes


async def customer_cookie_auth(session: Any) -> str | None:
    cookies = session.connection.transport_info["http_cookies"]
    return CUSTOMERS.get(cookies.get("customer"))


async def admin_token_auth(session: Any, ticket: str) -> str | None:
    matches = secrets.compare_digest(ticket.encode(), TICKET.encode())
    return "an administrator" if matches else None


def run(*blocks: CodeBlock, **supplied: Any) -> Names:
    """Run blocks of the text, reading serverwamp as aiohttp_serverwamp."""
    names = Names(aiohttp_serverwamp=aiohttp_serverwamp, **supplied)
    renamed = [
        replace(block, source=block.source.replace("serverwamp", "aiohttp_serverwamp"))
        for block in blocks
    ]
    run_blocks(renamed, names)
    return names


def run_realms(app: aiohttp_serverwamp.Application) -> Names:
    return run(
        REALMS,
        app=app,
        customer_cookie_auth=customer_cookie_auth,
        admin_token_auth=admin_token_auth,
        registration_api=procedure("registration.begin", "registration"),
        account_api=procedure("account.show", "account"),
        admin_api=procedure("admin.reset", "admin"),
    )


def test_the_copy_holds_three_blocks_of_python() -> None:
    assert [block.language for block in BLOCKS] == ["python"] * 3


def test_no_name_but_the_slip_is_amended() -> None:
    assert "admin_realm = " not in REALMS.source
    with pytest.raises(KeyError):
        Names(admins_realm=None)["guest_realm"]


# --- The blocks -----------------------------------------------------------------------


def test_the_realms_are_added_to_the_application() -> None:
    app = aiohttp_serverwamp.Application()

    names = run_realms(app)

    for name in ("guests", "customers", "admins"):
        assert app.realm(name) is names[f"{name}_realm"]


def test_an_application_without_a_default_realm_knows_no_other_name() -> None:
    app = run(NO_DEFAULT_REALM)["app"]

    assert isinstance(app, aiohttp_serverwamp.Application)
    with pytest.raises(KeyError):
        app.realm("anything")


def test_an_application_is_constructed_with_trio_support() -> None:
    names = run(WITH_TRIO)

    assert isinstance(names["app"], aiohttp_serverwamp.Application)
    assert names["TrioAsyncSupport"]().name == "trio"


@pytest.mark.parametrize("library", ["anyio", "asyncio", "trio"])
def test_the_async_support_classes_are_where_the_text_says(library: str) -> None:
    text = SEED.read_text(encoding="utf-8")
    name = f"{library.capitalize()}AsyncSupport"
    assert f"serverwamp.adapters.{library}.{name}" in text

    module = importlib.import_module(f"aiohttp_serverwamp.adapters.{library}")

    app = aiohttp_serverwamp.Application(async_support=getattr(module, name))
    assert isinstance(app, aiohttp_serverwamp.Application)


def test_asyncio_is_the_default() -> None:
    parameters = inspect.signature(aiohttp_serverwamp.Application).parameters

    assert parameters["async_support"].default is AsyncioAsyncSupport


# --- The realms, over real sockets ----------------------------------------------------


async def serve(aiohttp_client: AiohttpClient, wamp: Any) -> Any:
    app = web.Application()
    aiohttp_serverwamp.setup_wamp(app, wamp)
    return await aiohttp_client(app)


@pytest.fixture
async def site(aiohttp_client: AiohttpClient) -> Any:
    wamp = aiohttp_serverwamp.Application()
    run_realms(wamp)
    return await serve(aiohttp_client, wamp)


@pytest.fixture
async def guest(site: Any) -> AsyncIterator[RawClient]:
    async with connected(site) as client:
        yield client


async def present(client: RawClient, ticket: str) -> list[Any]:
    """Ask for the admins' realm; answer its challenge (REQ-AUTH-020, REQ-AUTH-021)."""
    challenge = await client.hello("admins", authmethods=["ticket"], authid="root")
    assert challenge == [CHALLENGE, "ticket", {}]
    await client.send(AUTHENTICATE, ticket, {})
    return await client.receive()


async def test_guests_are_anonymous_and_reach_their_own_procedures_only(
    guest: RawClient,
) -> None:
    details = await guest.join("guests")

    answer = await guest.call("registration.begin")
    elsewhere = await guest.call_error("account.show")

    assert details["authmethod"] == "anonymous"
    assert answer[0] == "registration"
    assert elsewhere[0] == "wamp.error.no_such_procedure"


async def test_a_customer_is_known_by_the_cookie(site: Any) -> None:
    cookie = {"Cookie": "customer=cookie-of-ann"}
    async with connected(site, headers=cookie) as customer:
        details = await customer.join("customers")

        assert await customer.call("account.show") == ["account", "ann"]
        assert details["realm"] == "customers"


@pytest.mark.parametrize("cookie", [None, "customer=forged"])
async def test_a_stranger_is_no_customer(site: Any, cookie: str | None) -> None:
    headers = {"Cookie": cookie} if cookie else {}
    async with connected(site, headers=headers) as stranger:
        answer = await stranger.hello("customers")

        assert answer[0] == ABORT
        assert answer[2] == "wamp.error.authentication_required"


async def test_an_admin_shows_the_right_ticket(guest: RawClient) -> None:
    answer = await present(guest, TICKET)

    assert answer[0] == WELCOME
    assert (answer[2]["authid"], answer[2]["authmethod"]) == ("root", "ticket")
    assert await guest.call("admin.reset") == ["admin", "an administrator"]


async def test_a_wrong_ticket_opens_nothing(guest: RawClient) -> None:
    """REQ-AUTH-007."""
    answer = await present(guest, "let me in")

    assert answer[0] == ABORT
    assert answer[2] == "wamp.error.authentication_denied"


async def test_an_unconfigured_name_is_the_default_realm(guest: RawClient) -> None:
    details = await guest.join("somewhere.else")

    error = await guest.call_error("registration.begin")

    assert details["realm"] == "somewhere.else"
    assert error[0] == "wamp.error.no_such_procedure"


async def test_without_default_realm_an_unconfigured_name_is_aborted(
    aiohttp_client: AiohttpClient,
) -> None:
    wamp = run(NO_DEFAULT_REALM)["app"]
    run_realms(wamp)
    site = await serve(aiohttp_client, wamp)

    async with connected(site) as lost, connected(site) as guest:
        answer = await lost.hello("somewhere.else")
        await guest.join("guests")

        assert answer[0] == ABORT
        assert answer[2] == "wamp.error.no_such_realm"
