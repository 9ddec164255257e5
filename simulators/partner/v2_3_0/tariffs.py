"""OCPI 2.3.0 mod_tariffs: limits before and after taxes, and whether taxes are in the prices."""

from typing import Literal

from simulators.partner.v2_2_1.tariffs import TariffFields
from simulators.partner.v2_2_1.types import Number
from simulators.partner.v2_3_0.locations import EnergyMix
from simulators.partner.v2_3_0.types import PriceLimit

TaxIncluded = Literal["YES", "NO", "N/A"]


class Tariff(TariffFields):
    tax_included: TaxIncluded
    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None
    energy_mix: EnergyMix | None = None
    # of the payments branch
    preauthorize_amount: Number | None = None
