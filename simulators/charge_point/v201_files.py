"""Blocks L and N of 2.0.1: what a CSMS asks to be fetched or delivered."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.charge_point.clock import parse_time
from simulators.charge_point.diagnostics import DIAGNOSTICS_LOG, SECURITY_LOG, LogOrder
from simulators.charge_point.firmware import FirmwareOrder
from simulators.charge_point.library import Fields, Handler

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint


@dataclass
class FileCalls:
    station: "SimulatedChargePoint"

    def handlers(self) -> Mapping[str, Handler]:
        return {"GetLog": self.get_log, "UpdateFirmware": self.update_firmware}

    def update_firmware(
        self,
        request_id: int,
        firmware: dict[str, Any],
        retries: int | None = None,
        retry_interval: int | None = None,
        **_: Any,
    ) -> Fields:
        install_at = firmware.get("install_date_time")
        order = FirmwareOrder(
            firmware["location"],
            parse_time(firmware["retrieve_date_time"]),
            parse_time(install_at) if install_at else None,
            request_id,
            firmware.get("signing_certificate"),
            firmware.get("signature"),
            retries,
            retry_interval,
        )
        return {"status": self.station.firmware.order(order)}

    def get_log(
        self,
        log: dict[str, Any],
        log_type: str,
        request_id: int,
        retries: int | None = None,
        retry_interval: int | None = None,
        **_: Any,
    ) -> Fields:
        if log_type not in (DIAGNOSTICS_LOG, SECURITY_LOG):
            return {"status": "Rejected"}  # 2.1's DataCollectorLog: there is none
        oldest, latest = log.get("oldest_timestamp"), log.get("latest_timestamp")
        order = LogOrder(
            log["remote_location"],
            log_type,
            parse_time(oldest) if oldest else None,
            parse_time(latest) if latest else None,
            request_id,
            retries,
            retry_interval,
        )
        status, name = self.station.logs.order(order)
        return {"status": status, "filename": name}
