"""OCPI 2.2.1 mod_sessions: Session."""

from typing import ClassVar, Literal

from simulators.partner.v2_2_1.cdrs import AuthMethod, CdrToken, ChargingPeriod
from simulators.partner.v2_2_1.types import (
    CiString36,
    CountryCode,
    Currency,
    DateTime,
    Number,
    OcpiObject,
    PartyId,
    Price,
    String255,
)

SessionStatus = Literal["ACTIVE", "COMPLETED", "INVALID", "PENDING", "RESERVATION"]


class Session(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_sessions, Session object"

    country_code: CountryCode
    party_id: PartyId
    id: CiString36
    start_date_time: DateTime
    end_date_time: DateTime | None = None
    kwh: Number
    cdr_token: CdrToken
    auth_method: AuthMethod
    authorization_reference: CiString36 | None = None
    location_id: CiString36
    evse_uid: CiString36
    connector_id: CiString36
    meter_id: String255 | None = None
    currency: Currency
    charging_periods: list[ChargingPeriod] | None = None
    total_cost: Price | None = None
    status: SessionStatus
    last_updated: DateTime
