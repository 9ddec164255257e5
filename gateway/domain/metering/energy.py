"""Energy of one transaction, from whatever its meter values give: the billed Wh.

Registers come first: the energy is the last register minus the first. Where a station sends only
interval values, their sum counts. A register that goes back is never billed and never subtracted:
the reading is left out and the transaction flagged.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from gateway.domain.metering.meter import Measurand, Reading, Sample
from gateway.domain.values import dataclass

WENT_BACK = "meter register went back"
_NEUTRAL = "N"
STOP_BELOW_READING = "stop value below the last reading"
_COARSEST_WH = 1000


@dataclass(frozen=True, slots=True)
class EnergyMeter:
    """What is known of a transaction's energy. Costs the same to update at any length.

    All in Wh. `start_wh` is the register at the transaction's start as stated or, failing that,
    the earliest one seen, and `seen_from` the station's time of that. `last_at` is the station's
    time of `last_wh`.
    """

    start_wh: Decimal | None = None
    last_wh: Decimal | None = None
    last_at: datetime | None = None
    interval_wh: Decimal = Decimal(0)
    interval_until: datetime | None = None
    flags: tuple[str, ...] = ()
    seen_from: datetime | None = None

    @property
    def delivered_wh(self) -> Decimal:
        """Energy so far; registers outrank intervals; never negative."""
        if self.start_wh is None or self.last_wh is None:
            return self.interval_wh
        if self.last_wh == self.start_wh and self.interval_wh:
            return self.interval_wh
        return self.last_wh - self.start_wh

    @property
    def read_at(self) -> datetime | None:
        """The station's time of the last value, register or interval; None: there was none."""
        if self.last_at is None or self.interval_until is None:
            return self.last_at or self.interval_until
        return max(self.last_at, self.interval_until)

    @property
    def unread(self) -> bool:
        """Whether no meter value was ever heard."""
        return self.last_wh is None and self.interval_until is None

    def starting(self, register_wh: Decimal, at: datetime) -> "EnergyMeter":
        """State the start register (1.6 meterStart). Readings already taken stay."""
        stated = replace(self, start_wh=register_wh, seen_from=None)
        last = self.last_wh if self.last_wh is not None else register_wh
        if last < register_wh:
            return replace(stated, last_wh=register_wh, last_at=at).flagged(WENT_BACK)
        return replace(stated, last_wh=last, last_at=self.last_at or at)

    def read(self, reading: Reading) -> "EnergyMeter":
        """Take one meter reading. Readings without energy change nothing."""
        register = total_of(reading, Measurand.ENERGY_IMPORT_REGISTER)
        if register is not None:
            return self.register(register, reading.at)
        interval = total_of(reading, Measurand.ENERGY_IMPORT_INTERVAL)
        if interval is None or self._covered(reading.at) or interval < 0:
            return self
        return replace(self, interval_wh=self.interval_wh + interval, interval_until=reading.at)

    def register(self, register_wh: Decimal, at: datetime) -> "EnergyMeter":
        """Take one register value."""
        if self.start_wh is None or self.last_wh is None:
            return replace(
                self, start_wh=register_wh, last_wh=register_wh, last_at=at, seen_from=at
            )
        # of two values of one moment the greater one counts, whichever came first
        if self.last_at is not None and at <= self.last_at and register_wh <= self.last_wh:
            if self.seen_from is None or at >= self.seen_from or register_wh > self.start_wh:
                return self  # replayed or late: what it says is already in the newer one
            # 2.x events come in any order, and an Ended may bring the first value of all.
            return replace(self, start_wh=register_wh, seen_from=at)
        if register_wh < self.last_wh:
            return self.flagged(WENT_BACK)
        # spelled out, because this is every MeterValues and `replace` costs three times as much
        return EnergyMeter(
            self.start_wh,
            register_wh,
            at,
            self.interval_wh,
            self.interval_until,
            self.flags,
            self.seen_from,
        )

    def stopped(self, register_wh: Decimal, at: datetime) -> "EnergyMeter":
        """State the stop register (1.6 meterStop), which outranks sampled values.

        It is an integer, so by less than 1 Wh it may be below the last sampled value. Sampled
        values may be rounded up, to whole kWh at most, so one further below is taken as the
        standard means it, and flagged. Further below than that, the register went back; and a stop
        below the start is not believed.
        """
        if self.last_wh is None or self.start_wh is None or register_wh >= self.last_wh:
            return self.register(register_wh, at)
        if register_wh < self.start_wh:
            return self.flagged(WENT_BACK)
        stopped = replace(self, last_wh=register_wh, last_at=at)
        if self.last_wh - register_wh < 1:
            return stopped
        rounded = self.last_wh - register_wh <= _COARSEST_WH
        return stopped.flagged(STOP_BELOW_READING if rounded else WENT_BACK)

    def repeats(self, reading: Reading) -> bool:
        """Whether a reading only says again what the last register said."""
        register = total_of(reading, Measurand.ENERGY_IMPORT_REGISTER)
        return register is not None and (reading.at, register) == (self.last_at, self.last_wh)

    def flagged(self, flag: str) -> "EnergyMeter":
        """Note once that something about the meter needs an operator's eye."""
        return self if flag in self.flags else replace(self, flags=(*self.flags, flag))

    def _covered(self, at: datetime) -> bool:
        return self.interval_until is not None and at <= self.interval_until


def total_of(reading: Reading, measurand: Measurand) -> Decimal | None:
    """The value over all phases: the one without a phase, else the sum of the phases.

    Values at the Outlet (what the driver gets) outrank those at the Inlet, which include losses.
    """
    samples = [one for one in reading.samples if one.measurand is measurand]
    if len(samples) == 1:
        return samples[0].value
    at_outlet = _sum(sample for sample in samples if sample.location == "Outlet")
    return _sum(samples) if at_outlet is None else at_outlet


def _sum(samples: Iterable[Sample]) -> Decimal | None:
    per_phase: dict[str, Decimal] = {}
    for sample in samples:
        if sample.value is None or sample.phase == _NEUTRAL:
            continue
        if sample.phase is None:
            return sample.value
        per_phase[sample.phase] = sample.value
    return sum(per_phase.values(), Decimal(0)) if per_phase else None
