"""Moments as text, in the profile of ISO 8601 that RFC 3339 describes.

Within the library they are whole nanoseconds of the epoch.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["moment", "nanoseconds_of", "rfc3339", "rfc3339_nanoseconds"]

_NANOSECONDS: Final = 10**9
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RFC3339: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?"
    r"(?:[Zz]|([+-])(\d\d):(\d\d))",
    re.ASCII,
)
_SECOND: Final = timedelta(seconds=1)


def rfc3339(nanoseconds: int) -> str:
    """Return a moment as 2025-01-31T12:00:00.000000Z, cut to microseconds."""
    utc = moment(nanoseconds).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='microseconds')}Z"


def moment(nanoseconds: int) -> datetime:
    """Return a moment in UTC, cut to microseconds."""
    return _EPOCH + timedelta(microseconds=nanoseconds // 1_000)


def nanoseconds_of(moment: datetime) -> int:
    """Return the moment that a datetime with a time zone is."""
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1_000


def rfc3339_nanoseconds(text: str) -> int:
    """Return the moment that a text of RFC 3339 names; raise `ValueError`.

    Digits beyond nanoseconds are cut; a leap second is the first of the next minute.
    """
    found = _RFC3339.fullmatch(text)
    if found is None:
        raise ValueError("no date and time of RFC 3339")
    *fields, fraction, sign, hours, minutes = found.groups()
    year, month, day, hour, minute, second = map(int, fields)
    date = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    if second > 60:
        raise ValueError("no such second")
    seconds = (date - _EPOCH) // _SECOND + (second == 60)
    if sign is not None:
        seconds -= int(f"{sign}1") * _offset(int(hours), int(minutes))
    return seconds * _NANOSECONDS + int((fraction or "0").ljust(9, "0")[:9])


def _offset(hours: int, minutes: int) -> int:
    if hours > 23 or minutes > 59:
        raise ValueError("no such offset from UTC")
    return (hours * 60 + minutes) * 60
