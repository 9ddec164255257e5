"""Price, PriceLimit and Tariff of OCPI 2.2.1, where every price is one without VAT."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from gateway.ocpi.versions.picking import (
    FOUR_DECIMALS,
    Convert,
    class_of,
    each,
    number,
    pick,
    same,
)
from gateway.ocpi.versions.v221_locations import DISPLAY_TEXT, ENERGY_MIX
from gateway.ocpi.versions.wire import Object


def price(value: Mapping[str, Any]) -> Object:
    """Price {before_taxes, taxes[]} as {excl_vat, incl_vat}.

    Without any tax named, the amount including VAT is not known and left out; a tax of 0 says it.
    """
    before = value["before_taxes"]
    taxes = value.get("taxes") or []
    converted: Object = {"excl_vat": number(before)}
    if taxes:
        converted["incl_vat"] = number(before + sum(tax["amount"] for tax in taxes))
    return converted


def tariff(document: Object) -> Object:
    """A Tariff; 2.2.1 prices are always "Price per unit (excl. VAT)" (mod_tariffs 11.4.2)."""
    component = _COMPONENTS[document.get("tax_included", "NO")]
    elements = each(
        class_of(price_components=each(component), restrictions=class_of(**_RESTRICTIONS))
    )
    return pick(document, _TARIFF | {"elements": elements})


def _component(value: Mapping[str, Any]) -> Object:
    return pick(value, _COMPONENT)


def _untaxed(value: Mapping[str, Any]) -> Object:
    # "If omitted, no VAT is applicable. Not providing a VAT is different from 0% VAT"
    return pick({**value, "vat": None}, _COMPONENT)


def _taken_out(value: Mapping[str, Any]) -> Object:
    """A price that holds its tax: without a rate there is none to take out of it."""
    converted = pick(value, _COMPONENT)
    if "vat" in converted:
        before = Decimal(converted["price"]) * 100 / (100 + converted["vat"])
        converted["price"] = before.quantize(FOUR_DECIMALS, ROUND_HALF_UP)
    return converted


def _limit(value: Mapping[str, Any]) -> Object:
    """PriceLimit {before_taxes, after_taxes} as 2.2.1's Price."""
    converted: Object = {"excl_vat": number(value["before_taxes"])}
    if value.get("after_taxes") is not None:
        converted["incl_vat"] = number(value["after_taxes"])
    return converted


_COMPONENTS = {"YES": _taken_out, "NO": _component, "N/A": _untaxed}

_COMPONENT: Mapping[str, Convert] = {
    "type": same,
    "price": number,
    "vat": number,
    "step_size": same,
}

_RESTRICTIONS: Mapping[str, Convert] = {
    "start_time": same,
    "end_time": same,
    "start_date": same,
    "end_date": same,
    "min_kwh": number,
    "max_kwh": number,
    "min_current": number,
    "max_current": number,
    "min_power": number,
    "max_power": number,
    "min_duration": same,
    "max_duration": same,
    "day_of_week": same,
    "reservation": same,
}

_TARIFF: dict[str, Convert] = {
    "country_code": same,
    "party_id": same,
    "id": same,
    "currency": same,
    "type": same,
    "tariff_alt_text": each(DISPLAY_TEXT),
    "tariff_alt_url": same,
    "min_price": _limit,
    "max_price": _limit,
    "elements": same,
    # tax_included is new in 2.3.0 (the prices follow it), preauthorize_amount of its payments
    "start_date_time": same,
    "end_date_time": same,
    "energy_mix": ENERGY_MIX,
    "last_updated": same,
}
