"""OCPI 2.2.1 mod_charging_profiles, the same in 2.3.0."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from simulators.partner.v2_2_1.types import DateTime, Int, Number, OcpiObject, Url

ChargingRateUnit = Literal["W", "A"]
ChargingProfileResponseType = Literal[
    "ACCEPTED", "NOT_SUPPORTED", "REJECTED", "TOO_OFTEN", "UNKNOWN_SESSION"
]
ChargingProfileResultType = Literal["ACCEPTED", "REJECTED", "UNKNOWN"]


def _one_decimal(value: Decimal) -> Decimal:
    if value * 10 != int(value * 10):
        raise ValueError("accepts at most one digit fraction")
    return value


Rate = Annotated[Number, AfterValidator(_one_decimal)]


class ChargingProfilePeriod(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_charging_profiles, ChargingProfilePeriod"

    start_period: Annotated[Int, Field(ge=0)]
    limit: Rate


class ChargingProfile(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_charging_profiles, ChargingProfile"

    start_date_time: DateTime | None = None
    duration: Int | None = None
    charging_rate_unit: ChargingRateUnit
    min_charging_rate: Rate | None = None
    charging_profile_period: Sequence[ChargingProfilePeriod] | None = None


class ActiveChargingProfile(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_charging_profiles, ActiveChargingProfile"

    start_date_time: DateTime
    charging_profile: ChargingProfile


class SetChargingProfile(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_charging_profiles, SetChargingProfile object"

    charging_profile: ChargingProfile
    response_url: Url


class ChargingProfileResponse(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_charging_profiles, ChargingProfileResponse object"

    result: ChargingProfileResponseType
    timeout: Annotated[Int, Field(ge=0)]


class ChargingProfileResult(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_charging_profiles, ChargingProfileResult object"

    result: ChargingProfileResultType


class ClearProfileResult(ChargingProfileResult):
    clause: ClassVar[str] = "2.2.1 mod_charging_profiles, ClearProfileResult object"


class ActiveChargingProfileResult(ChargingProfileResult):
    clause: ClassVar[str] = "2.2.1 mod_charging_profiles, ActiveChargingProfileResult object"

    profile: ActiveChargingProfile | None = None
