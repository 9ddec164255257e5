"""OCPP 1.6 as a charge point speaks it: its messages, keys and words, and nothing else."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from simulators.charge_point.clock import wire_time
from simulators.charge_point.connector import Connector
from simulators.charge_point.dialect import Dialect, Registration, Said, Verdict
from simulators.charge_point.ledger import Reading, Token, Transaction
from simulators.charge_point.library import Endpoint, Fields, Handler
from simulators.charge_point.outbox import TransactionMessage
from simulators.charge_point.sampling import samples
from simulators.charge_point.settings import ENERGY
from simulators.charge_point.signed_meter import SignedMeter
from simulators.charge_point.v16_calls import Calls
from simulators.charge_point.v16_configuration import Configuration

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint

# 1.6 errata 3.18: a transaction whose StartTransaction was never accepted is stopped as -1.
NEVER_STARTED = -1
# FirmwareStatus and DiagnosticsStatus of 1.6 itself, and what of UploadLogStatus is a failure
PLAIN = frozenset(
    {
        "Downloaded",
        "DownloadFailed",
        "Downloading",
        "Idle",
        "InstallationFailed",
        "Installing",
        "Installed",
    }
)
DIAGNOSTICS = frozenset({"Idle", "Uploaded", "UploadFailed", "Uploading"})
# SignedMeterValueType, whose names are on the wire as they are: it travels as a text
SIGNED_VALUE = {
    "signed_meter_data": "signedMeterData",
    "signing_method": "signingMethod",
    "encoding_method": "encodingMethod",
    "public_key": "publicKey",
}
LOG_FAILURES = frozenset(
    {"BadMessage", "NotSupportedOperation", "PermissionDenied", "UploadFailure"}
)


class V16(Dialect):
    version = "1.6"
    subprotocol = "ocpp1.6"
    invalid_certificate = "InvalidChargePointCertificate"
    invalid_server = "InvalidCentralSystemCertificate"

    def __init__(self, station: "SimulatedChargePoint") -> None:
        self._station = station
        self.configuration = Configuration(station)

    def handlers(self) -> Mapping[str, Handler]:
        return Calls(self._station, self.configuration).handlers()

    # -- what it says

    async def boot(self, endpoint: Endpoint, reason: str) -> Registration:
        answer = await endpoint.call(
            "BootNotification",
            charge_point_vendor="Simulated",
            charge_point_model=_model(self._station),
            charge_point_serial_number=self._station.serial_number,
            firmware_version=self._station.firmware.version,
            meter_type="Simulated",
            meter_serial_number=self._main_meter(),
        )
        return Registration(answer["status"], answer["interval"])

    async def authorize(self, endpoint: Endpoint, token: Token) -> Verdict:
        info = (await endpoint.call("Authorize", id_tag=token.uid))["id_tag_info"]
        return Verdict(info["status"], info.get("parent_id_tag"))

    def status_word(self, connector: Connector) -> str:
        return connector.status

    def send_status(self, connector: Connector, word: str) -> None:
        self._tell_status(connector.number, word, connector.fault)

    def send_station_status(self) -> None:
        self._tell_status(0, "Available" if self._station.operative else "Unavailable", None)

    def reservation_ended(self, reservation_id: int, why: str) -> None:
        """1.6 tells it by the connector's status alone."""

    def transaction_started(self, transaction: Transaction, reading: Reading, trigger: str) -> None:
        fields: Fields = {
            "connector_id": transaction.connector,
            "id_tag": transaction.token.uid,
            "meter_start": reading.register_wh,
            "timestamp": wire_time(reading.at),
            "reservation_id": transaction.reservation_id,
        }

        def answered(answer: Fields) -> None:
            info = answer["id_tag_info"]
            transaction.transaction_id = str(answer["transaction_id"])
            transaction.group = transaction.group or info.get("parent_id_tag")
            self._station.transactions.start_answered(transaction, info["status"])

        self._post("StartTransaction", transaction, fields, answered)

    def charging_state_changed(
        self, transaction: Transaction, reading: Reading, state: str
    ) -> None:
        """1.6 tells it by the connector's status."""

    def sampled(self, transaction: Transaction, reading: Reading) -> None:
        fields: Fields = {
            "connector_id": transaction.connector,
            "meter_value": [self._meter_value(reading, self._measurands(reading))],
        }
        self._post("MeterValues", transaction, fields, lambda _: None, sample=True)

    def transaction_stopped(self, transaction: Transaction, reading: Reading) -> None:
        measurands = self._station.settings.ended_measurands
        meter = self._station.connectors[transaction.connector].meter
        history = (transaction.readings[0], reading)
        fields: Fields = {
            "meter_stop": reading.register_wh,
            "timestamp": wire_time(reading.at),
            "reason": transaction.stop_reason,
            "id_tag": transaction.token.uid if transaction.stop_reason == "Local" else None,
            "transaction_data": [self._meter_value(at, measurands, meter) for at in history]
            if measurands
            else None,
        }

        def answered(_: Fields) -> None:
            self._station.transactions.stop_answered(transaction)

        self._post("StopTransaction", transaction, fields, answered)

    def meter_read(self, connector: Connector, reading: Reading) -> None:
        transaction = connector.transaction
        measurands = self._measurands(reading)
        number = None if transaction is None else transaction.transaction_id

        async def tell(endpoint: Endpoint) -> None:
            await endpoint.call(
                "MeterValues",
                connector_id=connector.number,
                transaction_id=None if number is None else int(number),
                meter_value=[self._meter_value(reading, measurands)],
            )

        self._station.link.tell(tell)

    def firmware_status(self, status: str, request_id: int | None, *, signed: bool) -> Said | None:
        if signed:
            fields = {"status": status, "request_id": request_id}
            return "SignedFirmwareStatusNotification", fields
        return ("FirmwareStatusNotification", {"status": status}) if status in PLAIN else None

    def log_status(self, status: str, request_id: int | None, *, diagnostics: bool) -> Said | None:
        if diagnostics:
            word = "UploadFailed" if status in LOG_FAILURES else status
            said = {"status": word}
            return ("DiagnosticsStatusNotification", said) if word in DIAGNOSTICS else None
        if status == "AcceptedCanceled":
            return None  # since 2.0.1
        return "LogStatusNotification", {"status": status, "request_id": request_id}

    def sign_certificate(self, csr: str, use: str) -> Said:
        return "SignCertificate", {"csr": csr}

    # -- how it says it

    def _measurands(self, reading: Reading) -> tuple[str, ...]:
        settings = self._station.settings
        aligned = reading.context == "Sample.Clock"
        return settings.aligned_measurands if aligned else settings.sampled_measurands

    def _post(
        self, action: str, transaction: Transaction, fields: Fields, answered: Any, *,
        sample: bool = False,
    ) -> None:  # fmt: skip
        starts = action == "StartTransaction"

        def complete() -> Fields:
            if starts:
                return fields
            known = transaction.transaction_id
            return {**fields, "transaction_id": NEVER_STARTED if known is None else int(known)}

        self._station.post(
            TransactionMessage(
                action=action,
                transaction=transaction,
                fields=complete,
                answered=answered,
                given_up=lambda: self._station.transactions.message_given_up(action, transaction),
                sample=sample,
            )
        )

    def _tell_status(self, number: int, word: str, fault: str | None) -> None:
        at = wire_time(self._station.timestamps.take())

        async def tell(endpoint: Endpoint) -> None:
            await endpoint.call(
                "StatusNotification",
                connector_id=number,
                error_code=fault or "NoError",
                status=word,
                timestamp=at,
            )

        self._station.link.tell(tell)

    def _main_meter(self) -> str | None:
        """ "the main electrical meter of the Charge Point": where there is but one."""
        meters = [connector.meter for connector in self._station.connectors.values()]
        return meters[0].serial if len(meters) == 1 else None

    def _meter_value(
        self, reading: Reading, measurands: tuple[str, ...], meter: SignedMeter | None = None
    ) -> Fields:
        """With a `meter`, signed too if that is set."""
        values: list[Fields] = [
            {
                "value": str(sample.value),
                "context": reading.context,
                "measurand": sample.measurand,
                "unit": sample.unit,
                "phase": sample.phase,
                "location": sample.location,
            }
            for sample in samples(reading, self._station.rating, measurands)
        ]
        if meter is not None and self._station.settings.sign_readings:
            values.append(self._signed(reading, meter))
        return {"timestamp": wire_time(reading.at), "sampled_value": values}

    def _signed(self, reading: Reading, meter: SignedMeter) -> Fields:
        """2.x's SignedMeterValueType "SHALL be used", as the text of a value (the paper, 3.2.1)."""
        signed = meter.signed_value(reading, self._station.settings.key_with_signed_values)
        return {
            "value": json.dumps({SIGNED_VALUE[name]: text for name, text in signed.items()}),
            "context": reading.context,
            "format": "SignedData",
            "measurand": ENERGY,
            "location": "Outlet",
        }


def _model(station: "SimulatedChargePoint") -> str:
    kind = "DC" if station.rating.direct_current else "AC"
    return f"{kind} {station.rating.most_w // 1000} kW"
