"""What docs/migrate-serverwamp.rst makes of a program works."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aiohttp_serverwamp.errors import ApplicationError
from aiohttp_serverwamp.hosting.invocation import RPCResult
from aiohttp_serverwamp.testing import connect, serving
from tests.code_blocks import code_blocks, run_blocks

GUIDE = Path(__file__).parents[2] / "docs" / "migrate-serverwamp.rst"


@pytest.fixture
def guide() -> Any:
    return SimpleNamespace(**run_blocks(code_blocks(GUIDE), {"__name__": "__main__"}))


@pytest.mark.parametrize("app", ["old_app", "new_app"])
async def test_titles_are_told_and_readers_hear_of_it(guide: Any, app: str) -> None:
    async with (
        serving(getattr(guide, app)()) as http,
        connect(http, "/", realm="any") as client,
    ):
        read = await client.subscribe("docs.read")

        assert await client.call("docs.title", 1) == "How to begin"
        assert (await read.next()).args == [1]
        with pytest.raises(ApplicationError, match=r"docs\.error\.unknown"):
            await client.call("docs.title", 7)


async def test_publish_reaches_the_readers(guide: Any) -> None:
    app = guide.new_app()
    async with serving(app) as http, connect(http, "/", realm="any") as client:
        read = await client.subscribe("docs.read")
        app["wamp"].publish("docs.read", 1)

        assert (await read.next()).args == [1]


async def test_a_list_is_spread_where_the_route_set_says_so(guide: Any) -> None:
    guide.TITLES[2] = "How to end"
    async with (
        serving(guide.new_app()) as http,
        connect(http, "/", realm="any") as client,
    ):
        assert await client.call("docs.numbers") == RPCResult([1, 2], {})


async def test_the_switchboard_answers_calls_itself(guide: Any) -> None:
    app = guide.web.Application()
    guide.serverwamp.setup_wamp(app, guide.switchboard)
    async with serving(app) as http, connect(http, realm="any") as client:
        assert await client.call("what.ever") == "what.ever"
