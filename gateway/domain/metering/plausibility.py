"""What can be: how much energy a connector delivers, when a value is at an end, how clocks go.

"Maximum electric power that can be delivered by this connector, in Watts" (mod_locations 8.3.3,
max_electric_power), else its voltage times its current times its phases, bounds what may flow in a
time. The bound is generous, because a CDR that is held by it is work for somebody:

- power a tenth above what is stated: grids and cables are nominal, and many a rating is rounded;
- and once per stretch what flows in a minute, or 1 kWh if that is more: a sample is taken some time
  before or after the moment it is dated, and there are registers that count in whole kWh.

What is found by it are units mixed up (a factor of 1000), registers of another meter, rollovers
and spikes: all of them are far beyond it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from gateway.domain.charging_preferences import most_power
from gateway.domain.events import ChargingState
from gateway.domain.metering.energy import EnergyMeter
from gateway.domain.values import dataclass

NEAR = timedelta(seconds=30)
"""A value so close to a start or an end is the one at it: stations date the two by themselves."""

JUMP = timedelta(minutes=5)
"""By less than this a clock is only put right."""

_AHEAD = timedelta(days=1)  # of our clock, by which no clock can be right

# 3,000 A at 1,250 V, the Megawatt Charging System: no connector of any standard gives more. It
# bounds one of which nothing is stated.
_ANY_CONNECTOR_W = Decimal(3_750_000)
_MARGIN = Decimal("1.1")
_NONE = Decimal(0)
_SLACK_SECONDS = Decimal(60)
_SLACK_WH = Decimal(1000)
_SECONDS_PER_HOUR = Decimal(3600)
_MICROSECONDS = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Flow:
    """When energy can have flowed, by what a 2.x station says of charging.

    `since` is when it first said Charging, `until` when it last said that it no longer is; None:
    never, or it goes on. Outside of it no meter value is missed.
    """

    since: datetime | None = None
    until: datetime | None = None

    def told(self, state: ChargingState, at: datetime, *, after: datetime | None = None) -> "Flow":
        """With the next state that was told, in turn.

        `after`: it was not told as it changed, which was some time between then and now.
        """
        if state is ChargingState.CHARGING:
            return self if self.since and not self.until else Flow(self.since or after or at)
        return Flow(self.since, at) if self.since and not self.until else self


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What one connector can deliver at most: made once for a transaction, asked at each reading.

    `wh_per_second` has the margin in it, `slack_wh` is what a stretch may have on top.
    """

    wh_per_second: Decimal
    slack_wh: Decimal

    def most_wh(self, seconds: Decimal) -> Decimal:
        """The most that may flow in so many seconds; of a negative time as of none."""
        return self.slack_wh + (self.wh_per_second * seconds if seconds > 0 else 0)

    def rated_wh(self, seconds: Decimal) -> Decimal:
        """What flows in so many seconds at the stated power: no margin, for what is shown."""
        return self.wh_per_second / _MARGIN * max(seconds, _NONE)

    def allows(self, wh: Decimal, since: datetime, until: datetime) -> bool:
        """Whether so much energy can have flowed between two moments."""
        if wh <= self.slack_wh:  # what nearly every reading brings
            return True
        return wh <= self.most_wh(seconds_between(since, until))


def is_unread_at_start(energy: EnergyMeter, started_at: datetime, flow: Flow | None) -> bool:
    """Whether the first register was read only after energy could flow, so that some is missing.

    A stated one (1.6 meterStart) has been read; of a sum of intervals nothing is missing.
    """
    if energy.seen_from is None:
        return False
    if flow is not None and flow.since is None and not energy.delivered_wh:
        return False  # it never charged
    since = flow.since if flow is not None and flow.since is not None else started_at
    return energy.seen_from - since > NEAR


def is_unread_at_end(energy: EnergyMeter, stopped_at: datetime, flow: Flow | None) -> bool:
    """Whether energy could flow after the last value that was read."""
    if energy.read_at is None:
        return False  # nothing was read at all, which is a reason of its own
    if flow is not None and flow.since is None and not energy.delivered_wh:
        return False
    until = stopped_at if flow is None or flow.until is None else min(flow.until, stopped_at)
    return until - energy.read_at > NEAR


def is_ahead(at: datetime, now: datetime) -> bool:
    """Whether a moment is so far ahead of our clock that no clock can have shown it."""
    return at - now > _AHEAD


def has_jumped(ahead_at_start: int, ahead_at_end: int) -> bool:
    """Whether a clock was ahead of ours, in seconds, by other amounts at start and end."""
    return timedelta(seconds=abs(ahead_at_start - ahead_at_end)) > JUMP


def contradict(numbered: Iterable[tuple[int, datetime]]) -> bool:
    """Whether events, as they are numbered, go back in time by more than a clock is put right."""
    latest: datetime | None = None
    for _, at in sorted(numbered):
        if latest is not None and latest - at > JUMP:
            return True
        latest = at if latest is None else max(latest, at)
    return False


def ceiling(connector: Mapping[str, Any]) -> Ceiling:
    """The ceiling of an OCPI Connector; of one without a rating that of any connector."""
    stated = most_power(connector) * 1000
    watts = stated if stated > 0 else _ANY_CONNECTOR_W
    slack = max(_SLACK_WH, watts * _SLACK_SECONDS / _SECONDS_PER_HOUR)
    return Ceiling(watts * _MARGIN / _SECONDS_PER_HOUR, slack)


def seconds_between(since: datetime, until: datetime) -> Decimal:
    """Exact seconds; negative where `until` is before `since`."""
    span = until - since
    whole = Decimal(span.days * 86_400 + span.seconds)
    return whole + Decimal(span.microseconds) / _MICROSECONDS if span.microseconds else whole
