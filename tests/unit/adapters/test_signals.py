"""Signals reach a hasty server after the clients have been told."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from aiohttp_serverwamp.adapters.signals import before_signals

Proceed = Callable[[], None]


class Server:
    """What has handlers of signals."""

    def __init__(self) -> None:
        self.heard: list[int] = []

    def handle(self, number: int, frame: object) -> None:
        self.heard.append(number)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    before = signal.getsignal(signal.SIGTERM)
    server = Server()
    monkeypatch.setattr(Server.handle, "__module__", "uvicorn.server", raising=False)
    signal.signal(signal.SIGTERM, server.handle)
    yield server
    signal.signal(signal.SIGTERM, before)


def test_the_server_hears_of_it_when_the_application_is_through(server: Server) -> None:
    stopping: list[Proceed] = []
    with before_signals(stopping.append):
        signal.raise_signal(signal.SIGTERM)
        assert server.heard == []
        stopping.pop()()

        assert server.heard == [signal.SIGTERM]
    assert signal.getsignal(signal.SIGTERM) == server.handle


def test_a_second_signal_is_not_held_up(server: Server) -> None:
    stopping: list[Proceed] = []
    with before_signals(stopping.append):
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)

        assert server.heard == [signal.SIGTERM]
        assert len(stopping) == 1


def test_other_handlers_are_left_alone(server: Server) -> None:
    def handle(number: int, frame: object) -> None: ...

    signal.signal(signal.SIGTERM, handle)
    interrupt: Any = signal.getsignal(signal.SIGINT)
    with before_signals(lambda proceed: None):
        assert signal.getsignal(signal.SIGTERM) is handle
        assert signal.getsignal(signal.SIGINT) is interrupt


def test_what_the_server_sets_meanwhile_stays(server: Server) -> None:
    with before_signals(lambda proceed: None):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


def test_nothing_is_done_in_another_thread(server: Server) -> None:
    def run() -> None:
        with before_signals(lambda proceed: None):
            seen.append(signal.getsignal(signal.SIGTERM))

    seen: list[object] = []
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()

    assert seen == [server.handle]
