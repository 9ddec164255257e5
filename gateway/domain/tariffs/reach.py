"""Which prices of a tariff can ever count: every situation its restrictions tell apart, looked up.

Of each dimension the first element whose restrictions match counts (mod_tariffs, Tariff object),
so an element may stand where nothing is left for it. Restrictions change at known values only:
one time of day between each two of them, one amount of energy and so on stand for all others.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise, product

from gateway.domain.tariffs import (
    MIDNIGHT,
    Moment,
    ReservationRestriction,
    Restrictions,
    Tariff,
    TariffDimension,
    TariffElement,
)

_MOST_LOOK_UPS = 30_000  # some tens of milliseconds
_DAY = timedelta(days=1)
_ANY_WEEK = date(2024, 1, 1)  # a Monday
_ZERO = Decimal(0)

_AXES = {
    "start_time": "time",
    "end_time": "time",
    "start_date": "date",
    "end_date": "date",
    "day_of_week": "day",
    "min_kwh": "energy",
    "max_kwh": "energy",
    "min_current": "current",
    "max_current": "current",
    "min_power": "power",
    "max_power": "power",
    "min_duration": "duration",
    "max_duration": "duration",
}

Priced = tuple[int, TariffDimension]


@dataclass(slots=True)
class Reach:
    """What was found; elements are numbered from 0.

    `active` are the prices that count somewhere, `matched` the elements whose restrictions hold
    somewhere. `unpriced` are the dimensions that some situation has no price for, though the
    tariff prices them; `unread` those that have none only where no current or power is known.
    """

    active: set[Priced] = field(default_factory=set)
    matched: set[int] = field(default_factory=set)
    unpriced: set[TariffDimension] = field(default_factory=set)
    unread: set[TariffDimension] = field(default_factory=set)
    # of each element, one bit for each situation in which it holds and everything is known
    _situations: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))

    def overlap(self, one: int, other: int) -> bool:
        """Tell whether both hold somewhere, and each of them where the other does not."""
        first, second = self._situations[one], self._situations[other]
        return bool(first & second and first & ~second and second & ~first)

    def look_up(
        self,
        elements: Sequence[tuple[int, TariffElement]],
        at: Moment,
        dimensions: Iterable[TariffDimension],
        situation: int | None,
    ) -> None:
        """Add one situation by its number, None where current or power is unknown."""
        counted: dict[TariffDimension, int] = {}
        for number, element in elements:
            if not element.restrictions.match(at):
                continue
            self.matched.add(number)
            if situation is not None:
                self._situations[number] |= 1 << situation
            for component in element.price_components:
                counted.setdefault(component.type, number)
        self.active.update((number, dimension) for dimension, number in counted.items())
        without = self.unread if situation is None else self.unpriced
        without.update(one for one in dimensions if one not in counted)


def reach(tariff: Tariff, reservation: ReservationRestriction | None) -> Reach | None:
    """Look up all situations, of charging or of one kind of reservation; None: too many."""
    elements = [
        (number, element)
        for number, element in enumerate(tariff.elements)
        if element.restrictions.reservation is reservation
    ]
    axes = _axes([element.restrictions for _, element in elements])
    look_ups = len(elements)
    for axis in axes:
        look_ups *= len(axis)
    if look_ups > _MOST_LOOK_UPS:
        return None
    found = Reach()
    dimensions = {one.type for _, element in elements for one in element.price_components}
    by_current, by_power = len(axes[4]) > 1, len(axes[5]) > 1
    for number, values in enumerate(product(*axes)):
        day, hour, energy, duration, current, power = values
        at = Moment(datetime.combine(day, hour, UTC), duration, energy, current, power)
        unknown = (by_current and current is None) or (by_power and power is None)
        found.look_up(elements, at, dimensions, None if unknown else number)
    found.unread -= found.unpriced
    return found


def restricted_axes(restrictions: Restrictions) -> frozenset[str]:
    """What the restrictions look at: time, date, day, energy, current, power, duration."""
    return frozenset(
        _AXES[one.name]
        for one in fields(Restrictions)
        if one.name in _AXES and getattr(restrictions, one.name) not in (None, frozenset())
    )


_Axes = tuple[
    list[date],
    list[time],
    list[Decimal],
    list[Decimal],
    list[Decimal | None],
    list[Decimal | None],
]


def _axes(restrictions: Sequence[Restrictions]) -> _Axes:
    values: defaultdict[str, set[Decimal]] = defaultdict(set)
    times: set[time] = {MIDNIGHT}
    dates: set[date] = set()
    for one in restrictions:
        times.update(each for each in (one.start_time, one.end_time) if each is not None)
        dates.update(each for each in (one.start_date, one.end_date) if each is not None)
        for name, axis in _AXES.items():
            value = getattr(one, name)
            if isinstance(value, Decimal):
                values[axis].add(value)
    by_day = any(one.day_of_week for one in restrictions)
    return (
        list(_days(sorted(dates), by_day=by_day)),
        sorted(times),
        _from_zero(values["energy"]),
        _from_zero(values["duration"]),
        _or_unknown(values["current"]),
        _or_unknown(values["power"]),
    )


def _from_zero(cuts: Iterable[Decimal]) -> list[Decimal]:
    # a minimum is inclusive and a maximum exclusive, so each value stands for those up to the next
    return sorted({_ZERO, *(cut for cut in cuts if cut > 0)})


def _or_unknown(cuts: set[Decimal]) -> list[Decimal | None]:
    return [None, *_from_zero(cuts)] if cuts else [None]


def _days(cuts: Sequence[date], *, by_day: bool) -> Iterator[date]:
    """Of each stretch between dates one day, or one of each day of the week that it has."""
    most = 7 if by_day else 1
    if not cuts:
        yield from (_ANY_WEEK + number * _DAY for number in range(most))
        return
    if cuts[0] > date.min + 7 * _DAY:
        yield from (cuts[0] - number * _DAY for number in range(most, 0, -1))
    ends = [until for _, until in pairwise(cuts)]
    for begin, until in zip(cuts, [*ends, None], strict=True):
        days = most if until is None else min(most, (until - begin).days)
        yield from (begin + number * _DAY for number in range(days))
