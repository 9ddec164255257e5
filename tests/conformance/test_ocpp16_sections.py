"""OCPP 1.6: what the specification asks of a Central System, operation by operation."""

from typing import Any

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

V16 = "ocpp1.6"
TAG = "S16-TAG"
NOON = "2026-01-01T12:00:00Z"
LATER = "2026-01-01T13:00:00Z"


@pytest_asyncio.fixture(autouse=True, loop_scope="module")
async def valid_tag(csms: Any) -> None:
    await csms.token(TAG, group_id="S16-GROUP")


async def start(station: Any, tag: str = TAG, **more: Any) -> dict[str, Any]:
    payload = {"connectorId": 1, "idTag": tag, "meterStart": 1000, "timestamp": NOON} | more
    answer: dict[str, Any] = await station.call("StartTransaction", payload)
    return answer


async def stop(station: Any, transaction_id: int, **more: Any) -> dict[str, Any]:
    payload = {"transactionId": transaction_id, "meterStop": 1500, "timestamp": LATER} | more
    answer: dict[str, Any] = await station.call("StopTransaction", payload)
    return answer


async def transactions(csms: Any, identity: str) -> Any:
    return await csms.done("GET", f"charge-points/{identity}/transactions")


# --- operations initiated by the charge point -------------------------------------------------


async def test_authorize_tells_status_and_parent(csms: Any) -> None:
    """OCPP 1.6 4.1, OCPP 1.6 3.10"""
    async with csms.station("S41", V16) as station:
        answer = await station.call("Authorize", {"idTag": TAG})
        assert (
            answer["idTagInfo"] | {"parentIdTag": "S16-GROUP", "status": "Accepted"}
            == (answer["idTagInfo"])
        )
        unknown = await station.call("Authorize", {"idTag": "NOBODYS"})
        assert unknown["idTagInfo"]["status"] == "Invalid"


async def test_a_boot_is_accepted_with_time_and_interval(csms: Any) -> None:
    """OCPP 1.6 4.2"""
    await csms.register("S42")
    async with csms.connected("S42", V16) as station:
        early = await station.send("Heartbeat", {})
        assert (early[0], early[2]) == (4, "SecurityError")
        answer = await station.boot()
        assert answer["status"] == "Accepted"
        assert answer["interval"] > 0
        assert answer["currentTime"].endswith("Z")


async def test_an_unknown_vendor_is_told_so(csms: Any) -> None:
    """OCPP 1.6 4.3"""
    async with csms.station("S43", V16) as station:
        answer = await station.call("DataTransfer", {"vendorId": "org.nobody", "data": "x"})
        assert answer["status"] == "UnknownVendorId"


async def test_a_heartbeat_tells_the_time(csms: Any) -> None:
    """OCPP 1.6 4.6"""
    async with csms.station("S46", V16) as station:
        assert (await station.call("Heartbeat", {}))["currentTime"].endswith("Z")


async def test_a_transaction_from_start_to_stop(csms: Any) -> None:
    """OCPP 1.6 4.7, OCPP 1.6 4.8, OCPP 1.6 4.10, OCPP 1.6 3.16"""
    async with csms.station("S48", V16) as station:
        started = await start(station)
        assert started["idTagInfo"]["status"] == "Accepted"
        number = started["transactionId"]
        reading = {"timestamp": "2026-01-01T12:30:00Z", "sampledValue": [{"value": "1200"}]}
        values = {"connectorId": 1, "transactionId": number, "meterValue": [reading]}
        assert await station.call("MeterValues", values) == {}
        stopped = await stop(station, number, idTag=TAG, reason="Local")
        assert stopped["idTagInfo"]["status"] == "Accepted"
    (ended,) = await transactions(csms, "S48")
    assert (ended["meter_start_wh"], ended["meter_stop_wh"]) == (1000, 1500)
    assert (ended["state"], ended["stop_reason"]) == ("ENDED", "Local")


async def test_an_unknown_token_still_has_a_transaction(csms: Any) -> None:
    """OCPP 1.6 4.8: the id is given, whatever becomes of the token."""
    async with csms.station("S48B", V16) as station:
        started = await start(station, "NOBODYS")
        assert started["idTagInfo"]["status"] == "Invalid"
        assert started["transactionId"] != 0
        assert await stop(station, started["transactionId"], reason="DeAuthorized") == {}


async def test_what_is_told_twice_is_told_once(csms: Any) -> None:
    """OCPP 1.6 3.7; security-and-faults row 25: errata 3.18, a stop of -1 is answered and kept"""
    async with csms.station("S37", V16) as station:
        first, second = await start(station), await start(station)
        assert first["transactionId"] == second["transactionId"]
        for _ in range(2):
            assert await stop(station, first["transactionId"]) == {}
        assert await stop(station, -1) == {}
    assert len(await transactions(csms, "S37")) == 1
    assert len(await csms.done("GET", "charge-points/S37/kept/orphans")) == 1


async def test_what_happened_offline_is_told_later(csms: Any) -> None:
    """OCPP 1.6 3.5: the start was decided by the charge point alone, hours ago."""
    async with csms.station("S35", V16) as station:
        started = await start(station, "S35-BLOCKED-LATER", timestamp="2025-12-31T20:00:00Z")
        assert started["idTagInfo"]["status"] == "Invalid"
        await stop(station, started["transactionId"], timestamp="2025-12-31T21:00:00Z")
    (told,) = await transactions(csms, "S35")
    assert (told["started_at"], told["state"]) == ("2025-12-31T20:00:00.000Z", "ENDED")


async def test_connector_0_is_the_charge_point(csms: Any) -> None:
    """OCPP 1.6 3.8, OCPP 1.6 4.9"""
    async with csms.station("S49", V16) as station:
        for connector, status in ((0, "Unavailable"), (1, "Charging")):
            payload = {"connectorId": connector, "errorCode": "NoError", "status": status}
            assert await station.call("StatusNotification", payload) == {}
    described = await csms.done("GET", "charge-points/S49")
    states = {one["evse_id"]: one["state"] for one in described["connectors"]}
    assert states == {0: "Unavailable", 1: "Charging"}


@pytest.mark.parametrize(
    ("message", "payload"),
    [
        ("DiagnosticsStatusNotification", {"status": "Idle"}),
        ("FirmwareStatusNotification", {"status": "Idle"}),
    ],
)
async def test_a_status_of_nothing_is_taken(
    csms: Any, message: str, payload: dict[str, Any]
) -> None:
    """OCPP 1.6 4.4, OCPP 1.6 4.5"""
    async with csms.station(f"S44-{message}", V16) as station:
        assert await station.call(message, payload) == {}


# --- operations initiated by the Central System -----------------------------------------------

PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}],
    },
}

CALLS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("CancelReservation", {"reservationId": 1}, {"status": "Accepted"}),
    ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}, {"status": "Scheduled"}),
    ("ChangeConfiguration", {"key": "A", "value": "1"}, {"status": "RebootRequired"}),
    ("ClearCache", {}, {"status": "Rejected"}),
    ("ClearChargingProfile", {"id": 1}, {"status": "Unknown"}),
    ("DataTransfer", {"vendorId": "x"}, {"status": "UnknownVendorId"}),
    ("GetCompositeSchedule", {"connectorId": 1, "duration": 60}, {"status": "Rejected"}),
    ("GetConfiguration", {"key": ["A", "B"]}, {"unknownKey": ["A", "B"]}),
    ("GetDiagnostics", {"location": "https://example.com/upload"}, {"fileName": "log.zip"}),
    ("GetLocalListVersion", {}, {"listVersion": -1}),
    ("RemoteStartTransaction", {"idTag": TAG, "connectorId": 1}, {"status": "Rejected"}),
    ("RemoteStopTransaction", {"transactionId": 7}, {"status": "Rejected"}),
    (
        "ReserveNow",
        {"connectorId": 0, "expiryDate": LATER, "idTag": TAG, "reservationId": 1},
        {"status": "Faulted"},
    ),
    ("Reset", {"type": "Soft"}, {"status": "Accepted"}),
    (
        "SendLocalList",
        {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [{"idTag": TAG}]},
        {"status": "VersionMismatch"},
    ),
    (
        "SetChargingProfile",
        {"connectorId": 0, "csChargingProfiles": PROFILE},
        {"status": "NotSupported"},
    ),
    ("TriggerMessage", {"requestedMessage": "Heartbeat"}, {"status": "NotImplemented"}),
    ("UnlockConnector", {"connectorId": 1}, {"status": "UnlockFailed"}),
    ("UpdateFirmware", {"location": "https://example.com/fw", "retrieveDate": NOON}, {}),
]


@pytest.mark.parametrize(("action", "payload", "answer"), CALLS, ids=[one[0] for one in CALLS])
async def test_the_operator_calls_and_hears_the_answer(
    csms: Any, action: str, payload: dict[str, Any], answer: dict[str, Any]
) -> None:
    """OCPP 1.6 5.1, OCPP 1.6 5.2, OCPP 1.6 5.3, OCPP 1.6 5.4, OCPP 1.6 5.5, OCPP 1.6 5.6,
    OCPP 1.6 5.7, OCPP 1.6 5.8, OCPP 1.6 5.9, OCPP 1.6 5.10, OCPP 1.6 5.11, OCPP 1.6 5.12,
    OCPP 1.6 5.13, OCPP 1.6 5.14, OCPP 1.6 5.15, OCPP 1.6 5.16, OCPP 1.6 5.17, OCPP 1.6 5.18,
    OCPP 1.6 5.19
    """
    identity = f"S5-{action}"
    async with csms.station(identity, V16) as station:
        asked = csms.operator_calls(identity, action, payload)
        assert await station.expect_and_answer(action, answer) == payload
        assert await asked == {"type": "CALLRESULT", "payload": answer}


async def test_a_reservation_is_used_by_the_start_that_names_it(csms: Any) -> None:
    """OCPP 1.6 3.11, OCPP 1.6 5.13"""
    async with csms.station("S311", V16) as station:
        body = {"evse_id": 1, "token": TAG, "expires_at": "2099-01-01T00:00:00Z"}
        made = csms.ask_later("POST", "charge-points/S311/reservations", body)
        heard = await station.expect_and_answer("ReserveNow", {"status": "Accepted"})
        assert (heard["connectorId"], heard["idTag"]) == (1, TAG)
        assert (await made)["status"] == "ACTIVE"
        await start(station, reservationId=heard["reservationId"])
    (reservation,) = await csms.done("GET", "charge-points/S311/reservations")
    assert (reservation["id"], reservation["status"]) == (heard["reservationId"], "USED")


async def test_a_reservation_is_cancelled(csms: Any) -> None:
    """OCPP 1.6 5.1"""
    async with csms.station("S51", V16) as station:
        body = {"token": TAG, "expires_at": "2099-01-01T00:00:00Z"}
        made = csms.ask_later("POST", "charge-points/S51/reservations", body)
        await station.expect_and_answer("ReserveNow", {"status": "Accepted"})
        number = (await made)["id"]
        gone = csms.ask_later("DELETE", f"charge-points/S51/reservations/{number}")
        heard = await station.expect_and_answer("CancelReservation", {"status": "Accepted"})
        assert heard == {"reservationId": number}
        assert (await gone)["status"] == "CANCELLED"


async def test_a_charging_profile_is_set_shown_and_cleared(csms: Any) -> None:
    """OCPP 1.6 3.13, OCPP 1.6 5.5, OCPP 1.6 5.7, OCPP 1.6 5.16"""
    path = "charge-points/S313/charging-profiles"
    profile = {
        "evse_id": 1,
        "id": 3,
        "purpose": "tx-default",
        "kind": "Relative",
        "unit": "A",
        "periods": [{"start": 0, "limit": 16}],
    }
    async with csms.station("S313", V16) as station:
        made = csms.ask_later("POST", path, profile)
        heard = await station.expect_and_answer("SetChargingProfile", {"status": "Accepted"})
        assert heard["csChargingProfiles"]["chargingProfilePurpose"] == "TxDefaultProfile"
        assert (await made)["outcome"] == "ACCEPTED"
        assert [one["id"] for one in await csms.done("GET", path)] == [3]
        schedule = heard["csChargingProfiles"]["chargingSchedule"]
        asked = csms.ask_later("GET", "charge-points/S313/composite-schedule?evse_id=1")
        await station.expect_and_answer(
            "GetCompositeSchedule",
            {"status": "Accepted", "connectorId": 1, "chargingSchedule": schedule},
        )
        assert (await asked)["schedule"]["periods"][0]["start"] == 0
        gone = csms.ask_later("DELETE", f"{path}?id=3")
        await station.expect_and_answer("ClearChargingProfile", {"status": "Accepted"})
        assert (await gone)["outcome"] == "ACCEPTED"
    assert await csms.done("GET", path) == []


@pytest.mark.parametrize("kind", ["DiagnosticsLog", "SecurityLog"])
async def test_a_log_is_asked_for_and_followed_to_its_end(csms: Any, kind: str) -> None:
    """OCPP 1.6 WP N01"""
    identity = f"SN01-{kind}"
    location = "https://logs.example/put-it-here"
    body = {"kind": "log-upload", "log_type": kind, "location": location}
    async with csms.station(identity, V16) as station:
        made = csms.ask_later("POST", f"charge-points/{identity}/operations", body)
        accepted = {"status": "Accepted", "filename": "log.txt"}
        heard = await station.expect_and_answer("GetLog", accepted)
        assert heard["logType"] == kind
        operation = await made
        for word in ("Uploading", "Uploaded"):
            payload = {"status": word, "requestId": heard["requestId"]}
            assert await station.call("LogStatusNotification", payload) == {}
    shown = await csms.done("GET", f"charge-points/{identity}/operations/{operation['id']}")
    assert shown["state"] == "done"
