"""Tariff of OCPI 2.1.1, made from that of 2.2.1.

What 2.1.1 cannot say is left out so that nothing wrong remains, and told in words, in
`tariff_alt_text`, where the operator has not written a text.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from gateway.ocpi.versions import v221_tariffs as newer
from gateway.ocpi.versions.picking import Convert, class_of, each, pick, same
from gateway.ocpi.versions.v211_locations import DISPLAY_TEXT, ENERGY_MIX, seconds
from gateway.ocpi.versions.wire import Object

_CURRENT = ("min_current", "max_current")

# "valid until this amount of energy is used": never. An empty list is not allowed, and a FLAT
# price of 0 without restriction would mean "Free of Charge" (mod_tariffs 3.1).
_NOTHING_SAID: Object = {
    "price_components": [{"type": "FLAT", "price": 0, "step_size": 1}],
    "restrictions": {"max_kwh": 0},
}
_FREE: Object = {"price_components": [{"type": "FLAT", "price": 0, "step_size": 1}]}


def tariff(document: Object) -> Object:
    """A Tariff, its prices excluding VAT."""
    converted = newer.tariff(document)
    elements = list(_sayable(converted["elements"]))
    unsaid = " ".join(_unsaid(document, converted))
    if not elements:
        elements = [_NOTHING_SAID if _any_restricted(converted, *_CURRENT) else _FREE]
    if unsaid and not converted.get("tariff_alt_text"):
        converted["tariff_alt_text"] = [{"language": "en", "text": unsaid}]
    return pick(converted | {"elements": elements}, _TARIFF)


def _sayable(elements: list[Object]) -> Iterator[Object]:
    """The elements, without prices whose condition cannot be said.

    The first element that matches counts, for each dimension. So after one that depends on the
    current nothing is known of its dimensions any more: what follows may or may not apply. Prices
    of reservations apply to nothing that 2.1.1 prices.
    """
    unknown: set[str] = set()
    for element in elements:
        restrictions = element.get("restrictions", {})
        components = element["price_components"]
        if "reservation" in restrictions:
            continue
        if any(name in restrictions for name in _CURRENT):
            unknown.update(component["type"] for component in components)
            continue
        known = [component for component in components if component["type"] not in unknown]
        if known:
            yield _element(element | {"price_components": known})


def _unsaid(canonical: Object, document: Object) -> Iterator[str]:
    """What is missing in the 2.1.1 form of a tariff, given in 2.3.0 and 2.2.1; in sentences."""
    currency = document["currency"]
    if canonical.get("tax_included") == "YES" and not _all_rated(canonical):
        yield "Prices include taxes."  # there is no rate to take them out with
    if document.get("type") in _FOR_WHOM:
        yield _FOR_WHOM[document["type"]]
    for name, words in (("min_price", "at least"), ("max_price", "at most")):
        if name in document:
            amount = Decimal(document[name]["excl_vat"])
            yield f"A session costs {words} {amount:f} {currency} before VAT."
    if "start_date_time" in document:
        yield f"Valid from {seconds(document['start_date_time'])}."
    if "end_date_time" in document:
        yield f"Valid until {seconds(document['end_date_time'])}."
    if _any_restricted(document, *_CURRENT):
        yield "Some prices depend on the current and are not listed."
    if _any_restricted(document, "reservation"):
        yield "Reservations have a price of their own."


def _all_rated(document: Object) -> bool:
    return all("vat" in one for part in document["elements"] for one in part["price_components"])


def _any_restricted(document: Object, *names: str) -> bool:
    restrictions = [element.get("restrictions", {}) for element in document["elements"]]
    return any(name in one for one in restrictions for name in names)


_FOR_WHOM = {
    "AD_HOC_PAYMENT": "For ad hoc payment only.",
    "PROFILE_CHEAP": "For sessions with the charging preference CHEAP only.",
    "PROFILE_FAST": "For sessions with the charging preference FAST only.",
    "PROFILE_GREEN": "For sessions with the charging preference GREEN only.",
}

_element = class_of(
    price_components=each(class_of(type=same, price=same, step_size=same)),
    restrictions=class_of(
        start_time=same,
        end_time=same,
        start_date=same,
        end_date=same,
        min_kwh=same,
        max_kwh=same,
        min_power=same,
        max_power=same,
        min_duration=same,
        max_duration=same,
        day_of_week=same,
    ),
)

_TARIFF: Mapping[str, Convert] = {
    "id": same,
    "currency": same,
    "tariff_alt_text": each(DISPLAY_TEXT),
    "tariff_alt_url": same,
    "elements": same,
    "energy_mix": ENERGY_MIX,
    "last_updated": seconds,
}
