"""The physical side of one connector: contactor, meter, vehicle, and energy over time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulators.charge_point.meter import EnergyMeter
from simulators.charge_point.vehicle import Vehicle

# Power is taken as constant for this long; the register is its exact integral.
STEP = timedelta(seconds=10)


@dataclass(frozen=True)
class Rating:
    """What the outlet can deliver."""

    most_w: int
    volts: int
    phases: int
    """0: direct current"""
    connector_type: str

    @property
    def direct_current(self) -> bool:
        return self.phases == 0

    def amperes(self, power_w: int) -> float:
        """Per phase, with the one decimal that OCPP allows."""
        return round(power_w / (self.volts * max(1, self.phases)), 1)


AC_22KW = Rating(most_w=22_080, volts=230, phases=3, connector_type="cType2")
AC_11KW = Rating(most_w=11_040, volts=230, phases=3, connector_type="cType2")
DC_50KW = Rating(most_w=50_000, volts=400, phases=0, connector_type="cCCS2")
DC_150KW = Rating(most_w=150_000, volts=400, phases=0, connector_type="cCCS2")


class Outlet:
    """Energy flows while the contactor is closed and a vehicle asks for it."""

    def __init__(
        self,
        rating: Rating,
        meter: EnergyMeter,
        at: datetime,
        limit_w: Callable[[datetime], int | None],
    ) -> None:
        self.rating = rating
        self.meter = meter
        self.vehicle: Vehicle | None = None
        self._limit_w = limit_w
        self._closed = False
        self._at = at

    def close(self, at: datetime) -> None:
        """Closes the contactor: energy may flow from `at` on."""
        self.advance(at)
        self._closed = True

    def open(self, at: datetime) -> None:
        self.advance(at)
        self._closed = False

    def limit_w(self) -> int | None:
        """What smart charging allows now; None: no limit."""
        return self._limit_w(self._at)

    def power_w(self) -> int:
        if not self._closed or self.vehicle is None:
            return 0
        power = min(self.rating.most_w, self.vehicle.power_w(self.rating.direct_current))
        limit = self._limit_w(self._at)
        return power if limit is None else min(power, limit)

    def advance(self, now: datetime) -> None:
        """Lets the time pass up to `now`; an earlier moment changes nothing."""
        while self._at < now:
            power = self.power_w()
            if power == 0 and self._limit_w(now) == self._limit_w(self._at):
                self._at = now
                return
            step = min(STEP, now - self._at)
            self._flow(power, step // timedelta(milliseconds=1))
            self._at += step

    def _flow(self, power_w: int, milliseconds: int) -> None:
        if self.vehicle is None or power_w == 0:
            return
        room = self.vehicle.room()
        whole = min(milliseconds, room // power_w)
        flowed = self.meter.add(power_w, whole)
        if whole < milliseconds:
            # The last millisecond carries what is left, so that a full battery is exactly full.
            flowed += self.meter.add(room - flowed, 1)
        self.vehicle.take(flowed)
