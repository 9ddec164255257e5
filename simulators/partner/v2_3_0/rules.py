"""The rules of OCPI 2.3.0 between the fields of one object: those of 2.2.1, and the new ones."""

from collections.abc import Iterator
from typing import Any

from simulators.partner.finding import Finding, advice, below, violation
from simulators.partner.v2_2_1 import billing_rules as billing
from simulators.partner.v2_2_1 import location_rules as v2_2_1
from simulators.partner.v2_2_1 import tariff_rules as tariffs
from simulators.partner.v2_3_0.billing import CDR
from simulators.partner.v2_3_0.locations import SMALL_VEHICLES, Location, Parking
from simulators.partner.v2_3_0.payments import FinancialAdviceConfirmation
from simulators.partner.v2_3_0.tariffs import Tariff

# fields that "should be provided unless" only small vehicles can park
_FOR_LARGE_VEHICLES = (
    "max_vehicle_weight",
    "max_vehicle_height",
    "max_vehicle_length",
    "max_vehicle_width",
    "parking_space_length",
    "parking_space_width",
    "dangerous_goods_allowed",
)

connector_rules = v2_2_1.connector_rules
evse_rules = v2_2_1.evse_rules
session_rules = billing.session_rules


def location_rules(location: Location) -> Iterator[Finding]:
    """mod_locations, Location and Parking objects."""
    yield from v2_2_1.location_rules(location)
    places = location.parking_places or ()
    ids = [place.id for place in places]
    yield from v2_2_1.unique(Parking.clause, "parking_places", "id", ids)
    for index, place in enumerate(places):
        yield from below(f"parking_places.{index}", _parking_rules(place))
    known = {name.lower() for name in ids}
    for index, evse in enumerate(location.evses or ()):
        for parking in evse.parking or ():
            if parking.parking_id.lower() not in known:
                yield violation(
                    parking.clause,
                    "parking_id refers to one of the Location's parking_places",
                    f"evses.{index}.parking",
                    parking.parking_id,
                )


def _parking_rules(place: Parking) -> Iterator[Finding]:
    if not set(place.vehicle_types) <= SMALL_VEHICLES:
        missing = [name for name in _FOR_LARGE_VEHICLES if getattr(place, name) is None]
        if missing:
            yield advice(place.clause, "should be provided for these vehicles", "", missing)
    if "DISABLED" in place.vehicle_types and not place.images:
        yield advice(place.clause, "at least one photograph should be provided", "images")


def tariff_rules(tariff: Tariff) -> Iterator[Finding]:
    """mod_tariffs, Tariff object and PriceLimit."""
    yield from tariffs.tariff_rules(tariff)
    for name in ("min_price", "max_price"):
        limit = getattr(tariff, name)
        after = None if limit is None else limit.after_taxes
        if after is not None and after < limit.before_taxes:
            yield violation(limit.clause, "after_taxes is less than before_taxes", name)
    if tariff.tax_included == "N/A":
        for component in _components(tariff):
            if component.vat:
                yield violation(
                    tariff.clause, "no taxes are applicable, and vat is given", "tax_included"
                )
                return


def _components(tariff: Tariff) -> Iterator[Any]:
    for element in tariff.elements:
        yield from element.price_components


def cdr_rules(cdr: CDR) -> Iterator[Finding]:
    """mod_cdrs, CDR object."""
    yield from billing.cdr_rules(cdr)
    for index, tariff in enumerate(cdr.tariffs or ()):
        # what 2.2.1 says of a Tariff is checked there
        new = [found for found in tariff_rules(tariff) if found.clause.startswith("2.3.0")]
        yield from below(f"tariffs.{index}", new)


def confirmation_rules(confirmation: FinancialAdviceConfirmation) -> Iterator[Finding]:
    """mod_payments, Financial Advice Confirmation object."""
    if confirmation.total_costs.before_taxes < 0:
        yield advice(confirmation.clause, "a captured amount is not negative", "total_costs")
