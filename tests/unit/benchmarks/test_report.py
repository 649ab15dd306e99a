"""The tables hold medians, and ratios within each round."""

from __future__ import annotations

from pathlib import Path

from benchmarks.compete import Entry, Plan, Results
from benchmarks.contestants import FLOOR, Contestant
from benchmarks.measurement import Measurement
from benchmarks.report import details, summary
from benchmarks.rows import all_rows

LIBRARY = Contestant("ours", "servers.ours")
CALLER = Contestant("ours, calling", "servers.ours", rows=frozenset({"one"}))


def timed(*costs: float) -> list[Measurement]:
    return [Measurement(cost, rate=2e6 / cost, busy=0.5) for cost in costs]


ROWS = [each for each in all_rows(50, 10) if each.key in ("one", "fan-out", "idle")]
PLAN = Plan(
    rows=ROWS,
    entries=[Entry(each, Path("python")) for each in (FLOOR, LIBRARY, CALLER)],
    rounds=3,
    seconds=1,
)
RESULTS: Results = {
    # The machine was three times as slow in the second round.
    ("one", FLOOR.name): timed(10, 30, 20),
    ("one", LIBRARY.name): timed(12, 36, 26),
    ("one", CALLER.name): timed(20, 60, 30),
    ("fan-out", FLOOR.name): timed(8, 8, 8),
    ("fan-out", LIBRARY.name): timed(4, 6, 2),
    ("idle", FLOOR.name): [Measurement(15.25)] * 3,
    ("idle", LIBRARY.name): [Measurement(30.5)] * 3,
}


def test_the_summary_has_a_line_a_contestant_and_a_column_a_row() -> None:
    assert summary(PLAN, RESULTS).splitlines() == [
        "                         one call at  fan-out to      idle",
        "times the floor               a time          50   session",
        "raw aiohttp (the floor)      20.0 µs      8.0 µs  15.2 KiB",
        "ours                            1.20        0.50      2.00",
        "ours, calling                   2.00           –         –",
    ]


def test_the_details_have_the_spread_and_no_rate_where_no_time_was_measured() -> None:
    lines = [" ".join(line.split()) for line in details(PLAN, RESULTS).splitlines()]

    assert lines[3] == "ours 26.0 µs 76,923 50% 1.20 (1.20–1.30)"
    assert lines[4] == "ours, calling 30.0 µs 66,667 50% 2.00 (1.50–2.00)"
    assert lines[-1] == "ours 30.5 KiB 2.00 (2.00–2.00)"


def test_who_begins_changes_from_round_to_round() -> None:
    one, fan_out, _ = ROWS
    first = [PLAN.turns(one, round_)[0].contestant for round_ in range(4)]

    assert first == [FLOOR, LIBRARY, CALLER, FLOOR]
    assert [each.contestant for each in PLAN.turns(fan_out, 1)] == [LIBRARY, FLOOR]
