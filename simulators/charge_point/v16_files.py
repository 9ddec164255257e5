"""What a 1.6 Central System asks to be fetched or delivered: firmware, diagnostics, logs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.charge_point.clock import parse_time
from simulators.charge_point.diagnostics import LogOrder
from simulators.charge_point.firmware import FirmwareOrder
from simulators.charge_point.library import Fields, Handler

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint


@dataclass
class FileCalls:
    """Both of 1.6's own and of the white paper's; a real station would offer one kind (L01.FR.20).

    Testers want to see either.
    """

    station: "SimulatedChargePoint"

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "GetDiagnostics": self.get_diagnostics,
            "GetLog": self.get_log,
            "SignedUpdateFirmware": self.signed_update_firmware,
            "UpdateFirmware": self.update_firmware,
        }

    def update_firmware(
        self,
        location: str,
        retrieve_date: str,
        retries: int | None = None,
        retry_interval: int | None = None,
    ) -> Fields:
        order = FirmwareOrder(
            location, parse_time(retrieve_date), retries=retries, retry_interval=retry_interval
        )
        self.station.firmware.order(order)
        return {}

    def signed_update_firmware(
        self,
        request_id: int,
        firmware: dict[str, Any],
        retries: int | None = None,
        retry_interval: int | None = None,
    ) -> Fields:
        install_at = firmware.get("install_date_time")
        order = FirmwareOrder(
            firmware["location"],
            parse_time(firmware["retrieve_date_time"]),
            parse_time(install_at) if install_at else None,
            request_id,
            firmware["signing_certificate"],
            firmware["signature"],
            retries,
            retry_interval,
        )
        return {"status": self.station.firmware.order(order)}

    def get_diagnostics(
        self,
        location: str,
        retries: int | None = None,
        retry_interval: int | None = None,
        start_time: str | None = None,
        stop_time: str | None = None,
    ) -> Fields:
        order = LogOrder(
            location,
            oldest=parse_time(start_time) if start_time else None,
            latest=parse_time(stop_time) if stop_time else None,
            retries=retries,
            retry_interval=retry_interval,
        )
        return {"file_name": self.station.logs.order(order)[1]}

    def get_log(
        self,
        log_type: str,
        request_id: int,
        log: dict[str, Any],
        retries: int | None = None,
        retry_interval: int | None = None,
        **_: Any,
    ) -> Fields:
        """2.0.1's is the same."""
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
