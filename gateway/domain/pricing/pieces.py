"""Periods laid out since a session's start, and cut where a restriction of its tariff may change.

Two axes: microseconds, and millionths of a watt-hour (a kWh to 9 decimals). Both are counted in
whole numbers, and pieces are differences of running totals, so the pieces of a period always add
up to it exactly.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_CEILING, Decimal
from zoneinfo import ZoneInfo

from gateway.domain.pricing.model import ChargingPeriod, Dimension
from gateway.domain.tariffs import MIDNIGHT, Restrictions, Tariff
from gateway.domain.values import dataclass

SECOND = 1_000_000
HOUR = 3_600 * SECOND
KWH = 10**9
LONGEST_CUT_BY_THE_CLOCK = 366 * 24 * HOUR
_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)
_HALF_NUMBER = HOUR // 20_000  # half of 0.0001 h, the last decimal of an OCPI number

_NO_FLOW: Mapping[Dimension, Decimal] = {}
# to reach a member by its enum costs more than all the rest of a look into a period
_ENERGY = Dimension.ENERGY
_TIME = Dimension.TIME
_PARKING_TIME = Dimension.PARKING_TIME
_RESERVATION_TIME = Dimension.RESERVATION_TIME
_POWERS = (Dimension.POWER, Dimension.MIN_POWER, Dimension.MAX_POWER)
_CURRENTS = (Dimension.CURRENT, Dimension.MIN_CURRENT, Dimension.MAX_CURRENT)


def micros(span: timedelta) -> int:
    """Give the exact length of `span`."""
    return span // _MICROSECOND


def _share(amount: int, part: int, whole: int) -> int:
    """Give `amount * part / whole`, rounded half up."""
    return (2 * amount * part + whole) // (2 * whole)


@dataclass(frozen=True, slots=True)
class Amounts:
    """What a stretch of a session holds: energy, and time of each kind."""

    energy: int = 0
    charging: int = 0
    parking: int = 0
    reserved: int = 0

    def first(self, part: int, whole: int) -> "Amounts":
        """Give the first `part / whole` of each amount."""
        return Amounts(
            _share(self.energy, part, whole),
            _share(self.charging, part, whole),
            _share(self.parking, part, whole),
            _share(self.reserved, part, whole),
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
    """One charging period: from `start` to `end`, with the energy of all that came before it.

    `flow` are its volumes, if any of them may be of current or power. `is_reservation` says that
    the EVSE was reserved and not yet in use, if only for no time at all.
    """

    start: int
    end: int
    energy_before: int
    amounts: Amounts
    flow: Mapping[Dimension, Decimal]
    tariff_id: str | None
    is_reservation: bool

    @classmethod
    def of(cls, period: ChargingPeriod, start: int, end: int, energy_before: int) -> "Stretch":
        """Read a period's volumes; by the clock it lies between `start` and `end`."""
        energy = charging = parking = reserved = 0
        flow = _NO_FLOW
        for dimension, volume in period.volumes.items():
            if dimension is _ENERGY:
                energy = int((volume * KWH).to_integral_value())
            elif dimension is _TIME:
                charging = int((volume * HOUR).to_integral_value()) if volume > 0 else 0
            elif dimension is _PARKING_TIME:
                parking = int((volume * HOUR).to_integral_value()) if volume > 0 else 0
            elif dimension is _RESERVATION_TIME:
                reserved = int((volume * HOUR).to_integral_value()) if volume > 0 else 0
            else:
                flow = period.volumes
        total, extent = charging + parking + reserved, end - start
        # A volume is a number of 4 decimals, a timestamp is exact. Where there is but one and they
        # agree as far as it can say, the clock counts: 40 minutes are not 0.6667 h = 2400.12 s.
        if total and total != extent and abs(total - extent) <= _HALF_NUMBER:
            charging, parking, reserved = (
                extent if each == total else each for each in (charging, parking, reserved)
            )
        amounts = Amounts(energy, charging, parking, reserved)
        reserving = not (energy or charging or parking) and (
            reserved > 0 or _names_only_reservation(period.volumes)
        )
        return cls(start, end, energy_before, amounts, flow, period.tariff_id, reserving)

    @property
    def power(self) -> Decimal | None:
        """Typical kW, None if it cannot be known."""
        stated = self._typical(_POWERS)
        if stated is not None:
            return stated
        energy, extent = self.amounts.energy, self.end - self.start
        if not energy:
            return Decimal(0)
        return Decimal(energy * HOUR) / (extent * KWH) if extent else None

    @property
    def current(self) -> Decimal | None:
        """Typical A over all phases, None if it cannot be known."""
        stated = self._typical(_CURRENTS)
        return Decimal(0) if stated is None and not self.amounts.energy else stated

    def _typical(self, names: tuple[Dimension, Dimension, Dimension]) -> Decimal | None:
        """Choose one value, so that of two complementary restrictions exactly one holds."""
        flow = self.flow
        if not flow:
            return None
        average, low, high = names
        value = flow.get(average)
        if value is not None:
            return value
        least, most = flow.get(low), flow.get(high)
        if least is None or most is None:
            return most if least is None else least
        return (least + most) / 2


def _names_only_reservation(volumes: Mapping[Dimension, Decimal]) -> bool:
    return _RESERVATION_TIME in volumes and _TIME not in volumes and _PARKING_TIME not in volumes


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of a stretch in which no restriction changes; `energy` is the least within it.

    The least, because limits are "minimum inclusive, maximum exclusive": a piece that touches a
    limit lies above it when its least amount is the limit, below when its greatest is. `cut_at`
    is the amount of energy at whose passing the piece begins; None if it begins at a time.
    """

    start: int
    energy: int
    amounts: Amounts
    cut_at: int | None = None


def whole(stretch: Stretch) -> Piece:
    """Give a stretch as one piece."""
    amounts = stretch.amounts
    return Piece(stretch.start, stretch.energy_before + min(amounts.energy, 0), amounts)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A point at `part / whole` of a stretch; `energy` is set if it lies where that was reached."""

    part: int
    whole: int
    offset: int
    energy: int | None = None


Slot = tuple[int, int, int]


class Cuts:
    """Where, since the start, a restriction of the tariff may change."""

    def __init__(self, tariff: Tariff, begin: datetime, zone: ZoneInfo) -> None:
        every = [element.restrictions for element in tariff.elements]
        self.currents = _limits((each.min_current, each.max_current) for each in every)
        self.powers = _limits((each.min_power, each.max_power) for each in every)
        self._energies = [
            int((limit * KWH).to_integral_value(ROUND_CEILING))
            for limit in _limits((each.min_kwh, each.max_kwh) for each in every)
        ]
        self._durations = _durations(each for each in every if each.reservation)
        self._of_session = _durations(each for each in every if not each.reservation)
        self._clock = _Clock({wall for each in every for wall in wall_times(each)}, begin, zone)
        # until when periods are cut at times of day; None: always
        self.stop_at = LONGEST_CUT_BY_THE_CLOCK if self._clock.walls else None

    def begun(self, charging_start: int) -> "Cuts":
        """Give the same for when it is known when the session began, of which durations count."""
        cuts = copy(self)
        cuts._durations = [*self._durations]
        for duration in self._of_session:
            insort(cuts._durations, charging_start + duration)
        return cuts

    def slot(self, start: int, energy: int) -> Slot:
        """Say between which cuts a piece lies; within a slot only current and power matter."""
        clock = self._clock
        by_clock = bisect_right(clock.offsets, start)
        if start > LONGEST_CUT_BY_THE_CLOCK and clock.walls:
            by_clock = -start  # not cut there: a slot of its own
        return by_clock, bisect_right(self._durations, start), bisect_right(self._energies, energy)

    def pieces(self, stretch: Stretch) -> list[Piece]:
        """Cut a stretch; without cuts, it is one piece."""
        start, end = stretch.start, stretch.end
        if end > self._clock.known_until:
            self._clock.reach(end)
        offsets = _between(self._clock.offsets, start, end)
        durations = _between(self._durations, start, end)
        energies = self._passed(stretch) if self._energies else []
        if not (offsets or durations or energies):
            return [whole(stretch)]
        cuts = [_Cut(each - start, end - start, each) for each in {*offsets, *durations}]
        cuts.extend(_cut_at(limit, stretch) for limit in energies)
        begin, amounts = stretch.energy_before, stretch.amounts
        energy, extent = abs(amounts.energy) or 1, end - start or 1
        # Where two fall together nothing lies between: what holds for no time at all costs nothing.
        places = {cut.part * (energy if cut.energy is None else extent): cut for cut in cuts}
        pieces, cut_at, before = [], None, Amounts()
        for _, cut in sorted(places.items()):
            reached = amounts.first(cut.part, cut.whole)
            pieces.append(_piece(begin, start, before, reached, cut_at))
            start, cut_at, before = cut.offset, cut.energy, reached
        pieces.append(_piece(begin, start, before, amounts, cut_at))
        return pieces

    def _passed(self, stretch: Stretch) -> list[int]:
        before, energy = stretch.energy_before, stretch.amounts.energy
        low, high = (before, before + energy) if energy > 0 else (before + energy, before)
        return _between(self._energies, low, high)


def _cut_at(limit: int, stretch: Stretch) -> _Cut:
    part, whole = abs(limit - stretch.energy_before), abs(stretch.amounts.energy)
    offset = stretch.start + _share(stretch.end - stretch.start, part, whole)
    return _Cut(part, whole, offset, limit)


def _piece(
    energy_before: int, start: int, before: Amounts, reached: Amounts, cut_at: int | None
) -> Piece:
    energy = energy_before + min(before.energy, reached.energy)
    return Piece(start, energy, reached - before, cut_at)


def _between(ordered: list[int], low: int, high: int) -> list[int]:
    """List what lies strictly between the two."""
    if not ordered or ordered[-1] <= low:
        return []
    return ordered[bisect_right(ordered, low) : bisect_left(ordered, high)]


def _limits(pairs: Iterable[tuple[Decimal | None, Decimal | None]]) -> list[Decimal]:
    return sorted({limit for pair in pairs for limit in pair if limit is not None})


def _durations(every: Iterable[Restrictions]) -> list[int]:
    limits = _limits((each.min_duration, each.max_duration) for each in every)
    return [int(limit) * SECOND for limit in limits]


def wall_times(restrictions: Restrictions) -> list[time]:
    """List the local times of day at which `restrictions` may begin or cease to hold."""
    walls = []
    if restrictions.start_time is not None or restrictions.end_time is not None:
        walls = [restrictions.start_time or MIDNIGHT, restrictions.end_time or MIDNIGHT]
    if restrictions.day_of_week or restrictions.start_date or restrictions.end_date:
        walls.append(MIDNIGHT)
    return walls


class _Clock:
    """When, since the start, the location's clock passes a restriction's time; found as needed.

    Wall times that occur twice when clocks go back are met both times; ones that are left out when
    clocks go forward are passed at the change, so changes of the UTC offset are cuts as well.
    """

    def __init__(self, walls: set[time], begin: datetime, zone: ZoneInfo) -> None:
        self.walls = walls
        self.offsets: list[int] = []
        self.known_until = 0
        self._begin = begin
        self._zone = zone

    def reach(self, offset: int) -> None:
        """Find what lies before `offset`, by whole days, but not beyond a year."""
        if not self.walls:
            return
        last = min(offset, LONGEST_CUT_BY_THE_CLOCK)
        while self.known_until < last:
            low = self._begin + timedelta(microseconds=self.known_until)
            high = low + _DAY
            instants = {*self._passed(low, high), *_offset_changes(low, high, self._zone)}
            inside = sorted(each for each in instants if low < each <= high)
            self.offsets.extend(micros(each - self._begin) for each in inside)
            self.known_until += micros(_DAY)

    def _passed(self, low: datetime, high: datetime) -> Iterator[datetime]:
        local_day = low.astimezone(self._zone).date() - _DAY
        last_day = high.astimezone(self._zone).date() + _DAY
        while local_day <= last_day:
            for wall in self.walls:
                for fold in (0, 1):
                    local = datetime.combine(local_day, wall, self._zone).replace(fold=fold)
                    yield local.astimezone(UTC)
            local_day += _DAY


def _offset_changes(low: datetime, high: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Find the second within a day at which the zone's UTC offset changes."""
    before = low.astimezone(zone).utcoffset()
    if before == high.astimezone(zone).utcoffset():
        return
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    # offsets change on a full second; `high` is less than one second after it
    yield high.replace(microsecond=0)
