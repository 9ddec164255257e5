"""Where energy or time is not sure the CDR is held, with the reason; nothing else of it is lost.

security-and-faults R18 to R21. The connector is one of 11 kW.
"""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.bills.holding import releases
from gateway.domain.events import (
    ChargingState,
    MeterReported,
    TransactionPhase,
    TransactionReported,
    TransactionStarted,
    TransactionStopped,
)
from gateway.domain.metering.meter import Measurand, Reading, Sample
from gateway.domain.timestamps import from_text
from gateway.domain.tokens import TokenRef

T0 = from_text("2026-03-01T10:00:00Z")
CARD = TokenRef("DEADBEEF")
STARTED, UPDATED, ENDED = TransactionPhase
MOST_W = 11_040
SOME = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def at(minutes: float) -> Any:
    return T0 + timedelta(minutes=minutes)


def register(minutes: float, wh: int) -> Reading:
    return Reading(at(minutes), (Sample(Measurand.ENERGY_IMPORT_REGISTER, Decimal(wh)),))


def event(
    phase: TransactionPhase, seq: int, minutes: float, wh: int | None = None, **more: Any
) -> TransactionReported:
    readings = () if wh is None else (register(minutes, wh),)
    return TransactionReported(
        phase, "tx", seq, at(minutes), "ChargingStateChanged", readings=readings, **more
    )


def begin(minutes: float = 0, wh: int | None = 1000, **more: Any) -> TransactionReported:
    return event(STARTED, 0, minutes, wh, evse_id=1, token=CARD, **more)


async def outcome(house: Any, identity: str, id_: str) -> tuple[list[str], Any]:
    """The flags, and the CDR if there is one."""
    record = await house.record(identity, id_)
    cdr = await house.cdr(identity, id_)
    assert [record["state"], record["billed"]] == ["ENDED", cdr is not None]
    assert record["stopped_at"] >= record["started_at"]
    return record["flags"], cdr


async def told(house: Any, *events: TransactionReported) -> tuple[list[str], Any]:
    """A 2.x transaction as its station tells it, and what becomes of it."""
    state = await house.station("ocpp2.0.1")
    for one in events:
        await house.transactions.reported(state, one)
    await house.wait_is_over()
    return await outcome(house, state.identity, "tx")


async def called(
    house: Any, start_wh: int, stop: tuple[float, int], *readings: tuple[float, int]
) -> tuple[list[str], Any, Any]:
    """The same of a 1.6 transaction, with its Session."""
    state = await house.station("ocpp1.6")
    start = TransactionStarted(1, CARD, T0, Decimal(start_wh))
    id_ = (await house.transactions.started(state, start)).transaction_id
    for minutes, wh in readings:
        await house.transactions.metered(state, MeterReported(1, (register(minutes, wh),), id_))
    minutes, wh = stop
    await house.transactions.stopped(state, TransactionStopped(id_, at(minutes), Decimal(wh)))
    await house.wait_is_over()
    session = await house.session(state.identity, id_)
    return *(await outcome(house, state.identity, id_)), session


# --- R18: gaps --------------------------------------------------------------------------------


async def test_a_gap_is_billed_where_the_operator_has_released_gaps(house: Any) -> None:
    """GATEWAY_CDR_RELEASE=events-missing."""
    house.billing._released = releases("events-missing")
    flags, cdr = await told(house, begin(), event(ENDED, 2, 60, 3000))
    assert flags == ["events missing"]
    assert cdr["total_energy"] == Decimal(2)


async def test_what_is_released_does_not_release_the_rest(house: Any) -> None:
    house.billing._released = releases("events-missing")
    flags, cdr = await told(house, begin(wh=None), event(ENDED, 2, 60))
    assert (flags, cdr) == (["no meter value", "events missing"], None)


async def test_an_offline_backlog_is_billed_like_any_other(house: Any) -> None:
    """R18: told hours later, all at once, the last first."""
    house.clock.pass_by(9 * 3600)
    story = [begin(), event(UPDATED, 1, 30, 2000), event(ENDED, 2, 60, 3000)]
    backlog = [replace(one, offline=True) for one in reversed(story)]
    flags, cdr = await told(house, *backlog)
    assert flags == []
    assert [cdr["total_energy"], cdr["total_time"]] == [2, 1]


# --- R19: ids used again ----------------------------------------------------------------------


async def test_an_id_that_is_used_again_while_it_runs_ends_the_older_one_held(house: Any) -> None:
    """R19: the station lost its transaction, and its counter."""
    state = await house.station("ocpp2.0.1")
    for one in (begin(), event(UPDATED, 1, 30, 2000), begin(60, 5000), event(ENDED, 1, 90, 6000)):
        await house.transactions.reported(state, one)
    await house.wait_is_over()
    new, old = await house.records(state.identity)
    assert old["id"].startswith("tx~")
    flags, cdr = await outcome(house, state.identity, old["id"])
    assert {"transaction id used again", "end missing"} <= set(flags)
    assert cdr is None
    flags, cdr = await outcome(house, state.identity, new["id"])
    assert (flags, cdr["total_energy"]) == (["transaction id used again"], Decimal(1))


# --- R20: clocks ------------------------------------------------------------------------------

BACKWARDS = [
    begin(),
    event(UPDATED, 1, 30, 2000),
    event(UPDATED, 2, -20, 2500),  # by 50 minutes
    event(ENDED, 3, 40, 4000),
]


async def test_a_clock_that_is_set_back_within_a_transaction_holds_it(house: Any) -> None:
    """R20: its numbers say what came first, its times something else."""
    flags, cdr = await told(house, *BACKWARDS)
    assert "clock jumped during the transaction" in flags
    assert cdr is None


@given(order=st.permutations(BACKWARDS))
@SOME
async def test_a_clock_that_was_set_back_is_found_in_any_order(
    house: Any, order: list[TransactionReported]
) -> None:
    """R18, R20."""
    expected, _ = await told(house, *BACKWARDS)
    flags, cdr = await told(house, *order)
    assert (sorted(flags), cdr) == (sorted(expected), None)


async def test_a_clock_at_the_end_of_daylight_saving_time_told_as_utc_holds_it(house: Any) -> None:
    """R20, at DST: a station without a zone lives an hour twice."""
    flags, cdr = await told(
        house, begin(), event(UPDATED, 1, 50, 2000), event(UPDATED, 2, 0.5, 2100),
        event(ENDED, 3, 60, 4000),
    )  # fmt: skip
    assert "clock jumped during the transaction" in flags
    assert cdr is None


async def test_a_clock_that_is_put_right_by_a_minute_holds_nothing(house: Any) -> None:
    """Stations set their clock by the heartbeat."""
    flags, cdr = await told(
        house, begin(), event(UPDATED, 1, 30, 2000), event(UPDATED, 2, 29, None),
        event(ENDED, 3, 60, 3000),
    )  # fmt: skip
    assert flags == []
    assert cdr["total_energy"] == 2


async def test_the_numbers_of_a_station_that_does_not_count_say_nothing_of_time(
    house: Any,
) -> None:
    """Seen on the wire: seqNo 0 on every event."""
    story = [begin(), event(UPDATED, 0, 30, 2000), event(ENDED, 0, 60, 3000)]
    flags, cdr = await told(house, *story)
    assert flags == ["does not count its events"]
    assert cdr["total_energy"] == 2


@pytest.mark.parametrize("ahead", [60, 0])
async def test_a_clock_that_is_ahead_of_ours_only_at_one_end_has_jumped(
    house: Any, ahead: int
) -> None:
    """R20: put right in between, or set wrong in between, by an hour."""
    house.clock.follows = False
    state = await house.station("ocpp2.0.1")
    await house.transactions.reported(state, begin(ahead))
    house.clock.pass_by(90 * 60)
    end = 90 if ahead else 150
    await house.transactions.reported(state, event(ENDED, 1, end, 3000))
    flags, cdr = await outcome(house, state.identity, "tx")
    assert (flags, cdr) == (["clock jumped during the transaction"], None)


async def test_a_1_6_clock_that_was_put_right_in_between_has_jumped(house: Any) -> None:
    """R20."""
    house.clock.follows = False
    state = await house.station("ocpp1.6")
    start = TransactionStarted(1, CARD, at(60), Decimal(1000))
    id_ = (await house.transactions.started(state, start)).transaction_id
    house.clock.pass_by(90 * 60)
    await house.transactions.stopped(state, TransactionStopped(id_, at(90), Decimal(3000)))
    flags, cdr = await outcome(house, state.identity, id_)
    assert (flags, cdr) == (["clock jumped during the transaction"], None)


async def test_a_clock_that_is_always_an_hour_ahead_measures_time_well(house: Any) -> None:
    """R20: wrong by a zone, and steady."""
    house.clock.follows = False
    state = await house.station("ocpp2.0.1")
    await house.transactions.reported(state, begin(60))
    house.clock.pass_by(90 * 60)
    await house.transactions.reported(state, event(ENDED, 1, 150, 3000))
    flags, cdr = await outcome(house, state.identity, "tx")
    assert flags == []
    assert cdr["total_time"] == Decimal("1.5")


async def test_1_6_values_after_their_stop_hold_it(house: Any) -> None:
    """R20: the clock was set back before the stop."""
    flags, cdr, _ = await called(house, 1000, (30, 3000), (20, 2000), (80, 2500))
    assert "clock jumped during the transaction" in flags
    assert cdr is None


async def test_1_6_values_before_their_start_hold_it(house: Any) -> None:
    """R20: the clock was set back after the start."""
    flags, cdr, _ = await called(house, 1000, (30, 3000), (-40, 1500))
    assert "clock jumped during the transaction" in flags
    assert cdr is None


async def test_an_end_is_never_before_its_start(house: Any) -> None:
    """R20."""
    flags, cdr, session = await called(house, 1000, (-60, 3000))
    assert "start or end cannot be right" in flags
    assert cdr is None
    assert session["status"] == "ACTIVE"


# --- R21: meters ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start_wh", "values", "stop_wh"),
    [
        (5_000, [(20, 6_000), (40, 5_500)], 7_000),  # goes back
        (4_294_966_000, [(20, 4_294_967_000)], 700),  # rolls over, 32 bits
        (999_500, [(20, 999_900)], 400),  # rolls over, six digits
        (5_000_000, [(20, 5_001), (40, 5_002)], 5_003),  # Wh, then kWh
    ],
)
async def test_a_register_that_goes_back_holds_it(
    house: Any, start_wh: int, values: list[tuple[float, int]], stop_wh: int
) -> None:
    """R21: never negative."""
    flags, cdr, session = await called(house, start_wh, (60, stop_wh), *values)
    assert "meter register went back" in flags
    assert cdr is None
    assert 0 <= session["kwh"] <= 2


@pytest.mark.parametrize(
    ("start_wh", "values", "stop_wh"),
    [
        (5_000, [(20, 5_001_000), (40, 5_002_000)], 5_003_000),  # kWh, then Wh
        (0, [(20, 5_001_000), (40, 5_002_000)], 5_003_000),  # no start value
        (5_000, [], 5_003_000),  # without a value between
        (5_000, [], 18_700),  # by a little
    ],
)
async def test_more_energy_than_the_connector_can_deliver_holds_it(
    house: Any, start_wh: int, values: list[tuple[float, int]], stop_wh: int
) -> None:
    """R21: never above what the power allows, in the Session neither."""
    flags, cdr, session = await called(house, start_wh, (60, stop_wh), *values)
    assert flags == ["more energy than the connector can deliver"]
    assert cdr is None
    assert session["kwh"] <= Decimal(MOST_W) / 1000


@pytest.mark.parametrize("after", [[], [(30, 6_000)]])
async def test_a_spike_holds_it(house: Any, after: list[tuple[float, int]]) -> None:
    """R21: one value that cannot be, among those that can."""
    flags, cdr, session = await called(
        house, 5_000, (60, 7_000), (10, 5_500), (20, 9_999_999), *after
    )
    assert "meter register went back" in flags
    assert cdr is None
    assert session["kwh"] <= 2


async def test_a_connector_at_full_power_holds_nothing(house: Any) -> None:
    values = [(n, 5_000 + MOST_W * n // 60) for n in range(10, 60, 10)]
    flags, cdr, _ = await called(house, 5_000, (60, 5_000 + MOST_W), *values)
    assert flags == []
    assert cdr["total_energy"] == Decimal("11.04")


async def test_what_the_operator_believes_is_billed_as_the_meter_says(house: Any) -> None:
    """GATEWAY_CDR_RELEASE=beyond-power, where ratings in the locations are too low."""
    house.billing._released = releases("beyond-power")
    flags, cdr, session = await called(house, 5_000, (60, 27_000), (30, 16_000))
    assert flags == ["more energy than the connector can deliver"]
    assert [cdr["total_energy"], session["kwh"]] == [22, 22]


async def test_without_a_start_value_it_is_held(house: Any) -> None:
    """R21: the first value came after two minutes of charging."""
    flags, cdr = await told(
        house, begin(wh=None), event(UPDATED, 1, 2, 1300), event(ENDED, 2, 60, 3000)
    )
    assert flags == ["energy counted from the first reading, after the start"]
    assert cdr is None


async def test_a_first_value_before_anything_flows_is_the_start_value(house: Any) -> None:
    """The cable first, the card later (2.0.1 E02)."""
    flags, cdr = await told(
        house,
        begin(wh=None, charging_state=ChargingState.EV_CONNECTED),
        event(UPDATED, 1, 10, 1000, charging_state=ChargingState.CHARGING),
        event(ENDED, 2, 60, 3000),
    )
    assert flags == []
    assert cdr["total_energy"] == 2


async def test_without_a_stop_value_it_is_held(house: Any) -> None:
    flags, cdr = await told(
        house, begin(), event(UPDATED, 1, 45, 2500), event(ENDED, 2, 60)
    )  # fmt: skip
    assert flags == ["no meter value at its end"]
    assert cdr is None


async def test_a_last_value_after_which_nothing_flows_is_the_stop_value(house: Any) -> None:
    """The car was full, and stood on for an hour."""
    flags, cdr = await told(
        house,
        begin(charging_state=ChargingState.CHARGING),
        event(UPDATED, 1, 45, 2500, charging_state=ChargingState.SUSPENDED_EV),
        event(ENDED, 2, 105),
    )
    assert flags == []
    assert cdr["total_energy"] == Decimal("1.5")


@given(
    start_wh=st.integers(0, 10**7),
    values=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 10**7)), max_size=5),
    stop_wh=st.integers(0, 10**7),
)
@SOME
async def test_whatever_a_meter_says_no_bill_is_negative_or_beyond_the_power(
    house: Any, start_wh: int, values: list[tuple[float, int]], stop_wh: int
) -> None:
    """R21."""
    _, cdr, session = await called(house, start_wh, (60, stop_wh), *values)
    most = Decimal(MOST_W) / 1000 * Decimal("1.1") + 1
    for energy in (session["kwh"], cdr and cdr["total_energy"]):
        assert energy is None or 0 <= energy <= most
