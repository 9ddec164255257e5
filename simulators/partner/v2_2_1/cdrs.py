"""OCPI 2.2.1 mod_cdrs: CDR and its parts, several of which Sessions use too."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simulators.partner.v2_2_1.locations import (
    ConnectorFormat,
    ConnectorType,
    GeoLocation,
    PowerType,
    TokenType,
)
from simulators.partner.v2_2_1.tariffs import Tariff
from simulators.partner.v2_2_1.types import (
    Boolean,
    CiString32,
    CiString36,
    CiString39,
    CiString48,
    Country,
    CountryCode,
    Currency,
    DateTime,
    Int,
    Number,
    OcpiObject,
    PartyId,
    Price,
    String10,
    String20,
    String45,
    String255,
    String512,
    String5000,
)

AuthMethod = Literal["AUTH_REQUEST", "COMMAND", "WHITELIST"]
CdrDimensionType = Literal[
    "CURRENT",
    "ENERGY",
    "ENERGY_EXPORT",
    "ENERGY_IMPORT",
    "MAX_CURRENT",
    "MIN_CURRENT",
    "MAX_POWER",
    "MIN_POWER",
    "PARKING_TIME",
    "POWER",
    "RESERVATION_TIME",
    "STATE_OF_CHARGE",
    "TIME",
]
# the column "Session Only" of CdrDimensionType
SESSION_ONLY = frozenset({"CURRENT", "ENERGY_EXPORT", "ENERGY_IMPORT", "POWER", "STATE_OF_CHARGE"})


class CdrToken(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_cdrs, CdrToken"

    country_code: CountryCode
    party_id: PartyId
    uid: CiString36
    type: TokenType
    contract_id: CiString36


class CdrDimension(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_cdrs, CdrDimension"

    type: CdrDimensionType
    volume: Number


class ChargingPeriod(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_cdrs, ChargingPeriod"

    start_date_time: DateTime
    dimensions: Annotated[Sequence[CdrDimension], Field(min_length=1)]
    tariff_id: CiString36 | None = None


class CdrLocation(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_cdrs, CdrLocation"

    id: CiString36
    name: String255 | None = None
    address: String45
    city: String45
    postal_code: String10 | None = None
    state: String20 | None = None
    country: Country
    coordinates: GeoLocation
    evse_uid: CiString36
    evse_id: CiString48
    connector_id: CiString36
    connector_standard: ConnectorType
    connector_format: ConnectorFormat
    connector_power_type: PowerType


class SignedValue(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_cdrs, SignedValue"

    nature: CiString32
    plain_data: String5000
    signed_data: String5000


class SignedData(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_cdrs, SignedData"

    encoding_method: CiString36
    encoding_method_version: Int | None = None
    public_key: String512 | None = None
    signed_values: Annotated[Sequence[SignedValue], Field(min_length=1)]
    url: String512 | None = None


class CdrFields(OcpiObject):
    """All but prices and tariffs, whose shapes differ between the versions."""

    clause: ClassVar[str] = "2.2.1 mod_cdrs, CDR object"

    country_code: CountryCode
    party_id: PartyId
    id: CiString39
    start_date_time: DateTime
    end_date_time: DateTime
    session_id: CiString36 | None = None
    cdr_token: CdrToken
    auth_method: AuthMethod
    authorization_reference: CiString36 | None = None
    cdr_location: CdrLocation
    meter_id: String255 | None = None
    currency: Currency
    charging_periods: Annotated[Sequence[ChargingPeriod], Field(min_length=1)]
    signed_data: SignedData | None = None
    total_energy: Number
    total_time: Number
    total_parking_time: Number | None = None
    remark: String255 | None = None
    invoice_reference_id: CiString39 | None = None
    credit: Boolean | None = None
    credit_reference_id: CiString39 | None = None
    home_charging_compensation: Boolean | None = None
    last_updated: DateTime


class CDR(CdrFields):
    tariffs: Sequence[Tariff] | None = None
    total_cost: Price
    total_fixed_cost: Price | None = None
    total_energy_cost: Price | None = None
    total_time_cost: Price | None = None
    total_parking_cost: Price | None = None
    total_reservation_cost: Price | None = None
