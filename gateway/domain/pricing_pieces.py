"""A usage laid out on two axes, seconds and kWh since its start, and cut where a tariff may change.

Quantities are fixed-point decimals (kWh to 9 decimals, seconds to 6) and pieces are differences of
running totals, so the pieces of a stretch always add up to it exactly.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from gateway.domain.pricing_model import Dimension, Usage
from gateway.domain.tariffs import MIDNIGHT, Restrictions, Tariff

ZERO = Decimal(0)
SECONDS_PER_HOUR = Decimal(3600)
LONGEST_CUT_BY_THE_CLOCK = timedelta(days=366)
_ANY_DAY = timedelta(days=1)
_MICROSECOND = Decimal("1E-6")
_KWH_RESOLUTION = Decimal("1E-9")
_HALF_NUMBER_IN_SECONDS = Decimal("0.18")  # half of 0.0001 h, the last decimal of an OCPI number


def seconds(span: timedelta) -> Decimal:
    """Give the exact length of `span`."""
    whole = Decimal(span.days * 86_400 + span.seconds)
    return whole + Decimal(span.microseconds) * _MICROSECOND


@dataclass(frozen=True, slots=True)
class Amounts:
    """What a stretch of a session holds: kWh, and seconds of each kind."""

    energy: Decimal = ZERO
    charging: Decimal = ZERO
    parking: Decimal = ZERO
    reserved: Decimal = ZERO

    @classmethod
    def of(cls, volumes: Mapping[Dimension, Decimal], extent: Decimal) -> "Amounts":
        """Read a period's volumes; `extent` is its length by its timestamps, in seconds."""
        kinds = (Dimension.TIME, Dimension.PARKING_TIME, Dimension.RESERVATION_TIME)
        hours = [max(volumes.get(kind, ZERO), ZERO) for kind in kinds]
        spans = [(each * SECONDS_PER_HOUR).quantize(_MICROSECOND) for each in hours]
        if sum(1 for each in spans if each) == 1:
            # A volume is a number of 4 decimals, a timestamp is exact. Where they agree as far
            # as the volume can say, the clock counts: 40 minutes are not 0.6667 h = 2400.12 s.
            spans = [
                extent if each and abs(each - extent) <= _HALF_NUMBER_IN_SECONDS else each
                for each in spans
            ]
        energy = volumes.get(Dimension.ENERGY, ZERO).quantize(_KWH_RESOLUTION)
        return cls(energy, *spans)

    def part(self, fraction: Decimal) -> "Amounts":
        """Give the first `fraction` of each amount."""
        return Amounts(
            (self.energy * fraction).quantize(_KWH_RESOLUTION),
            (self.charging * fraction).quantize(_MICROSECOND),
            (self.parking * fraction).quantize(_MICROSECOND),
            (self.reserved * fraction).quantize(_MICROSECOND),
        )

    def __sub__(self, other: "Amounts") -> "Amounts":
        return Amounts(
            self.energy - other.energy,
            self.charging - other.charging,
            self.parking - other.parking,
            self.reserved - other.reserved,
        )


@dataclass(frozen=True, slots=True)
class Stretch:
    """One charging period: `start` and `end` in seconds, `energy_before` in kWh, from the start."""

    start: Decimal
    end: Decimal
    energy_before: Decimal
    amounts: Amounts
    volumes: Mapping[Dimension, Decimal]
    tariff_id: str | None

    @property
    def is_reservation(self) -> bool:
        """Whether the EVSE was reserved and not yet in use."""
        used = self.amounts.energy or self.amounts.charging or self.amounts.parking
        return bool(self.amounts.reserved) and not used

    @property
    def power(self) -> Decimal | None:
        """Typical kW, None if it cannot be known."""
        stated = _typical(self.volumes, Dimension.POWER, Dimension.MIN_POWER, Dimension.MAX_POWER)
        if stated is not None:
            return stated
        if not self.amounts.energy:
            return ZERO
        if self.end == self.start:
            return None
        return self.amounts.energy * SECONDS_PER_HOUR / (self.end - self.start)

    @property
    def current(self) -> Decimal | None:
        """Typical A over all phases, None if it cannot be known."""
        stated = _typical(
            self.volumes, Dimension.CURRENT, Dimension.MIN_CURRENT, Dimension.MAX_CURRENT
        )
        return ZERO if stated is None and not self.amounts.energy else stated


def _typical(
    volumes: Mapping[Dimension, Decimal], average: Dimension, low: Dimension, high: Dimension
) -> Decimal | None:
    """Choose one value per period, so that of two complementary restrictions exactly one holds."""
    if average in volumes:
        return volumes[average]
    known = [volumes[each] for each in (low, high) if each in volumes]
    return sum(known, ZERO) / len(known) if known else None


@dataclass(frozen=True, slots=True)
class Session:
    """A usage in order, and when its charging session began and ended, in seconds."""

    usage: Usage
    stretches: tuple[Stretch, ...]
    charging_start: Decimal
    end: Decimal

    @classmethod
    def of(cls, usage: Usage) -> "Session":
        """Lay out `usage`."""
        end = max(seconds(usage.end.astimezone(UTC) - usage.start.astimezone(UTC)), ZERO)
        stretches = tuple(_laid_out(usage, end))
        begun = (each.start for each in stretches if not each.is_reservation)
        return cls(usage, stretches, next(begun, end), end)

    @property
    def is_only_reserved(self) -> bool:
        """Whether a reservation ran out without a charging session."""
        return all(each.is_reservation for each in self.stretches)


def _laid_out(usage: Usage, end: Decimal) -> Iterator[Stretch]:
    """Put periods in order and within the usage's bounds.

    A usage without periods is one stretch in which nothing was used: a start fee is still due.
    """
    begin = usage.start.astimezone(UTC)
    periods = sorted(usage.periods, key=lambda each: each.start)
    if not periods:
        yield Stretch(ZERO, end, ZERO, Amounts(), {}, None)
    starts = [min(max(seconds(each.start.astimezone(UTC) - begin), ZERO), end) for each in periods]
    energy = ZERO
    for period, start, stop in zip(periods, starts, [*starts[1:], end], strict=False):
        amounts = Amounts.of(period.volumes, stop - start)
        yield Stretch(start, stop, energy, amounts, period.volumes, period.tariff_id)
        energy += amounts.energy


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a stretch in which no restriction changes; `energy` is the least kWh within it.

    The least, because limits are "minimum inclusive, maximum exclusive": a piece that touches a
    limit lies above it when its least amount is the limit, below when its greatest is.
    """

    start: Decimal
    energy: Decimal
    amounts: Amounts


@dataclass(frozen=True, slots=True)
class _Cut:
    """A point within a stretch; `energy` is set if it lies where that amount was reached."""

    fraction: Decimal
    offset: Decimal
    energy: Decimal | None = None


class Cuts:
    """Where, in seconds and in kWh since the start, a restriction of the tariff may change."""

    def __init__(self, tariff: Tariff, session: Session) -> None:
        every = [element.restrictions for element in tariff.elements]
        self.offsets = sorted({*_durations(every, session), *_clock_offsets(every, session.usage)})
        self.energies = _limits((each.min_kwh, each.max_kwh) for each in every)
        self.currents = _limits((each.min_current, each.max_current) for each in every)
        self.powers = _limits((each.min_power, each.max_power) for each in every)

    def within(self, stretch: Stretch) -> list[_Cut]:
        """Order the cuts that lie strictly inside the stretch."""
        cuts = [*self._by_time(stretch), *self._by_energy(stretch)]
        cuts.sort(key=lambda cut: cut.fraction)
        return cuts

    def pieces(self, stretch: Stretch, cuts: Iterable[_Cut]) -> Iterator[Piece]:
        """Yield what lies between the cuts, in order; without cuts, the whole stretch."""
        start, before = stretch.start, Amounts()
        for cut in cuts:
            reached = stretch.amounts.part(cut.fraction)
            if cut.energy is not None:
                reached = replace(reached, energy=cut.energy - stretch.energy_before)
            yield _piece(stretch, start, before, reached)
            start, before = cut.offset, reached
        yield _piece(stretch, start, before, stretch.amounts)

    def _by_time(self, stretch: Stretch) -> Iterator[_Cut]:
        for offset in self.offsets[bisect_right(self.offsets, stretch.start) :]:
            if offset >= stretch.end:
                break
            yield _Cut((offset - stretch.start) / (stretch.end - stretch.start), offset)

    def _by_energy(self, stretch: Stretch) -> Iterator[_Cut]:
        if not stretch.amounts.energy:
            return
        reached = stretch.energy_before + stretch.amounts.energy
        low, high = sorted((stretch.energy_before, reached))
        for energy in self.energies[bisect_right(self.energies, low) :]:
            if energy >= high:
                break
            fraction = (energy - stretch.energy_before) / stretch.amounts.energy
            passed = ((stretch.end - stretch.start) * fraction).quantize(_MICROSECOND)
            yield _Cut(fraction, stretch.start + passed, energy)


def _piece(stretch: Stretch, start: Decimal, before: Amounts, reached: Amounts) -> Piece:
    energy = stretch.energy_before + min(before.energy, reached.energy)
    return Piece(start, energy, reached - before)


def _limits(pairs: Iterable[tuple[Decimal | None, Decimal | None]]) -> list[Decimal]:
    return sorted({limit for pair in pairs for limit in pair if limit is not None})


def _durations(every: Iterable[Restrictions], session: Session) -> Iterator[Decimal]:
    for restrictions in every:
        begin = session.charging_start if restrictions.reservation is None else ZERO
        for limit in (restrictions.min_duration, restrictions.max_duration):
            if limit is not None:
                yield begin + limit


def _clock_offsets(every: Iterable[Restrictions], usage: Usage) -> Iterator[Decimal]:
    """Find when, in seconds since the start, the location's clock passes a restriction's time.

    Wall times that occur twice when clocks go back are met both times; ones that are left out when
    clocks go forward are passed at the change, so changes of the UTC offset are cuts as well.
    """
    walls = {wall for each in every for wall in wall_times(each)}
    start, end = usage.start.astimezone(UTC), usage.end.astimezone(UTC)
    if not walls or end - start > LONGEST_CUT_BY_THE_CLOCK:
        return
    zone = ZoneInfo(usage.time_zone)
    instants = [*_passed(walls, start, end, zone), *_offset_changes(start, end, zone)]
    yield from (seconds(each - start) for each in instants if start < each < end)


def _passed(
    walls: Iterable[time], start: datetime, end: datetime, zone: ZoneInfo
) -> Iterator[datetime]:
    local_day = start.astimezone(zone).date() - _ANY_DAY
    last_day = end.astimezone(zone).date() + _ANY_DAY
    while local_day <= last_day:
        for wall in walls:
            for fold in (0, 1):
                yield datetime.combine(local_day, wall, zone).replace(fold=fold).astimezone(UTC)
        local_day += _ANY_DAY


def wall_times(restrictions: Restrictions) -> list[time]:
    """List the local times of day at which `restrictions` may begin or cease to hold."""
    walls = []
    if restrictions.start_time is not None or restrictions.end_time is not None:
        walls = [restrictions.start_time or MIDNIGHT, restrictions.end_time or MIDNIGHT]
    if restrictions.day_of_week or restrictions.start_date or restrictions.end_date:
        walls.append(MIDNIGHT)
    return walls


def _offset_changes(start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Find the seconds at which the zone's UTC offset changes, looking once in 24 hours."""
    while start < end:
        low, high = start, start + _ANY_DAY
        start = high
        before = low.astimezone(zone).utcoffset()
        if before == high.astimezone(zone).utcoffset():
            continue
        while high - low > timedelta(seconds=1):
            middle = low + (high - low) / 2
            if middle.astimezone(zone).utcoffset() == before:
                low = middle
            else:
                high = middle
        # offsets change on a full second; `high` is less than one second after it
        yield high.replace(microsecond=0)
