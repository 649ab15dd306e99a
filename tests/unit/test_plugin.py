"""The key under which an application is found."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

import aiohttp_serverwamp as serverwamp
from aiohttp_serverwamp import WAMP


def test_the_key_is_the_string_it_is_named_by() -> None:
    key: Any = WAMP

    assert key == "wamp"
    assert hash(key) == hash("wamp")
    assert len({key, "wamp"}) == 1
    assert key != "other"
    assert key != web.AppKey("wamp", serverwamp.Application)


def test_the_key_is_an_app_key() -> None:
    assert isinstance(WAMP, web.AppKey)
    assert "wamp" in repr(WAMP)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("allowed_origins", "https://app.example"),
        ("allowed_origins", ["app.example"]),
        ("trusted_proxies", "10.0.0.0/8"),
        ("trusted_proxies", ["proxy.example"]),
        ("limits", {"max_sessions": 3}),
        ("allowed_origins", True),
        ("allowed_origins", [5]),
        ("trusted_proxies", None),
        ("trusted_proxies", True),
        ("trusted_proxies", [5]),
        ("path", []),
        ("path", "ws"),
        ("path", ["/ws", "b"]),
        ("path", ["/live", "/ws", "/ws"]),
        ("path", "/{ws"),
    ],
)
def test_a_wrong_option_leaves_the_app_untouched(option: str, value: Any) -> None:
    app = web.Application()

    with pytest.raises(serverwamp.ConfigurationError):
        serverwamp.setup_wamp(app, **{option: value})

    assert WAMP not in app
    assert not app.cleanup_ctx
    assert not list(app.router.routes())
    # So that it can be set up right.
    assert serverwamp.setup_wamp(app) is app["wamp"]


def test_another_route_may_not_be_called_wamp() -> None:
    async def handler(request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.router.add_get("/other", handler, name="wamp")

    with pytest.raises(serverwamp.ConfigurationError, match="another name"):
        serverwamp.setup_wamp(app)
    assert len(app.router.routes()) == 2  # GET and HEAD of the other
