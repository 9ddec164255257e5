"""A reservation from the operator's request to its end, in each version."""

import asyncio
import contextlib
import json
from datetime import UTC, datetime, timedelta

import pytest


class Station:
    """A scripted charge point."""

    def __init__(self, wire, version):
        self.wire = wire
        self.version = version
        self.started = 0

    async def asked(self, action, answer):
        kind, id_, called, payload = await self.wire.receive()
        assert (kind, called) == (2, action)
        await self.wire.send(json.dumps([3, id_, answer]))
        return payload

    async def says(self, action, payload):
        answer = await self.wire.call(action, payload)
        assert answer[0] == 3, answer
        return answer[2]

    async def status(self, connector, word):
        if self.version == "1.6":
            body = {"connectorId": connector, "status": word, "errorCode": "NoError"}
        else:
            body = {"evseId": connector, "connectorId": 1, "connectorStatus": word}
        await self.says("StatusNotification", {**body, "timestamp": at()})

    async def starts(self, token, *, connector=1, reservation=None, when=None):
        named = {} if reservation is None else {"reservationId": reservation}
        self.started += 1
        if self.version == "1.6":
            body = {"connectorId": connector, "idTag": token, "meterStart": 0}
            await self.says("StartTransaction", {**body, "timestamp": when or at(), **named})
            return
        body = {
            "eventType": "Started",
            "timestamp": when or at(),
            "triggerReason": "Authorized",
            "seqNo": 0,
            "transactionInfo": {"transactionId": f"tx-{self.started}"},
            "evse": {"id": connector, "connectorId": 1},
            "idToken": {"idToken": token, "type": "ISO14443"},
        }
        await self.says("TransactionEvent", {**body, **named})

    async def lets_go(self, reservation, why):
        body = {"reservationId": reservation, "reservationUpdateStatus": why}
        await self.says("ReservationStatusUpdate", body)


def at(**later):
    moment = datetime.now(UTC) + timedelta(**later)
    return moment.isoformat().replace("+00:00", "Z")


@contextlib.asynccontextmanager
async def connected(scene, version):
    await scene.register_charger("CP1", connectors=2)
    for token in ("OWN1", "OWN2"):
        await scene.put(f"tokens/RFID/{token}", {})
    await scene.put("tokens/RFID/FRIEND", {"group_id": "FAMILY"})
    async with scene.wire("CP1", version) as wire:
        yield Station(wire, version)


async def reserve(scene, station, answer="Accepted", *, minutes=15.0, **body):
    """What the operator was answered, and what the station was asked."""
    wanted = {"token": "OWN1", "expires_at": at(minutes=minutes), **body}
    request = scene.ask("POST", "charge-points/CP1/reservations", wanted)
    (status, shown), asked = await asyncio.gather(
        request, station.asked("ReserveNow", {"status": answer})
    )
    assert status == 201, shown
    return shown, asked


async def statuses(scene):
    return [one["status"] for one in await scene.get("charge-points/CP1/reservations")]


@pytest.fixture(params=["1.6", "2.0.1", pytest.param("2.1", marks=pytest.mark.long)])
def version(request):
    return request.param


@pytest.fixture(params=["2.0.1", pytest.param("2.1", marks=pytest.mark.long)])
def later(request):
    return request.param


async def test_a_reservation_reaches_its_evse_and_the_partners(scene, version):
    """ocpp-rules 14: the station says Reserved, and so the EVSE is RESERVED for everybody."""
    async with connected(scene, version) as station:
        partner = await scene.add_partner()
        shown, asked = await reserve(scene, station, evse_id=2, group_id="FAMILY")
        assert (shown["status"], shown["outcome"]) == ("ACTIVE", "ACCEPTED")
        if version == "1.6":
            assert (asked["connectorId"], asked["idTag"]) == (2, "OWN1")
            assert (asked["reservationId"], asked["parentIdTag"]) == (shown["id"], "FAMILY")
        else:
            assert (asked["evseId"], asked["idToken"]["idToken"]) == (2, "OWN1")
            assert (asked["id"], asked["groupIdToken"]["idToken"]) == (shown["id"], "FAMILY")
        await station.status(1, "Available")
        await station.status(2, "Reserved")
        await partner.until(lambda: published(partner) == ["AVAILABLE", "RESERVED"])
        await station.status(2, "Available")
        await partner.until(lambda: published(partner) == ["AVAILABLE", "AVAILABLE"])


def published(partner):
    found = [one for one in partner.locations if one["id"] == "LOC-CP1"]
    return [evse["status"] for location in found for evse in location["evses"]]


REFUSALS = {
    "Rejected": "REJECTED",
    "Occupied": "EVSE_OCCUPIED",
    "Faulted": "EVSE_INOPERATIVE",
    "Unavailable": "EVSE_INOPERATIVE",
}


async def test_a_refusal_is_shown_in_the_stations_word(scene, version):
    """Each answer of ReserveNow that is not Accepted"""
    async with connected(scene, version) as station:
        for word, outcome in REFUSALS.items():
            shown, _ = await reserve(scene, station, word, evse_id=1)
            assert (shown["outcome"], shown["word"]) == (outcome, word)
        assert await statuses(scene) == ["REJECTED"] * len(REFUSALS)


async def test_a_station_may_choose_the_evse(scene, version):
    """1.6, 5.13: connectorId 0; 2.x, H01: no evseId. Then any of its EVSEs is the use of it."""
    async with connected(scene, version) as station:
        _, asked = await reserve(scene, station)
        assert asked.get("connectorId", 0) == 0
        assert "evseId" not in asked
        await station.starts("OWN1", connector=2)
        assert await statuses(scene) == ["USED"]


async def test_a_cancelled_one_is_gone_and_an_unknown_one_is_the_stations_to_know(scene, version):
    """H02; Rejected says that the station has no such reservation."""
    async with connected(scene, version) as station:
        shown, _ = await reserve(scene, station, evse_id=1)
        path = f"charge-points/CP1/reservations/{shown['id']}"
        for word, outcome in (("Rejected", "UNKNOWN_RESERVATION"), ("Accepted", "ACCEPTED")):
            (status, answer), asked = await asyncio.gather(
                scene.ask("DELETE", path), station.asked("CancelReservation", {"status": word})
            )
            assert (status, answer["outcome"]) == (200, outcome)
            assert asked == {"reservationId": shown["id"]}
        assert await statuses(scene) == ["CANCELLED"]
        status, _ = await scene.ask("DELETE", "charge-points/CP1/reservations/4711")
        assert status == 404
        await station.says("Heartbeat", {})  # nothing was asked of it


async def test_a_start_that_names_it_uses_it(scene, version):
    """H03; by whomever: the station knows."""
    async with connected(scene, version) as station:
        shown, _ = await reserve(scene, station, evse_id=1)
        await station.starts("OWN2", connector=1, reservation=shown["id"])
        assert await statuses(scene) == ["USED"]


async def test_a_start_that_names_none_uses_that_of_its_token(scene, version):
    """Not every station names it. The one for this EVSE goes before the one for any."""
    async with connected(scene, version) as station:
        await reserve(scene, station, evse_id=1)
        await reserve(scene, station)
        await station.starts("own1" if version == "1.6" else "OWN1", connector=1)
        assert await statuses(scene) == ["ACTIVE", "USED"]


async def test_a_member_of_the_group_uses_it(scene, version):
    """1.6, 5.13; 2.x, H03: parentIdTag, groupIdToken"""
    async with connected(scene, version) as station:
        await reserve(scene, station, evse_id=1, group_id="FAMILY")
        await station.starts("FRIEND", connector=1)
        assert await statuses(scene) == ["USED"]


async def test_starts_of_others_use_nothing(scene, version):
    """Another token, another EVSE, a token that may not charge, a start of yesterday."""
    async with connected(scene, version) as station:
        await reserve(scene, station, evse_id=1)
        await reserve(scene, station, evse_id=1, token="NOBODY")
        await station.starts("OWN1", connector=1, when=at(days=-1))
        await station.starts("OWN2", connector=1)
        await station.starts("OWN1", connector=2)
        await station.starts("NOBODY", connector=1)
        assert await statuses(scene) == ["ACTIVE", "ACTIVE"]


async def test_an_unknown_reservation_in_a_start_is_no_error(scene, version):
    async with connected(scene, version) as station:
        await reserve(scene, station, evse_id=1)
        await station.starts("OWN1", connector=1, reservation=4711)
        assert await statuses(scene) == ["ACTIVE"]


async def test_one_expires_without_a_word(scene, version):
    """1.6, 5.13: the charge point ends it and says nothing but Available."""
    async with connected(scene, version) as station:
        await reserve(scene, station, evse_id=1, minutes=0.005)

        async def expired():
            return await statuses(scene) == ["EXPIRED"]

        await scene.until(expired)
        await station.starts("OWN1", connector=1)
        assert await statuses(scene) == ["EXPIRED"]


@pytest.mark.parametrize(("why", "status"), [("Expired", "EXPIRED"), ("Removed", "CANCELLED")])
async def test_a_station_that_lets_go_says_so(scene, later, why, status):
    """H04; an id that nobody knows is answered all the same."""
    async with connected(scene, later) as station:
        shown, _ = await reserve(scene, station, evse_id=1)
        await station.lets_go(4711, why)
        assert await statuses(scene) == ["ACTIVE"]
        await station.lets_go(shown["id"], why)
        assert await statuses(scene) == [status]


async def test_a_driver_who_did_not_charge_loses_it(scene):
    """2.1: NoTransaction"""
    async with connected(scene, "2.1") as station:
        shown, _ = await reserve(scene, station, evse_id=1)
        await station.lets_go(shown["id"], "NoTransaction")
        assert await statuses(scene) == ["EXPIRED"]
