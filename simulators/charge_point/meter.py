"""The energy meter of one outlet: exact, cumulative, never reset.

The register counts watt-milliseconds as an integer, so any sum of power times duration is exact;
readings are whole watt-hours, as OCPP 1.6 `meterStart` and `meterStop` require.
"""

from decimal import Decimal

WATT_MILLISECONDS_PER_WH = 3_600_000


class EnergyMeter:
    def __init__(self, start_wh: int = 0) -> None:
        self._register = start_wh * WATT_MILLISECONDS_PER_WH

    def add(self, power_w: int, milliseconds: int) -> int:
        """Counts `power_w` flowing for so long; returns what was added in watt-milliseconds."""
        if power_w < 0 or milliseconds < 0:
            raise ValueError("an import register never goes back")
        added = power_w * milliseconds
        self._register += added
        return added

    @property
    def watt_milliseconds(self) -> int:
        return self._register

    @property
    def register_wh(self) -> int:
        """The reading: whole watt-hours, the begun one not counted."""
        return self._register // WATT_MILLISECONDS_PER_WH

    @property
    def exact_wh(self) -> Decimal:
        return Decimal(self._register) / WATT_MILLISECONDS_PER_WH
