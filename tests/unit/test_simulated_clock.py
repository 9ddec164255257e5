"""The stations' clock: an accelerated past that meets real time and never overtakes it."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.charge_point.clock import Timestamps, VirtualClock, parse_time, wire_time

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Ticker:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def clock_of(ticker: Ticker, scale: float, lead: timedelta) -> VirtualClock:
    return VirtualClock(scale, lead, real_now=lambda: NOW, monotonic=ticker)


def test_without_scale_and_lead_it_is_real_time() -> None:
    ticker = Ticker()
    clock = clock_of(ticker, 1, timedelta(0))
    ticker.seconds += 90
    assert clock.now() == NOW + timedelta(seconds=90)
    assert clock.lag() == timedelta(0)
    assert clock.real_seconds(5) == 5


def test_it_starts_in_the_past_and_runs_faster() -> None:
    ticker = Ticker()
    clock = clock_of(ticker, 60, timedelta(hours=1))
    assert clock.now() == NOW - timedelta(hours=1)
    ticker.seconds += 10
    assert clock.now() == NOW - timedelta(minutes=50)


def test_it_becomes_real_time_once_it_has_caught_up() -> None:
    ticker = Ticker()
    clock = clock_of(ticker, 61, timedelta(hours=1))
    ticker.seconds += 60
    assert clock.now() == NOW + timedelta(seconds=60)
    ticker.seconds += 60
    assert clock.now() == NOW + timedelta(seconds=120)


def test_a_wait_over_the_meeting_point_takes_both_speeds_into_account() -> None:
    ticker = Ticker()
    clock = clock_of(ticker, 61, timedelta(hours=1))
    assert clock.real_seconds(3_660 + 30) == pytest.approx(90)


@given(
    scale=st.floats(min_value=1, max_value=5_000),
    lead=st.integers(min_value=0, max_value=10_000_000),
    elapsed=st.floats(min_value=0, max_value=1_000_000),
    wait=st.floats(min_value=0, max_value=100_000),
)
def test_it_is_never_in_the_future_and_waits_end_on_time(
    scale: float, lead: int, elapsed: float, wait: float
) -> None:
    ticker = Ticker()
    clock = clock_of(ticker, scale, timedelta(seconds=lead))
    ticker.seconds += elapsed
    before = clock.now()
    assert before <= NOW + timedelta(seconds=elapsed + 1e-3)
    ticker.seconds += clock.real_seconds(wait)
    assert (clock.now() - before).total_seconds() == pytest.approx(wait, abs=0.01)


def test_a_clock_cannot_run_slower_than_real_time() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        VirtualClock(0.5)


def test_timestamps_of_one_station_rise_strictly_in_milliseconds() -> None:
    clock = clock_of(Ticker(), 1, timedelta(0))
    timestamps = Timestamps(clock)
    taken = [timestamps.take() for _ in range(3)]
    assert taken == [NOW + timedelta(milliseconds=n) for n in range(3)]


def test_timestamps_are_written_in_utc_with_milliseconds_and_z() -> None:
    assert wire_time(datetime(2026, 3, 1, 12, 0, 0, 7_000, UTC)) == "2026-03-01T12:00:00.007Z"


def test_timestamps_are_read_with_and_without_zone() -> None:
    assert parse_time("2026-03-01T12:00:00Z") == NOW
    assert parse_time("2026-03-01T14:00:00+02:00") == NOW
    assert parse_time("2026-03-01T12:00:00") == NOW


async def test_sleeping_on_a_fast_clock_is_short() -> None:
    clock = VirtualClock(100_000, timedelta(days=365))
    before = clock.now()
    async with asyncio.timeout(5):
        await clock.sleep(3_600)
    assert clock.now() - before >= timedelta(seconds=3_600)
