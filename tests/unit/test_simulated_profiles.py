"""Charging profiles: which limit holds when (ocpp-rules 18)."""

from datetime import UTC, datetime, timedelta
from typing import Any

from simulators.charge_point.outlet import AC_22KW
from simulators.charge_point.profiles import Profile, Profiles

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def profile(number: int, connector: int = 1, **fields: Any) -> Profile:
    periods = fields.pop("periods", [(0, 5_000)])
    schedule = {
        "charging_rate_unit": fields.pop("unit", "W"),
        "charging_schedule_period": [
            {"start_period": start, "limit": limit} for start, limit in periods
        ],
        "start_schedule": fields.pop("start", None),
        "duration": fields.pop("duration", None),
    }
    known = {
        "charging_profile_id": number,
        "stack_level": 0,
        "charging_profile_purpose": "TxDefaultProfile",
        "charging_profile_kind": "Relative",
        "charging_schedule": schedule,
        **fields,
    }
    return Profile.read(known, connector, lambda moment: moment)


def limit(profiles: Profiles, seconds: int = 0, connector: int = 1) -> int | None:
    return profiles.limit_w(connector, START + timedelta(seconds=seconds), START, AC_22KW)


def test_without_a_profile_there_is_no_limit() -> None:
    assert limit(Profiles()) is None


def test_the_higher_stack_level_wins() -> None:
    profiles = Profiles()
    profiles.set(profile(1, stack_level=1, periods=[(0, 7_000)]))
    profiles.set(profile(2, stack_level=2, periods=[(0, 9_000)]))
    assert limit(profiles) == 9_000


def test_a_tx_profile_overrules_the_default_one() -> None:
    profiles = Profiles()
    profiles.set(profile(1, stack_level=9))
    profiles.set(profile(2, charging_profile_purpose="TxProfile", periods=[(0, 11_000)]))
    assert limit(profiles) == 11_000
    profiles.end_transaction(1)
    assert limit(profiles) == 5_000


def test_the_stations_maximum_caps_every_connector() -> None:
    profiles = Profiles()
    profiles.set(profile(1, 0, charging_profile_purpose="ChargePointMaxProfile"))
    profiles.set(profile(2, periods=[(0, 8_000)]))
    assert limit(profiles) == 5_000
    assert limit(profiles, connector=2) == 5_000


def test_amperes_count_on_every_phase() -> None:
    profiles = Profiles()
    profiles.set(profile(1, unit="A", periods=[(0, 10.5)]))
    assert limit(profiles) == 7_245


def test_periods_follow_each_other_until_the_duration_ends() -> None:
    profiles = Profiles()
    profiles.set(profile(1, duration=120, periods=[(0, 5_000), (60, 3_000)]))
    assert [limit(profiles, seconds) for seconds in (0, 59, 60, 119, 120)] == [
        5_000, 5_000, 3_000, 3_000, None,
    ]  # fmt: skip


def test_a_daily_schedule_comes_again() -> None:
    profiles = Profiles()
    daily = profile(
        1,
        charging_profile_kind="Recurring",
        recurrency_kind="Daily",
        start="2026-02-20T11:00:00Z",
        duration=7_200,
    )
    profiles.set(daily)
    assert limit(profiles) == 5_000
    assert limit(profiles, 3_600) is None
    assert limit(profiles, 24 * 3_600) == 5_000


def test_a_profile_counts_only_while_it_is_valid() -> None:
    profiles = Profiles()
    profiles.set(profile(1, valid_from="2026-03-01T12:01:00Z", valid_to="2026-03-01T12:02:00Z"))
    assert [limit(profiles, seconds) for seconds in (0, 60, 120)] == [None, 5_000, None]


def test_the_same_id_replaces() -> None:
    profiles = Profiles()
    profiles.set(profile(1))
    profiles.set(profile(1, stack_level=4, periods=[(0, 6_000)]))
    assert limit(profiles) == 6_000
    assert profiles.clear(lambda _profile: True) == 1


def test_the_composite_schedule_lists_every_change() -> None:
    profiles = Profiles()
    profiles.set(profile(1, duration=120, periods=[(0, 5_000), (60, 3_000)]))
    assert profiles.schedule(1, START, 600, START, AC_22KW) == [
        (0, 5_000), (60, 3_000), (120, 22_080),
    ]  # fmt: skip
