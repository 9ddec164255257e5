"""OCPI 2.2.1 mod_sessions: Session and ChargingPreferences."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from simulators.partner.v2_2_1.cdrs import AuthMethod, CdrToken, ChargingPeriod
from simulators.partner.v2_2_1.types import (
    Boolean,
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

ProfileType = Literal["CHEAP", "FAST", "GREEN", "REGULAR"]
CHARGING_PREFERENCES_RESPONSES = (
    "ACCEPTED",
    "DEPARTURE_REQUIRED",
    "ENERGY_NEED_REQUIRED",
    "NOT_POSSIBLE",
    "PROFILE_TYPE_NOT_SUPPORTED",
)
SessionStatus = Literal["ACTIVE", "COMPLETED", "INVALID", "PENDING", "RESERVATION"]


class SessionFields(OcpiObject):
    """All but the price, whose shape differs between the versions."""

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
    charging_periods: Sequence[ChargingPeriod] | None = None
    status: SessionStatus
    last_updated: DateTime


class Session(SessionFields):
    total_cost: Price | None = None


class ChargingPreferences(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_sessions, ChargingPreferences object"

    profile_type: ProfileType
    departure_time: DateTime | None = None
    energy_need: Number | None = None
    discharge_allowed: Boolean | None = None
