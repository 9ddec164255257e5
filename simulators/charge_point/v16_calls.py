"""What a 1.6 Central System may call, and how a charge point answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.charge_point.clock import parse_time, wire_time
from simulators.charge_point.ledger import Token
from simulators.charge_point.library import Fields, Handler
from simulators.charge_point.local_list import Entry
from simulators.charge_point.profiles import Profile
from simulators.charge_point.v16_certificates import CertificateCalls
from simulators.charge_point.v16_configuration import Configuration
from simulators.charge_point.v16_display import DisplayCalls
from simulators.charge_point.v16_files import FileCalls

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint


@dataclass
class Calls:
    station: "SimulatedChargePoint"
    configuration: Configuration

    def handlers(self) -> Mapping[str, Handler]:
        return {
            **self._handlers(),
            **FileCalls(self.station).handlers(),
            **CertificateCalls(self.station).handlers(),
        }

    def _handlers(self) -> Mapping[str, Handler]:
        return {
            "CancelReservation": self.cancel_reservation,
            "ChangeAvailability": self.change_availability,
            "ChangeConfiguration": self.change_configuration,
            "ClearCache": lambda: {"status": "Accepted"},
            "ClearChargingProfile": self.clear_charging_profile,
            "DataTransfer": DisplayCalls(self.station).data_transfer,
            "ExtendedTriggerMessage": self.extended_trigger_message,
            "GetCompositeSchedule": self.get_composite_schedule,
            "GetConfiguration": self.get_configuration,
            "GetLocalListVersion": lambda: {"list_version": self._list_version()},
            "RemoteStartTransaction": self.remote_start_transaction,
            "RemoteStopTransaction": self.remote_stop_transaction,
            "ReserveNow": self.reserve_now,
            "Reset": self.reset,
            "SendLocalList": self.send_local_list,
            "SetChargingProfile": self.set_charging_profile,
            "TriggerMessage": self.trigger_message,
            "UnlockConnector": self.unlock_connector,
        }

    def remote_start_transaction(
        self,
        id_tag: str,
        connector_id: int | None = None,
        charging_profile: dict[str, Any] | None = None,
    ) -> Fields:
        token = Token(id_tag)
        started = self.station.requests.remote_start(
            token, connector_id, remote_start_id=0, profile=charging_profile
        )
        return {"status": "Accepted" if started else "Rejected"}

    def remote_stop_transaction(self, transaction_id: int) -> Fields:
        stopped = self.station.requests.remote_stop(str(transaction_id))
        return {"status": "Accepted" if stopped else "Rejected"}

    def unlock_connector(self, connector_id: int) -> Fields:
        if connector_id not in self.station.connectors:
            return {"status": "NotSupported"}
        self.station.requests.unlock(connector_id)
        return {"status": "Unlocked"}

    def reset(self, type: str) -> Fields:
        self.station.requests.reboot("RemoteReset", f"{type}Reset")
        return {"status": "Accepted"}

    def change_availability(self, connector_id: int, type: str) -> Fields:
        number = None if connector_id == 0 else connector_id
        operative = type == "Operative"
        return {"status": self.station.requests.change_availability(number, operative)}

    def get_configuration(self, key: list[str] | None = None) -> Fields:
        known, unknown = self.configuration.get(key)
        return {"configuration_key": known, "unknown_key": unknown or None}

    def change_configuration(self, key: str, value: str) -> Fields:
        return {"status": self.configuration.change(key, value)}

    def reserve_now(
        self,
        connector_id: int,
        expiry_date: str,
        id_tag: str,
        reservation_id: int,
        parent_id_tag: str | None = None,
    ) -> Fields:
        status = self.station.requests.reserve(
            reservation_id,
            connector_id,
            Token(id_tag),
            parse_time(expiry_date),
            parent_id_tag,
        )
        return {"status": status}

    def cancel_reservation(self, reservation_id: int) -> Fields:
        cancelled = self.station.requests.cancel_reservation(reservation_id)
        return {"status": "Accepted" if cancelled else "Rejected"}

    def send_local_list(
        self,
        list_version: int,
        update_type: str,
        local_authorization_list: list[dict[str, Any]] | None = None,
    ) -> Fields:
        if not self.station.settings.local_list_enabled:
            return {"status": "NotSupported"}
        changes = [
            (entry["id_tag"], _entry(entry.get("id_tag_info")))
            for entry in local_authorization_list or []
        ]
        full = update_type == "Full"
        return {"status": self.station.requests.update_local_list(list_version, full, changes)}

    def _list_version(self) -> int:
        """1.6 §5.10: 0 says that the list is empty, -1 that there is none."""
        if not self.station.settings.local_list_enabled:
            return -1
        listed = self.station.local_list
        return listed.version if len(listed) else 0

    def set_charging_profile(
        self, connector_id: int, cs_charging_profiles: dict[str, Any]
    ) -> Fields:
        accepted = self.station.requests.set_profile(cs_charging_profiles, connector_id)
        return {"status": "Accepted" if accepted else "Rejected"}

    def clear_charging_profile(
        self,
        id: int | None = None,
        connector_id: int | None = None,
        charging_profile_purpose: str | None = None,
        stack_level: int | None = None,
    ) -> Fields:
        def matches(profile: Profile) -> bool:
            return (
                id in (None, profile.id)
                and connector_id in (None, profile.connector)
                and charging_profile_purpose in (None, profile.purpose)
                and stack_level in (None, profile.stack_level)
            )

        cleared = self.station.requests.clear_profiles(matches)
        return {"status": "Accepted" if cleared else "Unknown"}

    def get_composite_schedule(
        self, connector_id: int, duration: int, charging_rate_unit: str = "W"
    ) -> Fields:
        start = self.station.clock.now()
        periods = self.station.requests.composite_schedule(
            connector_id, duration, charging_rate_unit
        )
        if periods is None:
            return {"status": "Rejected"}
        return {
            "status": "Accepted",
            "connector_id": connector_id,
            "schedule_start": wire_time(start),
            "charging_schedule": {
                "duration": duration,
                "charging_rate_unit": charging_rate_unit,
                "charging_schedule_period": periods,
            },
        }

    def trigger_message(self, requested_message: str, connector_id: int | None = None) -> Fields:
        requests, number = self.station.requests, connector_id or None
        match requested_message:
            case "BootNotification":
                requests.trigger_boot()
            case "Heartbeat":
                requests.trigger_heartbeat()
            case "StatusNotification":
                return _accepted_or_rejected(requests.trigger_status(number))
            case "MeterValues":
                return _accepted_or_rejected(requests.trigger_meter_values(number))
            case "FirmwareStatusNotification":
                self.station.firmware.tell_status()
            case "DiagnosticsStatusNotification":
                self.station.logs.tell_status(diagnostics=True)
            case _:
                return {"status": "NotImplemented"}
        return {"status": "Accepted"}

    def extended_trigger_message(
        self, requested_message: str, connector_id: int | None = None
    ) -> Fields:
        """The white paper's; what it shares with TriggerMessage is answered there."""
        match requested_message:
            case "FirmwareStatusNotification":
                self.station.firmware.tell_status(signed=True)
            case "LogStatusNotification":
                self.station.logs.tell_status()
            case "SignChargePointCertificate":
                self.station.signing.renew()
            case _:
                return self.trigger_message(requested_message, connector_id)
        return {"status": "Accepted"}


def _entry(info: dict[str, Any] | None) -> Entry | None:
    if info is None:
        return None
    expires = info.get("expiry_date")
    return Entry(
        info["status"], info.get("parent_id_tag"), parse_time(expires) if expires else None
    )


def _accepted_or_rejected(accepted: bool) -> Fields:
    return {"status": "Accepted" if accepted else "Rejected"}
