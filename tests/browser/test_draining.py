"""The task board whose server lets its pages leave before it stops."""

from __future__ import annotations

import json
import signal
import time
import urllib.error
import urllib.request

import pytest

from tests.browser.person import NewPerson
from tests.browser.running_board import Board

PATIENCE = 10.0


class DrainingBoard(Board):
    """One whose pages have three seconds to leave."""

    def command(self) -> list[str]:
        return [*super().command(), "--drain-timeout", "3", "--metrics"]

    def text(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.url + path) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture
def kind_of_board() -> type[Board]:
    return DrainingBoard


def test_pages_leave_while_the_server_listens_and_come_back_to_the_next(
    new_person: NewPerson, board: Board, complaints: list[str]
) -> None:
    assert isinstance(board, DrainingBoard)
    ada, grace = new_person("ada"), new_person("grace")
    ada.add("before")
    grace.sees_open("before")
    _, metrics = board.text("/metrics")
    assert 'wamp_sessions{realm="members"} 2.0' in metrics
    assert 'procedure="board.add",realm="members"} 1.0' in metrics
    process = board.process
    assert process is not None

    process.send_signal(signal.SIGTERM)

    # The health route says so at once, and the pages still work.
    end = time.monotonic() + PATIENCE
    while (answer := board.text("/healthz"))[0] == 200 and time.monotonic() < end:
        time.sleep(0.02)
    assert (answer[0], json.loads(answer[1])["status"]) == (503, "draining")
    ada.sees_state("Reconnecting…")
    grace.sees_state("Reconnecting…")
    assert process.wait(PATIENCE) == 0
    board.start()
    ada.sees_state("Live")
    grace.sees_state("Live")
    ada.sees_open("before")
    assert [
        text
        for text in complaints
        if "ERR_CONNECTION" not in text and "503" not in text
    ] == []
    complaints.clear()
