"""A Tariff as something that can be priced: OCPI 2.3.0 mod_tariffs, parsed once, then immutable.

`parse_tariff` promises that whatever it returns, `gateway.domain.pricing` prices in full. A
document that breaks the standard raises `InvalidTariff`; one that asks for something the engine
does not price raises its subclass `UnsupportedTariff`. Nothing is dropped in silence, because a
restriction that is not understood is a price that is wrong. Both name the place in the document.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from gateway.domain import timestamps


class InvalidTariff(ValueError):
    """The document is no Tariff as OCPI 2.3.0 describes it: `reason`, found at `path`."""

    def __init__(self, reason: str, path: str) -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.reason = reason
        self.path = path


class UnsupportedTariff(InvalidTariff):
    """The document asks for a pricing feature that no OCPI 2.x version defines and we lack."""


class TariffDimension(StrEnum):
    """OCPI TariffDimensionType."""

    ENERGY = "ENERGY"
    FLAT = "FLAT"
    PARKING_TIME = "PARKING_TIME"
    TIME = "TIME"


class TaxIncluded(StrEnum):
    """OCPI 2.3.0 TaxIncluded: whether the prices in a tariff already hold the taxes."""

    YES = "YES"
    NO = "NO"
    NOT_APPLICABLE = "N/A"


class ReservationRestriction(StrEnum):
    """OCPI ReservationRestrictionType."""

    RESERVATION = "RESERVATION"
    RESERVATION_EXPIRES = "RESERVATION_EXPIRES"


class DayOfWeek(StrEnum):
    """OCPI DayOfWeek, in the order of `datetime.weekday()`."""

    MONDAY = "MONDAY"
    TUESDAY = "TUESDAY"
    WEDNESDAY = "WEDNESDAY"
    THURSDAY = "THURSDAY"
    FRIDAY = "FRIDAY"
    SATURDAY = "SATURDAY"
    SUNDAY = "SUNDAY"


_WEEK = tuple(DayOfWeek)
MIDNIGHT = time(0, 0)


@dataclass(frozen=True, slots=True)
class PriceComponent:
    """`price` per kWh, per hour or, for FLAT, once; `vat` in percent, None if none applies.

    `step_size` counts Wh or seconds; 0 and 1 of a FLAT component mean nothing.
    """

    type: TariffDimension
    price: Decimal
    vat: Decimal | None = None
    step_size: int = 1


@dataclass(frozen=True, slots=True)
class Moment:
    """What a tariff's restrictions may ask about one instant of a session.

    `local` is the wall clock at the location, `duration` seconds since the session (or the
    reservation) began, `energy` kWh so far; `current` in A and `power` in kW are None if unknown.
    """

    local: datetime
    duration: Decimal
    energy: Decimal
    current: Decimal | None = None
    power: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Restrictions:
    """OCPI TariffRestrictions. All that are set must match: "a logical AND"."""

    start_time: time | None = None
    end_time: time | None = None
    start_date: date | None = None
    end_date: date | None = None
    min_kwh: Decimal | None = None
    max_kwh: Decimal | None = None
    min_current: Decimal | None = None
    max_current: Decimal | None = None
    min_power: Decimal | None = None
    max_power: Decimal | None = None
    min_duration: Decimal | None = None
    max_duration: Decimal | None = None
    day_of_week: frozenset[DayOfWeek] = frozenset()
    reservation: ReservationRestriction | None = None

    def match(self, moment: Moment) -> bool:
        """Say whether they hold at `moment`; `reservation` is the caller's to look at."""
        return (
            self._match_clock(moment.local)
            and _within(self.min_kwh, moment.energy, self.max_kwh)
            and _within(self.min_duration, moment.duration, self.max_duration)
            and _within(self.min_current, moment.current, self.max_current)
            and _within(self.min_power, moment.power, self.max_power)
        )

    def _match_clock(self, local: datetime) -> bool:
        # Logical AND to the letter: the day of the week and the dates are those of the instant
        # itself, also where start_time and end_time wrap around midnight.
        if self.day_of_week and _WEEK[local.weekday()] not in self.day_of_week:
            return False
        today = local.date()
        if self.start_date is not None and today < self.start_date:
            return False
        if self.end_date is not None and today >= self.end_date:  # "(exclusive)"
            return False
        return self._match_time(local.time())

    def _match_time(self, now: time) -> bool:
        if self.start_time is None and self.end_time is None:
            return True
        start = self.start_time or MIDNIGHT
        end = self.end_time or MIDNIGHT  # "To stop at end of the day use: 00:00"
        if start < end:
            return start <= now < end
        # "If end_time < start_time then the period wraps around to the next day."
        # Equal times are read as the full day: start 00:00 with end 00:00 can mean nothing else.
        return now >= start or now < end


def _within(minimum: Decimal | None, value: Decimal | None, maximum: Decimal | None) -> bool:
    """Minimum inclusive, maximum exclusive; an unknown value satisfies no restriction on it."""
    if minimum is None and maximum is None:
        return True
    if value is None:
        return False
    return (minimum is None or value >= minimum) and (maximum is None or value < maximum)


_UNRESTRICTED = Restrictions()


@dataclass(frozen=True, slots=True)
class TariffElement:
    """Price components that share restrictions; at most one component per dimension."""

    price_components: tuple[PriceComponent, ...]
    restrictions: Restrictions = _UNRESTRICTED

    @property
    def is_for_parking(self) -> bool:
        """Whether a FLAT component here is parking's: "including fixed price components"."""
        priced = {component.type for component in self.price_components}
        return TariffDimension.PARKING_TIME in priced and not priced & {
            TariffDimension.TIME,
            TariffDimension.ENERGY,
        }


@dataclass(frozen=True, slots=True)
class PriceLimit:
    """OCPI 2.3.0 PriceLimit."""

    before_taxes: Decimal
    after_taxes: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Tariff:
    """What of an OCPI Tariff decides about money, and when and for whom it is valid."""

    id: str
    currency: str
    elements: tuple[TariffElement, ...]
    tax_included: TaxIncluded = TaxIncluded.NO
    type: str | None = None
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    start_date_time: datetime | None = None
    end_date_time: datetime | None = None

    @property
    def has_one_price(self) -> bool:
        """Whether nothing of what it asks for a session depends on when or how fast it charges."""
        return all(
            element.restrictions == _UNRESTRICTED or element.restrictions.reservation is not None
            for element in self.elements
        )

    @property
    def vat_rates(self) -> frozenset[Decimal]:
        """The VAT percentages that occur in its price components."""
        return frozenset(
            component.vat
            for element in self.elements
            for component in element.price_components
            if component.vat is not None
        )


def parse_tariff(document: Mapping[str, Any]) -> Tariff:
    """Read a Tariff in OCPI 2.3.0's shape, as `exact_json.loads` gives it (Decimal, never float).

    Without `tax_included`, which 2.3.0 requires, prices exclude taxes: that is what every version
    without the field says of them. Raises `InvalidTariff` or `UnsupportedTariff`.
    """
    root = _Object(document, "")
    tariff = Tariff(
        id=root.text("id"),
        currency=root.pattern("currency", _CURRENCY),
        elements=tuple(_element(each) for each in root.objects("elements")),
        tax_included=root.enum("tax_included", TaxIncluded) or TaxIncluded.NO,
        type=root.optional_text("type"),
        min_price=_price_limit(root, "min_price"),
        max_price=_price_limit(root, "max_price"),
        start_date_time=root.moment("start_date_time"),
        end_date_time=root.moment("end_date_time"),
    )
    _check_taxes(tariff)
    _check_limits(tariff)
    return tariff


def _check_taxes(tariff: Tariff) -> None:
    if tariff.tax_included is TaxIncluded.NOT_APPLICABLE and any(tariff.vat_rates):
        raise InvalidTariff(
            "N/A means that no taxes apply, yet components name VAT", "tax_included"
        )


def _check_limits(tariff: Tariff) -> None:
    low, high = tariff.min_price, tariff.max_price
    if low is None or high is None:
        return
    if low.before_taxes > high.before_taxes:
        raise InvalidTariff("is above max_price", "min_price.before_taxes")
    if low.after_taxes is None or high.after_taxes is None:
        return
    if low.after_taxes > high.after_taxes:
        raise InvalidTariff("is above max_price", "min_price.after_taxes")


def _element(source: "_Object") -> TariffElement:
    components = tuple(_component(each) for each in source.objects("price_components"))
    seen: set[TariffDimension] = set()
    for component in components:
        if component.type in seen:
            # "Only one Price Component per dimension can be active at any point in time"
            raise InvalidTariff(
                f"more than one {component.type} component", f"{source.path}.price_components"
            )
        seen.add(component.type)
    restrictions = source.optional_object("restrictions")
    return TariffElement(
        components, Restrictions() if restrictions is None else _restrictions(restrictions)
    )


def _component(source: "_Object") -> PriceComponent:
    dimension = source.enum("type", TariffDimension)
    if dimension is None:
        raise InvalidTariff("is required", source.at("type"))
    price = source.number("price")
    if price is None:
        raise InvalidTariff("is required", source.at("price"))
    step_size = source.whole_number("step_size")
    vat = source.positive("vat")
    if vat is not None and vat > _HIGHEST_VAT:
        raise InvalidTariff("is no percentage", source.at("vat"))
    # mod_cdrs CdrDimensionType: "default step_size multiplier is 1"; 2.1.1 to 2.3.0 require it.
    return PriceComponent(dimension, price, vat, 1 if step_size is None else step_size)


def _restrictions(source: "_Object") -> Restrictions:
    for name in source.unknown(Restrictions.__dataclass_fields__):
        raise UnsupportedTariff("restriction is not known to OCPI 2.x", source.at(name))
    durations = [source.whole_number(name) for name in ("min_duration", "max_duration")]
    return Restrictions(
        start_time=source.parsed("start_time", _TIME, time.fromisoformat),
        end_time=source.parsed("end_time", _TIME, time.fromisoformat),
        start_date=source.parsed("start_date", _DATE, date.fromisoformat),
        end_date=source.parsed("end_date", _DATE, date.fromisoformat),
        min_kwh=source.number("min_kwh"),
        max_kwh=source.number("max_kwh"),
        min_current=source.number("min_current"),
        max_current=source.number("max_current"),
        min_power=source.number("min_power"),
        max_power=source.number("max_power"),
        min_duration=None if durations[0] is None else Decimal(durations[0]),
        max_duration=None if durations[1] is None else Decimal(durations[1]),
        day_of_week=frozenset(source.enums("day_of_week", DayOfWeek)),
        reservation=source.enum("reservation", ReservationRestriction),
    )


def _price_limit(source: "_Object", name: str) -> PriceLimit | None:
    limit = source.optional_object(name)
    if limit is None:
        return None
    before_taxes = limit.positive("before_taxes")
    if before_taxes is None:
        raise InvalidTariff("is required", limit.at("before_taxes"))
    return PriceLimit(before_taxes, limit.positive("after_taxes"))


_CURRENCY = re.compile(r"[A-Z]{3}")
_TIME = re.compile(r"([0-1][0-9]|2[0-3]):[0-5][0-9]")
_DATE = re.compile(r"([12][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_HIGHEST_VAT = Decimal(1000)
# types.asciidoc, number: "4 decimals and a sufficiently large amount of digits". Far beyond any
# currency, and small enough that price times volume can never overflow the engine's arithmetic.
_MOST_DIGITS = 18
_MOST_DECIMALS = 18

_E = TypeVar("_E", bound=StrEnum)
_T = TypeVar("_T")


class _Object:
    """One JSON object of the document and where it stands, so that every error names its place.

    A member that is null is a member that is absent (transport_and_format: "Fields that are not
    specified may be considered as null values").
    """

    def __init__(self, value: Any, path: str) -> None:
        if not isinstance(value, Mapping):
            raise InvalidTariff("must be an object", path)
        self._value = value
        self.path = path

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def unknown(self, known: Mapping[str, Any]) -> list[str]:
        return [str(name) for name, value in self._value.items() if name not in known if value]

    def optional_text(self, name: str) -> str | None:
        value = self._value.get(name)
        if value is not None and not isinstance(value, str):
            raise InvalidTariff("must be a string", self.at(name))
        return value

    def text(self, name: str) -> str:
        value = self.optional_text(name)
        if not value:
            raise InvalidTariff("is required", self.at(name))
        return value

    def pattern(self, name: str, pattern: re.Pattern[str]) -> str:
        value = self.text(name)
        if not pattern.fullmatch(value):
            raise InvalidTariff(f"must match {pattern.pattern}", self.at(name))
        return value

    def parsed(self, name: str, pattern: re.Pattern[str], parse: Callable[[str], _T]) -> _T | None:
        if self._value.get(name) is None:
            return None
        try:
            return parse(self.pattern(name, pattern))
        except InvalidTariff:
            raise
        except ValueError as error:
            raise InvalidTariff(str(error), self.at(name)) from None

    def moment(self, name: str) -> datetime | None:
        text = self.optional_text(name)
        try:
            return None if text is None else timestamps.from_text(text)
        except (ValueError, OverflowError):
            raise InvalidTariff("must be an OCPI DateTime", self.at(name)) from None

    def number(self, name: str) -> Decimal | None:
        value = self._value.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise InvalidTariff("must be a number, held as int or Decimal", self.at(name))
        number = Decimal(value)
        if not number.is_finite() or number.adjusted() >= _MOST_DIGITS:
            raise InvalidTariff("is no amount that could be billed", self.at(name))
        if int(number.as_tuple().exponent) < -_MOST_DECIMALS:
            raise InvalidTariff(f"has more than {_MOST_DECIMALS} decimals", self.at(name))
        return number

    def positive(self, name: str) -> Decimal | None:
        number = self.number(name)
        if number is not None and number < 0:
            raise InvalidTariff("must not be negative", self.at(name))
        return number

    def whole_number(self, name: str) -> int | None:
        number = self.positive(name)
        if number is not None and number != number.to_integral_value():
            raise InvalidTariff("must be a whole number", self.at(name))
        return None if number is None else int(number)

    def enum(self, name: str, kind: type[_E]) -> _E | None:
        text = self.optional_text(name)
        return None if text is None else self._member(kind, text, self.at(name))

    def enums(self, name: str, kind: type[_E]) -> list[_E]:
        return [
            self._member(kind, each, f"{self.at(name)}[{index}]")
            for index, each in enumerate(self._list(name))
        ]

    def optional_object(self, name: str) -> "_Object | None":
        value = self._value.get(name)
        return None if value is None else _Object(value, self.at(name))

    def objects(self, name: str) -> list["_Object"]:
        values = self._list(name)
        if not values:
            raise InvalidTariff("needs at least one entry", self.at(name))
        return [_Object(each, f"{self.at(name)}[{index}]") for index, each in enumerate(values)]

    def _list(self, name: str) -> Sequence[Any]:
        value = self._value.get(name)
        if value is None:
            return ()
        if not isinstance(value, list | tuple):
            raise InvalidTariff("must be a list", self.at(name))
        return value

    @staticmethod
    def _member(kind: type[_E], value: Any, path: str) -> _E:
        try:
            return kind(value)
        except ValueError:
            raise UnsupportedTariff(f"{value!r} is not a {kind.__name__}", path) from None
