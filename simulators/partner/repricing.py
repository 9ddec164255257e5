"""Which Price Components of its Tariff a CDR used, and how much of each: the partner's own reading.

"A CPO SHALL at least start (and add) a ChargingPeriod every moment/event that has relevance for
the total costs of a CDR" (mod_cdrs): so within a period every dimension has one Price Component,
looked up at the middle of it, where no rounded number can put it on the wrong side of a limit.
What it costs is in `repriced`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

ENERGY, FLAT, TIME, PARKING_TIME = "ENERGY", "FLAT", "TIME", "PARKING_TIME"
RESERVATION_TIME = "RESERVATION_TIME"
_SPENT = {TIME: TIME, PARKING_TIME: PARKING_TIME, RESERVATION_TIME: TIME}
"""CdrDimensionType -> the TariffDimensionType that prices it"""
_LOCAL = ("start_time", "end_time", "start_date", "end_date", "day_of_week")
_DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")

HALF_OF_LAST_DIGIT = Decimal("0.00005")
"""of a number on the wire"""


class CannotPriceError(Exception):
    """What is in the CDR does not say what it costs; the message says what is missing."""


@dataclass(frozen=True)
class Span:
    """One charging period as the Tariff's restrictions look at it."""

    middle: datetime
    lasted: timedelta
    """from the start of the session to the middle"""
    kwh: Decimal
    """used up to the middle"""
    volumes: dict[str, Decimal]

    @property
    def reserved(self) -> bool:
        return RESERVATION_TIME in self.volumes

    def power(self) -> tuple[Decimal, Decimal] | None:
        """kW, the least and the most; what energy and time give lies between them."""
        hours = self.volumes.get(TIME, Decimal(0))
        if hours > 0 and ENERGY in self.volumes:
            mean = self.volumes[ENERGY] / hours
            return self.volumes.get("MIN_POWER", mean), self.volumes.get("MAX_POWER", mean)
        return self._between("POWER")

    def current(self) -> tuple[Decimal, Decimal] | None:
        """Amperes, the least and the most."""
        return self._between("CURRENT")

    def _between(self, what: str) -> tuple[Decimal, Decimal] | None:
        if PARKING_TIME in self.volumes:
            return Decimal(0), Decimal(0)
        least, most = self.volumes.get(f"MIN_{what}"), self.volumes.get(f"MAX_{what}")
        return None if least is None or most is None else (least, most)


@dataclass
class Amounts:
    """What was used of one Price Component: kWh, hours, or times."""

    component: Any
    reserved: bool
    used: Decimal = Decimal(0)
    vague: Decimal = Decimal(0)
    """what the wire's decimals leave open, either way"""


def spans(periods: Sequence[Any], end: datetime) -> Iterator[Span]:
    """A period lasts until the next one starts; the session begins when the reservation ends."""
    kwh = Decimal(0)
    ends = [*(period.start_date_time for period in periods[1:]), end]
    all_volumes = [{one.type: one.volume for one in period.dimensions} for period in periods]
    in_use = [
        period.start_date_time
        for period, volumes in zip(periods, all_volumes, strict=True)
        if RESERVATION_TIME not in volumes
    ]
    session_start = min(in_use, default=end)
    for period, volumes, until in zip(periods, all_volumes, ends, strict=True):
        middle = period.start_date_time + (until - period.start_date_time) / 2
        energy = volumes.get(ENERGY, Decimal(0))
        yield Span(middle, middle - session_start, kwh + energy / 2, volumes)
        kwh += energy


class Reading:
    """One Tariff, read for the periods of one CDR."""

    def __init__(self, tariff: Any, time_zone: str | None) -> None:
        self._tariff = tariff
        self._zone = None if time_zone is None else ZoneInfo(time_zone)
        self.used: list[Amounts] = []
        """in the order of their last use"""

    def use(self, span: Span) -> None:
        for name, volume in span.volumes.items():
            if name == ENERGY or name in _SPENT:
                self._count(span, _SPENT.get(name, name), volume, HALF_OF_LAST_DIGIT)
        self._count(span, FLAT, Decimal(1), Decimal(0))

    def _count(self, span: Span, dimension: str, volume: Decimal, vague: Decimal) -> None:
        component = self._active(span, dimension)
        if component is None:
            return
        for amounts in self.used:
            if amounts.component is component:
                self.used.remove(amounts)
                break
        else:
            amounts = Amounts(component, span.reserved)
        self.used.append(amounts)
        if dimension == FLAT:
            amounts.used = volume
            return
        amounts.used += volume
        amounts.vague += vague

    def _active(self, span: Span, dimension: str) -> Any:
        """mod_tariffs, Tariff object: the first Element that matches and has this dimension."""
        for element in self._tariff.elements:
            named = [one for one in element.price_components if one.type == dimension]
            if named and self._matches(element.restrictions, span):
                return named[0]
        return None

    def _matches(self, restrictions: Any, span: Span) -> bool:
        def wanted(name: str) -> Any:
            return getattr(restrictions, name, None)

        if (wanted("reservation") is not None) != span.reserved:
            return False
        if wanted("reservation") == "RESERVATION_EXPIRES":
            return False
        seconds = Decimal(span.lasted // timedelta(milliseconds=1)) / 1000
        return (
            _within(span.kwh, wanted("min_kwh"), wanted("max_kwh"))
            and _within(seconds, wanted("min_duration"), wanted("max_duration"))
            and _flowing(span.power(), wanted("min_power"), wanted("max_power"))
            and _flowing(span.current(), wanted("min_current"), wanted("max_current"))
            and self._at_this_time(span, {name: wanted(name) for name in _LOCAL})
        )

    def _at_this_time(self, span: Span, wanted: dict[str, Any]) -> bool:
        """Local time, "the time zone is defined in the `time_zone` field of the Location"."""
        if not any(wanted.values()):
            return True
        if self._zone is None:
            raise CannotPriceError("the time zone of the Location is not known")
        local = span.middle.astimezone(self._zone)
        clock, day = f"{local:%H:%M:%S}", f"{local:%Y-%m-%d}"
        first, last = wanted["start_time"] or "00:00", wanted["end_time"] or "24:00"
        last = "24:00" if last == "00:00" else last
        in_hours = (
            first <= clock < last if first < last else not last <= clock < first
        )  # "If end_time < start_time then the period wraps around to the next day"
        return (
            in_hours
            and _within(day, wanted["start_date"], wanted["end_date"])
            and (not wanted["day_of_week"] or _DAYS[local.weekday()] in wanted["day_of_week"])
        )


def _within(value: Any, least: Any, most: Any) -> bool:
    """ "valid from ... (inclusive)", "valid until ... (exclusive)"."""
    return (least is None or value >= least) and (most is None or value < most)


def _flowing(said: tuple[Decimal, Decimal] | None, least: Any, most: Any) -> bool:
    """Between the least and the most of a period both limits count as its middle does."""
    if least is None and most is None:
        return True
    if said is None:
        raise CannotPriceError("no power or current is given that a price asks for")
    return _within(sum(said) / 2, least, most)
