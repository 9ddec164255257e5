"""UTC times in the form both standards share (OCPI types 1.5: RFC 3339, UTC, `Z`, <= 25 chars)."""

from datetime import UTC, datetime
from functools import cache
from zoneinfo import available_timezones

FIRST_YEAR = 2010
"""No charge point spoke OCPP before: a clock that shows less is not set (stations boot in 1970)."""


@cache
def time_zones() -> frozenset[str]:
    """Their names in the IANA database: a search through hundreds of files, so done once."""
    return frozenset(available_timezones())


def to_text(moment: datetime) -> str:
    """Write UTC with milliseconds and `Z`, 24 characters; finer fractions are cut off."""
    # not by strftime, which leaves out the leading zeros of early years
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def from_text(text: str) -> datetime:
    """Read an RFC 3339 time; without a zone it is UTC (OCPI types 1.5). Raises `ValueError`."""
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is UTC:  # nearly always
        return moment
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def to_milliseconds(moment: datetime) -> int:
    """Whole milliseconds since 1970, the precision that OCPI's DateTime carries."""
    return int(moment.timestamp() * 1000 // 1)


def from_milliseconds(milliseconds: int) -> datetime:
    """The moment of `to_milliseconds`."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
