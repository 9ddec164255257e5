"""What a charging session costs: one Tariff, one Usage, one Bill. `reckoning` explains it."""

from gateway.domain.pricing.model import (
    Bill,
    ChargingPeriod,
    Dimension,
    InvalidUsage,
    Money,
    TaxAmount,
    Usage,
)
from gateway.domain.pricing.reckoning import (
    Reckoning,
    price,
)

__all__ = [
    "Bill",
    "ChargingPeriod",
    "Dimension",
    "InvalidUsage",
    "Money",
    "Reckoning",
    "TaxAmount",
    "Usage",
    "price",
]
