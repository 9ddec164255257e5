"""What a meter has counted between two readings of energy, and how its parts share it."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from gateway.domain.metering.energy import total_of
from gateway.domain.metering.meter import Measurand, Reading
from gateway.domain.metering.plausibility import Ceiling, seconds_between
from gateway.domain.pricing import ChargingPeriod, Dimension
from gateway.domain.values import dataclass

_ZERO = Decimal(0)
_WH_PER_KWH = Decimal(1000)
_W_PER_KW = Decimal(1000)
_SECONDS_PER_HOUR = Decimal(3600)
_MICROWATTHOUR = Decimal("1E-6")  # the engine's own grain, 1E-9 kWh
_SAMPLED = frozenset({Measurand.POWER_IMPORT, Measurand.CURRENT_IMPORT, Measurand.STATE_OF_CHARGE})


@dataclass(frozen=True, slots=True)
class Samples:
    """Values of one moment: kW, A, percent; None: none was taken."""

    at: datetime
    power: Decimal | None
    current: Decimal | None
    charged: Decimal | None


def samples_of(reading: Reading) -> Samples | None:
    """What a reading samples, over all phases."""
    if not any(one.measurand in _SAMPLED for one in reading.samples):
        return None
    power = total_of(reading, Measurand.POWER_IMPORT)
    return Samples(
        reading.at,
        None if power is None else power / _W_PER_KW,
        total_of(reading, Measurand.CURRENT_IMPORT),
        total_of(reading, Measurand.STATE_OF_CHARGE),
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """The extremes of many samples; the current is added up, for its average, and the last charge
    counts."""

    powers: tuple[Decimal, Decimal] | None = None
    currents: tuple[Decimal, Decimal] | None = None
    current: Decimal = _ZERO
    current_count: int = 0
    charged: Decimal | None = None

    def and_(self, samples: Sequence[Samples]) -> "Seen":
        """With later samples."""
        powers, currents, charged = self.powers, self.currents, self.charged
        current, count = self.current, self.current_count
        for one in samples:
            if one.power is not None:
                powers = _wider(powers, one.power)
            if one.current is not None:
                currents = _wider(currents, one.current)
                current, count = current + one.current, count + 1
            if one.charged is not None:
                charged = one.charged
        return Seen(powers, currents, current, count, charged)

    def followed_by(self, later: "Seen") -> "Seen":
        """Both, one after the other."""
        if later is NOTHING_SEEN:
            return self
        return Seen(
            _widest(self.powers, later.powers),
            _widest(self.currents, later.currents),
            self.current + later.current,
            self.current_count + later.current_count,
            self.charged if later.charged is None else later.charged,
        )

    def volumes(self) -> dict[Dimension, Decimal]:
        """As OCPI lists them."""
        volumes: dict[Dimension, Decimal] = {}
        if self.powers is not None:
            volumes[Dimension.MIN_POWER], volumes[Dimension.MAX_POWER] = self.powers
        if self.currents is not None:
            volumes[Dimension.MIN_CURRENT], volumes[Dimension.MAX_CURRENT] = self.currents
            volumes[Dimension.CURRENT] = self.current / self.current_count
        if self.charged is not None:
            volumes[Dimension.STATE_OF_CHARGE] = self.charged
        return volumes


NOTHING_SEEN = Seen()


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch or the part of one in which the vehicle did one thing."""

    start: datetime
    end: datetime
    parking: bool
    seen: Seen = NOTHING_SEEN

    @property
    def seconds(self) -> Decimal:
        """Its length."""
        return seconds_between(self.start, self.end)

    def period(self, energy_wh: Decimal, tariff_id: str | None) -> ChargingPeriod:
        """The charging period; its power is what energy and time give."""
        hours = self.seconds / _SECONDS_PER_HOUR
        volumes = {Dimension.PARKING_TIME if self.parking else Dimension.TIME: hours}
        kwh = energy_wh / _WH_PER_KWH
        if kwh or not self.parking:
            volumes[Dimension.ENERGY] = kwh
        if hours:
            volumes[Dimension.POWER] = kwh / hours
        if self.seen is not NOTHING_SEEN:
            volumes |= self.seen.volumes()
        return ChargingPeriod(self.start, volumes, tariff_id)


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was counted from the start of the first part to the end of the last."""

    parts: tuple[Part, ...]
    energy_wh: Decimal

    @classmethod
    def of(
        cls,
        start: datetime,
        end: datetime,
        parking: bool,
        energy_wh: Decimal,
        switches: Sequence[tuple[datetime, bool]],
        samples: Sequence[Samples],
    ) -> "Stretch":
        """Cut it where the vehicle has turned to something else; it began with `parking`."""
        if not switches:
            seen = NOTHING_SEEN.and_(samples) if samples else NOTHING_SEEN
            return cls((Part(start, end, parking, seen),), energy_wh)
        cuts = []
        for at, next_ in switches:
            if at >= end:
                break
            if next_ is not parking and at > start:
                cuts.append((start, at, parking))
                start = at
            parking = next_
        cuts.append((start, end, parking))
        first = cuts[0][0]
        return cls(
            tuple(
                Part(begin, until, parks, NOTHING_SEEN.and_(_within(samples, begin, until, first)))
                for begin, until, parks in cuts
            ),
            energy_wh,
        )

    @property
    def is_nothing(self) -> bool:
        """Whether it has neither time nor energy."""
        return not self.energy_wh and self.parts[0].start == self.parts[-1].end

    def is_beyond(self, ceiling: Ceiling | None) -> bool:
        """Whether a connector cannot have delivered so much."""
        if ceiling is None:
            return False
        return not ceiling.allows(self.energy_wh, self.parts[0].start, self.parts[-1].end)

    def with_energy(self, more_wh: Decimal) -> "Stretch":
        """With more at its end."""
        return Stretch(self.parts, self.energy_wh + more_wh)

    def with_samples(self, samples: Samples) -> "Stretch":
        """With more at its end."""
        *before, last = self.parts
        seen = last.seen.and_((samples,))
        return Stretch(
            (*before, Part(last.start, last.end, last.parking, seen)),
            self.energy_wh,
        )

    def and_then(self, other: "Stretch") -> "Stretch | None":
        """Both as one; None where the vehicle did different things in them."""
        if len(self.parts) > 1 or len(other.parts) > 1:
            return None
        one, two = self.parts[0], other.parts[0]
        if one.parking is not two.parking:
            return None
        seen = one.seen.followed_by(two.seen)
        return Stretch(
            (Part(one.start, two.end, one.parking, seen),), self.energy_wh + other.energy_wh
        )

    def periods(self, tariff_id: str | None) -> list[tuple[ChargingPeriod, datetime]]:
        """The charging periods, each with its end."""
        if len(self.parts) == 1:
            [part] = self.parts
            return [(part.period(self.energy_wh, tariff_id), part.end)]
        shares = _shared(self.energy_wh, self.parts)
        return [
            (part.period(energy, tariff_id), part.end)
            for part, energy in zip(self.parts, shares, strict=True)
        ]


def _within(
    samples: Sequence[Samples], begin: datetime, until: datetime, first: datetime
) -> list[Samples]:
    """Those of a part: a sample at a cut belongs to what it ends."""
    return [one for one in samples if one.at <= until and (one.at > begin or begin == first)]


def _shared(energy_wh: Decimal, parts: Sequence[Part]) -> list[Decimal]:
    """Divide energy over the charging parts by their time; if none charges, over all of them."""
    takers = [not part.parking for part in parts]
    if not any(takers):
        takers = [True] * len(parts)
    time_left = sum(
        (part.seconds for part, takes in zip(parts, takers, strict=True) if takes), _ZERO
    )
    shares, left = [], energy_wh
    for part, takes in zip(parts, takers, strict=True):
        if not takes:
            shares.append(_ZERO)
            continue
        last = part.seconds == time_left
        share = left if last else (left * part.seconds / time_left).quantize(_MICROWATTHOUR)
        shares.append(share)
        left, time_left = left - share, time_left - part.seconds
    return shares


def _wider(extremes: tuple[Decimal, Decimal] | None, value: Decimal) -> tuple[Decimal, Decimal]:
    if extremes is None:
        return value, value
    low, high = extremes
    return min(low, value), max(high, value)


def _widest(
    one: tuple[Decimal, Decimal] | None, other: tuple[Decimal, Decimal] | None
) -> tuple[Decimal, Decimal] | None:
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1])
