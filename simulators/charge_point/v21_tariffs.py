"""Tariffs that a 2.1 CSMS hands to its stations: kept and told, by EVSE and by transaction."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulators.charge_point.library import Fields, Handler

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint

EVERY_EVSE = 0


@dataclass
class TariffCalls:
    station: "SimulatedChargePoint"
    defaults: dict[int, dict[str, Any]] = field(default_factory=dict)
    """by EVSE; `EVERY_EVSE` for those without one of their own"""
    of_transactions: dict[str, dict[str, Any]] = field(default_factory=dict)

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "ChangeTransactionTariff": self.change_transaction_tariff,
            "ClearTariffs": self.clear_tariffs,
            "GetTariffs": self.get_tariffs,
            "SetDefaultTariff": self.set_default_tariff,
        }

    def set_default_tariff(self, evse_id: int, tariff: dict[str, Any], **_: Any) -> Fields:
        if not self._is_evse(evse_id):
            return {"status": "Rejected"}
        others = [one for at, one in self.defaults.items() if at != evse_id]
        if any(one["tariff_id"] == tariff["tariff_id"] and one != tariff for one in others):
            return {"status": "DuplicateTariffId"}
        if evse_id == EVERY_EVSE:
            self.defaults.clear()
        self.defaults[evse_id] = tariff
        self.station.emit("tariff_set", evse=evse_id, tariff=tariff["tariff_id"])
        return {"status": "Accepted"}

    def get_tariffs(self, evse_id: int, **_: Any) -> Fields:
        found = [
            {
                "tariff_id": tariff["tariff_id"],
                "tariff_kind": "DefaultTariff",
                "evse_ids": list(self.station.connectors) if at == EVERY_EVSE else [at],
            }
            for at, tariff in self.defaults.items()
            if evse_id in (EVERY_EVSE, at) or at == EVERY_EVSE
        ]
        if not self._is_evse(evse_id):
            return {"status": "Rejected"}
        return {"status": "Accepted" if found else "NoTariff", "tariff_assignments": found or None}

    def clear_tariffs(
        self, tariff_ids: list[str] | None = None, evse_id: int | None = None, **_: Any
    ) -> Fields:
        cleared = []
        for at, tariff in list(self.defaults.items()):
            if evse_id in (None, EVERY_EVSE, at) and (
                not tariff_ids or tariff["tariff_id"] in tariff_ids
            ):
                del self.defaults[at]
                cleared.append(tariff["tariff_id"])
        missing = [one for one in tariff_ids or [] if one not in cleared]
        results: list[Fields] = [{"tariff_id": one, "status": "Accepted"} for one in cleared]
        results += [{"tariff_id": one, "status": "NoTariff"} for one in missing]
        return {"clear_tariffs_result": results or [{"status": "NoTariff"}]}

    def change_transaction_tariff(
        self, transaction_id: str, tariff: dict[str, Any], **_: Any
    ) -> Fields:
        if self.station.requests.running(transaction_id) is None:
            return {"status": "TxNotFound"}
        before = self.of_transactions.get(transaction_id)
        if before is not None and before["currency"] != tariff["currency"]:
            return {"status": "NoCurrencyChange"}
        self.of_transactions[transaction_id] = tariff
        return {"status": "Accepted"}

    def _is_evse(self, evse_id: int) -> bool:
        return evse_id == EVERY_EVSE or evse_id in self.station.connectors
