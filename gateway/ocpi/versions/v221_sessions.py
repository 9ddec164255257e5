"""Session and CDR of OCPI 2.2.1."""

from collections.abc import Mapping
from typing import Any

from gateway.ocpi.versions.picking import Convert, class_of, each, number, pick, same, text
from gateway.ocpi.versions.v221_enums import CONNECTOR_STANDARDS, TOKEN_TYPES, nearest_plug
from gateway.ocpi.versions.v221_locations import POINT
from gateway.ocpi.versions.v221_tariffs import price, tariff
from gateway.ocpi.versions.wire import Object

_cdr_token = class_of(
    country_code=same, party_id=same, uid=same, type=TOKEN_TYPES, contract_id=same
)
_charging_period = class_of(
    start_date_time=same,
    dimensions=each(class_of(type=same, volume=number)),
    tariff_id=same,
)


def session(document: Object, _location: Object | None = None) -> Object:
    """A Session: its total_cost is a 2.2.1 Price."""
    return pick(document, _SESSION)


def cdr(document: Object) -> Object:
    """A CDR: every cost is a 2.2.1 Price, every tariff a 2.2.1 Tariff."""
    return pick(document, _CDR)


def _cdr_location(value: Mapping[str, Any]) -> Object:
    standard, power = value["connector_standard"], value.get("connector_power_type")
    standard = CONNECTOR_STANDARDS(standard) or nearest_plug(power)
    return pick({**value, "connector_standard": standard}, _CDR_LOCATION)


_SESSION: Mapping[str, Convert] = {
    "country_code": same,
    "party_id": same,
    "id": same,
    "start_date_time": same,
    "end_date_time": same,
    "kwh": number,
    "cdr_token": _cdr_token,
    "auth_method": same,
    "authorization_reference": same,
    "location_id": same,
    "evse_uid": same,
    "connector_id": same,
    "meter_id": same,
    "currency": same,
    "charging_periods": each(_charging_period),
    "total_cost": price,
    "status": same,
    "last_updated": same,
}

_CDR_LOCATION: Mapping[str, Convert] = {
    "id": same,
    "name": same,
    # CdrLocation is shorter than Location here: string(45) and string(20)
    "address": text(45),
    "city": same,
    "postal_code": same,
    "state": text(20),
    "country": same,
    "coordinates": POINT,
    "evse_uid": same,
    "evse_id": same,
    "connector_id": same,
    "connector_standard": same,
    "connector_format": same,
    "connector_power_type": same,
}

_CDR: Mapping[str, Convert] = {
    "country_code": same,
    "party_id": same,
    "id": same,
    "start_date_time": same,
    "end_date_time": same,
    "session_id": same,
    "cdr_token": _cdr_token,
    "auth_method": same,
    "authorization_reference": same,
    "cdr_location": _cdr_location,
    "meter_id": same,
    "currency": same,
    "tariffs": each(tariff),
    "charging_periods": each(_charging_period),
    "signed_data": class_of(
        encoding_method=same,
        encoding_method_version=same,
        public_key=same,
        signed_values=each(class_of(nature=same, plain_data=same, signed_data=same)),
        url=same,
    ),
    "total_cost": price,
    "total_fixed_cost": price,
    "total_energy": number,
    "total_energy_cost": price,
    "total_time": number,
    "total_time_cost": price,
    "total_parking_time": number,
    "total_parking_cost": price,
    "total_reservation_cost": price,
    "remark": text(255),
    "invoice_reference_id": same,
    "credit": same,
    "credit_reference_id": same,
    "home_charging_compensation": same,
    "last_updated": same,
}
