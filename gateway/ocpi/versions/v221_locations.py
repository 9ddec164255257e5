"""Location, EVSE and Connector of OCPI 2.2.1, and the small classes that other objects share."""

from collections.abc import Mapping
from typing import Any

from gateway.ocpi.versions.picking import Convert, class_of, each, each_once, number, pick, same
from gateway.ocpi.versions.v221_enums import (
    CAPABILITIES,
    CONNECTOR_STANDARDS,
    FACILITIES,
    IMAGE_CATEGORIES,
    IMPACT_CATEGORIES,
    PARKING_RESTRICTIONS,
    PARKING_TYPES,
    TOKEN_TYPES,
)
from gateway.ocpi.versions.wire import Object

DISPLAY_TEXT = class_of(language=same, text=same)
POINT = class_of(latitude=same, longitude=same)

_image = class_of(
    url=same,
    thumbnail=same,
    category=IMAGE_CATEGORIES,
    type=same,
    width=same,
    height=same,
)
_business = class_of(name=same, website=same, logo=_image)
_period = class_of(period_begin=same, period_end=same)


def _impact(value: Mapping[str, Any]) -> Object | None:
    if IMPACT_CATEGORIES(value["category"]) is None:
        return None
    return {"category": value["category"], "amount": number(value["amount"])}


ENERGY_MIX = class_of(
    is_green_energy=same,
    energy_sources=each(class_of(source=same, percentage=number)),
    environ_impact=each(_impact),
    supplier_name=same,
    energy_product_name=same,
)


def connector(document: Object) -> Object | None:
    """A Connector; None for a plug that 2.2.1 has no word for (MCS, ones of our own).

    The enum is closed and mandatory. Without `capabilities`, new in 2.3.0.
    """
    converted = pick(document, _CONNECTOR)
    return converted if "standard" in converted else None


def evse(document: Object) -> Object | None:
    """An EVSE; None if no connector is left, for 2.2.1 demands one.

    Without `parking` and `accepted_service_providers`, new in 2.3.0, and `charge_point`, ours.
    """
    converted = pick(document, _EVSE)
    return converted if converted.get("connectors") else None


def location(document: Object) -> Object:
    """A Location. Without `parking_places` and `help_phone`, new in 2.3.0."""
    return pick(document, _LOCATION)


_CONNECTOR: Mapping[str, Convert] = {
    "id": same,
    "standard": CONNECTOR_STANDARDS,
    "format": same,
    "power_type": same,
    "max_voltage": same,
    "max_amperage": same,
    "max_electric_power": same,
    "tariff_ids": same,
    "terms_and_conditions": same,
    "last_updated": same,
}

_EVSE: Mapping[str, Convert] = {
    "uid": same,
    "evse_id": same,
    "status": same,
    "status_schedule": each(class_of(period_begin=same, period_end=same, status=same)),
    "capabilities": each(CAPABILITIES),
    "connectors": each(connector),
    "floor_level": same,
    "coordinates": POINT,
    "physical_reference": same,
    "directions": each(DISPLAY_TEXT),
    "parking_restrictions": each_once(PARKING_RESTRICTIONS),
    "images": each(_image),
    "last_updated": same,
}

_LOCATION: Mapping[str, Convert] = {
    "country_code": same,
    "party_id": same,
    "id": same,
    "publish": same,
    "publish_allowed_to": each(
        class_of(uid=same, type=TOKEN_TYPES, visual_number=same, issuer=same, group_id=same)
    ),
    "name": same,
    "address": same,
    "city": same,
    "postal_code": same,
    "state": same,
    "country": same,
    "coordinates": POINT,
    "related_locations": each(class_of(latitude=same, longitude=same, name=DISPLAY_TEXT)),
    "parking_type": PARKING_TYPES,
    "evses": each(evse),
    "directions": each(DISPLAY_TEXT),
    "operator": _business,
    "suboperator": _business,
    "owner": _business,
    "facilities": each(FACILITIES),
    "time_zone": same,
    "opening_times": class_of(
        twentyfourseven=same,
        regular_hours=each(class_of(weekday=same, period_begin=same, period_end=same)),
        exceptional_openings=each(_period),
        exceptional_closings=each(_period),
    ),
    "charging_when_closed": same,
    "images": each(_image),
    "energy_mix": ENERGY_MIX,
    "last_updated": same,
}
