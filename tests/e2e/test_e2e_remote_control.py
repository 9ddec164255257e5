"""Remote start and stop by the operator's hand, for own tokens, until something really happens."""

import contextlib
import json
from datetime import UTC, datetime

import pytest

PROFILE = {
    "id": 7,
    "unit": "A",
    "periods": [{"start": 0, "limit": "10.04"}, {"start": 600, "limit": "6"}],
}


class Station:
    """A scripted charge point that begins and ends transactions in its version's words."""

    def __init__(self, wire, version):
        self.wire = wire
        self.version = version
        self.transaction = "tx-1"
        self.seq_no = 0

    async def asked(self, action, answer):
        kind, id_, called, payload = await self.wire.receive()
        assert (kind, called) == (2, action)
        await self.wire.send(json.dumps([3, id_, answer]))
        return payload

    async def asked_to_start(self, status="Accepted", **more):
        action = "RemoteStartTransaction" if self.version == "1.6" else "RequestStartTransaction"
        return await self.asked(action, {"status": status, **more})

    async def asked_to_stop(self, status="Accepted"):
        action = "RemoteStopTransaction" if self.version == "1.6" else "RequestStopTransaction"
        return await self.asked(action, {"status": status})

    async def says(self, action, payload):
        answer = await self.wire.call(action, payload)
        assert answer[0] == 3, answer
        return answer[2]

    async def starts(self, token, *, connector=1, remote_start_id=None):
        if self.version == "1.6":
            body = {"connectorId": connector, "idTag": token, "meterStart": 0, "timestamp": now()}
            answer = await self.says("StartTransaction", body)
            self.transaction = str(answer["transactionId"])
            return answer["idTagInfo"]["status"]
        answer = await self.event(
            "Started",
            "RemoteStart",
            evse={"id": connector, "connectorId": 1},
            idToken={"idToken": token, "type": "ISO14443"},
            remote_start_id=remote_start_id,
        )
        return answer["idTokenInfo"]["status"]

    async def ends(self):
        if self.version == "1.6":
            body = {"transactionId": int(self.transaction), "meterStop": 10, "timestamp": now()}
            return await self.says("StopTransaction", {**body, "reason": "Remote"})
        return await self.event("Ended", "RemoteStop", ended="Remote")

    async def event(self, kind, trigger, *, ended=None, remote_start_id=None, **body):
        info = {"transactionId": self.transaction}
        info |= {"remoteStartId": remote_start_id} if remote_start_id else {}
        info |= {"stoppedReason": ended} if ended else {}
        self.seq_no += 1
        return await self.says(
            "TransactionEvent",
            {
                "eventType": kind,
                "timestamp": now(),
                "triggerReason": trigger,
                "seqNo": self.seq_no - 1,
                "transactionInfo": info,
                **body,
            },
        )


def now():
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


@contextlib.asynccontextmanager
async def connected(scene, version):
    await scene.register_charger("CP1", connectors=2)
    await scene.put("tokens/RFID/OWN1", {})
    async with scene.wire("CP1", version) as wire:
        yield Station(wire, version)


async def order(scene, kind, **body):
    status, operation = await scene.ask(
        "POST", "charge-points/CP1/operations", {"kind": kind, **body}
    )
    assert status == 202, operation
    return operation["id"]


async def until(scene, operation, state):
    shown = {}

    async def there():
        nonlocal shown
        shown = await scene.get(f"charge-points/CP1/operations/{operation}")
        return shown["state"] == state

    try:
        await scene.until(there)
    except TimeoutError:
        pytest.fail(f"not {state}: {shown}")
    return shown


def words(shown):
    return [entry["word"] for entry in shown["history"]]


@pytest.fixture(params=["1.6", "2.0.1", pytest.param("2.1", marks=pytest.mark.long)])
def version(request):
    return request.param


async def test_a_remote_start_is_done_when_its_transaction_begins(scene, version):
    """ocpp-rules 15 and 26; F01: the profile goes along and names no transaction (rule 18)."""
    async with connected(scene, version) as station:
        operation = await order(
            scene, "remote-start", token="OWN1", evse_id=2, charging_profile=PROFILE
        )
        asked = await station.asked_to_start()
        await until(scene, operation, "running")
        await scene.put("tokens/RFID/OWN1", {"status": "Blocked"})  # the order stands
        status = await station.starts(
            "OWN1", connector=2, remote_start_id=asked.get("remoteStartId")
        )
        shown = await until(scene, operation, "done")

    assert status == "Accepted"
    assert words(shown) == ["Accepted", "started"]
    assert shown["result"]["transaction_id"] == station.transaction
    profile = asked["chargingProfile"]
    assert profile["chargingProfilePurpose"] == "TxProfile"
    assert "transactionId" not in profile
    assert (asked.get("connectorId") or asked.get("evseId")) == 2


async def test_a_start_of_another_token_is_another_start(scene, version):
    async with connected(scene, version) as station:
        await scene.put("tokens/RFID/OTHER", {})
        operation = await order(scene, "remote-start", token="OWN1", evse_id=1)
        await station.asked_to_start()
        await until(scene, operation, "running")
        await station.starts("OTHER", connector=2)
        assert words(await until(scene, operation, "running")) == ["Accepted"]


async def test_a_refused_start_promises_nothing(scene, version):
    """A later start by the same card is decided like any other."""
    async with connected(scene, version) as station:
        operation = await order(scene, "remote-start", token="OWN1", evse_id=1)
        await station.asked_to_start("Rejected")
        await until(scene, operation, "rejected")
        await scene.put("tokens/RFID/OWN1", {"status": "Blocked"})
        assert await station.starts("OWN1") == "Blocked"


async def test_a_transaction_that_runs_already_is_known_by_its_id(scene):
    """F02: the cable came first; the answer names the transaction (ocpp-rules 26)."""
    async with connected(scene, "2.0.1") as station:
        await station.event("Started", "CablePluggedIn", evse={"id": 1, "connectorId": 1})
        operation = await order(scene, "remote-start", token="OWN1", evse_id=1)
        await station.asked_to_start(transactionId=station.transaction)
        await until(scene, operation, "running")
        await station.event("Updated", "RemoteStart")
        shown = await until(scene, operation, "done")
    assert shown["result"]["transaction_id"] == station.transaction


async def test_a_remote_stop_is_done_when_the_transaction_ends(scene, version):
    """F03"""
    async with connected(scene, version) as station:
        await station.starts("OWN1")
        operation = await order(scene, "remote-stop", transaction_id=station.transaction)
        asked = await station.asked_to_stop()
        assert str(asked["transactionId"]) == station.transaction
        await until(scene, operation, "running")
        await station.ends()
        shown = await until(scene, operation, "done")
    assert words(shown) == ["Accepted", "ended"]
    assert shown["history"][-1]["detail"] == "Remote"


async def test_a_stop_of_nothing_is_the_stations_to_refuse(scene):
    """Operator commands go out whatever the gateway believes of the station."""
    async with connected(scene, "1.6") as station:
        operation = await order(scene, "remote-stop", transaction_id="4711")
        await station.asked_to_stop("Rejected")
        await until(scene, operation, "rejected")


async def test_nobody_is_started_for_who_may_not_charge(scene):
    async with connected(scene, "1.6") as station:
        await scene.put("tokens/RFID/BLOCKED", {"status": "Blocked"})
        await scene.put("tokens/RFID/EXPIRED", {"expires_at": "2020-01-01T00:00:00Z"})
        for uid in ("BLOCKED", "EXPIRED", "NOBODY"):
            body = {"kind": "remote-start", "token": uid}
            status, answer = await scene.ask("POST", "charge-points/CP1/operations", body)
            assert (status, answer["error"]["message"][:17]) == (422, "Nothing was sent:")
        await station.says("Heartbeat", {})  # the next frame would be a call


async def test_only_a_transactions_profile_goes_with_a_start(scene):
    """1.6, 5.11"""
    async with connected(scene, "1.6"):
        for wrong in ({"purpose": "tx-default"}, {"transaction_id": "5"}, {"kind": "Absolute"}):
            body = {
                "kind": "remote-start",
                "token": "OWN1",
                "charging_profile": PROFILE | wrong,
            }
            status, _ = await scene.ask("POST", "charge-points/CP1/operations", body)
            assert status == 422, wrong


async def test_priority_is_given_with_the_stations_consent(scene):
    """2.1, block K: NoProfile says that the station has no priority profile."""
    answers = {"Accepted": "done", "NoProfile": "rejected"}
    async with connected(scene, "2.1") as station:
        for word, state in answers.items():
            operation = await order(scene, "priority-charging", transaction_id="tx-1")
            asked = await station.asked("UsePriorityCharging", {"status": word})
            assert asked == {"transactionId": "tx-1", "activate": True}
            assert words(await until(scene, operation, state)) == [word]
