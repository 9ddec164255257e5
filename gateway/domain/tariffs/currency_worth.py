"""Which currencies there are (ISO 4217), and roughly what they are worth.

The worth tells a price per Wh from one per kWh, no more: it is right within a factor of two or
three, which is enough where mistakes are factors of sixty and more. Nothing is billed by it.
"""

from decimal import Decimal

# What about one euro is.
_PER_EURO = {
    **dict.fromkeys(("EUR", "GBP", "CHF", "USD", "PAB", "JOD"), "1"),
    **dict.fromkeys(("KWD", "BHD", "OMR"), "0.4"),
    **dict.fromkeys(("AUD", "CAD", "NZD", "SGD", "BGN", "BAM", "AZN"), "1.7"),
    **dict.fromkeys(("GEL", "TND", "BYN", "FJD"), "3"),
    **dict.fromkeys(("PLN", "ILS", "AED", "SAR", "QAR", "MYR", "PEN", "RON"), "4.5"),
    **dict.fromkeys(("DKK", "CNY", "HKD", "BRL", "BOB", "GTQ"), "7"),
    **dict.fromkeys(("SEK", "NOK", "MAD", "GHS"), "11"),
    **dict.fromkeys(("CZK", "MXN", "ZAR", "MDL", "HNL"), "22"),
    **dict.fromkeys(("TRY", "TWD", "THB", "UAH", "EGP", "UYU", "MUR"), "40"),
    **dict.fromkeys(("MKD", "PHP", "DOP", "INR", "RUB", "ALL"), "80"),
    **dict.fromkeys(("RSD", "JPY", "ISK", "BDT", "KES", "NPR", "DZD", "ETB"), "140"),
    **dict.fromkeys(("HUF", "PKR", "LKR", "AMD"), "380"),
    **dict.fromkeys(("KZT", "CRC", "XAF", "XOF"), "600"),
    **dict.fromkeys(("KRW", "CLP", "ARS", "NGN", "RWF"), "1400"),
    **dict.fromkeys(("COP", "MNT", "KHR", "UGX"), "4200"),
    **dict.fromkeys(("PYG",), "8500"),
    **dict.fromkeys(("IDR", "UZS"), "16000"),
    **dict.fromkeys(("VND", "LAK"), "27000"),
}

_CODES = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BOV BRL BSD "
    "BTN BWP BYN BZD CAD CDF CHE CHF CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD "
    "EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD "
    "IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL "
    "MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN "
    "PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN "
    "SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES "
    "VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"
)
_ALL = frozenset(_CODES.split())


def is_known(currency: str) -> bool:
    """Tell whether there is such a currency."""
    return currency in _ALL


def in_euros(amount: Decimal, currency: str) -> Decimal | None:
    """What an amount is about; None for a currency that this knows too little of."""
    per_euro = _PER_EURO.get(currency)
    return None if per_euro is None else amount / Decimal(per_euro)
