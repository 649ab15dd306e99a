"""Read the form that a browser, or curl, has sent."""

from __future__ import annotations

from urllib.parse import parse_qsl

from aiohttp import web

__all__ = ["FORM", "read_form"]

FORM = "application/x-www-form-urlencoded"


async def read_form(request: web.Request) -> dict[str, str]:
    """Return the fields; raise 415 for another kind of body and 400 for a broken one.

    `request.post` would read files as well, and takes the sender's word for the
    encoding; browsers send the forms of a UTF-8 page in UTF-8.
    """
    if request.content_type != FORM:
        raise web.HTTPUnsupportedMediaType(text=f"Please send a form: {FORM}.")
    try:
        return dict(parse_qsl((await request.read()).decode(), errors="strict"))
    except ValueError:
        raise web.HTTPBadRequest(text="This form cannot be read.") from None
