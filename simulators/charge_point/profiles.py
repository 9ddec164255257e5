"""Charging profiles of one station, and the limit that follows from them.

OCPP 1.6 §3.13 and 2.0.1 block K agree: the highest stack level that covers the moment wins within
a purpose, TxProfile overrules TxDefaultProfile, and the station's maximum caps both.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from simulators.charge_point.clock import parse_time
from simulators.charge_point.outlet import Rating

STATION_MAX = frozenset({"ChargePointMaxProfile", "ChargingStationMaxProfile"})
TX_DEFAULT = "TxDefaultProfile"
TX = "TxProfile"
_CYCLES = {"Daily": timedelta(days=1), "Weekly": timedelta(weeks=1)}


@dataclass(frozen=True)
class Profile:
    """A ChargingProfile with its (first) schedule; times are on the station's clock."""

    id: int
    connector: int
    stack_level: int
    purpose: str
    kind: str
    recurrency: str | None
    valid_from: datetime | None
    valid_to: datetime | None
    transaction_id: str | None
    start: datetime | None
    duration: int | None
    unit: str
    periods: tuple[tuple[int, Decimal], ...]

    @classmethod
    def read(
        cls, fields: dict[str, Any], connector: int, to_station_time: Callable[[datetime], datetime]
    ) -> "Profile":
        """Reads the snake_case form of either version's ChargingProfile."""

        def moment(text: str | None) -> datetime | None:
            return to_station_time(parse_time(text)) if text else None

        schedules = fields["charging_schedule"]
        schedule = schedules[0] if isinstance(schedules, list) else schedules
        transaction_id = fields.get("transaction_id")
        return cls(
            id=fields.get("charging_profile_id", fields.get("id", 0)),
            connector=connector,
            stack_level=fields["stack_level"],
            purpose=fields["charging_profile_purpose"],
            kind=fields["charging_profile_kind"],
            recurrency=fields.get("recurrency_kind"),
            valid_from=moment(fields.get("valid_from")),
            valid_to=moment(fields.get("valid_to")),
            transaction_id=None if transaction_id is None else str(transaction_id),
            start=moment(schedule.get("start_schedule")),
            duration=schedule.get("duration"),
            unit=schedule["charging_rate_unit"],
            periods=tuple(
                (period["start_period"], Decimal(str(period["limit"])))
                for period in schedule["charging_schedule_period"]
                if "limit" in period  # 2.1 has modes of operation without one
            ),
        )

    def limit(self, at: datetime, relative_to: datetime) -> Decimal | None:
        """The limit in this profile's unit at that moment; None where it says nothing."""
        if (self.valid_from and at < self.valid_from) or (self.valid_to and at >= self.valid_to):
            return None
        anchor = self.anchor(at, relative_to)
        offset = (at - anchor).total_seconds()
        if offset < 0 or (self.duration is not None and offset >= self.duration):
            return None
        begun = [limit for start, limit in self.periods if start <= offset]
        return begun[-1] if begun else None

    def anchor(self, at: datetime, relative_to: datetime) -> datetime:
        """The moment from which the schedule's periods count."""
        if self.kind == "Relative" or self.start is None:
            return relative_to
        cycle = _CYCLES.get(self.recurrency or "")
        if self.kind != "Recurring" or cycle is None:
            return self.start
        return self.start + (at - self.start) // cycle * cycle

    def boundaries(self, at: datetime, relative_to: datetime) -> Iterable[datetime]:
        anchor = self.anchor(at, relative_to)
        offsets = [start for start, _ in self.periods]
        if self.duration is not None:
            offsets.append(self.duration)
        yield from (anchor + timedelta(seconds=offset) for offset in offsets)
        yield from (moment for moment in (self.valid_from, self.valid_to) if moment)
        cycle = _CYCLES.get(self.recurrency or "")
        if cycle is not None:
            yield anchor + cycle


class Profiles:
    """All profiles that were set, and the questions asked of them."""

    def __init__(self) -> None:
        self._profiles: list[Profile] = []

    def set(self, profile: Profile) -> None:
        """Adds it in place of one with the same id, or the same level, purpose and connector."""

        def same(other: Profile) -> bool:
            slot = (other.stack_level, other.purpose, other.connector)
            return other.id == profile.id or slot == (
                profile.stack_level,
                profile.purpose,
                profile.connector,
            )

        self._profiles = [other for other in self._profiles if not same(other)] + [profile]

    def clear(self, matches: Callable[[Profile], bool]) -> int:
        """Removes what matches; returns how many that were."""
        kept = [profile for profile in self._profiles if not matches(profile)]
        removed = len(self._profiles) - len(kept)
        self._profiles = kept
        return removed

    def end_transaction(self, connector: int) -> None:
        """1.6 §3.13.1: a TxProfile holds for its transaction only."""
        self.clear(lambda profile: profile.purpose == TX and profile.connector == connector)

    def limit_w(
        self, connector: int, at: datetime, relative_to: datetime, rating: Rating
    ) -> int | None:
        """The lowest limit that applies, in W; None: unlimited."""
        tx = self._deciding(at, relative_to, rating, lambda p: _is_tx(p, connector))
        default = self._deciding(at, relative_to, rating, lambda p: _is_default(p, connector))
        most = self._deciding(at, relative_to, rating, lambda p: p.purpose in STATION_MAX)
        limits = [limit for limit in (default if tx is None else tx, most) if limit is not None]
        return min(limits, default=None)

    def schedule(
        self, connector: int, at: datetime, seconds: int, relative_to: datetime, rating: Rating
    ) -> list[tuple[int, int]]:
        """(offset in seconds, limit in W) from `at` on, as GetCompositeSchedule reports it."""
        until = at + timedelta(seconds=seconds)
        moments = {at}
        for profile in self._profiles:
            moments.update(m for m in profile.boundaries(at, relative_to) if at < m < until)
        composite: list[tuple[int, int]] = []
        for moment in sorted(moments):
            limit = self.limit_w(connector, moment, relative_to, rating)
            allowed = rating.most_w if limit is None else min(limit, rating.most_w)
            if not composite or composite[-1][1] != allowed:
                composite.append((int((moment - at).total_seconds()), allowed))
        return composite

    def _deciding(
        self,
        at: datetime,
        relative_to: datetime,
        rating: Rating,
        applies: Callable[[Profile], bool],
    ) -> int | None:
        ranked = sorted(filter(applies, self._profiles), key=lambda p: -p.stack_level)
        for profile in ranked:
            limit = profile.limit(at, relative_to)
            if limit is not None:
                return _watts(limit, profile.unit, rating)
        return None


def _is_tx(profile: Profile, connector: int) -> bool:
    return profile.purpose == TX and profile.connector == connector


def _is_default(profile: Profile, connector: int) -> bool:
    return profile.purpose == TX_DEFAULT and profile.connector in (0, connector)


def _watts(limit: Decimal, unit: str, rating: Rating) -> int:
    if unit == "W":
        return int(limit)
    return int(limit * rating.volts * max(1, rating.phases))
