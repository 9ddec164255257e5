"""OCPI 2.1.1 mod_tariffs: no owner, no VAT, no limits, no currents and no reservations."""

from collections.abc import Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from simulators.partner.v2_1_1.locations import EnergyMix
from simulators.partner.v2_1_1.types import DateTime, DisplayText, Id36
from simulators.partner.v2_2_1.tariffs import DayOfWeek, TariffDimensionType
from simulators.partner.v2_2_1.types import (
    Currency,
    HourMinute,
    Int,
    LocalDate,
    Number,
    OcpiObject,
    Url,
)


class PriceComponent(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_tariffs, PriceComponent"

    type: TariffDimensionType
    price: Number
    step_size: Int


class TariffRestrictions(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_tariffs, TariffRestrictions"

    start_time: HourMinute | None = None
    end_time: HourMinute | None = None
    start_date: LocalDate | None = None
    end_date: LocalDate | None = None
    min_kwh: Number | None = None
    max_kwh: Number | None = None
    min_power: Number | None = None
    max_power: Number | None = None
    min_duration: Int | None = None
    max_duration: Int | None = None
    day_of_week: Sequence[DayOfWeek] | None = None


class TariffElement(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_tariffs, TariffElement"

    price_components: Annotated[Sequence[PriceComponent], Field(min_length=1)]
    restrictions: TariffRestrictions | None = None


class Tariff(OcpiObject):
    clause: ClassVar[str] = "2.1.1 mod_tariffs, Tariff object"

    id: Id36
    currency: Currency
    tariff_alt_text: Sequence[DisplayText] | None = None
    tariff_alt_url: Url | None = None
    elements: Annotated[Sequence[TariffElement], Field(min_length=1)]
    energy_mix: EnergyMix | None = None
    last_updated: DateTime
