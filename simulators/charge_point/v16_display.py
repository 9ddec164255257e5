"""Prices and cost on a 1.6 display: the DataTransfer messages of the OCA's application note."""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from simulators.charge_point.library import Fields

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint

VENDOR = "org.openchargealliance.costmsg"


@dataclass
class DisplayCalls:
    station: "SimulatedChargePoint"

    def data_transfer(
        self, vendor_id: str, message_id: str | None = None, data: str | None = None
    ) -> Fields:
        if vendor_id != VENDOR:
            return {"status": "UnknownVendorId"}
        try:
            told = json.loads(data or "", parse_float=Decimal)
            return {"status": self._show(message_id, told)}
        except (ValueError, LookupError, TypeError):
            return {"status": "Rejected"}

    def _show(self, message_id: str | None, told: dict[str, Any]) -> str:
        match message_id:
            case "SetUserPrice":
                self.station.emit("price_shown", token=told["idToken"], text=told["priceText"])
            case "RunningCost" | "FinalCost":
                self.station.show_cost(str(told["transactionId"]), told["cost"])
            case _:
                return "UnknownMessageId"
        return "Accepted"
