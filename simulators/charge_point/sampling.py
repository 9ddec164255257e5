"""A meter reading as the sampled values of the configured measurands, before any OCPP shape."""

from collections.abc import Iterator
from dataclasses import dataclass

from simulators.charge_point.ledger import Reading
from simulators.charge_point.outlet import Rating
from simulators.charge_point.settings import ENERGY

_PHASES = ("L1", "L2", "L3")


@dataclass(frozen=True)
class Sample:
    measurand: str
    value: int | float
    unit: str
    phase: str | None = None
    location: str | None = None


def samples(reading: Reading, rating: Rating, measurands: tuple[str, ...]) -> list[Sample]:
    return [sample for name in measurands for sample in _measured(name, reading, rating)]


def _measured(measurand: str, reading: Reading, rating: Rating) -> Iterator[Sample]:
    phases: tuple[str | None, ...] = _PHASES[: rating.phases] or (None,)
    match measurand:
        case str(name) if name == ENERGY:
            yield Sample(measurand, reading.register_wh, "Wh", location="Outlet")
        case "Power.Active.Import":
            yield Sample(measurand, reading.power_w, "W", location="Outlet")
        case "Current.Import":
            amperes = rating.amperes(reading.power_w)
            yield from (Sample(measurand, amperes, "A", phase=phase) for phase in phases)
        case "Voltage":
            lines = [phase and f"{phase}-N" for phase in phases]
            yield from (Sample(measurand, rating.volts, "V", phase=line) for line in lines)
        case "SoC" if rating.direct_current:
            yield Sample(measurand, reading.soc_percent, "Percent", location="EV")
