"""The days that quotas count in."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from services.intelligence.app.services.quotas.days import Days


def wall(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("zone", "at", "day", "ends"),
    [
        ("UTC", "2026-11-26T23:59:59", "2026-11-26", "2026-11-27T00:00:00+00:00"),
        ("UTC", "2026-11-27T00:00:00", "2026-11-27", "2026-11-28T00:00:00+00:00"),
        ("Europe/Berlin", "2026-11-26T23:30:00", "2026-11-27", "2026-11-28T00:00:00+01:00"),
        ("America/New_York", "2026-11-26T03:00:00", "2026-11-25", "2026-11-26T00:00:00-05:00"),
        # 25 and 23 hours: the clocks go back and forward within the day.
        ("Europe/Berlin", "2026-10-25T12:00:00", "2026-10-25", "2026-10-26T00:00:00+01:00"),
        ("Europe/Berlin", "2026-03-29T12:00:00", "2026-03-29", "2026-03-30T00:00:00+02:00"),
        # In Havana clocks go forward at midnight: the day begins at one o'clock.
        ("America/Havana", "2026-03-07T12:00:00", "2026-03-07", "2026-03-08T01:00:00-04:00"),
    ],
)
def test_a_day_ends_at_the_midnight_of_its_zone(zone: str, at: str, day: str, ends: str) -> None:
    days = Days(ZoneInfo(zone))
    assert (days.of(wall(at)), days.next_text(wall(at))) == (day, ends)
    assert days.next(wall(at)) == datetime.fromisoformat(ends).timestamp()
    assert days.of(days.next(wall(at))) != day
    assert days.of(days.next(wall(at)) - 1) == day
