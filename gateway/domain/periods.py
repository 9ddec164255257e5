"""Charging periods of a running transaction: when energy could flow, when the car only stood.

A period ends where the price could change: now, when charging turns into parking or back. OCPI
counts PARKING_TIME while "the vehicle is not requesting power" (2.3.0 mod_cdrs CdrDimensionType
and its note): a suspension by the EVSE stays TIME, because the vehicle still asks.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from gateway.domain.events import ChargingState
from gateway.domain.values import dataclass

PARKING: dict[ChargingState, bool] = {
    ChargingState.CHARGING: False,
    # Connected and about to charge; in doubt a driver pays no loitering fee.
    ChargingState.EV_CONNECTED: False,
    # The vehicle takes no energy that it is offered: the car is full, or asks for a pause.
    ChargingState.SUSPENDED_EV: True,
    # The EVSE offers none although the vehicle asks.
    ChargingState.SUSPENDED_EVSE: False,
    # No vehicle is connected, yet the transaction holds the EVSE.
    ChargingState.IDLE: True,
}


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of a transaction. `energy_wh` was delivered in it; `end` None: still running."""

    start: datetime
    parking: bool
    energy_wh: Decimal = Decimal(0)
    end: datetime | None = None

    def seconds(self, until: datetime) -> Decimal:
        """Length in seconds, never negative; a running period lasts until `until`."""
        span = (self.end or until) - self.start
        exact = Decimal(span.days * 86_400 + span.seconds) + Decimal(span.microseconds) / 1_000_000
        return max(exact, Decimal(0))


@dataclass(frozen=True, slots=True)
class Periods:
    """The periods so far, oldest first; only the last one runs."""

    done: tuple[Period, ...] = ()
    running: Period | None = None
    energy_before_wh: Decimal = Decimal(0)

    def begin(self, at: datetime) -> "Periods":
        """Open the first period; charging until the station says otherwise."""
        return self if self.running else replace(self, running=Period(at, parking=False))

    def begun_at(self, at: datetime) -> "Periods":
        """Move the first period's start back: the transaction's start was heard late."""
        if self.done:
            first, *rest = self.done
            return replace(self, done=(replace(first, start=min(at, first.start)), *rest))
        if self.running is None:
            return self
        return replace(self, running=replace(self.running, start=min(at, self.running.start)))

    def advance(self, delivered_wh: Decimal) -> "Periods":
        """Book the transaction's energy so far to the running period."""
        running = self.running
        if running is None:
            return self
        energy = delivered_wh - self.energy_before_wh
        if energy == running.energy_wh:
            return self
        # spelled out for the same reason as in `energy`
        return Periods(
            self.done, Period(running.start, running.parking, energy), self.energy_before_wh
        )

    def switch(self, state: ChargingState, at: datetime) -> "Periods":
        """Start a new period if `state` turns charging into parking or back."""
        running = self.running
        if running is None or PARKING[state] == running.parking or at < running.start:
            return self
        if at == running.start and not running.energy_wh:
            return replace(self, running=replace(running, parking=PARKING[state]))
        return Periods(
            done=(*self.done, replace(running, end=at)),
            running=Period(at, PARKING[state]),
            energy_before_wh=self.energy_before_wh + running.energy_wh,
        )

    def finish(self, at: datetime) -> "Periods":
        """Close the running period; its end is never before its start.

        A period that begins at the end or after it falls away and leaves its energy to the one
        before: 2.x stations say Idle in the Ended event itself, 1.6 stations Finishing a moment
        after the time of the stop that follows. Nobody has parked there.
        """
        done, last = self.done, self.running
        if last is None:
            return self
        total_wh = self.energy_before_wh + last.energy_wh
        while done and last.start >= at:
            last = replace(done[-1], energy_wh=done[-1].energy_wh + last.energy_wh)
            done = done[:-1]
        last = replace(last, end=max(at, last.start))
        return Periods(done=(*done, last), energy_before_wh=total_wh)

    def all(self) -> tuple[Period, ...]:
        """Finished periods and the running one."""
        return (*self.done, self.running) if self.running else self.done
