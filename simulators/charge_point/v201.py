"""OCPP 2.0.1 as a charging station speaks it: its messages and words, and nothing else.

Each connector is an EVSE of its own with the one connector 1.
"""

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from simulators.charge_point.clock import wire_time
from simulators.charge_point.connector import Connector
from simulators.charge_point.dialect import Dialect, Registration, Said, Verdict, Version
from simulators.charge_point.ledger import Reading, Token, Transaction
from simulators.charge_point.library import Endpoint, Fields, Handler
from simulators.charge_point.outbox import TransactionMessage
from simulators.charge_point.sampling import samples
from simulators.charge_point.settings import ENERGY
from simulators.charge_point.signed_meter import SignedMeter
from simulators.charge_point.v201_calls import Calls
from simulators.charge_point.v201_certificates import CertificateCalls
from simulators.charge_point.v201_device_model import DeviceModel
from simulators.charge_point.v201_display import DisplayCalls
from simulators.charge_point.v201_files import FileCalls
from simulators.charge_point.v201_monitoring import Monitors

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint


# 2.0.1 ConnectorStatusEnumType is coarser: whatever goes on at an occupied connector is told by
# TransactionEvent.chargingState instead.
STATUS_WORDS = {
    "Available": "Available",
    "Preparing": "Occupied",
    "Charging": "Occupied",
    "SuspendedEV": "Occupied",
    "SuspendedEVSE": "Occupied",
    "Finishing": "Occupied",
    "Reserved": "Reserved",
    "Unavailable": "Unavailable",
    "Faulted": "Faulted",
}

# 1.6 Reason -> (2.0.1 ReasonEnumType, the TriggerReasonEnumType of the event that tells it)
STOP_WORDS = {
    "Local": ("Local", "StopAuthorized"),
    "Remote": ("Remote", "RemoteStop"),
    "EVDisconnected": ("EVDisconnected", "EVCommunicationLost"),
    "DeAuthorized": ("DeAuthorized", "Deauthorized"),
    "UnlockCommand": ("Other", "UnlockCommand"),
    "SoftReset": ("ImmediateReset", "ResetCommand"),
    "HardReset": ("ImmediateReset", "ResetCommand"),
    "Reboot": ("Reboot", "AbnormalCondition"),
    "PowerLoss": ("PowerLoss", "AbnormalCondition"),
    "EmergencyStop": ("EmergencyStop", "AbnormalCondition"),
    "Other": ("Other", "AbnormalCondition"),
}
# the ReadingContext of a reading inside a transaction -> the TriggerReasonEnumType that tells it
SAMPLE_TRIGGERS = {
    "Sample.Periodic": "MeterValuePeriodic",
    "Sample.Clock": "MeterValueClock",
    "Trigger": "Trigger",
}
REPORT_PART = 10
"""report entries per NotifyReport"""


class V201(Dialect):
    version: ClassVar[Version] = "2.0.1"
    subprotocol: ClassVar[str] = "ocpp2.0.1"
    invalid_certificate = "InvalidChargingStationCertificate"
    invalid_server = "InvalidCsmsCertificate"

    def __init__(self, station: "SimulatedChargePoint") -> None:
        self._station = station
        self._next_seq: dict[str, int] = {}
        self.device_model = DeviceModel(station)
        self.monitors = Monitors(station, self.device_model)
        self._display = DisplayCalls(station)

    def handlers(self) -> Mapping[str, Handler]:
        return {
            **Calls(self._station, self.device_model, self.monitors, self.send_report).handlers(),
            **FileCalls(self._station).handlers(),
            **CertificateCalls(self._station).handlers(),
            **self._display.handlers(),
            **self.monitors.handlers(),
        }

    # -- what it says

    async def boot(self, endpoint: Endpoint, reason: str) -> Registration:
        answer = await endpoint.call(
            "BootNotification",
            reason=reason,
            charging_station={
                "vendor_name": "Simulated",
                "model": f"{self._station.rating.most_w // 1000} kW",
                "serial_number": self._station.serial_number,
                "firmware_version": self._station.firmware.version,
            },
        )
        return Registration(answer["status"], answer["interval"])

    async def authorize(self, endpoint: Endpoint, token: Token) -> Verdict:
        answer = await endpoint.call("Authorize", id_token=_id_token(token))
        info = answer["id_token_info"]
        return Verdict(info["status"], info.get("group_id_token", {}).get("id_token"))

    def status_word(self, connector: Connector) -> str:
        return STATUS_WORDS[connector.status]

    def send_status(self, connector: Connector, word: str) -> None:
        at = wire_time(self._station.timestamps.take())
        self.monitors.observe()

        async def tell(endpoint: Endpoint) -> None:
            await endpoint.call(
                "StatusNotification",
                timestamp=at,
                connector_status=word,
                evse_id=connector.number,
                connector_id=1,
            )

        self._station.link.tell(tell)

    def send_station_status(self) -> None:
        """2.0.1 has StatusNotification for connectors only."""

    def reservation_ended(self, reservation_id: int, why: str) -> None:
        async def tell(endpoint: Endpoint) -> None:
            await endpoint.call(
                "ReservationStatusUpdate",
                reservation_id=reservation_id,
                reservation_update_status=why,
            )

        self._station.link.tell(tell)

    def transaction_started(self, transaction: Transaction, reading: Reading, trigger: str) -> None:
        transaction.transaction_id = str(uuid.uuid4())

        def answered(answer: Fields) -> None:
            info = answer["id_token_info"] or {}
            group = info.get("group_id_token", {}).get("id_token")
            transaction.group = transaction.group or group
            self._station.transactions.start_answered(transaction, info.get("status"))

        self._post(
            transaction, "Started", trigger, reading, "EVConnected", answered,
            id_token=_id_token(transaction.token),
            reservation_id=transaction.reservation_id,
            meter_value=self._meter_values(reading, self._meter_of(transaction)),
            number_of_phases_used=self._station.rating.phases or None,
        )  # fmt: skip

    def charging_state_changed(
        self, transaction: Transaction, reading: Reading, state: str
    ) -> None:
        self._post(
            transaction,
            "Updated",
            "ChargingStateChanged",
            reading,
            state,
            self._judged(transaction),
        )

    def sampled(self, transaction: Transaction, reading: Reading) -> None:
        connector = self._station.connectors[transaction.connector]
        trigger = SAMPLE_TRIGGERS[reading.context]
        self._post(
            transaction, "Updated", trigger, reading, connector.charging_state,
            self._judged(transaction), sample=True,
            meter_value=self._meter_values(reading),
        )  # fmt: skip

    def transaction_stopped(self, transaction: Transaction, reading: Reading) -> None:
        reason, trigger = STOP_WORDS[transaction.stop_reason or "Other"]
        gone = transaction.stop_reason == "EVDisconnected"

        def answered(answer: Fields) -> None:
            self._show_cost(transaction, answer)
            self._station.transactions.stop_answered(transaction)

        self._post(
            transaction, "Ended", trigger, reading, "Idle" if gone else "EVConnected", answered,
            stopped_reason=reason,
            id_token=_id_token(transaction.token) if reason == "Local" else None,
            meter_value=self._meter_values(reading, self._meter_of(transaction)),
        )  # fmt: skip

    def meter_read(self, connector: Connector, reading: Reading) -> None:
        async def tell(endpoint: Endpoint) -> None:
            await endpoint.call(
                "MeterValues",
                evse_id=connector.number,
                meter_value=self._meter_values(reading),
            )

        self._station.link.tell(tell)

    def send_report(self, request_id: int, entries: list[Fields]) -> None:
        """NotifyReport in parts; `tbc` says that another one follows."""
        parts = [entries[i : i + REPORT_PART] for i in range(0, len(entries), REPORT_PART)]

        def part(seq_no: int, data: list[Fields]) -> Any:
            async def tell(endpoint: Endpoint) -> None:
                await endpoint.call(
                    "NotifyReport",
                    request_id=request_id,
                    generated_at=wire_time(self._station.timestamps.take()),
                    seq_no=seq_no,
                    report_data=data,
                    tbc=seq_no < len(parts) - 1,
                )

            return tell

        for seq_no, data in enumerate(parts):
            self._station.link.tell(part(seq_no, data))

    def firmware_status(self, status: str, request_id: int | None, *, signed: bool) -> Said | None:
        return "FirmwareStatusNotification", {"status": status, "request_id": request_id}

    def log_status(self, status: str, request_id: int | None, *, diagnostics: bool) -> Said | None:
        return "LogStatusNotification", {"status": status, "request_id": request_id}

    def sign_certificate(self, csr: str, use: str) -> Said:
        return "SignCertificate", {"csr": csr, "certificate_type": use}

    # -- how it says it

    def _post(
        self, transaction: Transaction, event_type: str, trigger: str, reading: Reading,
        state: str, answered: Any, *, sample: bool = False, stopped_reason: str | None = None,
        **more: Any,
    ) -> None:  # fmt: skip
        starting = event_type == "Started"
        fields: Fields = {
            "event_type": event_type,
            "timestamp": wire_time(reading.at),
            "trigger_reason": trigger,
            "seq_no": self._take_seq(transaction, last=event_type == "Ended"),
            "offline": None if self._station.connected else True,
            "evse": {"id": transaction.connector, "connector_id": 1},
            "transaction_info": {
                "transaction_id": transaction.transaction_id,
                "charging_state": state,
                "stopped_reason": stopped_reason,
                "remote_start_id": transaction.remote_start_id if starting else None,
            },
            **more,
        }
        transactions = self._station.transactions
        self._station.post(
            TransactionMessage(
                action="TransactionEvent",
                transaction=transaction,
                fields=lambda: fields,
                answered=answered,
                given_up=lambda: transactions.message_given_up(event_type, transaction),
                sample=sample,
            )
        )

    def _take_seq(self, transaction: Transaction, *, last: bool) -> int:
        key = transaction.transaction_id or ""
        seq_no = self._next_seq.pop(key, 0)
        if not last:
            self._next_seq[key] = seq_no + 1
        return seq_no

    def _show_cost(self, transaction: Transaction, answer: Fields) -> None:
        """I02, I03: TransactionEventResponse.totalCost."""
        if answer["total_cost"] is not None:
            self._station.show_cost(transaction.transaction_id or "", answer["total_cost"])

    def _judged(self, transaction: Transaction) -> Any:
        def answered(answer: Fields) -> None:
            info = answer["id_token_info"] or {}
            self._show_cost(transaction, answer)
            self._station.transactions.token_judged(transaction, info.get("status"))

        return answered

    def _meter_of(self, transaction: Transaction) -> SignedMeter | None:
        """The meter that signs, if that is set."""
        if not self._station.settings.sign_readings:
            return None
        return self._station.connectors[transaction.connector].meter

    def _meter_values(self, reading: Reading, meter: SignedMeter | None = None) -> list[Fields]:
        settings = self._station.settings
        measurands = {
            "Transaction.Begin": settings.started_measurands,
            "Transaction.End": settings.ended_measurands,
            "Sample.Clock": settings.aligned_measurands,
        }.get(reading.context, settings.sampled_measurands)
        values = [
            {
                "value": sample.value,
                "context": reading.context,
                "measurand": sample.measurand,
                "unit_of_measure": {"unit": sample.unit},
                "phase": sample.phase,
                "location": sample.location,
                "signed_meter_value": meter.signed_value(reading, settings.key_with_signed_values)
                if meter is not None and sample.measurand == ENERGY
                else None,
            }
            for sample in samples(reading, self._station.rating, measurands)
        ]
        return [{"timestamp": wire_time(reading.at), "sampled_value": values}]


def _id_token(token: Token) -> Fields:
    return {"id_token": token.uid, "type": token.type}
