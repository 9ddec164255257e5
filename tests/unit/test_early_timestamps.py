"""Times of clocks that are years wrong."""

from datetime import UTC, datetime

from gateway.domain.timestamps import from_text, to_text


def test_a_year_before_1000_is_written_with_four_digits() -> None:
    """security-and-faults R20; RFC 3339 5.6: date-fullyear = 4DIGIT."""
    moment = datetime(1, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)
    assert to_text(moment) == "0001-01-02T03:04:05.678Z"
    assert from_text(to_text(moment)) == moment.replace(microsecond=678_000)
