"""Charging profiles: limits over time that a station is to keep. Limits are in W or A."""

import itertools
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from gateway.domain.commands import Command


class ProfilePurpose(StrEnum):
    """What a profile limits."""

    STATION_MAX = "station-max"  # the whole station
    TX_DEFAULT = "tx-default"  # every transaction that has no profile of its own
    TX = "tx"  # one transaction, gone with it


class ProfileKind(StrEnum):
    """What the times of a schedule count from."""

    ABSOLUTE = "Absolute"
    RECURRING = "Recurring"
    RELATIVE = "Relative"


class Recurrency(StrEnum):
    """How often a recurring schedule begins anew."""

    DAILY = "Daily"
    WEEKLY = "Weekly"


class RateUnit(StrEnum):
    """The unit of limits."""

    AMPERE = "A"
    WATT = "W"


@dataclass(frozen=True, slots=True)
class SchedulePeriod:
    """From `start` seconds after the schedule's begin until the next period."""

    start: int
    limit: Decimal
    number_phases: int | None = None


@dataclass(frozen=True, slots=True)
class ChargingSchedule:
    """Periods in their order; `duration` in seconds, None: until something replaces it."""

    unit: RateUnit
    periods: tuple[SchedulePeriod, ...]
    starts_at: datetime | None = None
    duration: int | None = None
    min_rate: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ActiveProfile:
    """What a station has reckoned from all that limits it (OCPI ActiveChargingProfile)."""

    calculated_at: datetime
    schedule: ChargingSchedule


@dataclass(frozen=True, slots=True)
class ChargingProfile:
    """One profile. `transaction_id` is needed by TX, but not within a remote start (5.12)."""

    id: int
    purpose: ProfilePurpose
    kind: ProfileKind
    schedule: ChargingSchedule
    stack_level: int = 0
    recurrency: Recurrency | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    transaction_id: str | None = None

    def faults(self) -> list[str]:
        """What the standards forbid of it (1.6 3.13, 2.0.1 K01); empty when it is sound."""
        found = []
        periods = self.schedule.periods
        if not periods or periods[0].start != 0:
            found.append("the first period of a schedule starts at 0")
        if any(a.start >= b.start for a, b in itertools.pairwise(periods)):
            found.append("periods start one after the other")
        if any(period.limit < 0 for period in periods):
            found.append("a limit is not negative")
        if (self.kind is ProfileKind.RECURRING) != (self.recurrency is not None):
            found.append("a recurring profile, and no other, has a recurrency")
        if self.kind is ProfileKind.RELATIVE and self.schedule.starts_at is not None:
            found.append("a relative schedule has no start of its own")
        if self.kind is not ProfileKind.RELATIVE and self.schedule.starts_at is None:
            found.append("an absolute or recurring schedule has a start")
        if self.transaction_id is not None and self.purpose is not ProfilePurpose.TX:
            found.append("only a profile for a transaction names one")
        if self.stack_level < 0:
            found.append("a stack level is not negative")
        return found


@dataclass(frozen=True, slots=True)
class SetChargingProfile(Command):
    """Set a profile. `evse_id` 0: the station (or, as a default, each of its EVSEs)."""

    evse_id: int
    profile: ChargingProfile


@dataclass(frozen=True, slots=True)
class ClearChargingProfile(Command):
    """Clear one profile by id, or all that match. The reply's status may be `Unknown`."""

    profile_id: int | None = None
    evse_id: int | None = None
    purpose: ProfilePurpose | None = None
    stack_level: int | None = None


@dataclass(frozen=True, slots=True)
class GetCompositeSchedule(Command):
    """What limits the next `duration` seconds. Reply data: {"schedule": {...} or None}.

    The schedule has `evse_id`, `starts_at` (text), `duration`, `unit` and `periods`, each with
    `start`, `limit` (text) and `number_phases`.
    """

    evse_id: int
    duration: int
    unit: RateUnit | None = None


@dataclass(frozen=True, slots=True)
class GetChargingProfiles(Command):
    """Have the profiles reported (2.x): parts follow under `request_id`."""

    request_id: int
    evse_id: int | None = None
    purpose: ProfilePurpose | None = None
    stack_level: int | None = None
    profile_ids: tuple[int, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class UsePriorityCharging(Command):
    """Let a transaction charge by its priority profile, or no longer (2.1).

    The reply's status may be `NoProfile`.
    """

    transaction_id: str
    activate: bool
