"""The task board's headers, and its refusal of foreign forms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from example_app.security import add_security_headers, refuse_foreign_posts

Client = TestClient[web.Request, web.Application]


async def say_ok(request: web.Request) -> web.Response:
    return web.Response(text="ok")


@pytest.fixture
async def client(aiohttp_client: Callable[..., Awaitable[Client]]) -> Client:
    app = web.Application(middlewares=[refuse_foreign_posts])
    app.on_response_prepare.append(add_security_headers)
    app.router.add_route("*", "/page", say_ok)
    app.router.add_get("/static/file", say_ok)
    return await aiohttp_client(app)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://board.test"}, 200),
        ({"Origin": "http://BOARD.test"}, 200),
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "http://board.test.evil.test"}, 403),
        ({"Origin": "http://board.test:81"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://[board.test"}, 403),
        ({"Origin": ""}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://board.test"}, 403),
    ],
)
async def test_a_form_is_accepted_from_our_own_pages_only(
    client: Client, headers: dict[str, str], status: int
) -> None:
    response = await client.post("/page", headers={"Host": "board.test", **headers})

    assert response.status == status


async def test_links_from_other_sites_are_welcome(client: Client) -> None:
    response = await client.get("/page", headers={"Sec-Fetch-Site": "cross-site"})

    assert response.status == 200


@pytest.mark.parametrize("path", ["/page", "/missing"])
async def test_every_answer_carries_the_security_headers(
    client: Client, path: str
) -> None:
    response = await client.get(path)

    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"


async def test_static_files_are_asked_for_anew_but_may_be_kept(client: Client) -> None:
    response = await client.get("/static/file")

    assert response.headers["Cache-Control"] == "no-cache"
