"""Our requests in each version's words: they pass the schemas, and the answers are read."""

from datetime import UTC, datetime
from typing import Any

import pytest
from ocpp.v16 import enums as v16_enums
from ocpp.v201 import enums as v201_enums

from gateway.domain.commands import Command, CommandOutcome
from gateway.domain.diagnostics import (
    ClearVariableMonitoring,
    CustomerInformation,
    GetDiagnostics,
    GetLog,
    GetMonitoringReport,
    LogType,
    SetMonitoringBase,
    SetMonitoringLevel,
    SetVariableMonitoring,
)
from gateway.domain.firmware import PublishFirmware, UnpublishFirmware, UpdateFirmware
from gateway.ocpp import v16, v21, v201
from gateway.ocpp.v16 import diagnostics as v16_diagnostics
from gateway.ocpp.v16 import firmware as v16_firmware
from gateway.ocpp.v201 import diagnostics as v201_diagnostics
from gateway.ocpp.v201 import firmware as v201_firmware

AT = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
URL = "https://gw.example/files/u/ticket"
MONITOR = {
    "value": 1,
    "type": "UpperThreshold",
    "severity": 5,
    "component": {"name": "EVSE"},
    "variable": {"name": "Power"},
}
COMMANDS: list[Command] = [
    UpdateFirmware(7, URL, AT),
    UpdateFirmware(7, URL, AT, AT, "pem", "c2ln", 3, 60),
    GetLog(7, LogType.SECURITY, URL, AT, AT, 3, 60),
    GetLog(7, LogType.DIAGNOSTICS, URL),
    GetDiagnostics(7, URL, AT, AT, 3, 60),
    GetDiagnostics(7, URL),
]
LATER: list[Command] = [
    PublishFirmware(7, URL, "0" * 32, 3, 60),
    UnpublishFirmware("0" * 32),
    CustomerInformation(7, True, True, id_token="DEADBEEF", token_type="ISO14443"),
    CustomerInformation(7, False, True, customer_identifier="OCA"),
    GetMonitoringReport(7),
    GetMonitoringReport(7, ["DeltaMonitoring"], [{"component": {"name": "EVSE"}}]),
    SetMonitoringBase("All"),
    SetMonitoringLevel(5),
    SetVariableMonitoring([MONITOR]),
    ClearVariableMonitoring([1, 2]),
]
CASES = [
    *[(v16.DIALECT, command) for command in COMMANDS],
    *[(v201.DIALECT, command) for command in COMMANDS + LATER],
    *[(v21.DIALECT, command) for command in COMMANDS + LATER],
]


@pytest.mark.parametrize(
    ("dialect", "command"), CASES, ids=lambda one: getattr(one, "subprotocol", type(one).__name__)
)
def test_every_request_passes_its_schema(dialect: Any, command: Command) -> None:
    asked = dialect.asks[type(command)](command)
    assert dialect.schemas.request(asked.action).faults(asked.payload) == []


def asked_of(dialect: Any, command: Command) -> Any:
    return dialect.asks[type(command)](command)


def test_1_6_says_signed_and_unsigned_updates_with_different_messages() -> None:
    """White paper L01 and 1.6, 6.55."""
    unsigned = asked_of(v16.DIALECT, UpdateFirmware(7, URL, AT))
    signed = asked_of(v16.DIALECT, UpdateFirmware(7, URL, AT, None, "pem", "c2ln"))
    assert (unsigned.action, signed.action) == ("UpdateFirmware", "SignedUpdateFirmware")
    assert signed.payload["firmware"]["signingCertificate"] == "pem"
    assert unsigned.read({}).accepted


@pytest.mark.parametrize("dialect", [v201.DIALECT, v21.DIALECT], ids=["2.0.1", "2.1"])
def test_an_update_may_be_scheduled(dialect: Any) -> None:
    """TC_L_02_CSMS: installDateTime, TC_L_03_CSMS: retrieveDateTime in the future."""
    later = datetime(2030, 1, 1, tzinfo=UTC)
    firmware = asked_of(dialect, UpdateFirmware(7, URL, AT, later)).payload["firmware"]
    assert firmware == {
        "location": URL,
        "retrieveDateTime": "2026-03-01T10:00:00.000Z",
        "installDateTime": "2030-01-01T00:00:00.000Z",
    }


@pytest.mark.parametrize("command", LATER, ids=lambda one: type(one).__name__)
def test_1_6_has_no_words_for_what_came_later(command: Command) -> None:
    assert type(command) not in v16.DIALECT.asks


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (v16_firmware.UPDATE_OUTCOMES, v16_enums.UpdateFirmwareStatus),
        (v16_diagnostics.LOG_OUTCOMES, v16_enums.LogStatus),
        (v201_firmware.UPDATE_OUTCOMES, v201_enums.UpdateFirmwareStatusEnumType),
        (v201_firmware.PUBLISH_OUTCOMES, v201_enums.GenericStatusEnumType),
        (v201_firmware.UNPUBLISH_OUTCOMES, v201_enums.UnpublishFirmwareStatusEnumType),
        (v201_diagnostics.LOG_OUTCOMES, v201_enums.LogStatusEnumType),
        (v201_diagnostics.CUSTOMER_OUTCOMES, v201_enums.CustomerInformationStatusEnumType),
        (v201_diagnostics.MONITORING_OUTCOMES, v201_enums.GenericDeviceModelStatusEnumType),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_every_word_of_an_answer_has_an_outcome(table: Any, words: Any) -> None:
    assert set(table) == {str(word.value) for word in words}
    assert table.get("Accepted", CommandOutcome.ACCEPTED) is CommandOutcome.ACCEPTED


@pytest.mark.parametrize("dialect", [v16.DIALECT, v201.DIALECT], ids=["1.6", "2.0.1"])
def test_the_answer_to_getlog_names_the_file(dialect: Any) -> None:
    read = asked_of(dialect, GetLog(7, LogType.SECURITY, URL)).read
    reply = read({"status": "AcceptedCanceled", "filename": "sec.log"})
    assert (reply.accepted, reply.status) == (True, "AcceptedCanceled")
    assert reply.data == {"file_name": "sec.log"}
    assert read({"status": "Rejected"}).outcome is CommandOutcome.REJECTED


def test_one_monitor_that_is_refused_is_what_counts() -> None:
    read = asked_of(v201.DIALECT, SetVariableMonitoring([MONITOR])).read
    results = [{"status": "Accepted"}, {"status": "Duplicate"}]
    reply = read({"setMonitoringResult": results})
    assert (reply.outcome, reply.status) == (CommandOutcome.REJECTED, "Duplicate")
    assert reply.data == {"results": results}
