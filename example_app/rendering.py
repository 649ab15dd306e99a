"""The pages as text: what is filled in is escaped."""

from __future__ import annotations

import html
from pathlib import Path
from string import Template

from aiohttp import web

from example_app.demo import DEMO_NAMES, DEMO_PASSWORD

__all__ = ["board_page", "guest_page", "sign_in_form"]

TEMPLATES = Path(__file__).parent / "templates"
BOARD_PAGE = (TEMPLATES / "board.html").read_text("utf-8")
GUEST_PAGE = (TEMPLATES / "guests.html").read_text("utf-8")
SIGN_IN_PAGE = Template((TEMPLATES / "sign_in.html").read_text("utf-8"))


def board_page() -> web.Response:
    """Show the board, which fills itself over the WebSocket."""
    return web.Response(text=BOARD_PAGE, content_type="text/html")


def guest_page() -> web.Response:
    """Show what everybody may see."""
    return web.Response(text=GUEST_PAGE, content_type="text/html")


def sign_in_form(
    *, name: str = "", error: str = "", notice: str = "", status: int = 200
) -> web.Response:
    """Fill in the sign-in page."""
    text = SIGN_IN_PAGE.substitute(
        name=html.escape(name),
        error=html.escape(error),
        notice=html.escape(notice),
        # Who has just given a name goes on with the password.
        focus_name="" if name else "autofocus",
        focus_password="autofocus" if name else "",
        demo_names=html.escape(", ".join(DEMO_NAMES)),
        demo_password=html.escape(DEMO_PASSWORD),
    )
    return web.Response(text=text, content_type="text/html", status=status)
