"""The pages: the board, signing in, signing out."""

from __future__ import annotations

import asyncio
import html
from pathlib import Path
from string import Template

from aiohttp import web
from aiohttp_session import get_session, new_session

from aiohttp_serverwamp import WAMP
from example_app.demo import DEMO_NAMES, DEMO_PASSWORD
from example_app.passwords import verify_password
from example_app.store import Store, User

__all__ = ["STORE", "routes"]

STORE = web.AppKey("store", Store)

TEMPLATES = Path(__file__).parent / "templates"
BOARD_PAGE = (TEMPLATES / "board.html").read_text("utf-8")
SIGN_IN_PAGE = Template((TEMPLATES / "sign_in.html").read_text("utf-8"))

WRONG_PASSWORD = "That name and password do not belong together. Please try again."

routes = web.RouteTableDef()


@routes.get("/")
async def board_page(request: web.Request) -> web.Response:
    """Show the board to members, the sign-in form to everybody else."""
    if await signed_in_user(request) is None:
        raise web.HTTPSeeOther("/sign-in")
    return web.Response(text=BOARD_PAGE, content_type="text/html")


@routes.get("/sign-in")
async def sign_in_page(request: web.Request) -> web.Response:
    """Show the sign-in form."""
    if await signed_in_user(request) is not None:
        raise web.HTTPSeeOther("/")
    return sign_in_form()


@routes.post("/sign-in")
async def sign_in(request: web.Request) -> web.Response:
    """Check name and password; start a new HTTP session for who knows both."""
    form = await request.post()
    name, password = str(form.get("name", "")).strip(), str(form.get("password", ""))
    user = await asyncio.to_thread(check_password, request.app[STORE], name, password)
    if user is None:
        return sign_in_form(name=name, error=WRONG_PASSWORD, status=403)
    # A new one, never the visitor's old one: nobody can plant a session beforehand.
    http_session = await new_session(request)
    http_session["user_id"] = user.id
    raise web.HTTPSeeOther("/")


@routes.post("/sign-out")
async def sign_out(request: web.Request) -> web.Response:
    """End the HTTP session and close every socket of its user.

    POST only, and the cookie is SameSite=Lax: no foreign link or form can do it.
    """
    http_session = await get_session(request)
    user_id = http_session.get("user_id")
    http_session.invalidate()
    if user_id is not None:
        await request.app[WAMP].close_sessions(authid=str(user_id))
    raise web.HTTPSeeOther("/sign-in")


async def signed_in_user(request: web.Request) -> User | None:
    """Find the user whom the cookie names, if it names one that still exists."""
    user_id = (await get_session(request)).get("user_id")
    if user_id is None:
        return None
    return await asyncio.to_thread(request.app[STORE].user, user_id)


def check_password(store: Store, name: str, password: str) -> User | None:
    """Find the user with this name and password. Blocks for the hashing."""
    user = store.user_named(name)
    stored = None if user is None else user.password_hash
    return user if verify_password(password, stored) else None


def sign_in_form(*, name: str = "", error: str = "", status: int = 200) -> web.Response:
    """Fill in the sign-in page."""
    text = SIGN_IN_PAGE.substitute(
        name=html.escape(name),
        error=html.escape(error),
        # Who has just given a name goes on with the password.
        focus_name="" if name else "autofocus",
        focus_password="autofocus" if name else "",
        demo_names=html.escape(", ".join(DEMO_NAMES)),
        demo_password=html.escape(DEMO_PASSWORD),
    )
    return web.Response(text=text, content_type="text/html", status=status)
