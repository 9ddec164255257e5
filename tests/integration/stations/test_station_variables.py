"""What a CSMS reads, sets, watches and shows at a simulated station: keys, variables, monitors."""

import asyncio
import json
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulators.charge_point import StationSettings

NEWER = ["2.0.1", "2.1"]


def variable(component: str, name: str, **more: Any) -> dict[str, Any]:
    instance, evse = more.pop("instance", None), more.pop("evse", None)
    found: dict[str, Any] = {"component": {"name": component}, "variable": {"name": name}, **more}
    if instance is not None:
        found["variable"]["instance"] = instance
    if evse is not None:
        found["component"]["evse"] = {"id": evse}
    return found


async def get(csms: Any, *asked: dict[str, Any]) -> list[tuple[str, str | None]]:
    answer = await csms.call("GetVariables", {"getVariableData": list(asked)})
    return [
        (one["attributeStatus"], one.get("attributeValue")) for one in answer["getVariableResult"]
    ]


async def put(csms: Any, value: str, asked: dict[str, Any]) -> str:
    data = {"setVariableData": [{**asked, "attributeValue": value}]}
    (result,) = (await csms.call("SetVariables", data))["setVariableResult"]
    return str(result["attributeStatus"])


@pytest.mark.parametrize("version", NEWER)
async def test_variables_are_found_by_component_instance_and_evse(
    csms: Any, station_at: Any, version: str
) -> None:
    """B06; names have no case"""
    async with station_at(csms, version):
        answers = await get(
            csms,
            variable("alignedDataCtrlr", "INTERVAL"),
            variable("OCPPCommCtrlr", "MessageAttempts", instance="TransactionEvent"),
            variable("EVSE", "AvailabilityState", evse=1),
            variable("LocalAuthListCtrlr", "Entries", attributeType="MaxSet"),
            variable("AuthCtrlr", "Enabled", attributeType="MaxSet"),
            variable("AuthCtrlr", "Enabled", attributeType="Target"),
            variable("SecurityCtrlr", "BasicAuthPassword"),
            variable("AuthCtrlr", "Nothing"),
            variable("NothingCtrlr", "Enabled"),
        )
    assert answers == [
        ("Accepted", "0"),
        ("Accepted", "3"),
        ("Accepted", "Available"),
        ("Accepted", "10000"),
        ("NotSupportedAttributeType", None),
        ("NotSupportedAttributeType", None),
        ("Rejected", None),
        ("UnknownVariable", None),
        ("UnknownComponent", None),
    ]


@pytest.mark.parametrize("version", NEWER)
async def test_more_items_than_a_message_may_hold_are_refused(
    csms: Any, station_at: Any, version: str
) -> None:
    """ItemsPerMessage"""
    asked = [variable("AuthCtrlr", "Enabled")] * 3
    async with station_at(csms, version, settings=StationSettings(items_per_message=2)):
        name = variable("DeviceDataCtrlr", "ItemsPerMessage", instance="GetVariables")
        assert await get(csms, name) == [("Accepted", "2")]
        answer = await csms.call("GetVariables", {"getVariableData": asked})
        assert answer == {"error": "OccurrenceConstraintViolation"}


@pytest.mark.parametrize("version", NEWER)
async def test_reports_come_in_parts_and_as_much_as_was_asked_for(
    csms: Any, station_at: Any, version: str
) -> None:
    """B07, B08"""
    only = [{"component": {"name": "LocalAuthListCtrlr"}}]
    async with station_at(csms, version):
        asked = {"requestId": 1, "reportBase": "FullInventory"}
        assert (await csms.call("GetBaseReport", asked))["status"] == "Accepted"
        await csms.until(lambda: any(not part["tbc"] for part in csms.told("NotifyReport")))
        full = csms.told("NotifyReport")
        assert len(full) > 2
        assert [part["seqNo"] for part in full] == list(range(len(full)))
        asked = {"requestId": 2, "componentVariable": only}
        assert (await csms.call("GetReport", asked))["status"] == "Accepted"
        await csms.until(lambda: csms.told("NotifyReport")[-1]["requestId"] == 2)
        names = {
            entry["component"]["name"] for entry in csms.told("NotifyReport")[-1]["reportData"]
        }
        assert names == {"LocalAuthListCtrlr"}
        nothing = {"requestId": 3, "componentVariable": [{"component": {"name": "Nothing"}}]}
        assert (await csms.call("GetReport", nothing))["status"] == "EmptyResultSet"


async def test_keys_of_1_6_have_no_case_and_tell_the_profiles(csms: Any, station_at: Any) -> None:
    async with station_at(csms, "1.6"):
        asked = {"key": ["supportedfeatureprofiles", "NOTHING"]}
        answer = await csms.call("GetConfiguration", asked)
        (key,) = answer["configurationKey"]
        assert set(key["value"].split(",")) >= {"Core", "FirmwareManagement", "RemoteTrigger"}
        assert answer["unknownKey"] == ["NOTHING"]
        change = {"key": "clockaligneddatainterval", "value": "900"}
        assert await csms.call("ChangeConfiguration", change) == {"status": "Accepted"}


@pytest.mark.parametrize("version", ["1.6", *NEWER])
async def test_readings_by_the_clock_come_at_whole_intervals(
    csms: Any, station_at: Any, version: str
) -> None:
    """ClockAlignedDataInterval, AlignedDataCtrlr.Interval: counted from midnight."""

    def aligned() -> list[dict[str, Any]]:
        values = [one for told in csms.told("MeterValues") for one in told["meterValue"]]
        values += [one for told in csms.events("Updated") for one in told.get("meterValue", [])]
        return [one for one in values if one["sampledValue"][0]["context"] == "Sample.Clock"]

    settings = StationSettings(aligned_interval=3600, sample_interval=0)
    async with station_at(csms, version, settings=settings) as station:
        await station.plug_in(1)
        await station.present_token("04A1B2", 1)
        await csms.until(lambda: len(aligned()) >= 4)
    # once in each hour, for each of the two connectors
    assert max(Counter(one["timestamp"][:13] for one in aligned()).values()) <= 2
    for one in aligned():
        assert [sample.get("measurand") for sample in one["sampledValue"]] == [
            "Energy.Active.Import.Register"
        ]
    if version != "1.6":
        triggers = [event["triggerReason"] for event in csms.events("Updated")]
        assert "MeterValueClock" in triggers


async def monitor(csms: Any, asked: dict[str, Any], kind: str, value: float, **more: Any) -> Any:
    data = {**asked, "type": kind, "value": value, "severity": 5, **more}
    answer = await csms.call("SetVariableMonitoring", {"setMonitoringData": [data]})
    return answer["setMonitoringResult"][0]


@pytest.mark.parametrize("version", NEWER)
async def test_a_delta_monitor_tells_each_change_until_it_is_cleared(
    csms: Any, station_at: Any, version: str
) -> None:
    """N04, N06, N07"""
    async with station_at(csms, version) as station:
        state = variable("EVSE", "AvailabilityState", evse=1)
        result = await monitor(csms, state, "Delta", 1)
        assert result["status"] == "Accepted"
        assert (await monitor(csms, state, "Delta", 1))["status"] == "Duplicate"
        await station.plug_in(1)
        await csms.until(lambda: bool(csms.told("NotifyEvent")))
        (event,) = csms.told("NotifyEvent")[0]["eventData"]
        assert (event["actualValue"], event["trigger"]) == ("Occupied", "Delta")
        assert event["variableMonitoringId"] == result["id"]
        clear = {"id": [result["id"], 999]}
        answer = await csms.call("ClearVariableMonitoring", clear)
        statuses = [one["status"] for one in answer["clearMonitoringResult"]]
        assert statuses == ["Accepted", "NotFound"]
        await station.unplug(1)
        await csms.until(
            lambda: csms.told("StatusNotification")[-1]["connectorStatus"] != "Occupied"
        )
        assert len(csms.told("NotifyEvent")) == 1


@pytest.mark.parametrize("version", NEWER)
async def test_a_threshold_is_told_when_it_is_passed_and_when_it_is_left(
    csms: Any, station_at: Any, version: str
) -> None:
    interval = variable("SampledDataCtrlr", "TxUpdatedInterval")
    async with station_at(csms, version):
        await monitor(csms, interval, "UpperThreshold", 100)
        for value in ("90", "120", "130", "60"):
            assert await put(csms, value, interval) == "Accepted"
        await csms.until(lambda: len(csms.told("NotifyEvent")) == 2)
    events = [told["eventData"][0] for told in csms.told("NotifyEvent")]
    assert [one["actualValue"] for one in events] == ["120", "60"]
    assert [one.get("cleared", False) for one in events] == [False, True]


@pytest.mark.parametrize("version", NEWER)
async def test_monitors_are_refused_reported_and_silenced(
    csms: Any, station_at: Any, version: str
) -> None:
    """N02, N05, N08"""
    interval = variable("SampledDataCtrlr", "TxUpdatedInterval")
    async with station_at(csms, version):
        unknown = await monitor(csms, variable("Nothing", "X"), "Delta", 1)
        assert unknown["status"] == "UnknownComponent"
        state = variable("EVSE", "AvailabilityState", evse=1)
        assert (await monitor(csms, state, "UpperThreshold", 1))["status"] == (
            "UnsupportedMonitorType"
        )
        empty = await csms.call("GetMonitoringReport", {"requestId": 1})
        assert empty["status"] == "EmptyResultSet"
        await monitor(csms, interval, "UpperThreshold", 100)
        asked = {"requestId": 2, "monitoringCriteria": ["ThresholdMonitoring"]}
        assert (await csms.call("GetMonitoringReport", asked))["status"] == "Accepted"
        await csms.until(lambda: bool(csms.told("NotifyMonitoringReport")))
        assert await csms.call("SetMonitoringLevel", {"severity": 3}) == {"status": "Accepted"}
        await put(csms, "120", interval)
        await csms.call("SetMonitoringBase", {"monitoringBase": "FactoryDefault"})
        again = await csms.call("GetMonitoringReport", {"requestId": 3})
        assert again["status"] == "EmptyResultSet"
    (told,) = csms.told("NotifyMonitoringReport")
    assert told["monitor"][0]["variableMonitoring"][0]["value"] == 100
    assert csms.told("NotifyEvent") == []


def message(number: int, **more: Any) -> dict[str, Any]:
    content = {"format": "UTF8", "content": "Welcome"}
    return {"id": number, "priority": "NormalCycle", "message": content, **more}


@pytest.mark.parametrize("version", NEWER)
async def test_display_messages_are_shown_listed_and_cleared(
    csms: Any, station_at: Any, version: str
) -> None:
    """O01 to O06"""
    html = {"format": "HTML", "content": "<b>"}
    async with station_at(csms, version):
        for number in (1, 2):
            shown = await csms.call("SetDisplayMessage", {"message": message(number)})
            assert shown == {"status": "Accepted"}
        wrong = await csms.call("SetDisplayMessage", {"message": message(3, message=html)})
        assert wrong == {"status": "NotSupportedMessageFormat"}
        about = {"message": message(4, transactionId="nothing")}
        assert await csms.call("SetDisplayMessage", about) == {"status": "UnknownTransaction"}
        assert await csms.call("GetDisplayMessages", {"requestId": 9}) == {"status": "Accepted"}
        await csms.until(lambda: bool(csms.told("NotifyDisplayMessages")))
        assert await csms.call("ClearDisplayMessage", {"id": 1}) == {"status": "Accepted"}
        assert await csms.call("ClearDisplayMessage", {"id": 1}) == {"status": "Unknown"}
    (told,) = csms.told("NotifyDisplayMessages")
    assert [one["id"] for one in told["messageInfo"]] == [1, 2]


@pytest.mark.parametrize("version", NEWER)
async def test_the_cost_of_a_session_is_shown(csms: Any, station_at: Any, version: str) -> None:
    """I02"""
    shown: list[Any] = []
    async with station_at(csms, version, on_event=shown.append) as station:
        cost = {"totalCost": 3.5, "transactionId": "T1"}
        assert await csms.call("CostUpdated", cost) == {}
        assert station.display.costs == {"T1": 3.5}
    assert [event.fields for event in shown if event.name == "cost_shown"] == [
        {"transaction_id": "T1", "total_cost": "3.5"}
    ]


async def test_a_1_6_display_understands_the_cost_messages(csms: Any, station_at: Any) -> None:
    """The OCA's application note on cost and price for 1.6."""
    vendor = "org.openchargealliance.costmsg"

    def transfer(message_id: str, data: str, vendor_id: str = vendor) -> tuple[str, dict[str, str]]:
        return "DataTransfer", {"vendorId": vendor_id, "messageId": message_id, "data": data}

    running = json.dumps({"transactionId": 7, "cost": 1.25, "state": "Charging"})
    async with station_at(csms, "1.6") as station:
        assert await csms.call(*transfer("RunningCost", running)) == {"status": "Accepted"}
        assert station.display.costs == {"7": Decimal("1.25")}
        assert await csms.call(*transfer("RunningCost", "{}")) == {"status": "Rejected"}
        assert await csms.call(*transfer("Other", "{}")) == {"status": "UnknownMessageId"}
        other = transfer("RunningCost", running, "com.example")
        assert await csms.call(*other) == {"status": "UnknownVendorId"}


@pytest.mark.parametrize("version", NEWER)
async def test_customer_information_is_told_and_then_forgotten(
    csms: Any, station_at: Any, version: str
) -> None:
    """N09, N10"""
    who = {"idToken": {"idToken": "04A1B2", "type": "ISO14443"}, "report": True}
    async with station_at(csms, version) as station:
        await station.charge(1, "04A1B2", energy_wh=100)
        for number, clear in ((1, True), (2, False)):
            asked = {"requestId": number, "clear": clear, **who}
            assert await csms.call("CustomerInformation", asked) == {"status": "Accepted"}
        nobody = {"requestId": 3, "clear": False, "report": True}
        assert await csms.call("CustomerInformation", nobody) == {"status": "Invalid"}
        await csms.until(lambda: len(csms.told("NotifyCustomerInformation")) == 2)
    first, second = csms.told("NotifyCustomerInformation")
    assert "connector 1" in first["data"]
    assert second["data"] == ""


async def test_tariffs_of_2_1_are_kept_told_and_cleared(csms: Any, station_at: Any) -> None:
    tariff = {"tariffId": "T1", "currency": "EUR"}
    async with station_at(csms, "2.1") as station:
        asked = {"evseId": 0, "tariff": tariff}
        assert await csms.call("SetDefaultTariff", asked) == {"status": "Accepted"}
        answer = await csms.call("GetTariffs", {"evseId": 1})
        assert answer["tariffAssignments"] == [
            {"tariffId": "T1", "tariffKind": "DefaultTariff", "evseIds": [1, 2]}
        ]
        change = {"transactionId": "nothing", "tariff": tariff}
        assert await csms.call("ChangeTransactionTariff", change) == {"status": "TxNotFound"}
        await station.plug_in(1)
        await station.present_token("04A1B2", 1)
        running = station.connectors[1].transaction
        change = {"transactionId": running.transaction_id, "tariff": tariff}
        assert await csms.call("ChangeTransactionTariff", change) == {"status": "Accepted"}
        dollars = {**tariff, "currency": "USD"}
        change = {"transactionId": running.transaction_id, "tariff": dollars}
        assert await csms.call("ChangeTransactionTariff", change) == {"status": "NoCurrencyChange"}
        cleared = await csms.call("ClearTariffs", {"tariffIds": ["T1", "T2"]})
        statuses = {one["tariffId"]: one["status"] for one in cleared["clearTariffsResult"]}
        assert statuses == {"T1": "Accepted", "T2": "NoTariff"}
        assert (await csms.call("GetTariffs", {"evseId": 1}))["status"] == "NoTariff"


async def test_a_whole_2_1_session_is_told_as_transaction_events(
    csms: Any, station_at: Any
) -> None:
    async with station_at(csms, "2.1") as station:
        transaction = await station.charge(1, "04A1B2", energy_wh=5_000)
        await station.until_acknowledged(transaction)
    (started,), (ended,) = csms.events("Started"), csms.events("Ended")
    assert started["idToken"] == {"idToken": "04A1B2", "type": "ISO14443"}
    assert ended["transactionInfo"]["stoppedReason"] == "Local"
    assert transaction.energy_wh == 5_000


async def test_a_fleet_mixes_three_versions(csms: Any) -> None:
    """On the command line: --v21 of the count, --ocpp for a single one."""
    command = ["fleet", "--count", "3", "--v21", "1", "--tokens", "AA", "--sessions", "1"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulators", *command,
        "--url", csms.url, "--time-scale", "3600", "--json",
        cwd=Path(__file__).parents[3],
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    events = [json.loads(line) for line in output.splitlines()]
    ended = {event["version"] for event in events if event["event"] == "transaction_stopped"}
    assert process.returncode == 0
    assert ended == {"1.6", "2.0.1", "2.1"}
