"""An OCPI tariff in the form that a station can reckon with (OCPP 2.1 TariffType).

The two differ in shape: OCPI has elements of several dimensions with restrictions in common, a
station has for each part of the cost a list of prices with conditions, the first that holds
counting. OCPP's prices exclude taxes, and all prices of one part share their taxes. `PART_OF` is
the table of dimensions. What the station's form cannot say at all makes the tariff a `fault`: the
station would show a wrong price, so it is not told. What is only coarser is a note.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from gateway.domain.commands import Command
from gateway.domain.display_text import DisplayText
from gateway.domain.pricing.tally import plain
from gateway.domain.tariffs import (
    PriceComponent,
    PriceLimit,
    ReservationRestriction,
    Restrictions,
    Tariff,
    TariffDimension,
    TariffElement,
    TaxIncluded,
)


class Part(StrEnum):
    """The parts of a cost, by the names of TariffType's members."""

    ENERGY = "energy"  # per kWh
    CHARGING_TIME = "chargingTime"  # per minute
    IDLE_TIME = "idleTime"  # per minute
    FIXED_FEE = "fixedFee"  # once
    RESERVATION_TIME = "reservationTime"  # per minute
    RESERVATION_FIXED = "reservationFixed"  # once


_D, _R = TariffDimension, ReservationRestriction
PART_OF: Mapping[tuple[TariffDimension, ReservationRestriction | None], Part | None] = {
    (_D.ENERGY, None): Part.ENERGY,  # both per kWh
    (_D.TIME, None): Part.CHARGING_TIME,  # "time charging"
    (_D.PARKING_TIME, None): Part.IDLE_TIME,  # "time not charging"
    (_D.FLAT, None): Part.FIXED_FEE,  # "flat fee without unit"
    (_D.TIME, _R.RESERVATION): Part.RESERVATION_TIME,  # time before the session
    (_D.FLAT, _R.RESERVATION): Part.RESERVATION_FIXED,  # once for the reservation
    (_D.ENERGY, _R.RESERVATION): None,  # no energy flows before the session: it costs nothing
    (_D.PARKING_TIME, _R.RESERVATION): None,  # nor does anybody park in a session
    # an expired reservation leads to no transaction, so the station has nothing to reckon
    (_D.ENERGY, _R.RESERVATION_EXPIRES): None,
    (_D.TIME, _R.RESERVATION_EXPIRES): None,
    (_D.PARKING_TIME, _R.RESERVATION_EXPIRES): None,
    (_D.FLAT, _R.RESERVATION_EXPIRES): None,
}

# TariffConditionsFixedType has the clock and the calendar only: "applies at start".
_FIXED = frozenset({Part.FIXED_FEE, Part.RESERVATION_FIXED})
_AT_START = frozenset({"start_time", "end_time", "start_date", "end_date", "day_of_week"})
_TIMED = frozenset({TariffDimension.TIME, TariffDimension.PARKING_TIME})
_MINUTES = Decimal(60)
_HUNDRED = Decimal(100)
_PRICE = Decimal("1E-8")


@dataclass(frozen=True, slots=True)
class StationPrice:
    """One price without taxes, in its part's unit, and when it counts."""

    amount: Decimal
    conditions: Restrictions = field(default_factory=Restrictions)


@dataclass(frozen=True, slots=True)
class PricedPart:
    """The prices of one part, the first that holds counting, and the VAT on all of them."""

    prices: tuple[StationPrice, ...]
    vat: Decimal | None = None


@dataclass(frozen=True, slots=True)
class StationTariff:
    """A tariff for stations; `id` is one that they have not seen with other prices."""

    id: str
    currency: str
    parts: dict[Part, PricedPart]
    min_cost: PriceLimit | None = None
    max_cost: PriceLimit | None = None
    texts: tuple[DisplayText, ...] = ()


@dataclass(frozen=True, slots=True)
class Translated:
    """The tariff, what it loses on the way, and what forbids to send it."""

    tariff: StationTariff
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SetDefaultTariff(Command):
    """Have an EVSE reckon with a tariff, if no other is given for a driver (2.1).

    The reply's status is the station's own word: Accepted, Rejected, TooManyElements,
    ConditionNotSupported or DuplicateTariffId.
    """

    evse_id: int
    tariff: StationTariff


@dataclass(frozen=True, slots=True)
class GetTariffs(Command):
    """Ask which tariffs the station has (2.1); EVSE 0 is all of them.

    The reply's data: `default` {EVSE id as text: [tariff ids]}. A station without any accepts.
    """

    evse_id: int = 0


@dataclass(frozen=True, slots=True)
class ClearTariffs(Command):
    """Have the station forget tariffs (2.1)."""

    tariff_ids: tuple[str, ...]
    evse_id: int | None = None


def for_station(tariff: Tariff, id: str, texts: tuple[DisplayText, ...] = ()) -> Translated:
    """What a station is to be told of a tariff."""
    parts: dict[Part, PricedPart] = {}
    notes: list[str] = []
    faults: list[str] = []
    for element, component in _components(tariff):
        part = PART_OF[component.type, element.restrictions.reservation]
        if part is None:
            continue
        faults += _unsayable(part, element)
        notes += _coarser(tariff, component)
        amount = _price(tariff, component, part)
        price = StationPrice(amount, replace(element.restrictions, reservation=None))
        known = parts.get(part)
        if known is None:
            parts[part] = PricedPart((price,), component.vat)
            continue
        if known.vat != component.vat:
            faults.append(f"{part}: all prices of one part have the same VAT at a station")
        parts[part] = replace(known, prices=(*known.prices, price))
    made = StationTariff(id, tariff.currency, parts, tariff.min_price, tariff.max_price, texts)
    return Translated(made, tuple(dict.fromkeys(notes)), tuple(dict.fromkeys(faults)))


def _components(tariff: Tariff) -> Iterator[tuple[TariffElement, PriceComponent]]:
    for element in tariff.elements:
        for component in element.price_components:
            yield element, component


def _unsayable(part: Part, element: TariffElement) -> Iterator[str]:
    if part not in _FIXED:
        return
    if element.is_for_parking and part is Part.FIXED_FEE:
        yield f"{part}: a fee for parking; a station charges fees at the start only"
    for name in sorted(_set(element.restrictions) - _AT_START):
        yield f"{part}: {name} is no condition of a fee at a station"


def _set(restrictions: Restrictions) -> set[str]:
    """The names of the restrictions that restrict anything."""
    names = {one.name for one in fields(Restrictions)} - {"reservation"}
    return {name for name in names if getattr(restrictions, name) not in (None, frozenset())}


def _coarser(tariff: Tariff, component: PriceComponent) -> Iterator[str]:
    if tariff.tax_included is TaxIncluded.YES and component.vat is None:
        yield f"{component.type}: its taxes are not known; said as a price without any"
    # a station rounds up to no step; ours is what is billed
    if component.type is not TariffDimension.FLAT and component.step_size > 1:
        yield f"{component.type}: step_size {component.step_size} is not said"


def _price(tariff: Tariff, component: PriceComponent, part: Part) -> Decimal:
    """Without taxes, per kWh or per minute or once."""
    amount = component.price
    if tariff.tax_included is TaxIncluded.YES and component.vat is not None:
        amount = amount * _HUNDRED / (_HUNDRED + component.vat)
    if component.type in _TIMED:
        amount = amount / _MINUTES
    return plain(amount.quantize(_PRICE, ROUND_HALF_UP))
