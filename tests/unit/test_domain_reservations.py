"""How long a reservation lasts, who ends it, and what a CDR has of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.pricing import Dimension
from gateway.domain.reservations import Reservation, ReservationStatus, Reserved, ReservedStart
from gateway.domain.tokens import TokenType
from gateway.ocpi.conformance.standard import errors
from gateway.ocpi.versions import BY_NUMBER
from tests.unit.test_ocpi_v211 import a_cdr

T0 = datetime(2026, 3, 1, 10, tzinfo=UTC)
ACTIVE, USED, CANCELLED, EXPIRED = (
    ReservationStatus.ACTIVE,
    ReservationStatus.USED,
    ReservationStatus.CANCELLED,
    ReservationStatus.EXPIRED,
)


def minute(number: int) -> datetime:
    return T0 + timedelta(minutes=number)


ASKED = Reservation(1, 1, "TAG1", TokenType.RFID, T0, minute(60))
MADE = ASKED.settled(ACTIVE, minute(1))
RESERVED = Reserved(1, T0, minute(60), 1)


def test_it_begins_when_the_station_has_accepted_it() -> None:
    """mod_tariffs: "A reservation starts when the reservation is made"."""
    assert MADE.begun_at == minute(1)


def test_a_replacement_goes_on_with_it() -> None:
    """mod_commands 13.3.5: the same reservation_id."""
    assert replace(MADE, expires_at=minute(90)).settled(ACTIVE, minute(30)).begun_at == minute(1)


@pytest.mark.parametrize("given_up", [True, False])
def test_cancelled_once_more_it_ended_when_it_ended(given_up: bool) -> None:
    """By the operator after the driver, or the other way round: its bill was of the first time."""
    cancelled = MADE.settled(CANCELLED, minute(20), given_up=given_up)
    assert cancelled.settled(CANCELLED, minute(40), given_up=not given_up) == cancelled


@pytest.mark.parametrize("status", [EXPIRED, CANCELLED])
def test_nothing_is_kept_free_beyond_its_expiry(status: ReservationStatus) -> None:
    """ "... and ends [...] when the reservation expires", however late that is noticed."""
    assert MADE.settled(status, minute(75)).ended_at == minute(60)


@pytest.mark.parametrize(
    ("ended", "due", "cancelled"),
    [
        (MADE.settled(EXPIRED, minute(61)), True, False),
        (MADE.settled(CANCELLED, minute(20), given_up=True), True, True),
        (MADE.settled(CANCELLED, minute(61), given_up=True), True, False),
        (MADE.settled(CANCELLED, minute(20)), False, True),
        (MADE.settled(USED, minute(20)), False, False),
        (ASKED.settled(ReservationStatus.REJECTED, minute(1)), False, False),
        (MADE, False, False),
    ],
    ids=["expired", "given up", "given up too late", "taken back", "used", "refused", "active"],
)
def test_only_who_does_not_come_or_gives_up_pays_without_charging(
    ended: Reservation, due: bool, cancelled: bool
) -> None:
    assert (ended.is_due, ended.was_cancelled) == (due, cancelled)


def test_a_used_one_remembers_its_first_start() -> None:
    used = MADE.used(minute(22), minute(23))

    assert (used.status, used.used_at) == (USED, minute(22))
    assert used.used(minute(40), minute(40)).used_at == minute(22)


def test_an_older_record_begins_when_it_was_asked_for() -> None:
    """R27: it does not say when the station accepted it."""
    assert ASKED.begun_at == T0


def test_its_time_is_charged_first() -> None:
    """mod_cdrs RESERVATION_TIME: "reserved and not yet been in use"."""
    period = RESERVED.period(minute(15), "T1")

    assert period is not None
    assert (period[0].start, period[1]) == (T0, minute(15))
    assert period[0].volumes == {Dimension.RESERVATION_TIME: Decimal("0.25")}
    assert RESERVED.start(minute(15)) == T0


def test_a_late_start_is_charged_until_the_expiry() -> None:
    period = RESERVED.period(minute(65), None)

    assert period is not None
    assert period[0].volumes == {Dimension.RESERVATION_TIME: Decimal(1)}


def test_a_start_by_a_slow_clock_has_nothing_before_it() -> None:
    """Nobody is charged for less than no time, and no CDR begins after its session."""
    assert RESERVED.period(minute(-3), "T1") is None
    assert RESERVED.start(minute(-3)) == minute(-3)


def test_a_start_uses_it_while_it_is_active_only() -> None:
    start = ReservedStart(1, "tag1", minute(10))

    assert MADE.may_be_used_by(start)
    assert not MADE.as_of(minute(60)).may_be_used_by(start)
    assert not MADE.settled(CANCELLED, minute(5)).may_be_used_by(start)


# --- what 2.1.1 hears of it -------------------------------------------------------------------

RESERVING = {
    "start_date_time": "2026-03-01T10:00:00.000Z",
    "charging_periods": [
        {
            "start_date_time": "2026-03-01T10:00:00.000Z",
            "dimensions": [{"type": "RESERVATION_TIME", "volume": Decimal("0.25")}],
        },
        {
            "start_date_time": "2026-03-01T10:15:00.000Z",
            "dimensions": [{"type": "TIME", "volume": Decimal(1)}],
        },
    ],
    "total_reservation_cost": {"before_taxes": Decimal("1.25"), "taxes": []},
}


def cdr_211(**changes: Any) -> Any:
    body = BY_NUMBER["2.1.1"].wire.cdr(a_cdr(**RESERVING, **changes))
    assert errors("2.1.1", "CDR", body) == []
    return body


def test_a_cdr_of_2_1_1_begins_with_the_session() -> None:
    """2.1.1 mod_cdrs 3.1: "Start timestamp of the charging session", and no RESERVATION_TIME."""
    body = cdr_211()

    assert body["start_date_time"] == "2026-03-01T10:15:00Z"
    assert [one["start_date_time"] for one in body["charging_periods"]] == ["2026-03-01T10:15:00Z"]


@pytest.mark.parametrize(
    ("told", "remark"),
    [({}, "RESERVATION 1.25 EUR"), ({"remark": "STOP Local"}, "RESERVATION 1.25 EUR; STOP Local")],
)
def test_a_cdr_of_2_1_1_names_what_the_reservation_cost(told: dict[str, str], remark: str) -> None:
    """ADR 0022: what it cannot say is put into words."""
    assert cdr_211(**told)["remark"] == remark
