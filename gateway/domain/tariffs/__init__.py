"""OCPI tariffs: parsed, judged, put into words, chosen."""

from gateway.domain.tariffs.model import (
    MIDNIGHT,
    DayOfWeek,
    InvalidTariff,
    Moment,
    PriceComponent,
    PriceLimit,
    ReservationRestriction,
    Restrictions,
    Tariff,
    TariffDimension,
    TariffElement,
    TaxIncluded,
    UnsupportedTariff,
    parse_tariff,
)

__all__ = [
    "MIDNIGHT",
    "DayOfWeek",
    "InvalidTariff",
    "Moment",
    "PriceComponent",
    "PriceLimit",
    "ReservationRestriction",
    "Restrictions",
    "Tariff",
    "TariffDimension",
    "TariffElement",
    "TaxIncluded",
    "UnsupportedTariff",
    "parse_tariff",
]
