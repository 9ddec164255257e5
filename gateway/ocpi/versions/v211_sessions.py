"""Session and CDR of OCPI 2.1.1, made from those of 2.2.1, with their Location inside."""

from collections.abc import Mapping
from typing import Any

from gateway.domain.bills.cdr_series import is_correction
from gateway.domain.bills.cdrs import KEPT_LOCATION
from gateway.domain.bills.sessions import NOT_AVAILABLE
from gateway.ocpi.versions import v221_sessions as newer
from gateway.ocpi.versions.picking import Convert, each, pick, same
from gateway.ocpi.versions.v211_enums import AUTH_METHODS, DIMENSIONS, SESSION_STATUSES
from gateway.ocpi.versions.v211_locations import embedded, seconds
from gateway.ocpi.versions.v211_spelling import text
from gateway.ocpi.versions.v211_tariffs import tariff
from gateway.ocpi.versions.wire import Object


def session(document: Object, location: Object | None = None) -> Object:
    """A Session; `location` is the canonical Location where it takes place."""
    converted = newer.session(document)
    where = _at(location, document) if location else _nowhere(document)
    converted |= {
        "start_datetime": document["start_date_time"],
        "end_datetime": document.get("end_date_time"),
        "auth_id": document["cdr_token"]["contract_id"],
        "location": embedded(where, document["evse_uid"], document["connector_id"]),
    }
    return pick(converted, _SESSION)


def cdr(document: Object) -> Object | None:
    """A CDR; None for a Credit CDR, which 2.1.1 does not know, and for one that follows it.

    Sent as they are, each would be one more bill for energy that was charged once. Where no period
    has a dimension that 2.1.1 knows (a reservation that expired), one of no time stands for them,
    for one is demanded.
    """
    if document.get("credit") or is_correction(document["id"]):
        return None
    converted = newer.cdr(document)
    place = document["cdr_location"]
    where = document.get(KEPT_LOCATION) or _place(place, document["start_date_time"])
    where = {"last_updated": document["start_date_time"]} | where
    converted |= {
        "stop_date_time": document["end_date_time"],
        "auth_id": document["cdr_token"]["contract_id"],
        "location": embedded(where, place["evse_uid"], place["connector_id"]),
        "tariffs": [tariff(one) for one in document.get("tariffs", ())],
        "remark": _remark(document),
    }
    body = pick(converted, _CDR)
    if not body["charging_periods"]:
        body["charging_periods"] = [
            {
                "start_date_time": body["start_date_time"],
                "dimensions": [{"type": "TIME", "volume": 0}],
            }
        ]
    # a reservation is not part of "the charging session" (mod_cdrs 3.1), and its time is left out
    first = body["charging_periods"][0]["start_date_time"]
    body["start_date_time"] = max(body["start_date_time"], first)
    return body


def _remark(document: Object) -> str | None:
    """With what the reservation cost: no Tariff of 2.1.1 explains that part of total_cost."""
    reserving, told = document.get("total_reservation_cost"), document.get("remark")
    if reserving is None:
        return told
    cost = f"RESERVATION {reserving['before_taxes']} {document['currency']}"
    return cost if told is None else f"{cost}; {told}"


def _before_vat(price: Mapping[str, Any]) -> Any:
    return price["excl_vat"]


def _dimension(value: Object) -> Object | None:
    converted = pick(value, {"type": DIMENSIONS, "volume": same})
    return converted if "type" in converted else None


def _period(value: Object) -> Object | None:
    converted = pick(value, _CHARGING_PERIOD)
    return converted if converted["dimensions"] else None


def _place(place: Mapping[str, Any], moment: str) -> Object:
    """A Location of what the CDR itself says, for CDRs that were made without keeping theirs.

    Voltage and amperage are not in it; 0 is what no connector has.
    """
    evse = {"uid": place["evse_uid"], "evse_id": place.get("evse_id")}
    if evse["evse_id"] == NOT_AVAILABLE:
        evse["evse_id"] = None
    plug = {
        "id": place["connector_id"],
        "standard": place["connector_standard"],
        "format": place["connector_format"],
        "power_type": place["connector_power_type"],
    }
    return {**place, "last_updated": moment, "evses": [evse | {"connectors": [plug]}]}


def _at(location: Object, session: Object) -> Object:
    """The Location as far as it is the Session's: with its EVSE's status in it, not that of now.

    An EVSE changes on without a new `last_updated` of the Session, so that a GET would differ from
    what was sent. When the Session has ended it says nothing of its EVSE ("No status information
    available", mod_locations 4.20). The times are of the start: whoever keeps the newest Location
    must not take this one for it.
    """
    status = _EVSE_STATUSES.get(session["status"], "UNKNOWN")
    then = {"last_updated": session["start_date_time"]}
    evses = [
        evse | then | {"status": status, "connectors": [one | then for one in evse["connectors"]]}
        for evse in location.get("evses", ())
    ]
    return location | then | {"evses": evses}


_EVSE_STATUSES = {"ACTIVE": "CHARGING", "RESERVATION": "RESERVED"}


def _nowhere(session: Object) -> Object:
    """What is left of a Location that is gone: its id. OCPI has no deletion of Locations."""
    return {
        "id": session["location_id"],
        "address": "",
        "city": "",
        "country": "",
        "coordinates": {"latitude": "0.000000", "longitude": "0.000000"},
        "last_updated": session["start_date_time"],
    }


_CHARGING_PERIOD: Mapping[str, Convert] = {
    "start_date_time": seconds,
    "dimensions": each(_dimension),
}

_SESSION: Mapping[str, Convert] = {
    "id": same,
    "start_datetime": seconds,
    "end_datetime": seconds,
    "kwh": same,
    "auth_id": same,
    "auth_method": AUTH_METHODS,
    "location": same,
    "meter_id": text(255),
    "currency": same,
    "charging_periods": each(_period),
    "total_cost": _before_vat,
    "status": SESSION_STATUSES,
    "last_updated": seconds,
}

_CDR: Mapping[str, Convert] = {
    "id": same,
    "start_date_time": seconds,
    "stop_date_time": seconds,
    "auth_id": same,
    "auth_method": AUTH_METHODS,
    "location": same,
    "meter_id": text(255),
    "currency": same,
    "tariffs": same,
    "charging_periods": each(_period),
    "total_cost": _before_vat,
    "total_energy": same,
    "total_time": same,
    "total_parking_time": same,
    "remark": text(255),
    "last_updated": seconds,
}
