"""A station's first minutes over a real socket: boots, settings, device model, reports."""

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateway.ocpp import v16, v201
from gateway.ocpp.message_table import TABLE, Direction

SUBPROTOCOLS = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1", "2.1": "ocpp2.1"}
VERSIONS = ["1.6", "2.0.1", "2.1"]
THRESHOLD = "OCPPCommCtrlr.OfflineThreshold"
MONITOR = [
    {
        "component": {"name": "Connector"},
        "variable": {"name": "Temperature"},
        "variableMonitoring": [
            {"id": 1, "transaction": False, "value": 70, "type": "UpperThreshold", "severity": 5}
        ],
    }
]
MESSAGE = [
    {"id": 1, "priority": "NormalCycle", "message": {"format": "UTF8", "content": "Welcome"}}
]
DIALECTS = {"1.6": v16.DIALECT, "2.0.1": v201.DIALECT}
# what stations begin, as the message table has it
STATIONS_CALLS = {
    version: {
        row.action
        for row in TABLE[dialect.subprotocol]
        if row.direction is not Direction.FROM_US and row.action != "BootNotification"
    }
    for version, dialect in DIALECTS.items()
}
SAMPLES = {"1.6": "MeterValueSampleInterval", "2.0.1": "SampledDataCtrlr.TxUpdatedInterval"}


@dataclass
class ScriptedStation:
    """A station that answers what the gateway asks, from the settings that it has.

    `parts` are the parts of its inventory, as (seqNo, tbc, reportData).
    """

    socket: ClientConnection
    settings: dict[str, str] = field(default_factory=dict)
    parts: list[tuple[int, bool, list[Any]]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    boots_when_triggered: bool = True
    boots: list[dict[str, Any]] = field(default_factory=list)
    _waiting: dict[str, asyncio.Future[list[Any]]] = field(default_factory=dict)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _numbers: int = 0

    async def __aenter__(self):
        self._tasks.append(asyncio.create_task(self._read()))
        return self

    async def __aexit__(self, *_):
        await self.socket.close()
        for task in self._tasks:
            with contextlib.suppress(ConnectionClosed, ConnectionAbortedError):
                await task

    @property
    def is_16(self):
        return self.socket.subprotocol == "ocpp1.6"

    def actions(self):
        return [action for action, _ in self.asked]

    async def call(self, action, payload):
        self._numbers += 1
        message_id = f"m{self._numbers}"
        self._waiting[message_id] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(10):
            return await self._waiting[message_id]

    async def boot(self, firmware="1.0"):
        if self.is_16:
            body = {
                "chargePointVendor": "ACME",
                "chargePointModel": "X",
                "firmwareVersion": firmware,
            }
        else:
            station = {"vendorName": "ACME", "model": "X", "firmwareVersion": firmware}
            body = {"reason": "PowerUp", "chargingStation": station}
        answer = await self.call("BootNotification", body)
        assert answer[0] == 3, answer
        self.boots.append(answer[2])
        return answer[2]

    async def _read(self):
        with contextlib.suppress(ConnectionClosed):
            async for text in self.socket:
                frame = json.loads(text)
                if frame[0] != 2:
                    self._waiting.pop(frame[1]).set_result(frame)
                else:
                    await self._answer(*frame[1:])
        for answer in self._waiting.values():  # nobody answers any more
            answer.set_exception(ConnectionAbortedError())

    async def _answer(self, message_id, action, payload):
        self.asked.append((action, payload))
        answer = getattr(self, f"_{action.lower()}", lambda _: None)(payload)
        if answer is None:
            frame = [4, message_id, "NotImplemented", "", {}]
        else:
            frame = [3, message_id, answer]
        await self.socket.send(json.dumps(frame))
        if action == "TriggerMessage" and self.boots_when_triggered:
            self._tasks.append(asyncio.create_task(self._boot_again()))
        if action == "GetBaseReport":
            self._tasks.append(asyncio.create_task(self.report(payload["requestId"])))

    async def _boot_again(self):
        await self.boot()

    async def report(self, request_id):
        for seq_no, more, data in self.parts:
            part = {"requestId": request_id, "generatedAt": "2026-03-01T10:00:00Z", "seqNo": seq_no}
            body = {**part, "tbc": more, **({"reportData": data} if data else {})}
            assert (await self.call("NotifyReport", body))[0] == 3

    def _getconfiguration(self, payload):
        names = payload.get("key", list(self.settings))
        known = [
            {"key": name, "readonly": False, "value": self.settings[name]}
            for name in names
            if name in self.settings
        ]
        return {
            "configurationKey": known,
            "unknownKey": [name for name in names if name not in self.settings],
        }

    def _changeconfiguration(self, payload):
        if payload["value"] == "refused":
            return {"status": "Rejected"}
        self.settings[payload["key"]] = payload["value"]
        return {"status": "Accepted"}

    def _getvariables(self, payload):
        return {"getVariableResult": [self._got(one) for one in payload["getVariableData"]]}

    def _got(self, one):
        name = _spelled(one)
        shape = {"component": one["component"], "variable": one["variable"]}
        if name not in self.settings:
            return {**shape, "attributeStatus": "UnknownVariable"}
        return {**shape, "attributeStatus": "Accepted", "attributeValue": self.settings[name]}

    def _setvariables(self, payload):
        results = []
        for one in payload["setVariableData"]:
            shape = {"component": one["component"], "variable": one["variable"]}
            refused = one["attributeValue"] == "refused"
            if not refused:
                self.settings[_spelled(one)] = one["attributeValue"]
            word = "Rejected" if refused else "Accepted"
            results.append({**shape, "attributeStatus": word})
        return {"setVariableResult": results}

    def _getbasereport(self, payload):
        return {"status": "Accepted"}

    def _triggermessage(self, payload):
        return {"status": "Accepted"}


def _spelled(one):
    component, variable = one["component"], one["variable"]
    instance = f"[{variable['instance']}]" if "instance" in variable else ""
    return f"{component['name']}.{variable['name']}{instance}"


def inventory(name, value):
    component, variable = name.split(".")
    return {
        "component": {"name": component},
        "variable": {"name": variable},
        "variableAttribute": [{"value": value, "mutability": "ReadWrite"}],
        "variableCharacteristics": {"dataType": "integer", "supportsMonitoring": False},
    }


@pytest.fixture
def station(scene, credentials):
    """Connect a station that is registered with these fields."""

    @contextlib.asynccontextmanager
    async def connected(version, settings=(), parts=(), **fields):
        await scene.register_charger("CP1", tariff=None, **fields)
        async with (
            connect(
                scene.gateway.addresses.ocpp + "CP1",
                subprotocols=[SUBPROTOCOLS[version]],
                additional_headers=credentials("CP1"),
                compression=None,
                proxy=None,
            ) as socket,
            ScriptedStation(socket, dict(settings), list(parts)) as one,
        ):
            yield one

    return connected


async def until_settings(scene):
    """Wait until the settings were seen to; returns them by name."""
    shown = {}

    async def are_there():
        answer = await scene.get("charge-points/CP1/settings")
        shown.clear()
        shown.update({one["name"]: one for one in answer["settings"]})
        return answer["at"] is not None

    await scene.until(are_there)
    return shown


async def until_boots(scene, one, count):
    async def have_come():
        return len(one.boots) == count

    await scene.until(have_come)


# --- boots ---------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_registered_station_is_accepted_with_the_gateways_interval(station, version):
    """TC_B_01_CSMS"""
    async with station(version) as one:
        answer = await one.boot()

    assert (answer["status"], answer["interval"]) == ("Accepted", 300)
    assert answer["currentTime"].endswith("Z")


async def test_a_charge_point_may_have_a_heartbeat_interval_of_its_own(station, version):
    async with station(version, heartbeat_interval=77) as one:
        assert (await one.boot())["interval"] == 77


async def test_a_pending_station_is_accepted_when_its_settings_were_seen_to(
    scene, station, version
):
    """TC_B_02_CSMS, TC_B_31_CSMS; ocpp-rules 29: settings may be read and set while Pending."""
    async with station(version, {SAMPLES[version]: "900"}, provision=True, boot="prepare") as one:
        first = await one.boot()
        await until_boots(scene, one, 2)

    assert (first["status"], first["interval"]) == ("Pending", 60)
    assert one.boots[1]["status"] == "Accepted"
    assert one.settings[SAMPLES[version]] == "60"
    written = one.actions().index("ChangeConfiguration" if one.is_16 else "SetVariables")
    assert written < one.actions().index("TriggerMessage")


async def test_a_station_that_cannot_be_triggered_is_accepted_when_it_boots_again(
    scene, station, version
):
    """TC_B_02_CSMS"""
    async with station(version, provision=True, boot="prepare") as one:
        one.boots_when_triggered = False
        await one.boot()

        async def is_triggered():
            return "TriggerMessage" in one.actions()

        await scene.until(is_triggered)
        assert (await one.boot())["status"] == "Accepted"


async def test_a_new_boot_of_a_station_that_is_to_be_prepared_is_pending_again(
    scene, station, version
):
    async with station(version, provision=True, boot="prepare") as one:
        await one.boot()
        await until_boots(scene, one, 2)

        async def is_pending():
            return (await one.boot())["status"] == "Pending"

        await scene.until(is_pending)


async def test_a_station_that_nothing_is_sent_to_need_not_wait(station, version):
    async with station(version, provision=False, boot="prepare") as one:
        assert (await one.boot())["status"] == "Accepted"
        assert one.asked == []


async def test_a_pending_station_is_let_in_by_the_operator(scene, station, version):
    """TC_B_31_CSMS: the CSMS triggers the boot."""
    async with station(version, boot="pending") as one:
        assert (await one.boot())["status"] == "Pending"
        assert (await one.boot())["status"] == "Pending"
        await scene.register_charger("CP1", tariff=None, boot="accept")
        await until_boots(scene, one, 3)

    assert one.asked == [("TriggerMessage", {"requestedMessage": "BootNotification"})]
    assert one.boots[2]["status"] == "Accepted"


STATUS = {
    "1.6": {"connectorId": 1, "errorCode": "NoError", "status": "Available"},
    "2.0.1": {
        "timestamp": "2026-03-01T10:00:00Z",
        "connectorStatus": "Available",
        "evseId": 1,
        "connectorId": 1,
    },
}


@pytest.mark.parametrize("policy", ["pending", "reject"])
async def test_a_station_that_is_not_accepted_gets_security_error(station, version, policy):
    """TC_B_30_CSMS; security-and-faults row 20: Pending keeps the socket"""
    async with station(version, boot=policy) as one:
        await one.boot()
        answer = await one.call("StatusNotification", STATUS[version])
        again = await one.boot()

    assert answer[:1] + answer[2:3] == [4, "SecurityError"]
    assert again["status"] == ("Pending" if policy == "pending" else "Rejected")


@pytest.mark.parametrize("policy", [None, "pending", "reject"])
async def test_no_call_before_the_boot_is_accepted_changes_anything(
    scene, station, version, policy
):
    """security-and-faults row 20: matrix of all CALLs before boot: 0 state changes."""
    dialect = DIALECTS[version]
    routes = STATIONS_CALLS[version]
    actions = sorted(dialect.schemas.actions - {"BootNotification"})
    assert routes <= set(actions)
    async with station(version, boot=policy or "accept") as one:
        if policy:
            await one.boot()
        before = await scene.dump()
        codes = {action: (await one.call(action, {}))[2] for action in actions}
        after = await scene.dump()

    assert {action for action, code in codes.items() if code == "SecurityError"} >= routes
    assert set(codes.values()) <= {"SecurityError", "NotSupported", "NotImplemented"}
    assert after == before


async def test_a_pending_station_may_send_what_it_was_asked_for(scene, station, version):
    """ocpp-rules 29; B02: messages that were triggered pass."""
    async with station(version, boot="pending") as one:
        one.boots_when_triggered = False
        await one.boot()
        call = {"action": "TriggerMessage", "payload": {"requestedMessage": "StatusNotification"}}
        status, _ = await scene.ask("POST", "charge-points/CP1/calls", call)
        answer = await one.call("StatusNotification", STATUS[version])
        other = await one.call("Heartbeat", {})

    assert status == 200
    assert answer[0] == 3
    assert other[2] == "SecurityError"


async def test_a_pending_station_is_not_told_to_charge(scene, station, version):
    """1.6 4.2, 2.0.1 B02.FR.05"""
    payloads = {
        "1.6": ("RemoteStartTransaction", {"idTag": "TAG1"}),
        "2.0.1": (
            "RequestStartTransaction",
            {"remoteStartId": 1, "idToken": {"idToken": "TAG1", "type": "ISO14443"}},
        ),
    }
    action, payload = payloads[version]
    async with station(version, boot="pending") as one:
        await one.boot()
        call = {"action": action, "payload": payload}
        status, answer = await scene.ask("POST", "charge-points/CP1/calls", call)

        assert (status, "pending" in answer["error"]["message"]) == (409, True)
        assert one.asked == []


async def test_a_rejected_station_is_sent_nothing(scene, station, version):
    """security-and-faults row 20; B03.FR.03"""
    async with station(version, provision=True, boot="reject") as one:
        answer = await one.boot()
        call = {"action": "TriggerMessage", "payload": {"requestedMessage": "BootNotification"}}
        status, refusal = await scene.ask("POST", "charge-points/CP1/calls", call)
        applied, _ = await scene.ask("POST", "charge-points/CP1/settings/apply")
        await scene.register_charger("CP1", tariff=None, provision=True, boot="accept")
        assert one.asked == []
        again = await one.boot()

    assert (answer["status"], answer["interval"]) == ("Rejected", 60)
    assert (status, "rejected" in refusal["error"]["message"]) == (409, True)
    assert applied == 409
    assert again["status"] == "Accepted"


# --- settings ------------------------------------------------------------------------------


async def test_after_a_boot_the_settings_are_read_and_those_that_differ_are_set(
    scene, station, version
):
    """TC_B_07_CSMS, TC_B_10_CSMS"""
    invalid = {"1.6": "StopTransactionOnInvalidId", "2.0.1": "TxCtrlr.StopTxOnInvalidId"}[version]
    async with station(version, {SAMPLES[version]: "900", invalid: "true"}, provision=True) as one:
        assert (await one.boot())["status"] == "Accepted"
        shown = await until_settings(scene)

    assert one.settings == {SAMPLES[version]: "60", invalid: "true"}
    assert (shown[SAMPLES[version]]["state"], shown[SAMPLES[version]]["value"]) == ("set", "60")
    assert shown[invalid]["state"] == "as wanted"
    assert {one["state"] for one in shown.values()} == {"set", "as wanted", "unknown"}


async def test_the_operators_baselines_are_set_and_refusals_are_shown(scene, station, version):
    own, model, every = {"1.6": ("Own", "Model", "All"), "2.0.1": ("X.Own", "X.Model", "X.All")}[
        version
    ]
    member = {"1.6": "settings_16", "2.0.1": "settings_2x"}[version]
    baseline = {
        member: {every: "refused", SAMPLES[version]: None},
        "models": [{"vendor": "acme", member: {model: "2"}}],
    }
    await scene.put("baseline", baseline)
    has = {own: "0", model: "0", every: "0", SAMPLES[version]: "5"}
    async with station(version, has, provision=False) as one:
        await scene.put("charge-points/CP1/settings", {"settings": {own: "1"}})
        await one.boot()
        status, answer = await scene.ask("POST", "charge-points/CP1/settings/apply")

    assert status == 200, answer
    shown = {each["name"]: each for each in answer["settings"]}
    assert answer["baseline"] == {own: "1"}
    assert one.settings == {**has, own: "1", model: "2"}
    assert SAMPLES[version] not in shown
    found = {name: (shown[name]["state"], shown[name]["source"]) for name in (own, model, every)}
    assert found == {
        own: ("set", "station"),
        model: ("set", "model"),
        every: ("refused", "baseline"),
    }
    assert (shown[every]["value"], shown[every]["answer"]) == ("0", "Rejected")


async def test_nothing_is_sent_to_a_charge_point_that_is_not_to_be_provisioned(
    scene, station, version
):
    async with station(version, provision=False) as one:
        await one.boot()
        await one.call("Heartbeat", {})
        assert one.asked == []
    assert (await scene.get("charge-points/CP1/settings"))["at"] is None


async def test_a_baseline_with_a_name_that_is_no_variable_is_refused(scene):
    status, answer = await scene.ask("PUT", "baseline", {"settings_2x": {"NoDot": "1"}})

    assert status == 422, answer
    assert (await scene.get("baseline"))["settings_2x"] == {}


# --- the device model and other reports ----------------------------------------------------


async def until_model(scene, complete=True):
    async def is_there():
        status, answer = await scene.ask("GET", "charge-points/CP1/device-model")
        return status == 200 and answer["report"]["complete"] is complete

    await scene.until(is_there)
    return await scene.get("charge-points/CP1/device-model")


@pytest.mark.parametrize("version", ["2.0.1", "2.1"])
async def test_a_stations_device_model_is_asked_for_and_shown(scene, station, version):
    """TC_B_13_CSMS; ocpp-rules 27: parts in any order, some empty."""
    parts = [
        (2, False, []),
        (0, True, [inventory(THRESHOLD, "600")]),
        (1, True, [inventory("AuthCtrlr.AuthorizeRemoteStart", "true")]),
    ]
    async with station(version, {}, parts, provision=True) as one:
        await one.boot()
        model = await until_model(scene)

    assert ("GetBaseReport", "FullInventory") in [
        (action, payload.get("reportBase")) for action, payload in one.asked
    ]
    found = {each["name"]: each["variables"][0] for each in model["components"]}
    assert found["OCPPCommCtrlr"]["setting"] == THRESHOLD
    assert found["OCPPCommCtrlr"]["attributes"][0]["value"] == "600"
    assert found["OCPPCommCtrlr"]["characteristics"]["dataType"] == "integer"
    assert set(found) == {"OCPPCommCtrlr", "AuthCtrlr"}


async def test_a_device_model_of_which_parts_were_lost_is_shown_as_incomplete(scene, station):
    """ocpp-rules 27: only the last part arrives."""
    parts = [(2, False, [inventory(THRESHOLD, "600")])]
    async with station("2.0.1", {}, parts, provision=True) as one:
        await one.boot()

        async def is_reported():
            reports = await scene.get("charge-points/CP1/reports")
            return bool(reports) and reports[0]["parts"] == 1

        await scene.until(is_reported)
        model = await until_model(scene, complete=False)

    assert model["report"]["missing"] == [0, 1]
    assert model["components"][0]["name"] == "OCPPCommCtrlr"


async def test_a_device_model_is_not_asked_for_twice_of_one_firmware(scene, station):
    parts = [(0, False, [inventory(THRESHOLD, "600")])]
    async with station("2.0.1", {}, parts, provision=True) as one:
        await one.boot("1.0")
        await until_model(scene)
        one.asked.clear()
        await one.boot("1.0")
        await until_settled(scene, one)
        assert "GetBaseReport" not in one.actions()
        await one.boot("1.1")

        async def is_asked():
            return "GetBaseReport" in one.actions()

        await scene.until(is_asked)


async def until_settled(scene, one):
    """Wait until the settings were read again, which is what comes first after a boot."""

    async def is_read():
        return one.actions().count("GetVariables") >= 1

    await scene.until(is_read)


async def test_a_report_that_the_operator_asked_for_is_put_together(scene, station):
    """TC_B_12_CSMS"""
    parts = [(0, True, [inventory(THRESHOLD, "600")]), (1, False, [inventory("A.B", "1")])]
    async with station("2.0.1", {}, parts) as one:
        await one.boot()
        call = {
            "action": "GetBaseReport",
            "payload": {"requestId": 17, "reportBase": "ConfigurationInventory"},
        }
        assert (await scene.ask("POST", "charge-points/CP1/calls", call))[0] == 200

        async def is_complete():
            reports = await scene.get("charge-points/CP1/reports")
            return [one["complete"] for one in reports] == [True]

        await scene.until(is_complete)
        report = await scene.get("charge-points/CP1/reports/17")

    assert [item["variable"] for item in report["items"]] == ["OfflineThreshold", "B"]
    assert (await scene.ask("GET", "charge-points/CP1/reports/18"))[0] == 404


async def test_a_charge_points_configuration_keys_are_shown_without_secrets(scene, station):
    keys = {"HeartbeatInterval": "300", "AuthorizationKey": "feedface"}
    async with station("1.6", keys, provision=True) as one:
        await one.boot()
        await until_settings(scene)

    shown = await scene.get("charge-points/CP1/device-model")
    assert shown["keys"] == [
        {"key": "AuthorizationKey", "value": "***", "readonly": False},
        {"key": "HeartbeatInterval", "value": "300", "readonly": False},
    ]


async def test_a_report_without_numbers_is_put_together_as_it_comes(scene, station):
    async with station("2.0.1") as one:
        await one.boot()
        for more, source in ((True, "EMS"), (False, "CSO")):
            profiles = {
                "requestId": 5,
                "evseId": 1,
                "chargingLimitSource": source,
                "chargingProfile": [PROFILE],
                "tbc": more,
            }
            assert (await one.call("ReportChargingProfiles", profiles))[0] == 3

    report = await scene.get("charge-points/CP1/reports/5?kind=ReportChargingProfiles")
    assert report["complete"]
    assert [item["chargingLimitSource"] for item in report["items"]] == ["EMS", "CSO"]


@pytest.mark.parametrize(
    ("action", "pieces"),
    [
        ("NotifyMonitoringReport", [{"monitor": MONITOR}, {}]),
        ("NotifyCustomerInformation", [{"data": "name: "}, {"data": "nobody"}]),
        ("NotifyDisplayMessages", [{"messageInfo": MESSAGE}, {}]),
    ],
)
async def test_other_reports_in_parts_are_put_together_too(scene, station, action, pieces):
    """ocpp-rules 27"""
    async with station("2.0.1") as one:
        await one.boot()
        for seq_no, piece in enumerate(pieces):
            body = {"requestId": 6, "tbc": seq_no == 0, **piece}
            if action != "NotifyDisplayMessages":
                body |= {"seqNo": seq_no, "generatedAt": "2026-03-01T10:00:00Z"}
            answer = await one.call(action, body)
            assert answer[0] == 3, answer

    report = await scene.get(f"charge-points/CP1/reports/6?kind={action}")
    assert (report["complete"], report["parts"]) == (True, 2)
    assert len(report["items"]) == (2 if action == "NotifyCustomerInformation" else 1)


PROFILE = {
    "id": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": [
        {
            "id": 1,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}],
        }
    ],
}
