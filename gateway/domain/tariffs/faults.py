"""What is probably wrong with a tariff that the standard allows: the field's usual mistakes.

An ERROR is what nobody can mean: the tariff is refused. A WARNING is what somebody may mean: it is
told, and the tariff is taken. `find` takes what `parse_tariff` takes; what breaks the standard has
been refused before. Prices are held against what is seen in the field, by the rough worth of the
currency; of a currency that is not in that table, and of a price of nothing, nothing is said.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from gateway.domain.tariffs import (
    PriceComponent,
    PriceLimit,
    ReservationRestriction,
    Restrictions,
    Tariff,
    TariffDimension,
    TariffElement,
    TaxIncluded,
    currency_worth,
    parse_tariff,
)
from gateway.domain.tariffs.reach import Reach, reach, restricted_axes


class Severity(StrEnum):
    """Whether a tariff with it is taken."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: its `name` for programs, where it is, what it is, and by which clause."""

    name: str
    severity: Severity
    path: str
    text: str
    clause: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text} ({self.clause})"


def find(document: Mapping[str, Any]) -> tuple[Finding, ...]:
    """All faults, in the order of the document. Raises `InvalidTariff` where it is none."""
    tariff = parse_tariff(document)
    found = [
        *_of_the_whole(tariff),
        *_of_limits(tariff),
        *_of_components(tariff),
        *_of_restrictions(tariff, document),
        *_of_reach(tariff),
    ]
    return tuple(sorted(found, key=lambda one: (_place(one.path), one.name)))


def errors(findings: tuple[Finding, ...]) -> list[str]:
    """Those for which a tariff is refused, one line each."""
    return [str(one) for one in findings if one.severity is Severity.ERROR]


_COMPONENT = "mod_tariffs PriceComponent {}"
_RESTRICTION = "mod_tariffs TariffRestrictions {}"
_DIMENSION = "mod_tariffs TariffDimensionType {}"
_FIRST = "mod_tariffs Tariff: the first Tariff Element with matching Tariff Restrictions"
_DEFAULT = 'mod_tariffs Tariff: "advised to always add a default Price Component per dimension"'


def _warning(name: str, path: str, text: str, clause: str) -> Finding:
    return Finding(name, Severity.WARNING, path, text, clause)


def _place(path: str) -> tuple[int, ...]:
    """Elements come in their order; what is of the whole comes first."""
    return tuple(int(part.partition("]")[0]) for part in path.split("[")[1:])


def _element_path(number: int) -> str:
    return f"elements[{number}]"


def _components(tariff: Tariff) -> Iterator[tuple[str, TariffElement, PriceComponent]]:
    for number, element in enumerate(tariff.elements):
        for place, component in enumerate(element.price_components):
            path = f"{_element_path(number)}.price_components[{place}]"
            yield path, element, component


# -- currency, taxes, limits ----------------------------------------------------------------------


def _of_the_whole(tariff: Tariff) -> Iterator[Finding]:
    if not currency_worth.is_known(tariff.currency):
        text = f"{tariff.currency} is no currency of ISO 4217"
        yield _warning("unknown_currency", "currency", text, "mod_tariffs Tariff currency")
    priced = [component for _, _, component in _components(tariff) if component.price]
    if tariff.tax_included is TaxIncluded.YES and any(one.vat is None for one in priced):
        text = (
            "prices include taxes, but not every component names its vat: what is before taxes"
            " is not known, and bills show the whole as such"
        )
        yield _warning("taxes_not_named", "tax_included", text, "mod_tariffs TaxIncluded YES")
        return
    named = [component for component in priced if component.vat is not None]
    if named and len(named) < len(priced):
        for path, _, component in _components(tariff):
            if component.price and component.vat is None:
                text = "has no vat though others have: no tax will be billed on it"
                yield _warning("vat_missing", path, text, _COMPONENT.format("vat"))


def _of_limits(tariff: Tariff) -> Iterator[Finding]:
    for name, limit in (("min_price", tariff.min_price), ("max_price", tariff.max_price)):
        if limit is not None:
            yield from _of_limit(tariff, name, limit)


def _of_limit(tariff: Tariff, name: str, limit: PriceLimit) -> Iterator[Finding]:
    clause = f"mod_tariffs Tariff {name}"
    if limit.after_taxes is not None and limit.after_taxes < limit.before_taxes:
        text = "is below before_taxes: the two seem to be swapped"
        yield _warning("limit_taxes", f"{name}.after_taxes", text, clause)
    if name == "max_price" and limit.before_taxes == 0:
        text = "is 0: every session is free, whatever the elements say"
        yield _warning("max_price_zero", f"{name}.before_taxes", text, clause)
    worth = currency_worth.in_euros(limit.before_taxes, tariff.currency)
    if worth is not None and worth > _HIGHEST_LIMIT:
        text = f"is {limit.before_taxes:f} {tariff.currency} a session: in cents?"
        yield _warning("limit_in_cents", f"{name}.before_taxes", text, clause)


# -- price components -----------------------------------------------------------------------------

_HIGHEST_LIMIT = Decimal(1500)


@dataclass(frozen=True, slots=True)
class _Usual:
    """Between which prices, in euros, a dimension is sold; what it may be beyond them."""

    low: Decimal
    high: Decimal
    unit: str
    too_low: tuple[str, str]
    too_high: tuple[str, str]


_HOURLY = _Usual(
    Decimal("0.2"),
    Decimal(150),
    " per hour",
    ("price_per_minute", "per minute instead of per hour?"),
    ("price_in_cents", "in cents?"),
)
_USUAL = {
    TariffDimension.ENERGY: _Usual(
        Decimal("0.01"),
        Decimal(5),
        " per kWh",
        ("price_per_wh", "per Wh instead of per kWh?"),
        ("price_in_cents", "in cents, or per MWh?"),
    ),
    TariffDimension.TIME: _HOURLY,
    TariffDimension.PARKING_TIME: _HOURLY,
    TariffDimension.FLAT: _Usual(
        Decimal(0), Decimal(150), "", ("", ""), ("price_in_cents", "in cents?")
    ),
}
_HIGHEST_USUAL_VAT = Decimal(30)  # 27 in Hungary
_KWH_IN_WH = 1000
_HOUR = 3600
_SECONDS = frozenset({60, 120, 180, 300, 600, 900, 1800, 3600})


def _of_components(tariff: Tariff) -> Iterator[Finding]:
    for path, _, component in _components(tariff):
        yield from _of_vat(path, component)
        yield from _of_price(path, component, tariff.currency)
        yield from _of_step(path, component)


def _of_vat(path: str, component: PriceComponent) -> Iterator[Finding]:
    vat, path, clause = component.vat, f"{path}.vat", _COMPONENT.format("vat: percentage")
    if vat is None or vat == 0:
        return
    if vat < 1:
        text = f"{vat:f} is a fraction: {_plain(vat * 100)} percent is written {_plain(vat * 100)}"
        yield Finding("vat_fraction", Severity.ERROR, path, text, clause)
    elif vat < 2:
        text = f"{vat:f} percent: a factor instead of a percentage?"
        yield _warning("vat_factor", path, text, clause)
    elif vat > _HIGHEST_USUAL_VAT:
        text = f"{vat:f} percent is more than any country takes"
        yield _warning("vat_high", path, text, clause)


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _of_price(path: str, component: PriceComponent, currency: str) -> Iterator[Finding]:
    path, clause = f"{path}.price", _DIMENSION.format(component.type)
    if component.price < 0:
        text = "is negative: the driver is paid"
        yield _warning("price_negative", path, text, _COMPONENT.format("price"))
        return
    worth, usual = currency_worth.in_euros(component.price, currency), _USUAL[component.type]
    if not worth:
        return
    said = f"{component.price:f} {currency}{usual.unit}"
    if worth < usual.low:
        name, guess = usual.too_low
        yield _warning(name, path, f"is {said}: {guess}", clause)
    elif worth > usual.high:
        name, guess = usual.too_high
        yield _warning(name, path, f"is {said}: {guess}", clause)


def _of_step(path: str, component: PriceComponent) -> Iterator[Finding]:
    step, kind = component.step_size, component.type
    text = None
    match kind:
        case TariffDimension.FLAT if step > 1:
            text = "a flat fee has no steps"
        case TariffDimension.FLAT:
            return
        case TariffDimension.ENERGY if step in _SECONDS:
            text = f"bills in blocks of {step} Wh: meant as seconds?"
        case TariffDimension.ENERGY if step >= _KWH_IN_WH:
            text = f"bills in blocks of {_plain(Decimal(step) / _KWH_IN_WH)} kWh; 1 bills each Wh"
        case TariffDimension.TIME | TariffDimension.PARKING_TIME if step > _HOUR:
            text = f"bills in blocks of {step} seconds, more than an hour"
        case TariffDimension.TIME | TariffDimension.PARKING_TIME if step % 60 and step % 100 == 0:
            text = f"bills in blocks of {step} seconds: meant as Wh?"
    if step == 0:
        text = "is 0: read as no rounding up; 1 says the same by the standard"
    if text is not None:
        clause = _COMPONENT.format("step_size: Wh, seconds")
        yield _warning("step_size", f"{path}.step_size", text, clause)


# -- restrictions, one element at a time ----------------------------------------------------------

_WATTS = Decimal(1000)
_KILOWATT = Decimal("0.5")
_AMPERES = Decimal(3000)  # a megawatt charger's
_KWH_HIGHEST = Decimal(1000)
_DAY_SECONDS = Decimal(86_400)
_OF_FLOW = frozenset({"current", "power"})


def _of_restrictions(tariff: Tariff, document: Mapping[str, Any]) -> Iterator[Finding]:
    for number, element in enumerate(tariff.elements):
        path, one = f"{_element_path(number)}.restrictions", element.restrictions
        yield from _of_days(path, document["elements"][number].get("restrictions") or {})
        yield from _of_clock(path, one, tariff)
        yield from _of_flow(path, one)
        yield from _of_amounts(path, one)
        yield from _of_standstill(path, element)


def _of_days(path: str, restrictions: Mapping[str, Any]) -> Iterator[Finding]:
    days = Counter(restrictions.get("day_of_week") or ())
    twice = [day for day, times in days.items() if times > 1]
    if twice:
        text = f"names {', '.join(twice)} more than once: was another day meant?"
        yield _warning("day_twice", f"{path}.day_of_week", text, _RESTRICTION.format("day_of_week"))


def _of_clock(path: str, one: Restrictions, tariff: Tariff) -> Iterator[Finding]:
    if one.start_time is not None and one.start_time == one.end_time and one.start_time.hour:
        text = f"is {one.start_time:%H:%M} as start_time is: read as the whole day"
        yield _warning("whole_day", f"{path}.end_time", text, _RESTRICTION.format("end_time"))
    clause = "mod_tariffs Tariff start_date_time, end_date_time"
    begin, end = tariff.start_date_time, tariff.end_date_time
    # a day on either side for the time zone of the Location
    if begin and one.end_date and (begin.date() - one.end_date).days >= 1:
        text = "is before the tariff becomes valid"
        yield _warning("outside_validity", f"{path}.end_date", text, clause)
    if end and one.start_date and (one.start_date - end.date()).days > 1:
        text = "is after the tariff has ended"
        yield _warning("outside_validity", f"{path}.start_date", text, clause)


def _of_flow(path: str, one: Restrictions) -> Iterator[Finding]:
    for name in ("min_power", "max_power"):
        power = getattr(one, name)
        if power is None or power == 0:
            continue
        clause = _RESTRICTION.format(f"{name}: in kW")
        if power >= _WATTS:
            text = f"is {power:f} kW: in W?"
            yield _warning("power_in_watts", f"{path}.{name}", text, clause)
        elif power < _KILOWATT:
            text = f"is {power:f} kW: in MW?"
            yield _warning("power_in_megawatts", f"{path}.{name}", text, clause)
    for name in ("min_current", "max_current"):
        current = getattr(one, name)
        if current is None:
            continue
        clause = _RESTRICTION.format(f"{name}: in A, the sum over all phases")
        if current > _AMPERES:
            text = f"is {current:f} A: a power in W?"
            yield _warning("current_in_watts", f"{path}.{name}", text, clause)
        power = getattr(one, name.replace("current", "power"))
        if current and current == power:
            text = f"and {name.replace('current', 'power')} are both {current:f}: A or kW?"
            yield _warning("current_and_power", f"{path}.{name}", text, clause)


def _of_amounts(path: str, one: Restrictions) -> Iterator[Finding]:
    for name in ("min_kwh", "max_kwh"):
        energy = getattr(one, name)
        if energy is not None and energy >= _KWH_HIGHEST:
            text = f"is {energy:f} kWh in one session: in Wh?"
            yield _warning("kwh_in_wh", f"{path}.{name}", text, _RESTRICTION.format(name))
    for name in ("min_duration", "max_duration"):
        duration = getattr(one, name)
        if not duration:
            continue
        clause = _RESTRICTION.format(f"{name}: in seconds")
        if duration < 60:
            text = f"is {duration:f} seconds: in minutes or hours?"
            yield _warning("duration_unit", f"{path}.{name}", text, clause)
        elif duration > 30 * _DAY_SECONDS:
            text = f"is {duration:f} seconds, more than 30 days: in milliseconds?"
            yield _warning("duration_unit", f"{path}.{name}", text, clause)


def _of_standstill(path: str, element: TariffElement) -> Iterator[Finding]:
    """Restrictions that ask for current, power or energy where none flows."""
    one = element.restrictions
    if one.reservation is not None and restricted_axes(one) & (_OF_FLOW | {"energy"}):
        text = "asks for energy, current or power during a reservation, when none flows"
        clause = _RESTRICTION.format("reservation")
        yield _warning("reservation_restriction", f"{path}.reservation", text, clause)
    for name in ("min_current", "min_power"):
        kinds = {component.type for component in element.price_components}
        if getattr(one, name) and TariffDimension.PARKING_TIME in kinds:
            text = "PARKING_TIME is time not charging: there is no current or power then"
            clause = _DIMENSION.format("PARKING_TIME")
            yield _warning("parking_restriction", f"{path}.{name}", text, clause)


# -- elements among each other --------------------------------------------------------------------


def _of_reach(tariff: Tariff) -> Iterator[Finding]:
    for reservation in (None, *ReservationRestriction):
        kind, found = _Kind.of(tariff, reservation), reach(tariff, reservation)
        yield from _hidden(kind, found)
        if found is not None:
            yield from _overlaps(kind, found)
        if found is not None and reservation is None:
            yield from _gaps(found)


_MOST_PAIRS = 100  # elements that are held against each other


@dataclass(frozen=True, slots=True)
class _Kind:
    """The elements of one kind: of use, or of one kind of reservation.

    `always` has the first element without restrictions of each dimension, `like` the first with
    the same restrictions.
    """

    elements: list[tuple[int, TariffElement]]
    always: dict[TariffDimension, int]
    like: dict[tuple[TariffDimension, Restrictions], int]

    @classmethod
    def of(cls, tariff: Tariff, kind: ReservationRestriction | None) -> "_Kind":
        made = cls([], {}, {})
        for number, element in enumerate(tariff.elements):
            one = element.restrictions
            if one.reservation is not kind:
                continue
            made.elements.append((number, element))
            is_always = not restricted_axes(one)
            for component in element.price_components:
                made.like.setdefault((component.type, one), number)
                if is_always:
                    made.always.setdefault(component.type, number)
        return made

    def hidden(
        self, number: int, element: TariffElement, place: int, *, is_sure: bool
    ) -> Finding | None:
        """Say what leaves a component nothing; None where that is not plain, and not sure."""
        dimension = element.price_components[place].type
        path = f"{_element_path(number)}.price_components[{place}]"
        always = self.always.get(dimension, number)
        if always < number:
            text = (
                f"is never charged: {_element_path(always)} prices {dimension} without"
                " restrictions and comes first"
            )
            return _warning("unreachable", path, text, _FIRST)
        like = self.like[dimension, element.restrictions]
        if like < number:
            text = (
                f"is never charged: {_element_path(like)} has the same restrictions and comes first"
            )
            return _warning("same_restrictions", path, text, _FIRST)
        if not is_sure:
            return None
        text = f"is never charged: elements before this one price {dimension} whenever it holds"
        return _warning("unreachable", path, text, _FIRST)


def _hidden(kind: _Kind, found: Reach | None) -> Iterator[Finding]:
    """What is never charged; without knowing all situations, only where that is plain."""
    for number, element in kind.elements:
        if found is not None and number not in found.matched:
            text = "never hold: no session is ever like this"
            path = f"{_element_path(number)}.restrictions"
            yield _warning("never_active", path, text, "mod_tariffs TariffRestrictions")
            continue
        for place, component in enumerate(element.price_components):
            if found is not None and (number, component.type) in found.active:
                continue
            fault = kind.hidden(number, element, place, is_sure=found is not None)
            if fault is not None:
                yield fault


def _overlaps(kind: _Kind, found: Reach) -> Iterator[Finding]:
    """Pairs that look at the same things and hold partly at once, with other prices.

    Where one holds whenever the other does it is the special case before the general one.
    """
    if len(kind.elements) > _MOST_PAIRS:
        return
    axes = [restricted_axes(element.restrictions) for _, element in kind.elements]
    for place, (number, element) in enumerate(kind.elements):
        for before, (earlier, other) in enumerate(kind.elements[:place]):
            if axes[before] != axes[place] or not found.overlap(earlier, number):
                continue
            if _priced_otherwise(element, other):
                text = (
                    f"overlap with those of {_element_path(earlier)}, whose price counts where"
                    " both hold"
                )
                path = f"{_element_path(number)}.restrictions"
                yield _warning("overlap", path, text, _FIRST)


def _priced_otherwise(one: TariffElement, other: TariffElement) -> bool:
    prices = {
        component.type: (component.price, component.vat) for component in one.price_components
    }
    return any(
        prices.get(component.type, (component.price, component.vat))
        != (component.price, component.vat)
        for component in other.price_components
    )


def _gaps(found: Reach) -> Iterator[Finding]:
    if TariffDimension.ENERGY in found.unpriced:
        text = "ENERGY costs nothing where no element's restrictions hold"
        yield _warning("energy_gap", "elements", text, _DEFAULT)
    elif TariffDimension.ENERGY in found.unread:
        text = "ENERGY costs nothing where the station tells no current or power"
        yield _warning("energy_gap", "elements", text, _DEFAULT)
