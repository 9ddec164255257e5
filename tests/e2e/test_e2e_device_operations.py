"""What a station is asked to do as a device, from the operator's request to its end."""

import contextlib
import json
from datetime import UTC, datetime

import pytest

NOON = "2026-03-01T12:00:00Z"
STATION_2 = {"vendorName": "V", "model": "M"}


class Station:
    """A scripted charge point: answers one call of the gateway after the other."""

    def __init__(self, wire, version):
        self.wire = wire
        self.version = version

    async def asked(self, action, answer):
        """The payload of the next call, which must be `action`; it is answered with `answer`."""
        kind, id_, called, payload = await self.wire.receive()
        assert (kind, called) == (2, action)
        await self.wire.send(json.dumps([3, id_, answer]))
        return payload

    async def says(self, action, **payload):
        answer = await self.wire.call(action, payload)
        assert answer[0] == 3, answer
        return answer[2]

    async def status(self, connector, word):
        """StatusNotification of a connector (1.6), or of the first one of an EVSE."""
        if self.version == "1.6":
            body = {"connectorId": connector, "status": word, "errorCode": "NoError"}
        else:
            body = {"evseId": connector, "connectorId": 1, "connectorStatus": word}
        await self.says("StatusNotification", timestamp=now(), **body)

    async def boots(self, reason="RemoteReset"):
        if self.version == "1.6":
            body = {"chargePointVendor": "V", "chargePointModel": "M"}
        else:
            body = {"reason": reason, "chargingStation": STATION_2}
        await self.says("BootNotification", **body)


def now():
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


@contextlib.asynccontextmanager
async def connected(scene, version, *, connectors=2, register=True, boot=True):
    if register:
        await scene.register_charger("CP1", connectors=connectors)
    async with scene.wire("CP1", version, boot=boot) as wire:
        yield Station(wire, version)


async def order(scene, kind, **body):
    status, operation = await scene.ask(
        "POST", "charge-points/CP1/operations", {"kind": kind, **body}
    )
    assert status == 202, operation
    return operation["id"]


async def until(scene, operation, state, *, word=None):
    """The operation, once it is in this state (and has heard `word`)."""
    shown = {}

    async def there():
        nonlocal shown
        shown = await scene.get(f"charge-points/CP1/operations/{operation}")
        return shown["state"] == state and word in (None, *words(shown))

    try:
        await scene.until(there)
    except TimeoutError:
        pytest.fail(f"not {state}: {shown}")
    return shown


def words(shown):
    return [entry["word"] for entry in shown["history"]]


# --- availability -------------------------------------------------------------------------


async def test_a_scheduled_change_is_done_when_the_connector_says_so(scene, version):
    """ocpp-rules 17; TC_G_11_CSMS: the change waits for the transaction to end."""
    async with connected(scene, version) as station:
        operation = await order(scene, "availability", operative=False, evse_id=2)
        await station.asked("ChangeAvailability", {"status": "Scheduled"})
        await until(scene, operation, "running")
        await station.status(1, "Unavailable")
        await station.status(2, "Available")
        await until(scene, operation, "running")
        await station.status(2, "Unavailable")
        shown = await until(scene, operation, "done")
    assert words(shown) == ["Scheduled", "Unavailable"]
    assert shown["parameters"]["operative"] is False
    assert shown["parameters"]["evse_id"] == 2


async def test_a_whole_station_is_out_of_service_when_all_of_it_is(scene, version):
    """ocpp-rules 8 and 30: some stations never speak of themselves, only of their connectors."""
    async with connected(scene, version) as station:
        for connector in (1, 2):
            await station.status(connector, "Available")
        operation = await order(scene, "availability", operative=False)
        asked = await station.asked("ChangeAvailability", {"status": "Scheduled"})
        assert asked.get("connectorId", 0) == 0
        assert "evse" not in asked
        await until(scene, operation, "running")
        await station.status(1, "Unavailable")
        await until(scene, operation, "running")
        await station.status(2, "Unavailable")
        assert words(await until(scene, operation, "done")) == ["Scheduled", "Unavailable"]


async def test_an_answer_that_is_not_scheduled_ends_a_change(scene, version):
    answers = {"Accepted": "done", "Rejected": "rejected", "Nonsense": "failed"}
    async with connected(scene, version) as station:
        for word, state in answers.items():
            operation = await order(scene, "availability", operative=True, evse_id=1)
            await station.asked("ChangeAvailability", {"status": word})
            assert words(await until(scene, operation, state)) == [word]


async def test_a_state_that_comes_as_an_event_counts_too(scene):
    """Part 6, reusable states: StatusNotification or NotifyEvent."""
    async with connected(scene, "2.0.1") as station:
        operation = await order(scene, "availability", operative=False, evse_id=1, connector_id=1)
        await station.asked("ChangeAvailability", {"status": "Scheduled"})
        await until(scene, operation, "running")
        event = {
            "eventId": 1,
            "timestamp": now(),
            "trigger": "Delta",
            "actualValue": "Unavailable",
            "eventNotificationType": "CustomMonitor",
            "component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}},
            "variable": {"name": "AvailabilityState"},
        }
        await station.says("NotifyEvent", generatedAt=now(), seqNo=0, eventData=[event])
        await until(scene, operation, "done")


# --- reset --------------------------------------------------------------------------------


async def test_a_reset_is_done_with_the_next_boot(scene, version):
    """TC_B_20_CSMS: the station boots over a new connection, and says why."""
    async with connected(scene, version) as station:
        operation = await order(scene, "reset", how="now")
        asked = await station.asked("Reset", {"status": "Accepted"})
        assert asked == {"type": "Hard" if version == "1.6" else "Immediate"}
        await until(scene, operation, "running")
        await station.says("Heartbeat")
    async with connected(scene, version, register=False, boot=False) as station:
        await station.boots()
        shown = await until(scene, operation, "done")
    assert words(shown) == ["Accepted", "booted"]
    assert shown["history"][-1]["detail"] == (None if version == "1.6" else "RemoteReset")


async def test_a_reset_outlives_a_restart_of_the_gateway(scene_with_store, version):
    """What an operation waits for is found in the store by the next connection."""
    scene = scene_with_store
    async with connected(scene, version) as station:
        operation = await order(scene, "reset", how="gently")
        await station.asked("Reset", {"status": "Accepted"})
        await until(scene, operation, "running")
    await scene.gateway.close()
    await scene.gateway.start()
    async with connected(scene, version, register=False, boot=False) as station:
        await station.boots()
        assert words(await until(scene, operation, "done")) == ["Accepted", "booted"]


async def test_a_boot_notification_that_was_only_asked_for_is_no_boot(scene):
    """BootReasonEnumType Triggered: the answer to a TriggerMessage."""
    async with connected(scene, "2.0.1") as station:
        operation = await order(scene, "reset")
        await station.asked("Reset", {"status": "Scheduled"})
        await until(scene, operation, "running")
        await station.boots("Triggered")
        await until(scene, operation, "running")
        await station.boots("ScheduledReset")
        shown = await until(scene, operation, "done")
    assert words(shown) == ["Scheduled", "booted"]


async def test_a_reset_of_an_evse_is_done_when_it_is_accepted(scene):
    """TC_B_25_CSMS: an EVSE does not boot."""
    async with connected(scene, "2.0.1") as station:
        operation = await order(scene, "reset", how="now", evse_id=1)
        assert await station.asked("Reset", {"status": "Accepted"}) == {
            "type": "Immediate",
            "evseId": 1,
        }
        await until(scene, operation, "done")


async def test_a_1_6_station_cannot_reset_an_evse(scene):
    async with connected(scene, "1.6"):
        operation = await order(scene, "reset", evse_id=1)
        await until(scene, operation, "failed")


# --- unlock -------------------------------------------------------------------------------


async def test_an_unlock_ends_with_the_stations_word(scene):
    """ocpp-rules 17"""
    answers = {"Unlocked": "done", "UnlockFailed": "failed", "NotSupported": "rejected"}
    async with connected(scene, "1.6") as station:
        for word, state in answers.items():
            operation = await order(scene, "unlock", evse_id=1)
            assert await station.asked("UnlockConnector", {"status": word}) == {"connectorId": 1}
            assert words(await until(scene, operation, state)) == [word]


async def test_an_unlock_of_2_0_1_names_the_connector(scene):
    """TC_F_06_CSMS"""
    async with connected(scene, "2.0.1") as station:
        operation = await order(scene, "unlock", evse_id=1, connector_id=2)
        answer = {"status": "OngoingAuthorizedTransaction"}
        asked = await station.asked("UnlockConnector", answer)
        assert asked == {"evseId": 1, "connectorId": 2}
        shown = await until(scene, operation, "rejected")
    assert words(shown) == ["OngoingAuthorizedTransaction"]


# --- trigger ------------------------------------------------------------------------------


async def test_a_trigger_is_done_when_its_message_comes(scene, version):
    """TC_F_20_CSMS"""
    async with connected(scene, version) as station:
        operation = await order(scene, "trigger", message="Heartbeat")
        asked = await station.asked("TriggerMessage", {"status": "Accepted"})
        assert asked == {"requestedMessage": "Heartbeat"}
        await until(scene, operation, "running")
        await station.status(1, "Available")
        await until(scene, operation, "running")
        await station.says("Heartbeat")
        shown = await until(scene, operation, "done")
    assert words(shown) == ["Accepted", "arrived"]
    assert shown["history"][-1]["detail"] == "Heartbeat"


async def test_a_triggered_status_is_that_of_its_place(scene, version):
    """TC_F_23_CSMS: a StatusNotification of another EVSE is not what was asked for."""
    async with connected(scene, version) as station:
        operation = await order(scene, "trigger", message="StatusNotification", evse_id=2)
        await station.asked("TriggerMessage", {"status": "Accepted"})
        await until(scene, operation, "running")
        await station.status(1, "Available")
        await until(scene, operation, "running")
        await station.status(2, "Available")
        await until(scene, operation, "done")


async def test_a_message_that_outruns_the_answer_counts(scene):
    """Some stations send what they are asked for before they have answered."""
    async with connected(scene, "2.0.1") as station:
        operation = await order(scene, "trigger", message="Heartbeat")
        _, id_, _, _ = await station.wire.receive()
        await station.says("Heartbeat")
        await until(scene, operation, "requested", word="arrived")
        await station.wire.send(json.dumps([3, id_, {"status": "Accepted"}]))
        assert words(await until(scene, operation, "done")) == ["arrived", "Accepted"]


async def test_a_message_of_its_own_makes_no_refusal_a_success(scene):
    async with connected(scene, "1.6") as station:
        operation = await order(scene, "trigger", message="Heartbeat")
        _, id_, _, _ = await station.wire.receive()
        await station.says("Heartbeat")
        await station.wire.send(json.dumps([3, id_, {"status": "NotImplemented"}]))
        await until(scene, operation, "rejected")


async def test_a_1_6_station_is_asked_for_its_log_status_in_the_white_papers_way(scene):
    async with connected(scene, "1.6") as station:
        operation = await order(scene, "trigger", message="LogStatusNotification")
        asked = await station.asked("ExtendedTriggerMessage", {"status": "Accepted"})
        assert asked == {"requestedMessage": "LogStatusNotification"}
        await until(scene, operation, "running")
        await station.says("LogStatusNotification", status="Idle")
        await until(scene, operation, "done")


# --- display messages and charging profiles -----------------------------------------------


async def test_a_display_message_is_set_and_taken_down(scene):
    """O01 and O05"""
    async with connected(scene, "2.0.1") as station:
        message = {"id": 3, "content": "Closed at ten", "priority": "InFront", "ends_at": NOON}
        operation = await order(scene, "display-message", set=message)
        asked = await station.asked("SetDisplayMessage", {"status": "Accepted"})
        assert asked["message"]["endDateTime"] == "2026-03-01T12:00:00.000Z"
        shown = await until(scene, operation, "done")
        assert shown["parameters"]["set"]["content"] == "Closed at ten"
        operation = await order(scene, "display-message", clear=3)
        assert await station.asked("ClearDisplayMessage", {"status": "Unknown"}) == {"id": 3}
        assert words(await until(scene, operation, "rejected")) == ["Unknown"]


async def test_display_messages_are_reported_in_parts(scene):
    """O03"""
    async with connected(scene, "2.0.1") as station:
        operation = await order(scene, "display-messages")
        asked = await station.asked("GetDisplayMessages", {"status": "Accepted"})
        number = asked["requestId"]
        for id_, more in ((1, True), (2, False)):
            text = {"format": "UTF8", "content": "x"}
            info = {"id": id_, "priority": "InFront", "message": text}
            await station.says(
                "NotifyDisplayMessages", requestId=number, tbc=more, messageInfo=[info]
            )
        shown = await until(scene, operation, "done")
        report = await scene.get(f"charge-points/CP1/reports/{number}")
    assert words(shown) == ["Accepted", "part", "last part"]
    assert shown["result"]["report"]["complete"] is True
    assert [item["id"] for item in report["items"]] == [1, 2]


async def test_profiles_are_reported_in_parts(scene):
    """K09"""
    async with connected(scene, "2.0.1") as station:
        operation = await order(scene, "charging-profiles", evse_id=1, purpose="tx-default")
        asked = await station.asked("GetChargingProfiles", {"status": "Accepted"})
        assert asked["evseId"] == 1
        assert asked["chargingProfile"] == {"chargingProfilePurpose": "TxDefaultProfile"}
        schedule = {
            "id": 1,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.5}],
        }
        profile = {
            "id": 9,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": [schedule],
        }
        await station.says(
            "ReportChargingProfiles",
            requestId=asked["requestId"],
            evseId=1,
            chargingLimitSource="CSO",
            chargingProfile=[profile],
        )
        await until(scene, operation, "done")
        report = await scene.get(f"charge-points/CP1/reports/{asked['requestId']}")
    assert report["items"][0]["chargingProfile"][0]["id"] == 9


async def test_a_report_of_nothing_ends_with_the_answer(scene):
    """K09 and O03: nothing follows."""
    async with connected(scene, "2.0.1") as station:
        for kind, action, word in (
            ("display-messages", "GetDisplayMessages", "Unknown"),
            ("charging-profiles", "GetChargingProfiles", "NoProfiles"),
        ):
            operation = await order(scene, kind)
            await station.asked(action, {"status": word})
            assert words(await until(scene, operation, "done")) == [word]


async def test_nonsense_is_told_before_anything_is_sent(scene):
    async with connected(scene, "1.6") as station:
        for body in (
            {"kind": "availability"},
            {"kind": "availability", "operative": True, "connector_id": 1},
            {"kind": "reset", "how": "softly"},
            {"kind": "unlock"},
            {"kind": "trigger", "message": "Authorize"},
            {"kind": "display-message"},
            {"kind": "remote-start", "token": "NOBODY"},
            {"kind": "remote-stop"},
        ):
            status, _ = await scene.ask("POST", "charge-points/CP1/operations", body)
            assert status == 422, body
        await station.says("Heartbeat")  # the next frame would be a call
