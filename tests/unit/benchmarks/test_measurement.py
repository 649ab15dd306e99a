"""The gauge counts whole operations, after the warm-up and until the time is over."""

from __future__ import annotations

import time

import pytest

from benchmarks.measurement import Gauge, Measurement


def test_only_what_is_done_after_the_warm_up_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # given a server that uses half of the time, and an operation each 0.5 s
    now = 100.0
    monkeypatch.setattr(time, "perf_counter", lambda: now)
    gauge = Gauge(seconds=2, cpu=lambda: now / 2)

    # when the warm-up ends with the operation that ends after a quarter of the time
    outcomes = []
    for _ in range(5):
        now += 0.5
        outcomes.append(gauge.count(10))

    # then
    assert outcomes[:4] == [None] * 4
    assert outcomes[4] == Measurement(cost=1 / 40 * 1e6, rate=20, busy=0.5)
