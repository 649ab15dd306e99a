"""The pages as text: what is filled in is escaped."""

from __future__ import annotations

import html
from pathlib import Path
from string import Template

from example_app.demo import DEMO_NAMES, DEMO_PASSWORD

__all__ = ["board_page", "guest_page", "sign_in_page"]

TEMPLATES = Path(__file__).parent / "templates"
BOARD_PAGE = Template((TEMPLATES / "board.html").read_text("utf-8"))
GUEST_PAGE = (TEMPLATES / "guests.html").read_text("utf-8")
SIGN_IN_CARD = Template((TEMPLATES / "sign_in_card.html").read_text("utf-8"))
SIGN_IN_PAGE = Template((TEMPLATES / "sign_in.html").read_text("utf-8"))


def board_page(*, asks_who: bool = False) -> str:
    """Show the board, which fills itself over the WebSocket.

    If it `asks_who` is there, it shows the sign-in form first, and signs in by ticket.
    """
    return BOARD_PAGE.substitute(sign_in_card=_sign_in_card() if asks_who else "")


def guest_page() -> str:
    """Show what everybody may see."""
    return GUEST_PAGE


def sign_in_page(*, name: str = "", error: str = "", notice: str = "") -> str:
    """Fill in the sign-in page."""
    card = _sign_in_card(name=name, error=error, notice=notice)
    return SIGN_IN_PAGE.substitute(sign_in_card=card)


def _sign_in_card(*, name: str = "", error: str = "", notice: str = "") -> str:
    return SIGN_IN_CARD.substitute(
        name=html.escape(name),
        error=html.escape(error),
        notice=html.escape(notice),
        # Who has just given a name goes on with the password.
        focus_name="" if name else "autofocus",
        focus_password="autofocus" if name else "",
        demo_names=html.escape(", ".join(DEMO_NAMES)),
        demo_password=html.escape(DEMO_PASSWORD),
    )
