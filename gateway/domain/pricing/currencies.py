"""The smallest units of currencies (ISO 4217), and amounts rounded to them.

OCPI leaves rounding of prices to "applicable laws, contracts between the parties using OCPI and
the currency used" (mod_tariffs, Tariff object). Half up is what the printed examples do.
"""

from decimal import ROUND_HALF_UP, Decimal

# Those whose smallest unit is not a hundredth.
_DECIMALS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"), 0),
    **dict.fromkeys(("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def decimals_of(currency: str) -> int:
    """How many decimals an amount of money has."""
    return _DECIMALS.get(currency, 2)


def to_unit(amount: Decimal, currency: str) -> Decimal:
    """Round to the smallest unit that can be paid."""
    return amount.quantize(Decimal(1).scaleb(-decimals_of(currency)), ROUND_HALF_UP)
