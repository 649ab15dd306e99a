"""The files of the page on deploying do what it says, with real proxies."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import TCPConnector, web

from aiohttp_serverwamp import setup_wamp
from aiohttp_serverwamp.testing import connect
from tests.docs.proxies import CLIENT, HOST, Mill, Proxy, program

PROXIES = ["nginx", "caddy"]


@pytest.mark.parametrize(
    ("allowed", "outcome"), [("", pytest.fail.Exception), ("1", pytest.skip.Exception)]
)
def test_a_missing_proxy_fails_or_is_skipped_loudly(
    allowed: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path: None)
    monkeypatch.setenv("ALLOW_MISSING_PROXY", allowed)

    with pytest.raises(outcome, match="nginx"):
        program("nginx")


@dataclass
class Site:
    """An application behind a proxy, both as processes."""

    mill: Mill
    proxy: Proxy

    @property
    def origin(self) -> dict[str, str]:
        """What a browser says that has the page from where it asks, by port 443."""
        return {"Host": HOST, "Origin": f"https://{HOST}"}

    @asynccontextmanager
    async def signed_in(self) -> AsyncIterator[aiohttp.ClientSession]:
        """Open a browser that has the cookie of somebody."""
        async with self.proxy.browser() as browser:
            async with browser.post("/login", data={"name": "ann"}) as response:
                assert "<h1>The Old Mill</h1>" in await response.text()
            yield browser


@contextmanager
def running(
    proxy: str,
    folder: Path,
    *,
    heartbeat: float = 20.0,
    read_timeout: int = 60,
    trusting: bool = True,
) -> Iterator[Site]:
    mill = Mill(folder, heartbeat=heartbeat, trusting=trusting)
    front = Proxy(proxy, folder, mill.port, read_timeout)
    try:
        front.start()
        mill.start()
        yield Site(mill, front)
    finally:
        front.stop()
        mill.stop()


@pytest.fixture(scope="module", params=PROXIES)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    with running(request.param, tmp_path_factory.mktemp(request.param)) as made:
        yield made


async def test_a_visitor_signs_in_and_joins_through_the_proxy(site: Site) -> None:
    async with site.proxy.browser() as stranger, stranger.get("/") as response:
        assert "Sign in" in await response.text()

    async with (
        site.signed_in() as browser,
        connect(browser, realm="mill", headers=site.origin) as ann,
    ):
        assert ann.welcome["authid"] == "ann"
        assert ann.ws.protocol == "wamp.2.json"
        assert await ann.call("probe.address") == CLIENT
        changes = await ann.subscribe("booking.changed")
        await ann.call("booking.make", "Cleo", "2030-05-01")
        assert (await changes.next()).args[0][0]["guest"] == "Cleo"


async def test_plain_http_is_sent_to_https(site: Site) -> None:
    plain = f"http://{HOST}:{site.proxy.http}/here"
    async with (
        site.proxy.browser() as browser,
        browser.get(plain, allow_redirects=False) as response,
    ):
        assert response.status in (301, 308)
        assert response.headers["Location"].startswith(f"https://{HOST}")


@pytest.mark.parametrize("claims", [{}, {"X-Forwarded-Host": "elsewhere.example.com"}])
async def test_a_page_from_elsewhere_is_refused_whatever_it_claims(
    site: Site, claims: dict[str, str]
) -> None:
    headers = {**site.origin, "Origin": "https://elsewhere.example.com", **claims}
    async with site.signed_in() as browser:
        assert await refusal(browser, headers) == 403


async def test_a_client_cannot_choose_its_address(site: Site) -> None:
    headers = {**site.origin, "X-Forwarded-For": "192.0.2.7"}
    async with (
        site.signed_in() as browser,
        connect(browser, realm="mill", headers=headers) as ann,
    ):
        assert await ann.call("probe.address") == CLIENT


@pytest.mark.parametrize("proxy", PROXIES)
async def test_without_trusted_proxies_the_own_page_is_refused_and_the_log_says_why(
    proxy: str, tmp_path: Path
) -> None:
    with running(proxy, tmp_path, trusting=False) as site:
        async with site.signed_in() as browser:
            assert await refusal(browser, site.origin) == 403

        assert "trusted_proxies" in site.mill.log


async def refusal(browser: aiohttp.ClientSession, headers: dict[str, str]) -> int:
    """Return the HTTP status that a WebSocket is refused with."""
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with connect(browser, realm="mill", headers=headers):
            pass
    return refused.value.status


async def served_to(
    claims: dict[str, str], tmp_path: Path, *, proxies: list[str], unix: bool
) -> object:
    """Serve by a Unix socket or a port; return the client's address, or the refusal."""
    app = web.Application()
    setup_wamp(app, trusted_proxies=proxies)
    runner = web.AppRunner(app)
    await runner.setup()
    path = str(tmp_path / "mill.sock")
    connector: aiohttp.BaseConnector
    if unix:
        await web.UnixSite(runner, path).start()
        url, connector = "http://mill", aiohttp.UnixConnector(path)
    else:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url, connector = f"http://127.0.0.1:{runner.addresses[0][1]}", TCPConnector()
    headers = {"Host": HOST, "Origin": f"https://{HOST}", **claims}
    try:
        async with aiohttp.ClientSession(url, connector=connector) as http:
            try:
                async with connect(http, realm="mill", headers=headers):
                    (session,) = app["wamp"].sessions()
                    return session.connection.transport_info["peer_address"]
            except aiohttp.WSServerHandshakeError as refused:
                return refused.status
    finally:
        await runner.cleanup()


CLAIMS = {"X-Forwarded-Proto": "https", "X-Forwarded-For": f"192.0.2.7, {CLIENT}"}


async def test_a_proxy_at_a_unix_socket_is_believed_where_it_is_named(
    tmp_path: Path,
) -> None:
    named, address = ["unix"], ["127.0.0.1"]
    assert await served_to(CLAIMS, tmp_path, proxies=named, unix=True) == CLIENT
    assert await served_to(CLAIMS, tmp_path, proxies=address, unix=True) == 403
    foreign = {**CLAIMS, "Origin": "https://elsewhere.example.com"}
    assert await served_to(foreign, tmp_path, proxies=named, unix=True) == 403


async def test_trusting_unix_sockets_trusts_nobody_at_a_port(tmp_path: Path) -> None:
    assert await served_to(CLAIMS, tmp_path, proxies=["unix"], unix=False) == 403


@pytest.mark.parametrize("proxy", PROXIES)
async def test_who_is_idle_for_longer_than_the_proxy_waits_stays(
    proxy: str, tmp_path: Path
) -> None:
    with running(proxy, tmp_path, heartbeat=1, read_timeout=3) as site:
        async with (
            site.signed_in() as browser,
            connect(browser, realm="mill", headers=site.origin) as ann,
        ):
            await asyncio.sleep(6)

            assert await ann.call("booking.list") == []


async def test_without_heartbeat_nginx_cuts_who_is_idle(tmp_path: Path) -> None:
    with running("nginx", tmp_path, heartbeat=0, read_timeout=3) as site:
        async with (
            site.signed_in() as browser,
            connect(browser, realm="mill", headers=site.origin) as ann,
        ):
            assert await ann.close_code() == aiohttp.WSCloseCode.ABNORMAL_CLOSURE


@pytest.mark.parametrize("proxy", PROXIES)
async def test_a_restart_is_announced_and_bridged(proxy: str, tmp_path: Path) -> None:
    with running(proxy, tmp_path) as site:
        async with site.signed_in() as browser:
            async with connect(browser, realm="mill", headers=site.origin) as ann:
                await asyncio.to_thread(site.mill.stop)
                code = await ann.close_code()
            async with browser.get("/") as response:
                meanwhile = response.status, response.headers.get("Retry-After")
                text = await response.text()
            await asyncio.to_thread(site.mill.start)
            async with browser.get("/") as response:
                afterwards = response.status

    assert (code, ann.ended) == (1001, "wamp.close.system_shutdown")
    assert meanwhile == (502, "5")
    assert "back in a moment" in text
    assert afterwards == 200
