"""ChargingProfile and ActiveChargingProfile (2.2.1 mod_charging_profiles 14.6), read and written.

2.3.0 has the same ones.
"""

from collections.abc import Mapping
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

from gateway.domain.charging_profiles import (
    ActiveProfile,
    ChargingSchedule,
    RateUnit,
    SchedulePeriod,
)
from gateway.domain.timestamps import to_text
from gateway.ocpi.incoming import request_bodies as read
from gateway.ocpi.incoming.errors import InvalidParameters

_MOST_PERIODS = 1_000
_TENTH = Decimal("0.1")  # "Accepts at most one digit fraction (e.g. 8.1)"


def read_schedule(profile: object) -> ChargingSchedule:
    """A ChargingProfile of a partner. Raises `InvalidParameters`.

    A limit with more digits is cut: it is a maximum, and rounded up it would be another one.
    """
    if not isinstance(profile, dict):
        raise InvalidParameters("charging_profile is missing")
    try:
        unit = RateUnit(str(profile.get("charging_rate_unit")))
    except ValueError:
        raise InvalidParameters("charging_rate_unit is W or A") from None
    min_rate = read.optional_number(profile, "min_charging_rate")
    return ChargingSchedule(
        unit=unit,
        periods=_read_periods(profile.get("charging_profile_period")),
        starts_at=read.optional_moment(profile, "start_date_time"),
        duration=read.optional_integer(profile, "duration"),
        min_rate=None if min_rate is None else min_rate.quantize(_TENTH, ROUND_DOWN),
    )


def write_active(profile: ActiveProfile) -> dict[str, Any]:
    """An ActiveChargingProfile; "All time measurements within the profile are relative to" it."""
    schedule = profile.schedule
    written: dict[str, Any] = {
        "start_date_time": to_text(profile.calculated_at),
        "charging_rate_unit": schedule.unit.value,
        "charging_profile_period": [
            {"start_period": one.start, "limit": one.limit.quantize(_TENTH, ROUND_HALF_UP)}
            for one in schedule.periods
        ],
    }
    if schedule.duration is not None:
        written["duration"] = schedule.duration
    return {"start_date_time": to_text(profile.calculated_at), "charging_profile": written}


def _read_periods(periods: object) -> tuple[SchedulePeriod, ...]:
    if not isinstance(periods, list) or not 0 < len(periods) <= _MOST_PERIODS:
        raise InvalidParameters(f"charging_profile_period has 1 to {_MOST_PERIODS} periods")
    return tuple(_read_period(one) for one in periods)


def _read_period(period: object) -> SchedulePeriod:
    if not isinstance(period, Mapping):
        raise InvalidParameters("a charging_profile_period is no object")
    start = read.optional_integer(period, "start_period")
    limit = read.optional_number(period, "limit")
    if start is None or limit is None:
        raise InvalidParameters("a charging_profile_period has start_period and limit")
    return SchedulePeriod(start, limit.quantize(_TENTH, ROUND_DOWN))
