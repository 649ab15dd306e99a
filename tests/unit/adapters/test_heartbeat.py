"""When a silent client is pinged and given up, on a clock of the test's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from aiohttp_serverwamp.adapters.heartbeat import Heartbeat, Pulse

INTERVAL = 20.0
#: `Limits.heartbeat`: the interval, and half as long again for the answer.
GIVEN_UP = 30.0


class Client:
    """What a heartbeat does to one client, and the time it goes by."""

    def __init__(self, interval: float | None = INTERVAL, parts: int = 1) -> None:
        self.time = 0.0
        self.pings: list[float] = []
        self.given_up: float | None = None
        self.answers = True
        self._due: float | None = None
        self._tick: Callable[[], None] = lambda: None
        pulse = None
        if interval:
            pulse = Pulse(
                interval,
                make_timer=self._make_timer,
                now=lambda: self.time,
                parts=parts,
            )
        self.heartbeat = Heartbeat(pulse, self._ping, self._give_up)

    def _make_timer(self, tick: Callable[[], None]) -> Client:
        self._tick = tick
        return self

    def set(self, when: float | None) -> None:
        """Arm the timer, as `Timer` does."""
        self._due = when

    def _ping(self) -> None:
        self.pings.append(self.time)
        self.heartbeat.heard |= self.answers

    def _give_up(self) -> None:
        self.given_up = self.time

    def says_something_at(self, *times: float, late: float = 0.0) -> None:
        """Let time pass until the last of these; timers come so much too late."""
        for time in times:
            while self._due is not None and self._due < time:
                self.time, self._due = self._due + late, None
                self._tick()
            self.time = time
            self.heartbeat.heard = True

    def is_silent_until(self, time: float, late: float = 0.0) -> None:
        """Let time pass without a word."""
        self.says_something_at(time, late=late)


@pytest.mark.parametrize("parts", [1, 16])
@pytest.mark.parametrize("last_word", [0.0, 0.1, 9.9, 10.1, 14.0, 19.9, 25.0])
def test_who_is_gone_is_given_up_an_interval_and_a_half_later_at_most(
    last_word: float, parts: int
) -> None:
    client = Client(parts=parts)
    client.answers = False

    client.says_something_at(*range(int(last_word)), last_word)
    client.is_silent_until(100.0)

    assert client.given_up is not None
    assert INTERVAL <= client.given_up - last_word <= GIVEN_UP
    (ping,) = client.pings
    assert client.given_up - ping == INTERVAL / 2


def test_who_answers_is_pinged_once_an_interval_and_kept() -> None:
    client = Client()

    client.is_silent_until(101.0)

    assert client.given_up is None
    assert client.pings == [10.0, 30.0, 50.0, 70.0, 90.0]


def test_who_talks_is_not_pinged() -> None:
    client = Client()

    client.says_something_at(*range(1, 100, 5))

    assert client.pings == []


def test_a_loop_that_was_held_up_takes_nobody_for_gone() -> None:
    client = Client()
    client.answers = False

    client.is_silent_until(200.0, late=INTERVAL)

    assert client.pings == []
    assert client.given_up is None


def test_nobody_is_pinged_without_an_interval_or_after_the_end() -> None:
    never, stopped = Client(None), Client()
    stopped.heartbeat.stop()

    never.is_silent_until(100.0)
    stopped.is_silent_until(100.0)

    assert never.pings == stopped.pings == []


def test_those_who_come_one_after_the_other_are_pinged_so() -> None:
    client = Client(parts=4)
    pulse = client.heartbeat._pulse
    pinged: list[float] = []

    def ping() -> None:
        pinged.append(client.time)

    for came in (3.0, 6.0):
        client.is_silent_until(came)
        Heartbeat(pulse, ping, lambda: None)
    client.is_silent_until(INTERVAL)

    assert pinged == [12.5, 15.0]
