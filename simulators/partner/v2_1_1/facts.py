"""Sessions and CDRs of OCPI 2.1.1 in neutral words."""

from decimal import Decimal
from typing import Any

from simulators.partner.exact_json import Json
from simulators.partner.facts import Facts


def session_facts(held: Json) -> Facts:
    return Facts(
        id=held.get("id"),
        start=held.get("start_datetime"),
        end=held.get("end_datetime"),
        kwh=held.get("kwh"),
        status=held.get("status"),
        session_id=held.get("id"),
        **_billed(held),
    )


def cdr_facts(held: Json) -> Facts:
    """A CDR does not name its Session."""
    return Facts(
        id=held.get("id"),
        start=held.get("start_date_time"),
        end=held.get("stop_date_time"),
        kwh=held.get("total_energy"),
        **_billed(held),
    )


def _billed(held: Json) -> dict[str, Any]:
    place = held.get("location") or {}
    evse: Json = next(iter(place.get("evses") or ()), {})
    connector: Json = next(iter(evse.get("connectors") or ()), {})
    cost = held.get("total_cost")
    return {
        "contract_id": held.get("auth_id"),
        "auth_method": held.get("auth_method"),
        "location_id": place.get("id"),
        "evse_uid": evse.get("uid"),
        "connector_id": connector.get("id"),
        "currency": held.get("currency"),
        "cost": None if cost is None else {"excl_vat": Decimal(cost)},
        "periods": list(held.get("charging_periods") or ()),
    }
