"""Canonical OCPI 2.3.0 CDR, made from an ended transaction."""

from datetime import datetime
from typing import Any

from gateway.domain.bills.remarks import remark
from gateway.domain.bills.sessions import (
    NOT_AVAILABLE,
    Site,
    cdr_token,
    charging_periods,
    kwh,
    number,
    price_object,
    reference,
)
from gateway.domain.metering.point import meter_id
from gateway.domain.metering.signed_values import NOTHING_SIGNED, Evidence
from gateway.domain.pricing import Bill, Dimension
from gateway.domain.timestamps import to_text
from gateway.domain.transactions import Transaction

KEPT_LOCATION = "_location"
"""Member of a stored CDR: the Location, with the one EVSE and connector, as it was at the start.

OCPI 2.1.1 embeds it in the CDR, "including only the relevant EVSE and Connector" (mod_cdrs 3.1). A
CDR is immutable, so what a version may need is kept when it is made; no version shows it as it is.
CDRs of before have none.
"""

SESSION_ONLY = frozenset(
    {
        Dimension.CURRENT,
        Dimension.ENERGY_EXPORT,
        Dimension.ENERGY_IMPORT,
        Dimension.POWER,
        Dimension.STATE_OF_CHARGE,
    }
)
"""What "SHALL ... only be used in Sessions" (mod_cdrs CdrDimensionType, column Session Only)."""


def cdr_object(
    transaction: Transaction,
    site: Site,
    bill: Bill,
    evidence: Evidence = NOTHING_SIGNED,
    *,
    now: datetime,
) -> dict[str, Any]:
    """The CDR of an ended transaction (mod_cdrs 10.3.1): sealed, so made once.

    Every cost is there whose component the tariff has for this session, be it of 0.
    """
    cdr: dict[str, Any] = {
        "country_code": site.party.country_code,
        "party_id": site.party.party_id,
        "id": transaction.cdr_id,
        "start_date_time": to_text(_start(transaction, bill)),
        "end_date_time": to_text(transaction.latest_at),
        "session_id": transaction.session_id,
        "cdr_token": cdr_token(transaction),
        "auth_method": transaction.auth_method.value,
        **reference(transaction),
        "cdr_location": _cdr_location(site),
        **_if_known("meter_id", site.metering.meter_id or meter_id(evidence.meter_serial)),
        "currency": site.currency,
        "tariffs": [dict(site.tariff)] if site.tariff is not None else [],
        "charging_periods": charging_periods(bill.periods, SESSION_ONLY),
        **_if_known("signed_data", evidence.signed_data),
        "total_cost": price_object(bill.total_cost),
    }
    cdr |= {
        **cost_totals(bill),
        "total_energy": kwh(transaction),
        "total_time": number(bill.total_time),
        "total_parking_time": number(bill.total_parking_time),
        **_if_known("remark", remark(transaction)),
        **_if_known("home_charging_compensation", site.metering.home_charging_compensation or None),
        "last_updated": to_text(now),
        KEPT_LOCATION: dict(site.location),
    }
    return cdr


def cost_totals(bill: Bill) -> dict[str, Any]:
    """What each kind of component comes to, where the tariff has any for this session."""
    totals = {
        "total_fixed_cost": bill.total_fixed_cost,
        "total_energy_cost": bill.total_energy_cost,
        "total_time_cost": bill.total_time_cost,
        "total_parking_cost": bill.total_parking_cost,
        "total_reservation_cost": bill.total_reservation_cost,
    }
    return {name: price_object(cost) for name, cost in totals.items() if cost is not None}


def _start(transaction: Transaction, bill: Bill) -> datetime:
    """Of the session, "or in-case of a reservation [...] the start of the reservation"."""
    return min([transaction.started_at, *(one.start for one in bill.periods[:1])])


def _if_known(name: str, value: Any) -> dict[str, Any]:
    return {} if value is None else {name: value}


def _cdr_location(site: Site) -> dict[str, Any]:
    optional = ("name", "postal_code", "state")
    location = {"id": site.location_id}
    location |= {key: site.location[key] for key in optional if site.location.get(key)}
    return location | {
        "address": site.location["address"],
        "city": site.location["city"],
        "country": site.location["country"],
        "coordinates": site.location["coordinates"],
        "evse_uid": site.evse["uid"],
        "evse_id": site.evse.get("evse_id") or NOT_AVAILABLE,
        "connector_id": site.connector["id"],
        "connector_standard": site.connector["standard"],
        "connector_format": site.connector["format"],
        "connector_power_type": site.connector["power_type"],
    }
