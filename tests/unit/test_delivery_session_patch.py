"""What to send of a session, given what the partner acknowledged."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.ocpi.pushes.session_patch import Acknowledged, patch, sendable


def period(hour: int, kwh: str = "1") -> dict[str, Any]:
    return {
        "start_date_time": f"2026-11-22T{hour:02d}:00:00.000Z",
        "dimensions": [{"type": "ENERGY", "volume": Decimal(kwh)}],
    }


def session(*periods: dict[str, Any], status: str = "ACTIVE", **fields: Any) -> dict[str, Any]:
    return {
        "id": "S1",
        "kwh": Decimal("1.5"),
        "status": status,
        "last_updated": "2026-11-22T10:00:00.000Z",
        "charging_periods": list(periods),
        **fields,
    }


def held(document: dict[str, Any]) -> Acknowledged:
    read_back = Acknowledged.from_text(Acknowledged.of(sendable(document)).to_text())
    assert read_back is not None
    return read_back


def test_the_period_that_still_runs_is_not_sent() -> None:
    assert sendable(session(period(8), period(9)))["charging_periods"] == [period(8)]


def test_the_last_period_of_an_ended_session_is_sent() -> None:
    ended = session(period(8), period(9), status="COMPLETED")
    assert sendable(ended)["charging_periods"] == [period(8), period(9)]


def test_an_empty_list_of_periods_is_left_out() -> None:
    assert "charging_periods" not in sendable(session(period(8)))


def test_a_patch_carries_the_changed_fields_and_last_updated_only() -> None:
    """ocpi-rules 9: a PATCH carries last_updated."""
    before = session(period(8))
    after = before | {"kwh": Decimal("2.5"), "last_updated": "2026-11-22T10:01:00.000Z"}
    assert patch(held(before), sendable(after)) == {
        "kwh": Decimal("2.5"),
        "last_updated": "2026-11-22T10:01:00.000Z",
    }


def test_a_patch_carries_last_updated_even_when_nothing_changed() -> None:
    """ocpi-rules 9."""
    same = session(period(8))
    assert patch(held(same), sendable(same)) == {"last_updated": "2026-11-22T10:00:00.000Z"}


def test_a_patch_carries_only_the_periods_that_the_partner_does_not_hold() -> None:
    """ocpi-rules 10: charging_periods in a PATCH are appended."""
    body = patch(
        held(session(period(8), period(9))), sendable(session(period(8), period(9), period(10)))
    )
    assert body is not None
    assert body["charging_periods"] == [period(9)]


def test_a_period_that_changed_after_it_was_sent_needs_a_put() -> None:
    """ocpi-rules 10: only a PUT replaces periods."""
    before = session(period(8), period(9))
    after = session(period(8, "7"), period(9), period(10))
    assert patch(held(before), sendable(after)) is None


def test_a_period_that_is_gone_needs_a_put() -> None:
    before = session(period(8), period(9), period(10))
    assert patch(held(before), sendable(session(period(8), period(9)))) is None


def test_a_field_that_is_gone_needs_a_put() -> None:
    before = session(period(8), meter_id="M1")
    assert patch(held(before), sendable(session(period(8)))) is None


def test_what_cannot_be_read_back_counts_as_nothing_held() -> None:
    assert all(Acknowledged.from_text(text) is None for text in (None, "", "3", "{}", "[1]"))


@given(st.lists(st.integers(0, 6), min_size=1, max_size=30))
def test_appending_every_patch_gives_the_partner_the_session_itself(steps: list[int]) -> None:
    """ocpi-rules 10, over any growth of a session."""
    periods = [period(0, "0")]
    partner = sendable(session(*periods))
    for number, step in enumerate(steps):
        before = held(session(*periods))
        periods[-1] = period(len(periods) - 1, str(number))
        periods += [period(len(periods) + more, "0") for more in range(step % 3)]
        document = session(*periods, kwh=Decimal(number))
        body = patch(before, sendable(document))
        assert body is not None
        added = body.pop("charging_periods", [])
        partner |= body
        partner["charging_periods"] = partner.get("charging_periods", []) + added
    expected = sendable(document)
    assert {"charging_periods": [], **partner} == {"charging_periods": [], **expected}


def test_to_a_partner_of_211_new_periods_go_by_put() -> None:
    """ocpi-rules 10: 2.1.1 does not say that a PATCH appends; a PUT replaces in every reading."""
    before = session(period(8), period(9))
    longer = session(period(8), period(9), period(10))
    same = before | {"kwh": Decimal("2.5")}

    assert patch(held(before), sendable(longer), appending=False) is None
    assert patch(held(before), sendable(same), appending=False) == {
        "kwh": Decimal("2.5"),
        "last_updated": "2026-11-22T10:00:00.000Z",
    }
