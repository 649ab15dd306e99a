"""The files of docs/deploy do what the page on deploying says, with real proxies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from aiohttp_serverwamp.testing import PATIENCE, connect
from tests.docs.proxies import CLIENT, HOST, Mill, Proxy

both = pytest.mark.parametrize("proxy", ["nginx", "caddy"])


@dataclass
class Site:
    """An application behind a proxy, and a browser that visits it."""

    mill: Mill
    proxy: Proxy
    browser: aiohttp.ClientSession

    @property
    def origin(self) -> dict[str, str]:
        """What a browser says that has the page from where it asks, by port 443."""
        return {"Host": HOST, "Origin": f"https://{HOST}"}

    async def sign_in(self) -> None:
        async with self.browser.post("/login", data={"name": "ann"}) as response:
            assert "<h1>The Old Mill</h1>" in await response.text()


@asynccontextmanager
async def site(
    proxy: str, folder: Path, *, heartbeat: float = 20.0, trusting: bool = True
) -> AsyncIterator[Site]:
    mill = Mill(folder, heartbeat=heartbeat, trusting=trusting)
    front = Proxy(proxy, folder, mill.port)
    try:
        await front.start()
        await mill.start()
        async with front.browser() as browser:
            yield Site(mill, front, browser)
    finally:
        await mill.stop()
        await front.stop()


@both
async def test_a_visitor_signs_in_and_joins_through_the_proxy(
    proxy: str, tmp_path: Path
) -> None:
    async with site(proxy, tmp_path) as here:
        async with here.browser.get("/") as response:
            assert "Sign in" in await response.text()
        await here.sign_in()

        async with connect(here.browser, realm="mill", headers=here.origin) as ann:
            assert ann.welcome["authid"] == "ann"
            assert ann.ws.protocol == "wamp.2.json"
            assert await ann.call("probe.address") == CLIENT
            changes = await ann.subscribe("booking.changed")
            await ann.call("booking.make", "Cleo", "2030-05-01")
            assert (await changes.next()).args[0][0]["guest"] == "Cleo"


@both
async def test_plain_http_is_sent_to_https(proxy: str, tmp_path: Path) -> None:
    async with site(proxy, tmp_path) as here:
        plain = f"http://{HOST}:{here.proxy.http}/here"
        async with here.browser.get(plain, allow_redirects=False) as response:
            assert response.status in (301, 308)
            assert response.headers["Location"].startswith(f"https://{HOST}")


@both
async def test_a_page_from_elsewhere_is_refused_whatever_it_claims(
    proxy: str, tmp_path: Path
) -> None:
    foreign = "https://elsewhere.example.com"
    claims: dict[str, str] = {
        "X-Forwarded-Host": "elsewhere.example.com",
        "X-Forwarded-Port": "443",
    }
    async with site(proxy, tmp_path) as here:
        await here.sign_in()
        for extra in ({}, claims):
            headers = {**here.origin, "Origin": foreign, **extra}
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                async with connect(here.browser, realm="mill", headers=headers):
                    pass
            assert refused.value.status == 403


@both
async def test_a_client_cannot_choose_its_address(proxy: str, tmp_path: Path) -> None:
    async with site(proxy, tmp_path) as here:
        await here.sign_in()
        headers = {**here.origin, "X-Forwarded-For": "192.0.2.7"}
        async with connect(here.browser, realm="mill", headers=headers) as ann:
            assert await ann.call("probe.address") == CLIENT


@both
async def test_without_trusted_proxies_the_own_page_is_refused_and_the_log_says_why(
    proxy: str, tmp_path: Path
) -> None:
    async with site(proxy, tmp_path, trusting=False) as here:
        await here.sign_in()
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with connect(here.browser, realm="mill", headers=here.origin):
                pass

    assert refused.value.status == 403
    assert "trusted_proxies" in here.mill.log


@both
async def test_who_is_idle_for_longer_than_the_proxy_waits_stays(
    proxy: str, tmp_path: Path
) -> None:
    """The copy of nginx.conf waits 2 s; the heartbeat is as much shorter."""
    async with site(proxy, tmp_path, heartbeat=0.6) as here:
        await here.sign_in()
        async with connect(here.browser, realm="mill", headers=here.origin) as ann:
            await asyncio.sleep(4)

            assert await ann.call("booking.list") == []


async def test_without_heartbeat_nginx_cuts_who_is_idle(tmp_path: Path) -> None:
    async with site("nginx", tmp_path, heartbeat=0) as here:
        await here.sign_in()
        async with connect(here.browser, realm="mill", headers=here.origin) as ann:
            assert await ann.close_code() == aiohttp.WSCloseCode.ABNORMAL_CLOSURE


@both
async def test_a_restart_is_announced_and_bridged(proxy: str, tmp_path: Path) -> None:
    async with site(proxy, tmp_path) as here:
        await here.sign_in()
        async with connect(here.browser, realm="mill", headers=here.origin) as ann:
            await here.mill.stop()
            code = await ann.close_code()
            reason = ann.ended
        async with here.browser.get("/") as response:
            meanwhile = response.status, response.headers.get("Retry-After")
            text = await response.text()
        await here.mill.start()
        async with asyncio.timeout(PATIENCE), here.browser.get("/") as response:
            afterwards = response.status

    assert (code, reason) == (1001, "wamp.close.system_shutdown")
    assert meanwhile == (502, "5")
    assert "back in a moment" in text
    assert afterwards == 200
