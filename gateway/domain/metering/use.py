"""Charging periods of a transaction, from its meter readings and what the connector did.

Between two readings of energy lies a stretch; what flowed in it is known, when it flowed is not.
It is taken to have flowed evenly while the vehicle was charging: where a stretch has turned from
charging to parking or back, the charging part has all of it. Only where a whole stretch was parking
(a car that heats itself) is energy part of a parking period.

Every stretch is charged to a `Reckoning` as soon as it cannot change any more, so that a bill of a
running transaction costs the same however long it runs. Where a tariff has one price for everything
stretches of one kind are charged as one, which comes to the same. Power is what energy and time
give, for a sampled value is a moment's; samples are the extremes that OCPI lists.
"""

from datetime import datetime
from decimal import Decimal

from gateway.domain.events import ChargingState
from gateway.domain.metering.energy import EnergyMeter
from gateway.domain.metering.meter import Reading
from gateway.domain.metering.phases import PARKING
from gateway.domain.metering.plausibility import Ceiling
from gateway.domain.metering.stretches import Samples, Stretch, samples_of
from gateway.domain.pricing import Bill, ChargingPeriod, Reckoning
from gateway.domain.values import dataclass

_ZERO = Decimal(0)
_MOST_SAMPLES = 10_000  # between two readings of energy; there are stations that never read any


@dataclass(frozen=True, slots=True)
class Limits:
    """What the record says of the whole: no reading counts beyond it."""

    until: datetime
    delivered_wh: Decimal


class MeteredUse:
    """The use of one transaction so far. What is told of the time before its last reading of
    energy comes too late: `in_turn` is False from then on, and it is to be made anew.

    With `limits` nothing counts beyond them; `limited` says whether they have taken effect.
    `one_price`: the tariff is without restrictions.
    """

    def __init__(
        self,
        reckoning: Reckoning,
        start: datetime,
        *,
        tariff_id: str | None = None,
        one_price: bool = False,
        start_wh: Decimal | None = None,
        ceiling: Ceiling | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.start = start
        self.in_turn = True
        self.limited = False
        self._reckoning = reckoning
        self._tariff_id = tariff_id
        self._one_price = one_price
        self._ceiling = ceiling
        self._limits = limits
        self._beyond = False
        energy = EnergyMeter()
        self._energy = energy if start_wh is None else energy.starting(start_wh, start)
        self._since = start  # the last reading of energy
        self._delivered_wh = _ZERO
        self._parking = False  # at `_since`
        self._last: Stretch | None = None  # up to `_since`; of that moment more may be told
        self._switches: list[tuple[datetime, bool]] = []
        self._samples: list[Samples] = []

    def read(self, reading: Reading) -> None:
        """Take what the meter said at one moment."""
        samples = samples_of(reading)
        if samples is not None:  # first, for they belong to the stretch that the reading ends
            self._sample(samples)
        before, energy = self._energy, self._energy.read(reading)
        if energy is not before:
            self._energy = energy
            if _taken(energy) != _taken(before):  # one that went back is no reading
                self._point(reading.at, energy.delivered_wh)

    def switch(self, charging: ChargingState, at: datetime) -> None:
        """Take what the vehicle does from `at` on."""
        parking, switches = PARKING[charging], self._switches
        last_at, last = switches[-1] if switches else (self._since, self._parking)
        if at < last_at:
            self._late(at)
        elif parking is not last:  # many stations say with every event what they do
            switches.append((at, parking))

    def fits(self, until: datetime, delivered_wh: Decimal) -> bool:
        """Whether a bill can be given; else the use is to be made anew."""
        return self._rest(until, delivered_wh) is not None

    def bill(self, until: datetime, delivered_wh: Decimal) -> Bill | None:
        """Give the bill at `until` with so much delivered. None: it is to be made anew."""
        rest = self._rest(until, delivered_wh)
        if rest is None:
            return None
        reckoning = self._reckoning.branch()
        for stretch in filter(None, (self._last, rest)):
            self._charge(reckoning, stretch)
        # what has not been used yet has begun all the same: a reservation before it was not wasted
        unused = until == self.start and not delivered_wh
        return reckoning.bill(until, ChargingPeriod(self.start, {}) if unused else None)

    def is_beyond(self, until: datetime, delivered_wh: Decimal) -> bool:
        """Whether more energy was told of, between two readings or in all, than can have been."""
        ceiling = self._ceiling
        if ceiling is None:
            return False
        if self._beyond or not ceiling.allows(delivered_wh, self.start, until):
            return True
        open_ones = filter(None, (self._last, self._rest(until, delivered_wh)))
        return any(one.is_beyond(ceiling) for one in open_ones)

    def lift_limits(self) -> None:
        """What was told so far is within them; what comes from now on is not to be."""
        self._limits = None

    # --- inside ---------------------------------------------------------------------------

    def _rest(self, until: datetime, delivered_wh: Decimal) -> Stretch | None:
        """What follows the last reading of energy."""
        rest_wh = delivered_wh - self._delivered_wh
        if not self.in_turn or until < self._since or rest_wh < 0:
            return None
        samples = [one for one in self._samples if one.at <= until]
        return Stretch.of(self._since, until, self._parking, rest_wh, self._switches, samples)

    def _point(self, at: datetime, delivered_wh: Decimal) -> None:
        """Close the stretch up to here. A register read a moment before the start is its first."""
        at, more_wh = self._bounded(max(at, self.start), delivered_wh)
        if at < self._since or more_wh < 0:
            self.in_turn = False
            return
        self._delivered_wh += more_wh
        if at == self._since and self._last is not None:
            self._last = self._last.with_energy(more_wh)
            return
        if at == self.start and not more_wh:
            return
        self._close(at, more_wh)

    def _close(self, at: datetime, more_wh: Decimal) -> None:
        samples = [one for one in self._samples if one.at <= at]
        stretch = Stretch.of(self._since, at, self._parking, more_wh, self._switches, samples)
        last = self._last
        both = last.and_then(stretch) if last is not None and self._one_price else None
        if last is not None:
            self._beyond = self._beyond or last.is_beyond(self._ceiling)
            if both is None:
                self._charge(self._reckoning, last)
        self._last = both or stretch
        self._since = at
        if len(samples) < len(self._samples):
            self._samples = self._samples[len(samples) :]
        else:
            self._samples.clear()
        if self._switches:
            self._parking = next(
                (one[1] for one in reversed(self._switches) if one[0] <= at), self._parking
            )
            self._switches = [one for one in self._switches if one[0] > at]

    def _late(self, at: datetime) -> None:
        """What is beyond an end is of no use; else it belongs into what is charged already."""
        if at >= self.start and (self._limits is None or at < self._limits.until):
            self.in_turn = False

    def _bounded(self, at: datetime, delivered_wh: Decimal) -> tuple[datetime, Decimal]:
        """A moment and what was delivered since the last one, within the limits."""
        limits, more_wh = self._limits, delivered_wh - self._delivered_wh
        if limits is None:
            return at, more_wh
        bounded_wh = max(min(delivered_wh, limits.delivered_wh) - self._delivered_wh, _ZERO)
        if at > limits.until or bounded_wh != more_wh:
            self.limited = True
        return min(at, limits.until), bounded_wh

    def _sample(self, samples: Samples) -> None:
        at = samples.at
        if at < self._since:
            self._late(at)
        elif at == self._since and self._last is not None:
            self._last = self._last.with_samples(samples)
        elif len(self._samples) < _MOST_SAMPLES:
            self._samples.append(samples)
            if len(self._samples) > 1 and at < self._samples[-2].at:
                self._samples.sort(key=lambda one: one.at)

    def _charge(self, reckoning: Reckoning, stretch: Stretch) -> None:
        if stretch.is_nothing:
            return
        for period, until in stretch.periods(self._tariff_id):
            reckoning.add(period, until)


def _taken(energy: EnergyMeter) -> object:
    return energy.last_at, energy.last_wh, energy.interval_until
