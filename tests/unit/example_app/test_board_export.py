"""The task board's export: in pieces, to be cancelled, harmless to a spreadsheet."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import Any

import pytest
from aiohttp import web

from aiohttp_serverwamp import WAMP, ApplicationError
from example_app import export
from example_app.export import as_csv, harmless
from tests.unit.example_app.team import Team


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PAUSE", 0)


@pytest.mark.usefixtures("no_pause")
async def test_the_pieces_make_the_whole_file(team: Team) -> None:
    pieces: list[dict[str, Any]] = []
    async with team.member("Ada") as ada:
        for number in range(5):
            await ada.call("board.add", {"title": f"task {number}", "assignee": "Ada"})
        await ada.call("board.complete", 5)

        count = await ada.call("board.export", on_progress=pieces.append)

    assert count == 5
    assert [(piece["written"], piece["total"]) for piece in pieces] == [
        (0, 5),
        (2, 5),
        (4, 5),
        (5, 5),
    ]
    text = "".join(piece["text"] for piece in pieces)
    header, *rows = csv.reader(io.StringIO(text))
    assert header[:3] == ["Title", "Assigned to", "Due"]
    assert [row[:2] for row in rows] == [[f"task {n}", "Ada"] for n in range(5)]
    assert [row[5] for row in rows] == ["", "", "", "", "Ada"]


@pytest.mark.usefixtures("no_pause")
async def test_an_empty_board_gives_a_file_with_a_header_only(team: Team) -> None:
    pieces: list[dict[str, Any]] = []
    async with team.member("Ada") as ada:
        assert await ada.call("board.export", on_progress=pieces.append) == 0

    assert [piece["text"].count("\n") for piece in pieces] == [1]


async def test_who_does_not_ask_for_progress_is_told_to(team: Team) -> None:
    async with team.member("Ada") as ada:
        with pytest.raises(ApplicationError) as refused:
            await ada.call("board.export")

    assert refused.value.uri == "board.error.no_progress_wanted"


class LongPause:
    """A pause that only being cancelled ends."""

    def __init__(self) -> None:
        self.begun, self.ended = asyncio.Event(), asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()


@pytest.fixture
def long_pause(app: web.Application) -> LongPause:
    """Let the export pause; to be asked for before the board is served."""
    pause = LongPause()
    app[WAMP].realm("members").set_default_arg("sleep", pause)
    return pause


@pytest.mark.parametrize("way", ["cancel", "leave"])
async def test_nothing_goes_on_for_a_caller_who_has_enough(
    long_pause: LongPause, team: Team, way: str
) -> None:
    async with team.member("Ada") as ada:
        for number in range(5):
            await ada.call("board.add", {"title": f"task {number}"})
        call = await ada.begin_call("board.export", options={"receive_progress": True})
        await asyncio.wait_for(long_pause.begun.wait(), 10)

        if way == "leave":
            await ada.drop()
        else:
            await call.cancel()
            with pytest.raises(ApplicationError, match="canceled"):
                await call.result()

        await asyncio.wait_for(long_pause.ended.wait(), 10)


@pytest.mark.parametrize(
    "title",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1"],
)
def test_what_a_spreadsheet_would_run_is_made_text(title: str) -> None:
    assert harmless(title) == "'" + title


@pytest.mark.parametrize("title", ["", "Buy milk", "1 + 1 = 2", "a@b.test", "'=1"])
def test_everything_else_stays_as_it_is(title: str) -> None:
    assert harmless(title) == title


def test_cells_may_hold_what_separates_them() -> None:
    cells = ('say "no"', "one, two", "ünï")

    assert list(csv.reader(io.StringIO(as_csv([cells])))) == [list(cells)]
    assert as_csv([("a", "b")]) == "a,b\r\n"
