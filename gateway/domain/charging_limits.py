"""Limits that something else than we sets on a station: a grid operator, an energy management."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

MAX_LIMITS = 50  # of one station; the one that was told of longest ago gives way


@dataclass(frozen=True, slots=True)
class ChargingLimit:
    """NotifyChargingLimit. `evse_id` 0 is the whole station; `schedules` are as it told them.

    `too_long`: its schedules were too much to keep, and are not here.
    """

    evse_id: int
    source: str
    at: datetime
    is_grid_critical: bool | None = None
    is_local_generation: bool | None = None
    schedules: list[dict[str, Any]] = field(default_factory=list)
    too_long: bool = False


@dataclass(frozen=True, slots=True)
class LimitCleared:
    """ClearedChargingLimit; without `evse_id` the source limits nothing of the station any more."""

    source: str
    evse_id: int | None = None


def with_limit(known: Iterable[ChargingLimit], limit: ChargingLimit) -> list[ChargingLimit]:
    """With one more; it takes the place of what the same source said of the same place."""
    place = (limit.evse_id, limit.source)
    others = [one for one in known if (one.evse_id, one.source) != place]
    others.sort(key=lambda one: one.at)
    return [*others[-(MAX_LIMITS - 1) :], limit]


def without_limit(known: Iterable[ChargingLimit], cleared: LimitCleared) -> list[ChargingLimit]:
    """Without what was cleared."""
    return [
        one
        for one in known
        if one.source != cleared.source or cleared.evse_id not in (None, one.evse_id)
    ]
