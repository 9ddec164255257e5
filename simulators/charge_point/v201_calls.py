"""What a 2.0.1 CSMS may call, and how a charging station answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulators.charge_point.clock import parse_time, wire_time
from simulators.charge_point.ledger import Token
from simulators.charge_point.library import Fields, Handler, too_many
from simulators.charge_point.local_list import Entry
from simulators.charge_point.profiles import Profile
from simulators.charge_point.v201_device_model import DeviceModel
from simulators.charge_point.v201_monitoring import Monitors

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint


def _entry(info: dict[str, Any] | None) -> Entry | None:
    if info is None:
        return None
    group, expires = info.get("group_id_token"), info.get("cache_expiry_date_time")
    return Entry(
        info["status"],
        group["id_token"] if group else None,
        parse_time(expires) if expires else None,
    )


@dataclass
class Calls:
    station: "SimulatedChargePoint"
    device_model: DeviceModel
    monitors: Monitors
    send_report: Callable[[int, list[Fields]], None]

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "CancelReservation": self.cancel_reservation,
            "ChangeAvailability": self.change_availability,
            "ClearCache": lambda **_: {"status": "Accepted"},
            "ClearChargingProfile": self.clear_charging_profile,
            "DataTransfer": lambda **_: {"status": "UnknownVendorId"},
            "GetBaseReport": self.get_base_report,
            "GetCompositeSchedule": self.get_composite_schedule,
            "GetReport": self.get_report,
            "GetLocalListVersion": self.get_local_list_version,
            "GetTransactionStatus": self.get_transaction_status,
            "GetVariables": self.get_variables,
            "RequestStartTransaction": self.request_start_transaction,
            "RequestStopTransaction": self.request_stop_transaction,
            "ReserveNow": self.reserve_now,
            "Reset": self.reset,
            "SendLocalList": self.send_local_list,
            "SetChargingProfile": self.set_charging_profile,
            "SetVariables": self.set_variables,
            "TriggerMessage": self.trigger_message,
            "UnlockConnector": self.unlock_connector,
        }

    def request_start_transaction(
        self,
        id_token: dict[str, Any],
        remote_start_id: int,
        evse_id: int | None = None,
        group_id_token: dict[str, Any] | None = None,
        charging_profile: dict[str, Any] | None = None,
        **_: Any,
    ) -> Fields:
        started = self.station.requests.remote_start(
            Token(id_token["id_token"], id_token["type"]),
            evse_id,
            remote_start_id,
            charging_profile,
            group_id_token["id_token"] if group_id_token else None,
        )
        return {"status": "Accepted" if started else "Rejected"}

    def request_stop_transaction(self, transaction_id: str, **_: Any) -> Fields:
        stopped = self.station.requests.remote_stop(transaction_id)
        return {"status": "Accepted" if stopped else "Rejected"}

    def get_transaction_status(self, transaction_id: str | None = None, **_: Any) -> Fields:
        if transaction_id is None:
            return {"messages_in_queue": len(self.station.outbox) > 0}
        transaction = self.station.ledger.by_id(transaction_id)
        waiting = transaction is not None and self.station.outbox.concerns(transaction)
        running = transaction is not None and transaction.running
        return {"messages_in_queue": waiting, "ongoing_indicator": running}

    def unlock_connector(self, evse_id: int, connector_id: int, **_: Any) -> Fields:
        connector = self.station.connectors.get(evse_id)
        if connector is None or connector_id != 1:
            return {"status": "UnknownConnector"}
        if connector.transaction is not None:
            # F05.FR.02
            return {"status": "OngoingAuthorizedTransaction"}
        self.station.requests.unlock(evse_id)
        return {"status": "Unlocked"}

    def reset(self, type: str, evse_id: int | None = None, **_: Any) -> Fields:
        if evse_id is not None:
            # B11 leaves it to the station whether a single EVSE can be reset; this one cannot.
            return {"status": "Rejected"}
        if type == "OnIdle":
            return {"status": self.station.requests.reboot_when_idle("RemoteReset", "SoftReset")}
        self.station.requests.reboot("RemoteReset", "HardReset")
        return {"status": "Accepted"}

    def change_availability(
        self, operational_status: str, evse: dict[str, Any] | None = None, **_: Any
    ) -> Fields:
        number = evse["id"] if evse and evse["id"] != 0 else None
        operative = operational_status == "Operative"
        return {"status": self.station.requests.change_availability(number, operative)}

    def get_variables(self, get_variable_data: list[dict[str, Any]], **_: Any) -> Fields:
        self._bound(get_variable_data)
        return {"get_variable_result": [self.device_model.get(d) for d in get_variable_data]}

    def set_variables(self, set_variable_data: list[dict[str, Any]], **_: Any) -> Fields:
        self._bound(set_variable_data)
        results = [self.device_model.set(one) for one in set_variable_data]
        self.monitors.observe()
        return {"set_variable_result": results}

    def _bound(self, items: list[dict[str, Any]]) -> None:
        """ItemsPerMessage: more may be refused with a CALLERROR (B05, B06)."""
        most = self.station.settings.items_per_message
        if len(items) > most:
            raise too_many(most)

    def get_base_report(self, request_id: int, report_base: str, **_: Any) -> Fields:
        if report_base == "SummaryInventory":
            return {"status": "NotSupported"}
        writable = report_base == "ConfigurationInventory"
        self.send_report(request_id, self.device_model.report(writable=writable))
        return {"status": "Accepted"}

    def get_report(
        self,
        request_id: int,
        component_variable: list[dict[str, Any]] | None = None,
        component_criteria: list[str] | None = None,
        **_: Any,
    ) -> Fields:
        self._bound(component_variable or [])
        found = self.device_model.report_of(component_variable, component_criteria)
        if not found:
            return {"status": "EmptyResultSet"}
        self.send_report(request_id, found)
        return {"status": "Accepted"}

    def reserve_now(
        self,
        id: int,
        expiry_date_time: str,
        id_token: dict[str, Any],
        connector_type: str | None = None,
        evse_id: int | None = None,
        group_id_token: dict[str, Any] | None = None,
        **_: Any,
    ) -> Fields:
        if connector_type not in (None, self.station.rating.connector_type):
            return {"status": "Rejected"}
        status = self.station.requests.reserve(
            id,
            evse_id,
            Token(id_token["id_token"], id_token["type"]),
            parse_time(expiry_date_time),
            group_id_token["id_token"] if group_id_token else None,
        )
        return {"status": status}

    def cancel_reservation(self, reservation_id: int, **_: Any) -> Fields:
        cancelled = self.station.requests.cancel_reservation(reservation_id)
        return {"status": "Accepted" if cancelled else "Rejected"}

    def get_local_list_version(self, **_: Any) -> Fields:
        """0 where there is no list, and for one that is switched off."""
        listed, enabled = self.station.local_list, self.station.settings.local_list_enabled
        return {"version_number": listed.version if enabled else 0}

    def send_local_list(
        self,
        version_number: int,
        update_type: str,
        local_authorization_list: list[dict[str, Any]] | None = None,
        **_: Any,
    ) -> Fields:
        if not self.station.settings.local_list_enabled:
            return {"status": "Failed"}
        changes = [
            (entry["id_token"]["id_token"], _entry(entry.get("id_token_info")))
            for entry in local_authorization_list or []
        ]
        full = update_type == "Full"
        return {"status": self.station.requests.update_local_list(version_number, full, changes)}

    def set_charging_profile(
        self, evse_id: int, charging_profile: dict[str, Any], **_: Any
    ) -> Fields:
        accepted = self.station.requests.set_profile(charging_profile, evse_id)
        return {"status": "Accepted" if accepted else "Rejected"}

    def clear_charging_profile(
        self,
        charging_profile_id: int | None = None,
        charging_profile_criteria: dict[str, Any] | None = None,
        **_: Any,
    ) -> Fields:
        criteria = charging_profile_criteria or {}

        def matches(profile: Profile) -> bool:
            if charging_profile_id is not None:
                return profile.id == charging_profile_id
            return (
                criteria.get("evse_id") in (None, profile.connector)
                and criteria.get("charging_profile_purpose") in (None, profile.purpose)
                and criteria.get("stack_level") in (None, profile.stack_level)
            )

        cleared = self.station.requests.clear_profiles(matches)
        return {"status": "Accepted" if cleared else "Unknown"}

    def get_composite_schedule(
        self, duration: int, evse_id: int, charging_rate_unit: str = "W", **_: Any
    ) -> Fields:
        start = self.station.clock.now()
        periods = self.station.requests.composite_schedule(evse_id, duration, charging_rate_unit)
        if periods is None:
            return {"status": "Rejected"}
        return {
            "status": "Accepted",
            "schedule": {
                "evse_id": evse_id,
                "duration": duration,
                "schedule_start": wire_time(start),
                "charging_rate_unit": charging_rate_unit,
                "charging_schedule_period": periods,
            },
        }

    def trigger_message(
        self, requested_message: str, evse: dict[str, Any] | None = None, **_: Any
    ) -> Fields:
        requests = self.station.requests
        number = evse["id"] if evse and evse["id"] != 0 else None
        match requested_message:
            case "BootNotification":
                requests.trigger_boot()
                return {"status": "Accepted"}
            case "Heartbeat":
                requests.trigger_heartbeat()
                return {"status": "Accepted"}
            case "StatusNotification":
                accepted = requests.trigger_status(number)
            case "MeterValues":
                accepted = requests.trigger_meter_values(number)
            case "TransactionEvent":
                accepted = requests.trigger_samples(number)
            case "FirmwareStatusNotification" | "LogStatusNotification":
                accepted = self._trigger_file_status(requested_message)
            case "SignChargingStationCertificate" | "SignV2GCertificate":
                self.station.signing.renew(requested_message.removeprefix("Sign"))
                accepted = True
            case _:
                return {"status": "NotImplemented"}
        return {"status": "Accepted" if accepted else "Rejected"}

    def _trigger_file_status(self, requested_message: str) -> bool:
        if requested_message == "FirmwareStatusNotification":
            self.station.firmware.tell_status()
        else:
            self.station.logs.tell_status()
        return True
