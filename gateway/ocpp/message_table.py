"""Every message of every OCPP version, and what the gateway does with it.

`TABLE` holds the rows by subprotocol. Tests hold it to the schemas, to the routes and commands of
the dialects, and to what is seen on a socket. `python -m gateway.ocpp.message_table` prints
docs/ocpp-messages.md.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """Who begins it."""

    FROM_STATION = "from the station"
    FROM_US = "from us"
    BOTH = "both ways"


@dataclass(frozen=True, slots=True)
class Row:
    """One message of one version.

    `block` is the profile of 1.6 or the functional block of 2.x. `does` says what happens when
    it arrives; `kept` names the stream that it can be read from afterwards. `typed` are the
    commands that services say with it; everything from us goes through `/calls` too. `confirmed`
    is False for 2.1's SEND, which has no response.
    """

    action: str
    block: str
    direction: Direction
    does: str = ""
    kept: str | None = None
    typed: tuple[str, ...] = ()
    confirmed: bool = True

    @property
    def is_received(self) -> bool:
        """Whether stations begin it."""
        return self.direction is not Direction.FROM_US

    @property
    def is_sent(self) -> bool:
        """Whether we may begin it."""
        return self.direction is not Direction.FROM_STATION


def _received(action: str, block: str, does: str, *, confirmed: bool = True) -> Row:
    return Row(action, block, Direction.FROM_STATION, does, confirmed=confirmed)


def _kept(action: str, block: str, does: str = "", *, confirmed: bool = True) -> Row:
    return Row(action, block, Direction.FROM_STATION, does, kept=action, confirmed=confirmed)


def _sent(action: str, block: str, *typed: str) -> Row:
    return Row(action, block, Direction.FROM_US, typed=typed)


CORE, FIRMWARE, LOCAL_LIST = "Core", "Firmware Management", "Local Auth List Management"
RESERVATION, SMART_CHARGING, TRIGGER = "Reservation", "Smart Charging", "Remote Trigger"
SECURITY = "Security white paper"

V16: tuple[Row, ...] = (
    _received("Authorize", CORE, "answers who may charge: own tokens, then the partners'"),
    _received("BootNotification", CORE, "registers vendor and model, sets the clock, provisions"),
    Row(
        "DataTransfer",
        CORE,
        Direction.BOTH,
        "goes to the vendor's handler",
        kept="DataTransfer",
        typed=("TransferData", "ShowPrice", "ShowRunningCost", "ShowFinalCost"),
    ),
    _received("Heartbeat", CORE, "sets the clock"),
    _received("MeterValues", CORE, "meters the transaction; without one, kept in meter_values"),
    _received("StartTransaction", CORE, "opens a transaction"),
    _received("StatusNotification", CORE, "sets the connector's status"),
    _received("StopTransaction", CORE, "ends a transaction and bills it"),
    _kept("DiagnosticsStatusNotification", FIRMWARE, "follows the upload to its end"),
    _kept("FirmwareStatusNotification", FIRMWARE, "follows the update to its end"),
    _kept("LogStatusNotification", SECURITY, "follows the upload to its end"),
    Row(
        "SecurityEventNotification",
        SECURITY,
        Direction.FROM_STATION,
        "stored and confirmed, whatever its type",
        kept="security-events",
    ),
    _received(
        "SignCertificate", SECURITY, "checked, signed by the authority that is set, or refused"
    ),
    _kept("SignedFirmwareStatusNotification", SECURITY, "follows the update to its end"),
    _sent("ChangeAvailability", CORE, "ChangeAvailability"),
    _sent("ChangeConfiguration", CORE, "WriteSettings", "SetPassword", "SetSecurityProfile"),
    _sent("ClearCache", CORE, "ClearCache"),
    _sent("GetConfiguration", CORE, "ReadSettings"),
    _sent("RemoteStartTransaction", CORE, "RemoteStart"),
    _sent("RemoteStopTransaction", CORE, "RemoteStop"),
    _sent("Reset", CORE, "Reset"),
    _sent("UnlockConnector", CORE, "UnlockConnector"),
    _sent("GetDiagnostics", FIRMWARE, "GetDiagnostics"),
    _sent("UpdateFirmware", FIRMWARE, "UpdateFirmware"),
    _sent("GetLocalListVersion", LOCAL_LIST, "GetLocalListVersion"),
    _sent("SendLocalList", LOCAL_LIST, "SendLocalList"),
    _sent("CancelReservation", RESERVATION, "CancelReservation"),
    _sent("ReserveNow", RESERVATION, "ReserveNow"),
    _sent("ClearChargingProfile", SMART_CHARGING, "ClearChargingProfile"),
    _sent("GetCompositeSchedule", SMART_CHARGING, "GetCompositeSchedule"),
    _sent("SetChargingProfile", SMART_CHARGING, "SetChargingProfile"),
    _sent("TriggerMessage", TRIGGER, "TriggerMessage"),
    _sent("CertificateSigned", SECURITY, "SendCertificate"),
    _sent("DeleteCertificate", SECURITY, "DeleteCertificate"),
    _sent("ExtendedTriggerMessage", SECURITY, "RequestCertificateSigning", "TriggerMessage"),
    _sent("GetInstalledCertificateIds", SECURITY, "ListCertificates"),
    _sent("GetLog", SECURITY, "GetLog"),
    _sent("InstallCertificate", SECURITY, "InstallCertificate"),
    _sent("SignedUpdateFirmware", SECURITY, "UpdateFirmware"),
)

A, B, C, D = "A Security", "B Provisioning", "C Authorization", "D Local Authorization List"
E, F, G, H = "E Transactions", "F Remote Control", "G Availability", "H Reservation"
I, J, K, L = "I Tariff and Cost", "J Metering", "K Smart Charging", "L Firmware Management"  # noqa: E741 - the blocks' own letters
M, N, O, P = "M Certificates", "N Diagnostics", "O Display Message", "P Data Transfer"  # noqa: E741
Q, R, S = "Q Bidirectional Power Transfer", "R DER Control", "S Battery Swapping"

REPORT = "parts put together, readable at `reports`"

V201: tuple[Row, ...] = (
    Row(
        "SecurityEventNotification",
        A,
        Direction.FROM_STATION,
        "stored and confirmed, whatever its type",
        kept="security-events",
    ),
    _received("SignCertificate", A, "checked, signed by the authority that is set, or refused"),
    _sent("CertificateSigned", A, "SendCertificate"),
    _received("BootNotification", B, "registers vendor and model, sets the clock, provisions"),
    _received("NotifyReport", B, f"makes up the device model; {REPORT}"),
    _sent("GetBaseReport", B, "RequestBaseReport"),
    _sent("GetReport", B),
    _sent("GetVariables", B, "ReadSettings"),
    _sent("Reset", B, "Reset"),
    _sent("SetNetworkProfile", B, "OfferNetworkProfile"),
    _sent("SetVariables", B, "WriteSettings", "SetPassword"),
    _received("Authorize", C, "answers who may charge: own tokens, then the partners'"),
    _sent("ClearCache", C, "ClearCache"),
    _sent("GetLocalListVersion", D, "GetLocalListVersion"),
    _sent("SendLocalList", D, "SendLocalList"),
    _received("TransactionEvent", E, "opens, meters or ends a transaction; the end is billed"),
    _sent("GetTransactionStatus", E),
    _sent("RequestStartTransaction", F, "RemoteStart"),
    _sent("RequestStopTransaction", F, "RemoteStop"),
    _sent("TriggerMessage", F, "TriggerMessage", "RequestCertificateSigning"),
    _sent("UnlockConnector", F, "UnlockConnector"),
    _received("Heartbeat", G, "sets the clock"),
    _received("StatusNotification", G, "sets the connector's status"),
    _sent("ChangeAvailability", G, "ChangeAvailability"),
    _received("ReservationStatusUpdate", H, "ends the reservation"),
    _sent("CancelReservation", H, "CancelReservation"),
    _sent("ReserveNow", H, "ReserveNow"),
    _sent("CostUpdated", I, "ShowRunningCost"),
    _received("MeterValues", J, "kept in meter_values: they belong to no transaction"),
    _kept("ClearedChargingLimit", K, "ends an outside limit"),
    _kept("NotifyChargingLimit", K, "an outside limit, readable at `charging-limits`"),
    _kept("NotifyEVChargingNeeds", K),
    _kept("NotifyEVChargingSchedule", K),
    _received("ReportChargingProfiles", K, f"ends its operation; {REPORT}"),
    _sent("ClearChargingProfile", K, "ClearChargingProfile"),
    _sent("GetChargingProfiles", K, "GetChargingProfiles"),
    _sent("GetCompositeSchedule", K, "GetCompositeSchedule"),
    _sent("SetChargingProfile", K, "SetChargingProfile"),
    _kept("FirmwareStatusNotification", L, "follows the update to its end"),
    _kept("PublishFirmwareStatusNotification", L, "follows the update to its end"),
    _sent("PublishFirmware", L, "PublishFirmware"),
    _sent("UnpublishFirmware", L, "UnpublishFirmware"),
    _sent("UpdateFirmware", L, "UpdateFirmware"),
    _received("Get15118EVCertificate", M, "answered by the operator's hook, else Failed"),
    _received("GetCertificateStatus", M, "the OCSP responder that it names is asked"),
    _sent("DeleteCertificate", M, "DeleteCertificate"),
    _sent("GetInstalledCertificateIds", M, "ListCertificates", "ListAllCertificates"),
    _sent("InstallCertificate", M, "InstallCertificate"),
    _kept("LogStatusNotification", N, "follows the upload to its end"),
    _received("NotifyCustomerInformation", N, REPORT),
    _kept("NotifyEvent", N, "takes the states of connectors"),
    _received("NotifyMonitoringReport", N, REPORT),
    _sent("ClearVariableMonitoring", N, "ClearVariableMonitoring"),
    _sent("CustomerInformation", N, "CustomerInformation"),
    _sent("GetLog", N, "GetLog", "GetDiagnostics"),
    _sent("GetMonitoringReport", N, "GetMonitoringReport"),
    _sent("SetMonitoringBase", N, "SetMonitoringBase"),
    _sent("SetMonitoringLevel", N, "SetMonitoringLevel"),
    _sent("SetVariableMonitoring", N, "SetVariableMonitoring"),
    _received("NotifyDisplayMessages", O, f"ends its operation; {REPORT}"),
    _sent("ClearDisplayMessage", O, "ClearDisplayMessage"),
    _sent("GetDisplayMessages", O, "GetDisplayMessages"),
    _sent("SetDisplayMessage", O, "SetDisplayMessage"),
    Row(
        "DataTransfer",
        P,
        Direction.BOTH,
        "goes to the vendor's handler",
        kept="DataTransfer",
        typed=("TransferData",),
    ),
)

V21: tuple[Row, ...] = (
    *V201,
    _kept("NotifySettlement", C, "answered with the receipt of the operator's hook"),
    _kept("VatNumberValidation", C, "answered by the operator's hook; rejected without one"),
    _sent("NotifyWebPaymentStarted", C, "NotifyWebPayment"),
    _sent("ChangeTransactionTariff", I),
    _sent("ClearTariffs", I, "ClearTariffs"),
    _sent("GetTariffs", I, "GetTariffs"),
    _sent("SetDefaultTariff", I, "SetDefaultTariff"),
    _kept("NotifyPriorityCharging", K),
    _kept("PullDynamicScheduleUpdate", K, "rejected: no dynamic profile is kept here"),
    _sent("UpdateDynamicSchedule", K),
    _sent("UsePriorityCharging", K, "UsePriorityCharging"),
    _received("GetCertificateChainStatus", M, "OCSP responders are asked; CRLs are Failed"),
    _kept("ClosePeriodicEventStream", N),
    _kept("NotifyPeriodicEventStream", N, "SEND: no response", confirmed=False),
    _kept("OpenPeriodicEventStream", N, "accepted"),
    _sent("AdjustPeriodicEventStream", N),
    _sent("GetPeriodicEventStream", N),
    _sent("AFRRSignal", Q),
    _sent("NotifyAllowedEnergyTransfer", Q),
    _kept("NotifyDERAlarm", R),
    _kept("NotifyDERStartStop", R),
    _kept("ReportDERControl", R),
    _sent("ClearDERControl", R),
    _sent("GetDERControl", R),
    _sent("SetDERControl", R),
    _kept("BatterySwap", S),
    _sent("RequestBatterySwap", S),
)

TABLE: Mapping[str, tuple[Row, ...]] = {"ocpp1.6": V16, "ocpp2.0.1": V201, "ocpp2.1": V21}

_PREFACE = """\
# OCPP messages

Every message of OCPP 1.6 (with the security white paper), 2.0.1 and 2.1, and what the gateway
does with it. Generated from `gateway/ocpp/message_table.py`; a test holds each line to the code.

- *Kept* messages are read with `GET /api/v1/charge-points/{identity}/kept/{stream}`: the last
  thousand of each stream. `GET .../kept` lists the streams.
- Everything *from us* can be sent by the operator with
  `POST /api/v1/charge-points/{identity}/calls`. Where a command is named, services of the gateway
  send it too.
- A SEND has no response, not even an error. OCPP 2.1 has none that goes from us to a station.
- A CALLRESULTERROR (2.1) of a station about an answer of ours is kept in `call_result_errors`. We
  send one when a station's answer breaks its schema, and hand the answer on all the same.
"""


def _lines() -> Iterator[tuple[Row, list[str]]]:
    """Each distinct row once, with the versions that have it."""
    versions: dict[Row, list[str]] = {}
    for subprotocol, rows in TABLE.items():
        for row in rows:
            versions.setdefault(row, []).append(subprotocol.removeprefix("ocpp"))
    yield from versions.items()


def _effect(row: Row) -> str:
    said = [row.does] if row.does else []
    if row.kept is not None:
        said.append(f"kept in `{row.kept}`")
    if row.typed:
        said.append("typed: " + ", ".join(f"`{name}`" for name in row.typed))
    if row.is_sent:
        said.append("through `/calls`")
    return "; ".join(said)


def _section(title: str, lines: Iterable[tuple[Row, list[str]]]) -> str:
    table = [
        f"## {title}\n",
        "| message | version | begun | block or profile | what the gateway does |",
        "|---|---|---|---|---|",
    ]
    for row, versions in sorted(lines, key=lambda line: (line[0].action, line[1])):
        cells = (row.action, ", ".join(versions), row.direction.value, row.block, _effect(row))
        table.append(f"| {' | '.join(cells)} |")
    return "\n".join(table) + "\n"


def page() -> str:
    """docs/ocpp-messages.md."""
    lines = list(_lines())
    received = _section("Begun by the station", (line for line in lines if line[0].is_received))
    sent = _section("Begun by us", (line for line in lines if not line[0].is_received))
    return "\n".join((_PREFACE, received, sent))


if __name__ == "__main__":
    sys.stdout.write(page())
