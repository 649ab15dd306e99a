"""The cases, as kosoku has them, put to a server of ours and to aiohttp."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.websocket_cases.echo import echoing

#: Those of permessage-deflate; a server that does not compress is not asked.
COMPRESSED: Final = ("12.*", "13.*")
#: Megabytes, in pieces of all sizes.
LARGE: Final = ("9.*",)

#: What counts as passed, of the messages and of the closing handshake.
PASSED: Final = frozenset({"OK", "NON-STRICT", "INFORMATIONAL"})

#: In a process of its own: its native code does not always survive the end of Python.
COMMAND: Final = (sys.executable, "-c", "from kosoku._cli import main; main()")


@dataclass(frozen=True)
class Outcome:
    """What a server has made of the cases."""

    server: str
    passed: int
    #: The ids of the others, with the verdicts.
    failed: Mapping[str, str]

    @property
    def cases(self) -> int:
        return self.passed + len(self.failed)


async def run(
    server: str, include: Sequence[str] = (), exclude: Sequence[str] = ()
) -> Outcome:
    """Put the chosen cases, all by default, to a server made for them."""
    chosen = [f"--include={each}" for each in include]
    chosen += [f"--exclude={each}" for each in exclude]
    with tempfile.TemporaryDirectory() as reports:
        async with echoing(server) as address:
            process = await asyncio.create_subprocess_exec(
                *COMMAND,
                *chosen,
                "--parallelism=4",
                f"--outdir={reports}",
                f"ws://{address}/",
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            said, _ = await process.communicate()
        index = Path(reports) / "index.json"
        if not index.exists():
            raise RuntimeError(f"kosoku has not made a report: {said.decode()}")
        [agent] = json.loads(index.read_text(encoding="utf-8")).values()
    failed = {
        case: f"{result['behavior']}, closing: {result['behaviorClose']}"
        for case, result in agent.items()
        if not PASSED.issuperset((result["behavior"], result["behaviorClose"]))
    }
    return Outcome(server, len(agent) - len(failed), failed)
