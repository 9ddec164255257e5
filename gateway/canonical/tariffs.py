"""The Tariff of OCPI 2.3.0 as the operator hands it in."""

from typing import Annotated, Any, Literal, Self

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


def _below(name: str, low: Any, high: Any) -> None:
    if low is not None and high is not None and low >= high:
        raise ValueError(f"{name} must be above its minimum, for it is exclusive")


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

    @model_validator(mode="after")
    def _can_match(self) -> Self:
        # minima are inclusive and maxima exclusive, as are the dates: else it never applies
        for name in ("kwh", "current", "power", "duration"):
            _below(f"max_{name}", getattr(self, f"min_{name}"), getattr(self, f"max_{name}"))
        _below("end_date", self.start_date, self.end_date)
        return self


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
    """mod_tariffs 1.3.1; the gateway sets `last_updated` where it is missing.

    `preauthorize_amount` is the payments release's addition. `partners` is our own: the ids of the
    partners that it is for. No other sees it, and none sees this member.
    """

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
    partners: Annotated[list[str], Field(min_length=1)] | None = None
    preauthorize_amount: Amount | None = None
    start_date_time: DateTime | None = None
    end_date_time: DateTime | None = None
    energy_mix: EnergyMix | None = None
    last_updated: DateTime | None = None

    @model_validator(mode="after")
    def _limits_leave_room(self) -> Self:
        low, high = self.min_price, self.max_price
        if low is not None and high is not None:
            _not_above(low.before_taxes, high.before_taxes)
            _not_above(low.after_taxes, high.after_taxes)
        _below("end_date_time", self.start_date_time, self.end_date_time)
        return self


def _not_above(low: Any, high: Any) -> None:
    if low is not None and high is not None and low > high:
        raise ValueError("min_price is above max_price")
