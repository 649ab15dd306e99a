"""The cases of the Autobahn TestSuite, which ``tests/websocket_cases`` puts."""

from __future__ import annotations

import re
from typing import Final

from tests.soak.programs import is_missing, last_words, run_program
from tests.soak.row import Outcome, Row

#: Those that take longer than all other rows together: thousands of compressed messages
#: a case. `make websocket-cases` has them.
COMPRESSED: Final = ("12.*", "13.*")
#: Those that take their time: megabytes.
LONG: Final = ("9.*", *COMPRESSED)
#: What the program prints of a server.
RESULT: Final = re.compile(r"^(.+): (\d+) of (\d+) passed$", re.MULTILINE)


async def run(effort: float) -> Outcome:
    outcome = Outcome()
    if is_missing("tests.websocket_cases", outcome):
        return outcome
    left_out = LONG if effort < 1 else COMPRESSED
    arguments = [word for each in left_out for word in ("--exclude", each)]
    code, output = await run_program("tests.websocket_cases", *arguments)
    results = RESULT.findall(output)
    outcome.require(code == 0 and bool(results), last_words(output))
    cases = sum(int(cases) for _, _, cases in results)
    outcome.done = f"{cases:,} cases, put to {len(results)} servers"
    outcome.done += f", without {', '.join(left_out)}"
    outcome.seen = "; ".join(
        f"{server}: {passed} of {number}" for server, passed, number in results
    )
    return outcome


ROW = Row(
    "websocket-cases",
    "cases of the Autobahn TestSuite",
    "as many as aiohttp's own WebSocket passes, or more",
    run,
)
