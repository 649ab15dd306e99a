"""Signing in and out: who a cookie stands for, on pages and at the WebSocket alike.

The cookie is encrypted and kept by the browser, so it cannot be taken back. Therefore
it carries the user's generation, a number in the database which grows when all sign-ins
of the user are ended; a cookie of an earlier generation opens nothing any more.
"""

from __future__ import annotations

import asyncio
import math
from typing import TypedDict

from aiohttp import web
from aiohttp_session import get_session, new_session

from aiohttp_serverwamp import WAMP, Identity
from example_app import rendering
from example_app.failed_sign_ins import FailedSignIns
from example_app.forms import read_form
from example_app.hashing import HashingThreads, TooBusy
from example_app.identity import (
    MEMBERS,
    check_password,
    end_of_sign_in,
    identity_of,
    sign_out_everywhere,
)
from example_app.security import address_of
from example_app.store import Store, User

__all__ = [
    "FAILED_SIGN_INS",
    "HASHING",
    "SIGN_IN",
    "STORE",
    "load_member",
    "member_of",
    "routes",
]

STORE = web.AppKey("store", Store)
HASHING = web.AppKey("hashing", HashingThreads)
FAILED_SIGN_INS = web.AppKey("failed_sign_ins", FailedSignIns)

# What the HTTP session holds for who is signed in.
SIGN_IN = "sign_in"

WRONG_PASSWORD = "That name and password do not belong together. Please try again."
TOO_MANY_FAILURES = (
    "That was wrong too often. Please wait some minutes before you try again."
)
TOO_BUSY = "Too many are signing in just now. Please try again in a moment."
# Seconds: more than all who wait take together.
TOO_BUSY_FOR = 5
ENDED = "You have been signed out. Please sign in again to go on."

routes = web.RouteTableDef()


class SignIn(TypedDict):
    """What the cookie says, which is only true as long as the database agrees."""

    user_id: int
    generation: int


def find_member(store: Store, sign_in: SignIn | None) -> User | None:
    """Find the user who is signed in by this; None if nobody is, or no longer."""
    user = None if sign_in is None else store.users.get(sign_in["user_id"])
    if user is None or sign_in is None or user.generation != sign_in["generation"]:
        return None
    return user


async def member_of(request: web.Request) -> User | None:
    """Find the user whom the request's cookie signs in."""
    sign_in = (await get_session(request)).get(SIGN_IN)
    return await asyncio.to_thread(find_member, request.config_dict[STORE], sign_in)


# --- At the WebSocket -----------------------------------------------------------------


async def load_member(store: Store, sign_in: SignIn) -> Identity | None:
    """Tell the realm who a client with this in its cookie is."""
    user = await asyncio.to_thread(find_member, store, sign_in)
    return None if user is None else identity_of(user)


# --- The pages ------------------------------------------------------------------------


@routes.get("/sign-in")
async def show_sign_in(request: web.Request) -> web.Response:
    """Show the sign-in form, and say so if the visitor has been signed out."""
    if await member_of(request) is not None:
        raise web.HTTPSeeOther("/")
    was_signed_in = SIGN_IN in await get_session(request)
    return sign_in_form(notice=ENDED if was_signed_in else "")


@routes.post("/sign-in")
async def sign_in(request: web.Request) -> web.Response:
    """Check name and password; start a new HTTP session for who knows both.

    Answers 403 if they do not belong together, whether or not there is such a name; 429
    after too many failures, and 503 while too many others are being checked.
    """
    form = await read_form(request)
    name, password = form.get("name", "").strip(), form.get("password", "")
    store, failed = request.config_dict[STORE], request.config_dict[FAILED_SIGN_INS]
    address = address_of(request)
    if wait := failed.wait(address, name):
        return refuse_for(wait, name, TOO_MANY_FAILURES, status=429)
    try:
        check = request.config_dict[HASHING].submit(
            check_password, store, name, password
        )
    except TooBusy:
        return refuse_for(TOO_BUSY_FOR, name, TOO_BUSY, status=503)
    # Before the answer is known: of many attempts at once each one counts.
    failed.add(address, name)
    user = await check
    if user is None:
        return sign_in_form(name=name, error=WRONG_PASSWORD, status=403)
    failed.forget(address, name)
    await asyncio.to_thread(store.users.note_sign_in, user.id, end_of_sign_in())
    # A new one, never the visitor's old one: nobody can plant a session beforehand.
    http_session = await new_session(request)
    http_session[SIGN_IN] = SignIn(user_id=user.id, generation=user.generation)
    raise web.HTTPSeeOther("/")


def sign_in_form(
    *, name: str = "", error: str = "", notice: str = "", status: int = 200
) -> web.Response:
    """Show the sign-in page, filled in."""
    text = rendering.sign_in_page(name=name, error=error, notice=notice)
    return web.Response(text=text, content_type="text/html", status=status)


def refuse_for(seconds: float, name: str, error: str, *, status: int) -> web.Response:
    """Show the form again, to be sent in so many seconds."""
    form = sign_in_form(name=name, error=error, status=status)
    form.headers["Retry-After"] = str(math.ceil(seconds))
    return form


@routes.post("/sign-out")
async def sign_out(request: web.Request) -> web.Response:
    """Sign the user out, in every browser and every tab.

    POST only, and the cookie is SameSite=Lax: no foreign link or form can do it.
    """
    user = await member_of(request)
    (await get_session(request)).invalidate()
    if user is not None:
        realm = request.config_dict[WAMP].realm(MEMBERS)
        await sign_out_everywhere(request.config_dict[STORE], realm, user.name)
    raise web.HTTPSeeOther("/sign-in")
