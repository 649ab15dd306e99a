"""Router.run and Router.later: hosted code never sees a half-finished operation."""

from __future__ import annotations

import pytest

from aiohttp_serverwamp.limits import Limits
from aiohttp_serverwamp.router.authorization import Permissions
from aiohttp_serverwamp.router.router import Router


@pytest.fixture
def router() -> Router:
    return Router(
        limits=Limits(),
        permissions=Permissions(),
        now=lambda: 0.0,
        wall_time_ns=lambda: 0,
        choose=lambda callees: callees[0],
        new_id=lambda: 1,
    )


def test_what_is_sent_to_hosted_code_waits_for_the_outermost_operation(
    router: Router,
) -> None:
    log: list[str] = []

    def inner() -> None:
        router.later(log.append, "delivered")
        log.append("inner")

    def outer() -> str:
        router.run(inner)
        log.append("outer")
        return "result"

    assert router.run(outer) == "result"

    assert log == ["inner", "outer", "delivered"]


def test_deliveries_keep_their_order_and_new_ones_queue_up(router: Router) -> None:
    log: list[int] = []

    def deliver(number: int) -> None:
        log.append(number)
        if number < 3:
            router.later(deliver, number + 10)

    def operation() -> None:
        for number in (1, 2, 3):
            router.later(deliver, number)

    router.run(operation)

    assert log == [1, 2, 3, 11, 12]


def test_outside_of_an_operation_the_delivery_is_at_once(router: Router) -> None:
    log: list[int] = []

    router.later(log.append, 1)

    assert log == [1]


def test_an_operation_that_raises_delivers_all_the_same(router: Router) -> None:
    log: list[str] = []

    def broken() -> None:
        router.later(log.append, "delivered")
        raise ValueError("half done")

    with pytest.raises(ValueError, match="half done"):
        router.run(broken)
    router.run(log.append, "next")

    assert log == ["delivered", "next"]


def test_a_delivery_that_raises_is_nobody_elses_fault(
    router: Router, caplog: pytest.LogCaptureFixture
) -> None:
    log: list[str] = []

    def broken() -> None:
        raise ValueError("hosted")

    def operation() -> str:
        router.later(broken)
        router.later(log.append, "delivered")
        return "result"

    assert router.run(operation) == "result"

    assert log == ["delivered"]
    (record,) = caplog.records
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)
