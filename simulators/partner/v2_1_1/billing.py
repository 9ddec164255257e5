"""OCPI 2.1.1 mod_sessions and mod_cdrs: the Location inside, an auth_id, plain numbers for costs.

The names of the two times differ between the two objects, and so they do in the standard.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simulators.partner.v2_1_1.locations import Location
from simulators.partner.v2_1_1.tariffs import Tariff
from simulators.partner.v2_1_1.types import DateTime, Id36, String255
from simulators.partner.v2_2_1.types import Currency, Number, OcpiObject

AuthMethod = Literal["AUTH_REQUEST", "WHITELIST"]
CdrDimensionType = Literal["ENERGY", "FLAT", "MAX_CURRENT", "MIN_CURRENT", "PARKING_TIME", "TIME"]
SessionStatus = Literal["ACTIVE", "COMPLETED", "INVALID", "PENDING"]


class CdrDimension(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_cdrs, CdrDimension"

    type: CdrDimensionType
    volume: Number


class ChargingPeriod(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_cdrs, ChargingPeriod"

    start_date_time: DateTime
    dimensions: Annotated[Sequence[CdrDimension], Field(min_length=1)]


class Session(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_sessions, Session object"

    id: Id36
    start_datetime: DateTime
    end_datetime: DateTime | None = None
    kwh: Number
    auth_id: Id36
    auth_method: AuthMethod
    location: Location
    meter_id: String255 | None = None
    currency: Currency
    charging_periods: Sequence[ChargingPeriod] | None = None
    total_cost: Number | None = None
    status: SessionStatus
    last_updated: DateTime


class CDR(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_cdrs, CDR object"

    id: Id36
    start_date_time: DateTime
    stop_date_time: DateTime
    auth_id: Id36
    auth_method: AuthMethod
    location: Location
    meter_id: String255 | None = None
    currency: Currency
    tariffs: Sequence[Tariff] | None = None
    charging_periods: Annotated[Sequence[ChargingPeriod], Field(min_length=1)]
    total_cost: Number
    total_energy: Number
    total_time: Number
    total_parking_time: Number | None = None
    remark: String255 | None = None
    last_updated: DateTime
