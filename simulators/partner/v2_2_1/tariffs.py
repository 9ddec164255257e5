"""OCPI 2.2.1 mod_tariffs: Tariff and its parts."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from simulators.partner.v2_2_1.locations import EnergyMix
from simulators.partner.v2_2_1.types import (
    CiString36,
    CountryCode,
    Currency,
    DateTime,
    DisplayText,
    HourMinute,
    Int,
    LocalDate,
    Number,
    OcpiObject,
    PartyId,
    Price,
    Url,
)

TariffType = Literal["AD_HOC_PAYMENT", "PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN", "REGULAR"]
TariffDimensionType = Literal["ENERGY", "FLAT", "PARKING_TIME", "TIME"]
ReservationRestrictionType = Literal["RESERVATION", "RESERVATION_EXPIRES"]
DayOfWeek = Literal["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]


class PriceComponent(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_tariffs, PriceComponent"

    type: TariffDimensionType
    price: Number
    vat: Number | None = None
    step_size: Int


class TariffRestrictions(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_tariffs, TariffRestrictions"

    start_time: HourMinute | None = None
    end_time: HourMinute | None = None
    start_date: LocalDate | None = None
    end_date: LocalDate | None = None
    min_kwh: Number | None = None
    max_kwh: Number | None = None
    min_current: Number | None = None
    max_current: Number | None = None
    min_power: Number | None = None
    max_power: Number | None = None
    min_duration: Int | None = None
    max_duration: Int | None = None
    day_of_week: Sequence[DayOfWeek] | None = None
    reservation: ReservationRestrictionType | None = None


class TariffElement(OcpiObject):
    clause: ClassVar[str] = "2.2.1 mod_tariffs, TariffElement"

    price_components: Annotated[Sequence[PriceComponent], Field(min_length=1)]
    restrictions: TariffRestrictions | None = None


class TariffFields(OcpiObject):
    """All but the price limits, whose shape differs between the versions."""

    clause: ClassVar[str] = "2.2.1 mod_tariffs, Tariff object"

    country_code: CountryCode
    party_id: PartyId
    id: CiString36
    currency: Currency
    type: TariffType | None = None
    tariff_alt_text: Sequence[DisplayText] | None = None
    tariff_alt_url: Url | None = None
    elements: Annotated[Sequence[TariffElement], Field(min_length=1)]
    start_date_time: DateTime | None = None
    end_date_time: DateTime | None = None
    energy_mix: EnergyMix | None = None
    last_updated: DateTime


class Tariff(TariffFields):
    min_price: Price | None = None
    max_price: Price | None = None
