"""What a meter says, in one set of units: Wh, W, A, V, percent.

The OCPP edges translate their SampledValue into `Sample`; `energy` makes a bill's kWh of them.
"""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from gateway.domain.values import dataclass


class Measurand(StrEnum):
    """The quantities the gateway computes with; every other one is kept but not interpreted."""

    ENERGY_IMPORT_REGISTER = "Energy.Active.Import.Register"
    ENERGY_IMPORT_INTERVAL = "Energy.Active.Import.Interval"
    ENERGY_EXPORT_REGISTER = "Energy.Active.Export.Register"
    POWER_IMPORT = "Power.Active.Import"
    CURRENT_IMPORT = "Current.Import"
    VOLTAGE = "Voltage"
    STATE_OF_CHARGE = "SoC"
    OTHER = "Other"


class ReadingContext(StrEnum):
    """Why a value was taken (OCPP ReadingContext), reduced to what matters for energy."""

    BEGIN = "Transaction.Begin"
    END = "Transaction.End"
    PERIODIC = "Sample.Periodic"
    CLOCK = "Sample.Clock"
    OTHER = "Other"


@dataclass(frozen=True, slots=True)
class Sample:
    """One value. `value` is in Wh, W, A, V or percent; None when `signed` carries it alone."""

    measurand: Measurand
    value: Decimal | None
    context: ReadingContext = ReadingContext.PERIODIC
    phase: str | None = None
    location: str = "Outlet"
    signed: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """The values that a meter gave at one moment (OCPP MeterValue)."""

    at: datetime
    samples: tuple[Sample, ...]
