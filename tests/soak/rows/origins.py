"""Pages of other sites, and header tricks, with the cookie of somebody signed in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from tests.soak.doors import enter
from tests.soak.peer import WELCOME, Gone, Peer, Refused
from tests.soak.process import Server, serving
from tests.soak.row import Outcome, Row, scaled

ROUNDS: Final = 20

UPGRADE: Final = (
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Protocol: wamp.2.json",
)
HOST: Final = "Host: shop.example:8080"

#: Headers beside those of an upgrade with a valid cookie, at shop.example:8080.
HOSTILE: Final[Sequence[Sequence[str]]] = (
    *(
        (HOST, f"Origin: {origin}")
        for origin in (
            *("https://evil.example", "http://evil.example:8080", "null", "", " "),
            *(
                "http://shop.example",
                "http://shop.example:80",
                "http://shop.example:8081",
            ),
            "ftp://shop.example:8080",
            *("http://www.shop.example:8080", "http://shop.example.evil.example:8080"),
            *("http://evilshop.example:8080", "http://shop.example:8080.evil.example"),
            *("http://shop.example:8080@evil.example", "http://a@shop.example:8080"),
            *(
                "http://evil.example#shop.example:8080",
                "http://evil.example/shop.example",
            ),
            *("http://evil.example?http://shop.example:8080", "//shop.example:8080"),
            *("shop.example:8080", "http://", "http://:8080", "http:shop.example:8080"),
            *(
                "http://shop.example:8080/",
                "http://shop.example:8080, http://evil.example",
            ),
            *(
                "http://evil.example http://shop.example:8080",
                "file://",
                "*",
                "http://*",
            ),
            *(
                "http://shop.example:+8080",
                "http://shop.example:08080x",
                "http://[::1]:8080",
            ),
            *(
                "http://shop.example\x00:8080",
                "http://shop.example:8080\\@evil.example",
            ),
            *(
                "http://shop%2eexample:8080",
                "http://127.0.0.1:8080",
                "chrome-extension://a",
            ),
            "http://" + "a" * 5_000,
        )
    ),
    # Said twice, or elsewhere.
    (HOST, "Origin: http://shop.example:8080", "Origin: http://evil.example"),
    (HOST, "Origin: http://evil.example", "Origin: http://shop.example:8080"),
    (HOST, "Origin: http://shop.example:8080", "origin: http://shop.example:8080"),
    (HOST, "Host: evil.example", "Origin: http://evil.example"),
    ("Host: evil.example", HOST, "Origin: http://shop.example:8080"),
    ("Host: shop.example:8080, evil.example", "Origin: http://evil.example"),
    ("Host: evil.example, shop.example:8080", "Origin: http://shop.example:8080"),
    ("Host: evil.example@shop.example:8080", "Origin: http://evil.example"),
    ("Host: a@shop.example:8080", "Origin: http://shop.example:8080"),
    ("Host: ", "Origin: http://"),
    ("Origin: http://evil.example",),
    (HOST, "Origin: http://evil.example", "Referer: http://shop.example:8080/"),
    (HOST, "Origin: http://evil.example", "Sec-Fetch-Site: same-origin"),
    (HOST, "Sec-WebSocket-Origin: http://shop.example:8080", "Origin: null"),
    # What only a proxy may say, and there is none.
    *(
        (HOST, "Origin: https://evil.example", *forwarded)
        for forwarded in (
            ("X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https"),
            ("X-Forwarded-Host: evil.example:443", "X-Forwarded-Proto: https"),
            ("Forwarded: host=evil.example;proto=https",),
            ("X-Original-Host: evil.example", "X-Host: evil.example"),
            ("X-Forwarded-Server: evil.example", "X-Forwarded-For: 127.0.0.1"),
        )
    ),
)

LEGITIMATE: Final[Sequence[Sequence[str]]] = (
    (HOST,),
    (HOST, "Origin: http://shop.example:8080"),
    (HOST, "Origin: http://SHOP.example:8080"),
    (HOST, "Origin: HTTP://shop.example:8080"),
    ("Host: SHOP.EXAMPLE:8080", "Origin: http://shop.example:8080"),
    ("Host: shop.example", "Origin: http://shop.example"),
    ("Host: shop.example:80", "Origin: http://shop.example"),
    ("Host: shop.example", "Origin: http://shop.example:80"),
    ("Host: [::1]:8080", "Origin: http://[::1]:8080"),
    ("Host: 127.0.0.1:8080", "Origin: http://127.0.0.1:8080"),
)


@dataclass(frozen=True, slots=True)
class Site:
    """How a site is set up, and who comes besides."""

    setup: Mapping[str, Any]
    hostile: Sequence[Sequence[str]]
    legitimate: Sequence[Sequence[str]]


PROXIED: Final = ("X-Forwarded-Host: shop.example", "X-Forwarded-Proto: https")

SITES: Final = (
    Site({}, HOSTILE, LEGITIMATE),
    Site(
        {"allowed_origins": ["https://app.example"]},
        (
            *HOSTILE,
            (HOST, "Origin: http://app.example"),
            (HOST, "Origin: https://app.example:8443"),
            (HOST, "Origin: https://app.example.evil.example"),
        ),
        (*LEGITIMATE, (HOST, "Origin: https://app.example")),
    ),
    Site(
        {"trusted_proxies": ["127.0.0.0/8"]},
        (
            ("Host: inside", "Origin: https://evil.example", *PROXIED),
            ("Host: inside", "Origin: http://shop.example", *PROXIED),
            ("Host: inside", "Origin: https://inside", *PROXIED),
            ("Host: inside", "Origin: https://shop.example:8443", *PROXIED),
            (
                "Host: inside",
                "Origin: https://evil.example",
                "X-Forwarded-Host: shop.example, evil.example",
                "X-Forwarded-Proto: https",
            ),
        ),
        (
            ("Host: inside", "Origin: https://shop.example", *PROXIED),
            ("Host: inside", "Origin: https://shop.example:443", *PROXIED),
        ),
    ),
    Site(
        {"trusted_proxies": ["10.0.0.0/8"]},
        (("Host: inside", "Origin: https://shop.example", *PROXIED),),
        (("Host: inside", "Origin: http://inside", *PROXIED),),
    ),
)


async def cookie_of(server: Server, user: str) -> str:
    """Sign in; return the header that proves it."""
    async with (
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http,
        http.post(f"http://127.0.0.1:{server.door.port}/login?user={user}") as response,
    ):
        (cookie,) = response.cookies.values()
        return f"Cookie: {cookie.key}={cookie.value}"


async def is_let_in(server: Server, cookie: str, headers: Sequence[str]) -> bool:
    """Tell whether the upgrade succeeds, and the cookie then signs in."""
    lines = ["GET /ws HTTP/1.1", *UPGRADE, cookie, *headers, "", ""]
    request = "\r\n".join(lines).encode("latin-1")
    try:
        peer = await enter(server.door, lambda: Peer("json", request))
    except (Refused, Gone):
        return False
    try:
        return bool((await peer.hello("members"))[0] == WELCOME)
    except Gone:
        return True
    finally:
        peer.reset()


async def run(effort: float) -> Outcome:
    rounds = scaled(ROUNDS, effort)
    outcome = Outcome()
    tried = upgraded = wanted = accepted = 0
    for site in SITES:
        async with serving(setup=site.setup) as server:
            cookie = await cookie_of(server, "ann")
            for _ in range(rounds):
                for headers in site.hostile:
                    tried += 1
                    if await is_let_in(server, cookie, headers):
                        upgraded += 1
                        outcome.require(False, f"let in: {headers} at {site.setup}")
                for headers in site.legitimate:
                    wanted += 1
                    if await is_let_in(server, cookie, headers):
                        accepted += 1
                    else:
                        outcome.require(False, f"refused: {headers} at {site.setup}")
            server.require_clean_log(outcome)
    outcome.done = (
        f"{tried:,} hostile and {wanted:,} legitimate upgrades with a valid cookie, "
        f"{sum(len(site.hostile) for site in SITES)} tricks, {len(SITES)} set-ups"
    )
    outcome.seen = f"{upgraded} hostile ones upgraded; {accepted:,} legitimate accepted"
    return outcome


ROW = Row(
    "origins",
    "hostile origins and header tricks with a valid cookie",
    "0 upgraded; legitimate ones all accepted",
    run,
)
