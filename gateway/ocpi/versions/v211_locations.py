"""Location, EVSE and Connector of OCPI 2.1.1, made from those of 2.2.1."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from gateway.domain.bills.sessions import NOT_AVAILABLE
from gateway.ocpi.versions import v221_locations as newer
from gateway.ocpi.versions.picking import Convert, class_of, each, pick, same
from gateway.ocpi.versions.v211_enums import (
    CAPABILITIES,
    CONNECTOR_STANDARDS,
    FACILITIES,
    LOCATION_TYPES,
    POWER_TYPES,
)
from gateway.ocpi.versions.v211_spelling import text
from gateway.ocpi.versions.v221_enums import CONNECTOR_STANDARDS as NEWER_STANDARDS
from gateway.ocpi.versions.v221_enums import nearest_plug
from gateway.ocpi.versions.wire import Object

_SIX_DECIMALS = Decimal("0.000001")
_START, _CONNECTOR_NEEDED = "REMOTE_START_STOP_CAPABLE", "START_SESSION_CONNECTOR_REQUIRED"


def seconds(moment: str) -> str:
    """A DateTime: 2.1.1 knows no fractions of a second (types 1.2)."""
    return moment[:19] + "Z"


def _degrees(value: str) -> str:
    # "Regex: -?[0-9]{1,2}\.[0-9]{6}", where 2.2.1 has 5 to 7 decimals
    return f"{Decimal(value).quantize(_SIX_DECIMALS, ROUND_HALF_UP):f}"


DISPLAY_TEXT = class_of(language=same, text=text(512))

_point = class_of(latitude=_degrees, longitude=_degrees)
_image = class_of(url=same, thumbnail=same, category=same, type=same, width=same, height=same)
_business = class_of(name=text(100), website=same, logo=_image)
_period = class_of(period_begin=seconds, period_end=seconds)

ENERGY_MIX = class_of(
    is_green_energy=same,
    energy_sources=same,
    # EnvironmentalImpact calls its category `source` here (mod_locations 4.8)
    environ_impact=each(lambda one: {"source": one["category"], "amount": one["amount"]}),
    supplier_name=text(64),
    energy_product_name=text(64),
)


def connector(document: Object) -> Object | None:
    """A Connector; None for a plug that 2.1.1 has no word for."""
    converted = newer.connector(document)
    return None if converted is None else _connector(converted)


def evse(document: Object) -> Object | None:
    """An EVSE; None if no connector is left, for 2.1.1 demands one."""
    converted = newer.evse(document)
    return None if converted is None else _evse(converted)


def location(document: Object) -> Object:
    """A Location.

    2.1.1 has no `publish`: "Locations that have this flag set to false SHALL not be shown in an
    app or on a website" (2.2.1) is said by EVSEs that are all REMOVED.
    """
    if document.get("publish") is False:
        document = document | {
            "evses": [one | {"status": "REMOVED"} for one in document.get("evses", ())]
        }
    return _location(newer.location(document))


def embedded(document: Object, evse_uid: str, connector_id: str) -> Object:
    """The Location of a Session or CDR, "including only the relevant EVSE and Connector".

    A bill must arrive: what 2.1.1 has no word for is said as the nearest that it has. Where no
    connector is chosen yet (a reservation), the first stands for it.
    """
    evse = _named(document.get("evses", ()), "uid", evse_uid)
    plugs, updated = evse.get("connectors", []), document["last_updated"]
    chosen = connector_id != NOT_AVAILABLE or not plugs
    plug = _named(plugs, "id", connector_id) if chosen else plugs[0]
    told = _told({"last_updated": updated} | plug)
    only = {"status": "UNKNOWN", "last_updated": updated} | evse | {"connectors": [told]}
    return _location(newer.location(document | {"evses": [only]}))


def _told(plug: Object) -> Object:
    """A Connector with everything that must be said, in words that there are."""
    standard = NEWER_STANDARDS(str(plug.get("standard")))
    if standard is None or CONNECTOR_STANDARDS(standard) is None:
        plug = plug | {"standard": nearest_plug(plug.get("power_type"))}
    return _UNKNOWN_PLUG | plug


_UNKNOWN_PLUG: Object = {
    "format": "SOCKET",
    "power_type": "AC_1_PHASE",
    "max_voltage": 0,
    "max_amperage": 0,
}


def _named(things: Any, key: str, name: str) -> Object:
    """The one with this id; a thing of nothing but the id where it is gone."""
    for thing in things:
        if str(thing[key]).lower() == name.lower():
            return dict(thing)
    return {key: name}


def _connector(document: Object) -> Object | None:
    voltage, amperage = _rating(document)
    first = next(iter(document.get("tariff_ids", ())), None)
    converted = pick(
        document | {"voltage": voltage, "amperage": amperage, "tariff_id": first}, _CONNECTOR
    )
    return converted if "standard" in converted else None


def _rating(document: Object) -> tuple[int, int]:
    """Volt and ampere, so that their product is the connector's power, if that is less.

    2.1.1 has no `max_electric_power`, and a receiver multiplies. "A DC Charge Point [...] may
    supply max voltage or current, but not both at the same time" (2.2.1): its current stays and
    its voltage is that of its power. The voltage of AC is the grid's: its current is limited. To
    the nearest, for a power is often a rounded one: 16 A of three phases are 11 kW.
    """
    voltage, amperage = document["max_voltage"], document["max_amperage"]
    limit = document.get("max_electric_power")
    phases = 3 if document["power_type"] == "AC_3_PHASE" else 1
    if limit is None or voltage * amperage * phases <= limit:
        return voltage, amperage
    if document["power_type"] == "DC":
        return _nearest(limit, amperage), amperage
    return voltage, _nearest(limit, voltage * phases)


def _nearest(dividend: int, divisor: int) -> int:
    return max(1, (2 * dividend + divisor) // (2 * divisor))


def _evse(document: Object) -> Object | None:
    capabilities = document.get("capabilities", [])
    if _CONNECTOR_NEEDED in capabilities and len(document["connectors"]) > 1:
        capabilities = [one for one in capabilities if one != _START]
        document = document | {"capabilities": capabilities}
    converted = pick(document, _EVSE)
    return converted if converted.get("connectors") else None


def _location(document: Object) -> Object:
    mandatory = {"postal_code": "", "type": document.get("parking_type", "")}
    return pick(mandatory | document, _LOCATION)


_CONNECTOR: Mapping[str, Convert] = {
    "id": same,
    "standard": CONNECTOR_STANDARDS,
    "format": same,
    "power_type": POWER_TYPES,
    "voltage": same,
    "amperage": same,
    # one tariff only: the first is the one that is billed
    "tariff_id": same,
    "terms_and_conditions": same,
    "last_updated": seconds,
}

_EVSE: Mapping[str, Convert] = {
    "uid": same,
    "evse_id": same,
    "status": same,
    "status_schedule": each(class_of(period_begin=seconds, period_end=seconds, status=same)),
    "capabilities": each(CAPABILITIES),
    "connectors": each(_connector),
    "floor_level": text(4),
    "coordinates": _point,
    "physical_reference": text(16),
    "directions": each(DISPLAY_TEXT),
    "parking_restrictions": same,
    "images": each(_image),
    "last_updated": seconds,
}

_LOCATION: Mapping[str, Convert] = {
    "id": same,
    "type": LOCATION_TYPES,
    "name": text(255),
    "address": text(45),
    "city": text(45),
    # mandatory here; some places have none
    "postal_code": text(10),
    "country": same,
    "coordinates": _point,
    "related_locations": each(class_of(latitude=_degrees, longitude=_degrees, name=DISPLAY_TEXT)),
    "evses": each(_evse),
    "directions": each(DISPLAY_TEXT),
    "operator": _business,
    "suboperator": _business,
    "owner": _business,
    "facilities": each(FACILITIES),
    "time_zone": same,
    "opening_times": class_of(
        twentyfourseven=same,
        regular_hours=same,
        exceptional_openings=each(_period),
        exceptional_closings=each(_period),
    ),
    "charging_when_closed": same,
    "images": each(_image),
    "energy_mix": ENERGY_MIX,
    "last_updated": seconds,
}
