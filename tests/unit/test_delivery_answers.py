"""What partners' answers mean: the one table."""

from datetime import UTC, datetime

import pytest

from gateway.ocpi.outgoing.answers import LONGEST_RETRY_AFTER, Meaning, meaning, retry_after

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("http_status", "status_code", "expected"),
    [
        (200, 1000, Meaning.DONE),
        (201, 1000, Meaning.DONE),
        (200, 1900, Meaning.DONE),
        (200, 2000, Meaning.REFUSED),
        (200, 2001, Meaning.REFUSED),
        (200, 2002, Meaning.REFUSED),
        (200, 2003, Meaning.UNKNOWN_OBJECT),
        (200, 2004, Meaning.UNKNOWN_OBJECT),
        (200, 2999, Meaning.REFUSED),
        (200, 3000, Meaning.UNREACHABLE),
        (200, 3001, Meaning.UNREACHABLE),
        (200, 3002, Meaning.UNREACHABLE),
        (200, 3003, Meaning.UNREACHABLE),
        (200, None, Meaning.UNREACHABLE),
        (200, 0, Meaning.UNREACHABLE),
        (200, 99999, Meaning.UNREACHABLE),
        (301, None, Meaning.UNREACHABLE),
        (307, None, Meaning.UNREACHABLE),
        (400, 2001, Meaning.REFUSED),
        (401, None, Meaning.UNAUTHORIZED),
        (401, 2000, Meaning.UNAUTHORIZED),
        (403, None, Meaning.UNREACHABLE),
        (404, None, Meaning.UNKNOWN_OBJECT),
        (404, 2004, Meaning.UNKNOWN_OBJECT),
        (405, None, Meaning.REFUSED),
        (409, None, Meaning.EXISTS),
        (422, None, Meaning.REFUSED),
        (429, None, Meaning.UNREACHABLE),
        (500, None, Meaning.UNREACHABLE),
        (501, None, Meaning.REFUSED),
        (502, 1000, Meaning.UNREACHABLE),
        (503, None, Meaning.UNREACHABLE),
    ],
)
def test_each_answer_has_its_meaning(
    http_status: int, status_code: int | None, expected: Meaning
) -> None:
    """R12. ocpi-rules: success code habit."""
    assert meaning(http_status, status_code) is expected


@pytest.mark.parametrize(
    ("status_code", "expected"),
    [
        (4000, Meaning.UNREACHABLE),
        (4001, Meaning.REFUSED),
        (4002, Meaning.UNREACHABLE),
        (4003, Meaning.UNREACHABLE),
    ],
)
def test_a_hub_that_does_not_know_the_receiver_refuses_and_its_other_troubles_pass(
    status_code: int, expected: Meaning
) -> None:
    """ocpi-rules 12: hub codes are 4000 to 4003."""
    assert meaning(200, status_code) is expected


def test_without_an_envelope_no_http_status_counts_as_done() -> None:
    """R12; ocpi-rules: envelope habit."""
    assert not [status for status in range(100, 600) if meaning(status, None) is Meaning.DONE]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Sun, 22 Nov 2026 08:01:30 GMT", 90.0),
        ("Sun, 22 Nov 2026 07:00:00 GMT", 0.0),
        ("Sun, 22 Nov 2099 07:00:00 GMT", LONGEST_RETRY_AFTER),
        ("99999999999999999999", LONGEST_RETRY_AFTER),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_bounded(
    header: str | None, expected: float | None
) -> None:
    assert retry_after(header, NOW) == expected
