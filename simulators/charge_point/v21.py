"""OCPP 2.1: what it adds to 2.0.1 as a charging station speaks it. The rest is 2.0.1's."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from simulators.charge_point.dialect import Version
from simulators.charge_point.library import Handler
from simulators.charge_point.v21_tariffs import TariffCalls
from simulators.charge_point.v201 import V201

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint


class V21(V201):
    version: ClassVar[Version] = "2.1"
    subprotocol: ClassVar[str] = "ocpp2.1"

    def __init__(self, station: "SimulatedChargePoint") -> None:
        super().__init__(station)
        self.tariffs = TariffCalls(station)

    def handlers(self) -> Mapping[str, Handler]:
        return {**super().handlers(), **self.tariffs.handlers()}
