"""The Tariff of OCPI 2.3.0 as the operator hands it in."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from gateway.canonical.locations import EnergyMix
from gateway.canonical.types import (
    Amount,
    CiString36,
    CountryCode,
    Currency,
    Date,
    DateTime,
    DisplayText,
    OcpiObject,
    PartyId,
    TimeOfDay,
    Url,
)


class PriceLimit(OcpiObject):
    """mod_tariffs 1.4.3."""

    before_taxes: Amount
    after_taxes: Amount | None = None


class PriceComponent(OcpiObject):
    """mod_tariffs 1.4.2; `step_size` in Wh or seconds, 0 in the standard's own free tariff."""

    type: Literal["ENERGY", "FLAT", "PARKING_TIME", "TIME"]
    price: Amount
    vat: Amount | None = None
    step_size: Annotated[int, Field(ge=0)]


class TariffRestrictions(OcpiObject):
    """mod_tariffs 1.4.7."""

    start_time: TimeOfDay | None = None
    end_time: TimeOfDay | None = None
    start_date: Date | None = None
    end_date: Date | None = None
    min_kwh: Amount | None = None
    max_kwh: Amount | None = None
    min_current: Amount | None = None
    max_current: Amount | None = None
    min_power: Amount | None = None
    max_power: Amount | None = None
    min_duration: Annotated[int, Field(ge=0)] | None = None
    max_duration: Annotated[int, Field(ge=0)] | None = None
    day_of_week: (
        list[Literal["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]]
        | None
    ) = None
    reservation: Literal["RESERVATION", "RESERVATION_EXPIRES"] | None = None


class TariffElement(OcpiObject):
    """mod_tariffs 1.4.5."""

    price_components: Annotated[list[PriceComponent], Field(min_length=1)]
    restrictions: TariffRestrictions | None = None

    @model_validator(mode="after")
    def _reservation_dimensions(self) -> Self:
        # "A reservation can only have: FLAT and TIME TariffDimensions"
        if self.restrictions is not None and self.restrictions.reservation is not None:
            for component in self.price_components:
                if component.type not in ("FLAT", "TIME"):
                    raise ValueError("a reservation can only be priced with FLAT and TIME")
        return self


class Tariff(OcpiObject):
    """mod_tariffs 1.3.1; the gateway sets `last_updated` where it is missing."""

    country_code: CountryCode
    party_id: PartyId
    id: CiString36
    currency: Currency
    type: (
        Literal["AD_HOC_PAYMENT", "PROFILE_CHEAP", "PROFILE_FAST", "PROFILE_GREEN", "REGULAR"]
        | None
    ) = None
    tariff_alt_text: list[DisplayText] | None = None
    tariff_alt_url: Url | None = None
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    elements: Annotated[list[TariffElement], Field(min_length=1)]
    tax_included: Literal["YES", "NO", "N/A"]
    start_date_time: DateTime | None = None
    end_date_time: DateTime | None = None
    energy_mix: EnergyMix | None = None
    last_updated: DateTime | None = None
