"""The board as a file for a spreadsheet, piece by piece, for callers who may cancel."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass

from aiohttp_serverwamp import (
    ApplicationError,
    Invocation,
    RPCResult,
    RPCRouteSet,
    Session,
)
from example_app.store import Store, Task

__all__ = ["Piece", "Sleep", "as_csv", "export_api", "harmless"]

#: That of the async library.
Sleep = Callable[[float], Awaitable[None]]

# Small and slow on purpose: a demonstration has a dozen tasks, and a person should see
# the bar move and have the time to cancel. Without the pause 500 rows are a good batch.
BATCH_SIZE = 2
PAUSE = 0.3

NO_PROGRESS_WANTED = "board.error.no_progress_wanted"
COLUMNS = (
    "Title",
    "Assigned to",
    "Due",
    "Added by",
    "Added at",
    "Done by",
    "Done at",
)
# What spreadsheets take for the beginning of a formula.
FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")

export_api = RPCRouteSet()


@dataclass(frozen=True, slots=True)
class Piece:
    """One progressive result: how far it is, and the next lines of the file."""

    written: int
    total: int
    text: str


@export_api.route("board.export")
async def export(
    *, invocation: Invocation, session: Session, store: Store, sleep: Sleep
) -> AsyncIterator[Piece | RPCResult]:
    """Send the file in progressive results; the final one is the number of tasks.

    Nothing is kept here but the batch at hand, whatever the size of the board. When the
    caller cancels or leaves, the generator is cancelled at the ``await`` it is at.
    """
    if not invocation.receive_progress:
        raise ApplicationError(NO_PROGRESS_WANTED)
    run_in_thread = session.realm.run_in_thread
    counts = await run_in_thread(store.tasks.counts)
    total = counts.open + counts.done
    written, last_id = 0, 0
    yield Piece(written, total, as_csv([COLUMNS]))
    while batch := await run_in_thread(store.tasks.after, last_id, BATCH_SIZE):
        written, last_id = written + len(batch), batch[-1].id
        # Tasks may be added meanwhile.
        total = max(total, written)
        yield Piece(written, total, as_csv(map(row, batch)))
        await sleep(PAUSE)
    yield RPCResult([written])


def row(task: Task) -> tuple[str, ...]:
    """Write a task as the cells of its row."""
    return (
        task.title,
        task.assignee or "",
        task.due.isoformat() if task.due else "",
        task.added_by,
        task.added_at.isoformat(timespec="seconds"),
        task.done_by or "",
        task.done_at.isoformat(timespec="seconds") if task.done_at else "",
    )


def as_csv(rows: Iterable[tuple[str, ...]]) -> str:
    """Write rows as lines of CSV (RFC 4180)."""
    text = io.StringIO()
    csv.writer(text).writerows([harmless(cell) for cell in cells] for cells in rows)
    return text.getvalue()


def harmless(cell: str) -> str:
    """Keep a spreadsheet from running what somebody wrote as a title."""
    return f"'{cell}" if cell.lstrip(" ").startswith(FORMULA_STARTS) else cell
