"""The day that a quota counts in, and when the next one begins. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Days:
    """Calendar days of one time zone, daylight saving included."""

    zone: ZoneInfo

    def of(self, wall: float) -> str:
        """The day of this time (seconds since 1970 UTC), as YYYY-MM-DD."""
        return datetime.fromtimestamp(wall, self.zone).date().isoformat()

    def next(self, wall: float) -> float:
        """When the day after this time's begins, in seconds since 1970 UTC."""
        return self._midnight(wall).timestamp()

    def next_text(self, wall: float) -> str:
        """The same as people write it: ISO 8601 in this zone."""
        return self._midnight(wall).isoformat()

    def _midnight(self, wall: float) -> datetime:
        tomorrow = datetime.fromtimestamp(wall, self.zone).date() + timedelta(days=1)
        # A zone whose clocks go forward at midnight has no such time; going by UTC and back finds the first there is.
        return (
            datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=self.zone)
            .astimezone(UTC)
            .astimezone(self.zone)
        )
