"""A history in a file, and the process that writes it really ending in between."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

#: Publishes one event, reads the whole history as a client would, and ends.
PROGRAM = """
import asyncio, json, sys
from aiohttp_serverwamp import OPEN, Application, Realm
from aiohttp_serverwamp.history import SQLiteHistory

async def main(path, text):
    wamp, realm = Application(), Realm("r", permissions=OPEN)
    realm.set_history_store(SQLiteHistory(path))
    realm.keep_history("a.b")
    wamp.add_realm(realm)
    async with wamp.run():
        realm.publish("a.b", text)
        subscription = await realm.call("wamp.subscription.lookup", "a.b")
        found = await realm.call("wamp.subscription.get_events", subscription)
        realm.publish("a.b", "last words of " + text)
    print(json.dumps(found))

asyncio.run(main(*sys.argv[1:]))
"""


def lived(path: Path, text: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), text],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_history_goes_on_where_the_last_process_ended(tmp_path: Path) -> None:
    first = lived(tmp_path / "history.sqlite", "one")
    second = lived(tmp_path / "history.sqlite", "two")

    assert second[0] == first[0]
    assert [event["args"][0] for event in second] == ["one", "last words of one", "two"]
    assert len({event["publication"] for event in second}) == 3
    assert {event["subscription"] for event in second} == {first[0]["subscription"]}
    times = [event["timestamp"] for event in second]
    assert times == sorted(times)
