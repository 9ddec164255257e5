"""Sessions and CDRs of OCPI 2.2.1 and later in neutral words."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from simulators.partner.exact_json import Json
from simulators.partner.facts import Facts
from simulators.partner.owner import Owner
from simulators.partner.v2_2_1.cdrs import SESSION_ONLY

Amounts = Callable[[Any], dict[str, Decimal] | None]


def amounts(price: Json | None) -> dict[str, Decimal] | None:
    return None if price is None else {name: Decimal(amount) for name, amount in price.items()}


def session_facts(held: Json, read_price: Amounts = amounts) -> Facts:
    return Facts(
        id=held.get("id"),
        start=held.get("start_date_time"),
        end=held.get("end_date_time"),
        location_id=held.get("location_id"),
        evse_uid=held.get("evse_uid"),
        connector_id=held.get("connector_id"),
        kwh=held.get("kwh"),
        status=held.get("status"),
        session_id=held.get("id"),
        **_billed(held, read_price),
    )


def cdr_facts(held: Json, read_price: Amounts = amounts) -> Facts:
    place = held.get("cdr_location") or {}
    return Facts(
        id=held.get("id"),
        start=held.get("start_date_time"),
        end=held.get("end_date_time"),
        location_id=place.get("id"),
        evse_uid=place.get("evse_uid"),
        connector_id=place.get("connector_id"),
        kwh=held.get("total_energy"),
        session_id=held.get("session_id"),
        credit=bool(held.get("credit")),
        **_billed(held, read_price),
    )


def _billed(held: Json, read_price: Amounts) -> dict[str, Any]:
    token = held.get("cdr_token") or {}
    return {
        "contract_id": token.get("contract_id"),
        "token_owner": Owner(token.get("country_code", ""), token.get("party_id", "")),
        "token_uid": token.get("uid"),
        "token_type": token.get("type"),
        "auth_method": held.get("auth_method"),
        "authorization_reference": held.get("authorization_reference"),
        "currency": held.get("currency"),
        "cost": read_price(held.get("total_cost")),
        "periods": [_billable(period) for period in held.get("charging_periods") or ()],
    }


def _billable(period: Json) -> Json:
    dimensions = [one for one in period["dimensions"] if one["type"] not in SESSION_ONLY]
    return {**period, "dimensions": dimensions}
