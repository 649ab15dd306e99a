"""The pages: the board for members, and what everybody may see."""

from __future__ import annotations

from aiohttp import web

from example_app.accounts import member_of
from example_app.rendering import board_page, guest_page

__all__ = ["routes"]

routes = web.RouteTableDef()


@routes.get("/")
async def show_board(request: web.Request) -> web.Response:
    """Show the board to members, the sign-in form to everybody else."""
    if await member_of(request) is None:
        raise web.HTTPSeeOther("/sign-in")
    return _html(board_page())


@routes.get("/guests")
async def show_guests(request: web.Request) -> web.Response:
    """Show everybody what the team is doing."""
    return _html(guest_page())


def _html(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/html")
