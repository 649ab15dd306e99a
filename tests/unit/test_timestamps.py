"""Moments as text: RFC 3339, exact to the nanosecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from aiohttp_serverwamp.timestamps import (
    moment,
    nanoseconds_of,
    rfc3339,
    rfc3339_nanoseconds,
)

BILLION = 10**9


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.5Z", BILLION // 2),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01T00:00:00.0000000019Z", 1),
        ("1969-12-31T23:59:59.999Z", -1_000_000),
        ("1970-01-01T01:30:00+01:30", 0),
        ("1969-12-31T23:00:00-01:00", 0),
        ("1970-01-01 00:00:01z", BILLION),
        ("1970-01-01t00:00:01-00:00", BILLION),
        ("2016-12-31T23:59:60Z", 1_483_228_800 * BILLION),
    ],
)
def test_text_is_read_exactly(text: str, nanoseconds: int) -> None:
    assert rfc3339_nanoseconds(text) == nanoseconds


def test_what_is_written_is_read_as_the_same() -> None:
    written = rfc3339(1_700_000_000_123_456_789)

    assert written == "2023-11-14T22:13:20.123456Z"
    assert rfc3339_nanoseconds(written) == 1_700_000_000_123_456_000
    assert rfc3339(0) == "1970-01-01T00:00:00.000000Z"


def test_datetimes_are_exact_in_any_zone() -> None:
    east = timezone(timedelta(hours=2))
    there = datetime(2026, 1, 1, 2, 0, 0, 1, tzinfo=east)

    assert moment(nanoseconds_of(there)) == datetime(2026, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
    with pytest.raises(TypeError):
        nanoseconds_of(datetime(2026, 1, 1))
