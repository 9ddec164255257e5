"""Asks a station whether it shows cost and tariffs, and with how many decimals."""

from gateway.domain.bills.cost import SHOWS_NOTHING, StationDisplay
from gateway.services.ports import Station
from gateway.services.stations import settings_access
from gateway.services.stations.station_state import OCPP_16

# OCA's application note on cost in 1.6 has one switch for both.
_SHOWS_16 = "CustomDisplayCostAndPrice"
_DECIMALS_16 = "NumberOfDecimalsForCostValues"
_COST = ("TariffCostCtrlr.Enabled[Cost]", "TariffCostCtrlr.Available[Cost]")
_TARIFF = ("TariffCostCtrlr.Enabled[Tariff]", "TariffCostCtrlr.Available[Tariff]")
_DECIMALS = "TariffCostCtrlr.NumberOfDecimalsForCostValues"


async def read_display(station: Station, protocol: str, wanted: bool | None) -> StationDisplay:
    """What it shows; `wanted` is the operator's word, which goes before the station's."""
    if wanted is False:
        return SHOWS_NOTHING
    is_16 = protocol == OCPP_16
    names = (_SHOWS_16, _DECIMALS_16) if is_16 else (*_COST, *_TARIFF, _DECIMALS)
    values = (await settings_access.read(station, names)).values
    cost = _is_on(values, *((_SHOWS_16,) if is_16 else _COST))
    tariff = _is_on(values, *((_SHOWS_16,) if is_16 else _TARIFF))
    return StationDisplay(
        cost=cost or wanted is True,
        tariff=tariff or wanted is True,
        decimals=_number(values.get(_DECIMALS_16 if is_16 else _DECIMALS)),
    )


def _is_on(values: dict[str, str], *names: str) -> bool:
    """The first that the station has decides: Enabled, else Available."""
    found = [values[name] for name in names if name in values]
    return bool(found) and found[0].strip().lower() == "true"


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() and len(text) == 1 else None
