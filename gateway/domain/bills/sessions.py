"""Canonical OCPI 2.3.0 Session, made from a transaction: the second hop of translation.

Older versions are down-conversions of these at the OCPI edge. Numbers are `Decimal`: energy in
kWh, time in hours, at most four decimals (types 1.4 `number`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Any

from gateway.domain.metering.point import NOT_STATED, MeteringPoint
from gateway.domain.party import Party
from gateway.domain.pricing import Bill, ChargingPeriod, Dimension, Money
from gateway.domain.tariffs.choice import EVERYBODY, Buyer, Offer, chosen
from gateway.domain.timestamps import to_text
from gateway.domain.tokens import TokenHolder
from gateway.domain.transactions import Transaction

NOT_AVAILABLE = "#NA"
"""What the standard offers where a mandatory text has no value (transport_and_format 4.1.9)."""

_ADD_UP = {
    Dimension.ENERGY,
    Dimension.TIME,
    Dimension.PARKING_TIME,
    Dimension.RESERVATION_TIME,
}
_FOUR_DECIMALS = Decimal("0.0001")
_TWELVE_DECIMALS = Decimal("1E-12")
_SECONDS_PER_HOUR = Decimal(3600)
_WH_PER_KWH = Decimal(1000)


class SessionStatus(StrEnum):
    """OCPI SessionStatus, as far as reservations and transactions produce it."""

    RESERVATION = "RESERVATION"
    ACTIVE = "ACTIVE"
    COMPLETED = "COMPLETED"
    INVALID = "INVALID"


@dataclass(frozen=True, slots=True)
class Site:
    """Location, EVSE, connector and tariff as they were when the session started.

    `location` is a canonical OCPI Location document reduced to the one EVSE and connector;
    `tariff` the Tariff document that prices the session, or None where none is set. It was chosen
    of the `offer` for `buyer`; one that an earlier release fixed has no offer, and stays.
    """

    party: Party
    location: Mapping[str, Any]
    tariff: Mapping[str, Any] | None
    currency: str
    offer: Offer | None = None
    buyer: Buyer = EVERYBODY
    metering: MeteringPoint = NOT_STATED

    @property
    def location_id(self) -> str:
        """The Location's id."""
        return str(self.location["id"])

    @property
    def evse(self) -> Mapping[str, Any]:
        """The one EVSE."""
        evse: Mapping[str, Any] = self.location["evses"][0]
        return evse

    @property
    def connector(self) -> Mapping[str, Any]:
        """The one connector."""
        connector: Mapping[str, Any] = self.evse["connectors"][0]
        return connector

    @property
    def time_zone(self) -> str:
        """IANA name of the Location's time zone."""
        return str(self.location.get("time_zone", "UTC"))

    @property
    def is_everybodys(self) -> bool:
        """Whether the tariff is the one that is for everybody, as it is shown at the station."""
        return self.offer is None or chosen(self.offer.tariffs, EVERYBODY) == self.tariff

    @property
    def tariff_id(self) -> str | None:
        """Id of the tariff, if one was active."""
        return None if self.tariff is None else str(self.tariff["id"])


def number(value: Decimal) -> Decimal:
    """Round to OCPI's four decimals (types 1.4), without exponent or trailing zeros."""
    rounded = value.quantize(_FOUR_DECIMALS, ROUND_HALF_UP).normalize()
    exponent = rounded.as_tuple().exponent
    return rounded.quantize(Decimal(1)) if isinstance(exponent, int) and exponent > 0 else rounded


def session_object(
    transaction: Transaction, site: Site, bill: Bill | None, *, now: datetime
) -> dict[str, Any]:
    """The Session as it stands (mod_sessions 9.3.1). Its holder must be known.

    Without a bill it says nothing of what was used.
    """
    session: dict[str, Any] = {
        "country_code": site.party.country_code,
        "party_id": site.party.party_id,
        "id": transaction.session_id,
        "start_date_time": to_text(transaction.started_at),
    }
    if transaction.is_final:
        session["end_date_time"] = to_text(transaction.latest_at)
    session |= {
        "kwh": kwh(transaction),
        "cdr_token": cdr_token(transaction),
        "auth_method": transaction.auth_method.value,
        **reference(transaction),
        "location_id": site.location_id,
        "evse_uid": site.evse["uid"],
        "connector_id": site.connector["id"],
        **({"meter_id": site.metering.meter_id} if site.metering.meter_id else {}),
        "currency": site.currency,
        "charging_periods": charging_periods(bill.periods if bill else ()),
        # "A total_cost of 0.00 means free of charge", which is not what no tariff means
        **({"total_cost": price_object(bill.total_cost)} if bill and bill.priced else {}),
        # COMPLETED: "no more modifications will be made" (mod_sessions 9.4.2). While its bill is
        # held, an operator may still correct or void it.
        "status": (SessionStatus.COMPLETED if transaction.is_final else SessionStatus.ACTIVE).value,
        "last_updated": to_text(now),
    }
    return session


def kwh(transaction: Transaction) -> Decimal:
    """The billed energy in kWh."""
    return number(transaction.energy.delivered_wh / _WH_PER_KWH)


def price_object(money: Money) -> dict[str, Any]:
    """A 2.3.0 Price (types 1.6)."""
    return {
        "before_taxes": number(money.before_taxes),
        "taxes": [
            {"name": tax.name, "amount": number(tax.amount)}
            | ({"percentage": number(tax.percentage)} if tax.percentage is not None else {})
            for tax in money.taxes
        ],
    }


def charging_periods(
    periods: Iterable[ChargingPeriod], left_out: frozenset[Dimension] = frozenset()
) -> list[dict[str, Any]]:
    """List them as the bill has them: a new one wherever another price component counts."""
    sums: dict[Dimension, Decimal] = {}
    return [
        {
            "start_date_time": to_text(period.start),
            "dimensions": [
                {"type": dimension.value, "volume": _share(sums, dimension, volume)}
                for dimension, volume in period.volumes.items()
                if dimension not in left_out
            ],
        }
        | ({"tariff_id": period.tariff_id} if period.tariff_id else {})
        for period in periods
    ]


def _share(sums: dict[Dimension, Decimal], dimension: Dimension, volume: Decimal) -> Decimal:
    """A volume rounded so that the periods' volumes add up to their rounded total."""
    if dimension not in _ADD_UP:
        return number(volume)
    before = sums.get(dimension, Decimal(0))
    sums[dimension] = after = before + volume
    return number(_exact(after) - _exact(before))


def _exact(total: Decimal) -> Decimal:
    """A sum of volumes, rounded as their total is: hours are thirds and sevenths of decimals.

    151.38 s are 0.04205 h, a tie; the sum of their parts may be 0.0420499... Times are told to
    the microsecond, 2.8E-10 h, so that twelve decimals tell every tie from its neighbours.
    """
    return number(total.quantize(_TWELVE_DECIMALS, ROUND_HALF_UP))


def cdr_token(transaction: Transaction) -> dict[str, Any]:
    holder: TokenHolder | None = transaction.holder
    if holder is None:
        raise ValueError(f"transaction {transaction.id} has no holder to bill")
    return {
        "country_code": holder.country_code,
        "party_id": holder.party_id,
        "uid": holder.uid,
        "type": holder.type.value,
        "contract_id": holder.contract_id,
    }


def reference(transaction: Transaction) -> dict[str, Any]:
    reference = transaction.authorization_reference
    return {} if reference is None else {"authorization_reference": reference}
