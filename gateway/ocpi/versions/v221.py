"""Canonical (2.3.0) objects in the words of OCPI 2.2.1.

Pure functions; the argument is never changed. Members that 2.2.1 does not document are left out,
so that nothing of ours (an EVSE's charge point) or of 2.3.0 alone reaches a partner. Where an enum
of 2.2.1 is closed and the canonical value is not in it, a table says what is sent instead, and why.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from gateway.ocpi.versions.v221_enums import (
    CAPABILITIES,
    CONNECTOR_STANDARDS,
    FACILITIES,
    IMAGE_CATEGORIES,
    IMPACT_CATEGORIES,
    PARKING_RESTRICTIONS,
    PARKING_TYPES,
    RENAMED_STANDARDS,
    TOKEN_TYPES,
)
from gateway.ocpi.versions.wire import Object, Wire

_Convert = Callable[[Any], Any]
_FOUR_DECIMALS = Decimal("0.0001")

# --- building blocks ---------------------------------------------------------------------------


def _same(value: Any) -> Any:
    return value


def _number(value: Any) -> Any:
    # types 1.6: "Unless mentioned otherwise, numbers use 4 decimals"
    if isinstance(value, Decimal):
        exponent = value.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -4:
            return value.quantize(_FOUR_DECIMALS, ROUND_HALF_UP)
    return value


def _text(longest: int) -> _Convert:
    def cut(value: Any) -> Any:
        return value[:longest] if isinstance(value, str) else value

    return cut


def _each(convert: _Convert) -> _Convert:
    """Convert a list's members, without those that 2.2.1 cannot say."""

    def convert_all(values: Iterable[Any]) -> list[Any]:
        converted = (convert(value) for value in values)
        return [value for value in converted if value is not None]

    return convert_all


def _only(known: frozenset[str]) -> _Convert:
    """An optional value of a closed enum: one that 2.2.1 lacks is left unsaid."""
    return lambda value: value if value in known else None


def _pick(document: Mapping[str, Any], fields: Mapping[str, _Convert]) -> Object:
    """The members of a 2.2.1 class; None is nothing, as is an optional list left empty."""
    picked: Object = {}
    for name, convert in fields.items():
        value = document.get(name)
        if value is None:
            continue
        value = convert(value)
        if value is not None:
            picked[name] = value
    return picked


def _class(**fields: _Convert) -> _Convert:
    return lambda value: _pick(value, fields)


# --- shared classes ----------------------------------------------------------------------------

_display_text = _class(language=_same, text=_same)
_point = _class(latitude=_same, longitude=_same)


def _image_category(value: str) -> str:
    # mandatory and closed in 2.2.1, with a word for the rest
    return value if value in IMAGE_CATEGORIES else "OTHER"


_image = _class(
    url=_same,
    thumbnail=_same,
    category=_image_category,
    type=_same,
    width=_same,
    height=_same,
)
_business = _class(name=_same, website=_same, logo=_image)


def _token_type(value: str) -> str:
    return TOKEN_TYPES.get(value, value)


def price(value: Mapping[str, Any]) -> Object:
    """Price {before_taxes, taxes[]} as {excl_vat, incl_vat}.

    Without any tax named, the amount including VAT is not known and left out; a tax of 0 says it.
    """
    before = value["before_taxes"]
    taxes = value.get("taxes") or []
    converted: Object = {"excl_vat": _number(before)}
    if taxes:
        converted["incl_vat"] = _number(before + sum(tax["amount"] for tax in taxes))
    return converted


def _impact(value: Mapping[str, Any]) -> Object | None:
    # the category is the entry's meaning: without a word for it the entry says nothing
    if value["category"] not in IMPACT_CATEGORIES:
        return None
    return {"category": value["category"], "amount": _number(value["amount"])}


_energy_mix = _class(
    is_green_energy=_same,
    energy_sources=_each(_class(source=_same, percentage=_number)),
    environ_impact=_each(_impact),
    supplier_name=_same,
    energy_product_name=_same,
)


# --- locations ---------------------------------------------------------------------------------


def connector(document: Object) -> Object | None:
    """A Connector; None for a plug that 2.2.1 has no word for (MCS, ones of our own).

    The enum is closed and mandatory, and a wrong plug sends a driver to a charger that does not
    fit. Without `capabilities`, new in 2.3.0.
    """
    standard = RENAMED_STANDARDS.get(document["standard"], document["standard"])
    if standard not in CONNECTOR_STANDARDS:
        return None
    return _pick(document | {"standard": standard}, _CONNECTOR)


def evse(document: Object) -> Object | None:
    """An EVSE; None if no connector is left, for 2.2.1 demands one.

    Without `parking` and `accepted_service_providers`, new in 2.3.0, and `charge_point`, ours.
    """
    converted = _pick(document, _EVSE)
    return converted if converted.get("connectors") else None


def location(document: Object) -> Object:
    """A Location. Without `parking_places` and `help_phone`, new in 2.3.0."""
    return _pick(document, _LOCATION)


_CONNECTOR: Mapping[str, _Convert] = {
    "id": _same,
    "standard": _same,
    "format": _same,
    "power_type": _same,
    "max_voltage": _same,
    "max_amperage": _same,
    "max_electric_power": _same,
    "tariff_ids": _same,
    "terms_and_conditions": _same,
    "last_updated": _same,
}

_EVSE: Mapping[str, _Convert] = {
    "uid": _same,
    "evse_id": _same,
    "status": _same,
    "status_schedule": _each(_class(period_begin=_same, period_end=_same, status=_same)),
    "capabilities": _each(_only(CAPABILITIES)),
    "connectors": _each(connector),
    "floor_level": _same,
    "coordinates": _point,
    "physical_reference": _same,
    "directions": _each(_display_text),
    "parking_restrictions": lambda values: list(
        # several may become the same word; one whose meaning we do not know is left unsaid
        dict.fromkeys(filter(None, map(PARKING_RESTRICTIONS.get, values)))
    ),
    "images": _each(_image),
    "last_updated": _same,
}

_period = _class(period_begin=_same, period_end=_same)

_LOCATION: Mapping[str, _Convert] = {
    "country_code": _same,
    "party_id": _same,
    "id": _same,
    "publish": _same,
    "publish_allowed_to": _each(
        _class(uid=_same, type=_token_type, visual_number=_same, issuer=_same, group_id=_same)
    ),
    "name": _same,
    "address": _same,
    "city": _same,
    "postal_code": _same,
    "state": _same,
    "country": _same,
    "coordinates": _point,
    "related_locations": _each(_class(latitude=_same, longitude=_same, name=_display_text)),
    "parking_type": _only(PARKING_TYPES),
    "evses": _each(evse),
    "directions": _each(_display_text),
    "operator": _business,
    "suboperator": _business,
    "owner": _business,
    "facilities": _each(_only(FACILITIES)),
    "time_zone": _same,
    "opening_times": _class(
        twentyfourseven=_same,
        regular_hours=_each(_class(weekday=_same, period_begin=_same, period_end=_same)),
        exceptional_openings=_each(_period),
        exceptional_closings=_each(_period),
    ),
    "charging_when_closed": _same,
    "images": _each(_image),
    "energy_mix": _energy_mix,
    "last_updated": _same,
}


# --- tariffs -----------------------------------------------------------------------------------


def tariff(document: Object) -> Object:
    """A Tariff; 2.2.1 prices are always "Price per unit (excl. VAT)" (mod_tariffs 11.4.2)."""
    included = document.get("tax_included") == "YES"
    untaxed = document.get("tax_included") == "N/A"

    def component(value: Mapping[str, Any]) -> Object:
        converted = _pick(value, _COMPONENT)
        vat = converted.get("vat")
        if untaxed:
            # "If omitted, no VAT is applicable. Not providing a VAT is different from 0% VAT"
            converted.pop("vat", None)
        elif included and vat is not None:
            # the inclusive price goes through its own rate; without a rate there is no VAT to
            # take out, and the price is what it is
            converted["price"] = (converted["price"] * 100 / (100 + vat)).quantize(
                _FOUR_DECIMALS, ROUND_HALF_UP
            )
        return converted

    return _pick(
        document,
        _TARIFF
        | {
            "elements": _each(_class(price_components=_each(component), restrictions=_restrictions))
        },
    )


def _limit(value: Mapping[str, Any]) -> Object:
    """PriceLimit {before_taxes, after_taxes} as 2.2.1's Price."""
    converted: Object = {"excl_vat": _number(value["before_taxes"])}
    if value.get("after_taxes") is not None:
        converted["incl_vat"] = _number(value["after_taxes"])
    return converted


_COMPONENT: Mapping[str, _Convert] = {
    "type": _same,
    "price": _number,
    "vat": _number,
    "step_size": _same,
}

_restrictions = _class(
    start_time=_same,
    end_time=_same,
    start_date=_same,
    end_date=_same,
    min_kwh=_number,
    max_kwh=_number,
    min_current=_number,
    max_current=_number,
    min_power=_number,
    max_power=_number,
    min_duration=_same,
    max_duration=_same,
    day_of_week=_same,
    reservation=_same,
)

_TARIFF: dict[str, _Convert] = {
    "country_code": _same,
    "party_id": _same,
    "id": _same,
    "currency": _same,
    "type": _same,
    "tariff_alt_text": _each(_display_text),
    "tariff_alt_url": _same,
    "min_price": _limit,
    "max_price": _limit,
    "elements": _same,
    # tax_included is new in 2.3.0; the prices above already follow it
    "start_date_time": _same,
    "end_date_time": _same,
    "energy_mix": _energy_mix,
    "last_updated": _same,
}


# --- sessions and CDRs -------------------------------------------------------------------------

_cdr_token = _class(
    country_code=_same, party_id=_same, uid=_same, type=_token_type, contract_id=_same
)
_charging_period = _class(
    start_date_time=_same,
    dimensions=_each(_class(type=_same, volume=_number)),
    tariff_id=_same,
)

_SESSION: Mapping[str, _Convert] = {
    "country_code": _same,
    "party_id": _same,
    "id": _same,
    "start_date_time": _same,
    "end_date_time": _same,
    "kwh": _number,
    "cdr_token": _cdr_token,
    "auth_method": _same,
    "authorization_reference": _same,
    "location_id": _same,
    "evse_uid": _same,
    "connector_id": _same,
    "meter_id": _same,
    "currency": _same,
    "charging_periods": _each(_charging_period),
    "total_cost": price,
    "status": _same,
    "last_updated": _same,
}


def session(document: Object) -> Object:
    """A Session: its total_cost is a 2.2.1 Price."""
    return _pick(document, _SESSION)


def _cdr_location(value: Mapping[str, Any]) -> Object:
    standard = RENAMED_STANDARDS.get(value["connector_standard"], value["connector_standard"])
    if standard not in CONNECTOR_STANDARDS:
        # The bill must arrive although 2.2.1 has no word for its plug (MCS): the Combo of the
        # same current is its nearest relative, and nobody drives there by a CDR.
        direct = value.get("connector_power_type") == "DC"
        standard = "IEC_62196_T2_COMBO" if direct else "IEC_62196_T2"
    return _pick({**value, "connector_standard": standard}, _CDR_LOCATION)


_CDR_LOCATION: Mapping[str, _Convert] = {
    "id": _same,
    "name": _same,
    # CdrLocation is shorter than Location here: string(45) and string(20)
    "address": _text(45),
    "city": _same,
    "postal_code": _same,
    "state": _text(20),
    "country": _same,
    "coordinates": _point,
    "evse_uid": _same,
    "evse_id": _same,
    "connector_id": _same,
    "connector_standard": _same,
    "connector_format": _same,
    "connector_power_type": _same,
}

_CDR: Mapping[str, _Convert] = {
    "country_code": _same,
    "party_id": _same,
    "id": _same,
    "start_date_time": _same,
    "end_date_time": _same,
    "session_id": _same,
    "cdr_token": _cdr_token,
    "auth_method": _same,
    "authorization_reference": _same,
    "cdr_location": _cdr_location,
    "meter_id": _same,
    "currency": _same,
    "tariffs": _each(tariff),
    "charging_periods": _each(_charging_period),
    "signed_data": _class(
        encoding_method=_same,
        encoding_method_version=_same,
        public_key=_same,
        signed_values=_each(_class(nature=_same, plain_data=_same, signed_data=_same)),
        url=_same,
    ),
    "total_cost": price,
    "total_fixed_cost": price,
    "total_energy": _number,
    "total_energy_cost": price,
    "total_time": _number,
    "total_time_cost": price,
    "total_parking_time": _number,
    "total_parking_cost": price,
    "total_reservation_cost": price,
    "remark": _text(255),
    "invoice_reference_id": _same,
    "credit": _same,
    "credit_reference_id": _same,
    "home_charging_compensation": _same,
    "last_updated": _same,
}


def cdr(document: Object) -> Object:
    """A CDR: every cost is a 2.2.1 Price, every tariff a 2.2.1 Tariff."""
    return _pick(document, _CDR)


# --- tokens ------------------------------------------------------------------------------------


def token(document: Object) -> Object:
    """2.2.1 Token -> canonical: its members and values are a subset, so it is the same."""
    return dict(document)


def token_out(document: Object) -> Object:
    """Canonical -> 2.2.1, back to the partner that owns it: members of its own are kept."""
    return document | {"type": _token_type(document["type"])}


WIRE = Wire(
    version="2.2.1",
    location=location,
    evse=evse,
    connector=connector,
    session=session,
    cdr=cdr,
    tariff=tariff,
    token=token_out,
    token_in=token,
)
