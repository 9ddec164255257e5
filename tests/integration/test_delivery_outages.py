"""Deliveries to partners that fail in every way, told as outages.

A real store, real HTTP partners on port 0, real OCPI requests; only the clock is ours.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from gateway.delivery import Deliveries, DeliveryPolicy
from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.partners import Endpoint, Partner, PartnerRole, PartnerState
from gateway.domain.party import Party
from gateway.domain.timestamps import to_text
from gateway.ocpi.client import OcpiClient
from gateway.ocpi.safe_http import SafeHttp
from gateway.ocpi.sender import ObjectSender
from gateway.services.roaming.locations import LocationCatalogue
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import Store

PARTY = Party("NL", "CPO")
EMSP = Party("DE", "MSP")
START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
MODULES = ("locations", "sessions", "cdrs", "tariffs")


class ManualClock:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self._elapsed = 0.0
        self._waiting: dict[asyncio.Future[None], tuple[float, asyncio.Event]] = {}

    def now(self) -> datetime:
        return START + timedelta(seconds=self._elapsed)

    def elapsed(self) -> float:
        return self._elapsed

    async def wait(self, event: asyncio.Event, seconds: float) -> None:
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[alarm] = self._elapsed + seconds, event
        rung = asyncio.create_task(event.wait())
        try:
            await asyncio.wait((alarm, rung), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.pop(alarm, None)
            rung.cancel()
            await asyncio.gather(rung, return_exceptions=True)

    def advance(self, seconds: float) -> None:
        self._elapsed += seconds
        for alarm, (deadline, _) in list(self._waiting.items()):
            if deadline <= self._elapsed:
                del self._waiting[alarm]
                alarm.set_result(None)

    def resting(self) -> int:
        """How many wait for time to pass, and for nothing else."""
        return sum(not event.is_set() for _, event in self._waiting.values())


@dataclass
class Seen:
    """A request as it came."""

    method: str
    path: str
    body: Any
    raw: bytes
    headers: dict[str, str]


Interference = Callable[[Seen], Awaitable[web.StreamResponse | None]]


@dataclass
class Emsp:
    """A partner's platform: keeps what it is sent as OCPI says, unless `interfere` answers."""

    id: str
    requests: list[Seen] = field(default_factory=list)
    held: dict[str, Any] = field(default_factory=dict)
    interfere: Interference | None = None
    lose_next_answers: int = 0
    port: int = 0
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def answers(self, response: Callable[[], web.StreamResponse]) -> None:
        async def interfere(seen: Seen) -> web.StreamResponse:
            return response()

        self.interfere = interfere

    def record(self) -> Partner:
        base = f"http://127.0.0.1:{self.port}"
        return Partner(
            id=self.id,
            name=self.id,
            state=PartnerState.REGISTERED,
            created_at=START,
            outbound_token="token-c",
            version="2.2.1",
            roles=(PartnerRole("EMSP", EMSP, "eMSP"),),
            endpoints=tuple(Endpoint(name, "RECEIVER", f"{base}/{name}") for name in MODULES),
        )

    def methods(self) -> list[str]:
        return [f"{seen.method} {seen.path}" for seen in self.requests]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = json.loads(raw, parse_float=Decimal) if raw else None
        seen = Seen(request.method, request.raw_path, body, raw, headers)
        self.requests.append(seen)
        response = await self.interfere(seen) if self.interfere else None
        if response is None:
            response = self._keep(seen)
        if self.lose_next_answers:
            self.lose_next_answers -= 1
            assert request.transport is not None
            request.transport.abort()
        return response

    def _keep(self, seen: Seen) -> web.StreamResponse:
        if seen.method == "PUT":
            self.held[seen.path] = seen.body
        elif seen.method == "POST":
            path = f"{seen.path}/{seen.body['id']}"
            if path in self.held:
                return envelope(2000, http=409)
            self.held[path] = seen.body
            return envelope(1000, http=201, Location=f"https://emsp.example{path}")
        elif seen.method == "DELETE":
            if self.held.pop(seen.path, None) is None:
                return envelope(2000, http=404)
        elif not self._patch(seen):
            return envelope(2003, http=404)
        return envelope(1000)

    def _patch(self, seen: Seen) -> bool:
        assert "last_updated" in seen.body
        if seen.path in self.held:
            held = self.held[seen.path]
            added = seen.body.pop("charging_periods", [])
            held |= seen.body
            held["charging_periods"] = held.get("charging_periods", []) + added
            return True
        location_path, _, uid = seen.path.rpartition("/")
        for evse in self.held.get(location_path, {}).get("evses", []):
            if evse["uid"] == uid:
                evse |= seen.body
                return True
        return False


def envelope(code: int, *, http: int = 200, **headers: str) -> web.Response:
    body = {"status_code": code, "timestamp": "2026-11-22T08:00:00Z"}
    return web.json_response(body, status=http, headers=headers)


def failing(status: int, **headers: str) -> Callable[[], web.StreamResponse]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda: web.Response(status=status, headers=named)


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - the condition is about another process's state
            await asyncio.sleep(0.005)


class World:
    """One gateway's delivery side, and its partners."""

    def __init__(self, store: Store, http: SafeHttp) -> None:
        self.store = store
        self.clock = ManualClock()
        self.directory = PartnerDirectory(store, self.clock.now)
        self.locations = LocationCatalogue(store, self.directory, self.clock.now)
        client = OcpiClient(http, now=self.clock.now)
        self.sender = ObjectSender(client, store, self.locations)
        self.deliveries = self.node(store)
        self.emsps: list[Emsp] = []

    def node(self, store: Store) -> Deliveries:
        return Deliveries(
            store=store,
            partners=self.directory,
            parties=lambda: [PARTY],
            transport=self.sender,
            clock=self.clock,
            random=Random(7),
            policy=DeliveryPolicy(),
        )

    async def emsp(self, partner_id: str = "emsp") -> Emsp:
        emsp = Emsp(partner_id)
        await emsp.start()
        self.emsps.append(emsp)
        await self.directory.save(emsp.record())
        async with asyncio.timeout(5):
            while await self.deliveries.status(emsp.id) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return emsp

    async def rest(self) -> None:
        """Until nothing happens any more but by time passing."""
        loops = 1 + len(self.emsps)
        async with asyncio.timeout(20):
            while True:
                states = [await self.status(emsp) for emsp in self.emsps]
                busy = sum(state["in_flight"] for state in states)
                if not busy and self.clock.resting() == loops:
                    return
                await asyncio.sleep(0.005)

    async def pass_time(self, seconds: float, step: float = 10.0) -> None:
        for _ in range(int(seconds / step)):
            await self.rest()
            self.clock.advance(step)
        await self.rest()

    async def status(self, emsp: Emsp) -> dict[str, Any]:
        status = await self.deliveries.status(emsp.id)
        assert status is not None
        return status

    async def delivered(self, emsp: Emsp) -> None:
        async with asyncio.timeout(10):
            while (await self.status(emsp))["owed"]:  # noqa: ASYNC110 - kept by the store
                await asyncio.sleep(0.005)

    async def put_location(self, *uids: str, id_: str = "LOC1") -> None:
        await self.locations.put(PARTY, location(id_, *uids))

    async def set_status(self, uid: str, status: str, id_: str = "LOC1") -> None:
        store = self.store.party(PARTY)
        change = store.change()
        store.evses.put(change, id_, uid, status, self.clock.now())
        store.locations.touch(change, id_, self.clock.now())
        receivers = [emsp.id for emsp in self.emsps]
        store.owed.mark(change, receivers, ObjectRef(ObjectKind.EVSE, id_, uid))
        await self.store.commit(change)

    async def put(self, kind: ObjectKind, document: dict[str, Any], *partners: str) -> None:
        store = self.store.party(PARTY)
        documents = {
            ObjectKind.SESSION: store.sessions,
            ObjectKind.CDR: store.cdrs,
            ObjectKind.TARIFF: store.tariffs,
        }[kind]
        change = store.change()
        documents.put(change, document["id"], document, updated=self.clock.now())
        store.owed.mark(change, partners or ["emsp"], ObjectRef(kind, document["id"]))
        await self.store.commit(change)

    async def put_session(self, *kwh: str, status: str = "ACTIVE", id_: str = "S1") -> None:
        document = session(*kwh, status=status, id_=id_, at=self.clock.now())
        await self.put(ObjectKind.SESSION, document)

    async def truth(self, id_: str = "S1") -> dict[str, Any]:
        """The stored session as a partner should hold it when it has ended."""
        found = await self.store.party(PARTY).sessions.get(id_)
        assert found is not None
        return found


@pytest.fixture
async def world(store: Store) -> AsyncIterator[World]:
    http = SafeHttp(allow_private_hosts=True)
    world = World(store, http)
    await world.directory.load()
    await world.deliveries.start()
    yield world
    await world.deliveries.close()
    await world.directory.close()
    await http.close()
    for emsp in world.emsps:
        await emsp.stop()


def location(id_: str, *uids: str) -> dict[str, Any]:
    connector = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "max_voltage": 230,
        "max_amperage": 32,
    }
    return {
        "id": id_,
        "publish": True,
        "address": "Street 1",
        "city": "Town",
        "country": "NLD",
        "coordinates": {"latitude": "52.10000", "longitude": "5.10000"},
        "time_zone": "Europe/Amsterdam",
        "evses": [{"uid": uid, "connectors": [dict(connector)]} for uid in uids],
    }


def session(*kwh: str, status: str, id_: str, at: datetime) -> dict[str, Any]:
    """A session with one period per energy given; the last one runs while it is ACTIVE."""
    return {
        "country_code": PARTY.country_code,
        "party_id": PARTY.party_id,
        "id": id_,
        "start_date_time": to_text(START),
        "kwh": sum(map(Decimal, kwh), Decimal(0)),
        "cdr_token": cdr_token(EMSP),
        "auth_method": "WHITELIST",
        "location_id": "LOC1",
        "evse_uid": "E1",
        "connector_id": "1",
        "currency": "EUR",
        "charging_periods": [
            {
                "start_date_time": to_text(START + timedelta(hours=hour)),
                "dimensions": [{"type": "ENERGY", "volume": Decimal(volume)}],
            }
            for hour, volume in enumerate(kwh)
        ],
        "status": status,
        "last_updated": to_text(at),
    }


def cdr_token(owner: Party) -> dict[str, Any]:
    return {
        "country_code": owner.country_code,
        "party_id": owner.party_id,
        "uid": "0123AB",
        "type": "RFID",
        "contract_id": "DE-MSP-C1",
    }


def cdr(id_: str = "C1", owner: Party = EMSP) -> dict[str, Any]:
    price = {"before_taxes": Decimal("3.5"), "taxes": [{"name": "VAT", "amount": Decimal("0.7")}]}
    return {
        "country_code": PARTY.country_code,
        "party_id": PARTY.party_id,
        "id": id_,
        "start_date_time": to_text(START),
        "end_date_time": to_text(START + timedelta(hours=1)),
        "session_id": "S1",
        "cdr_token": cdr_token(owner),
        "auth_method": "WHITELIST",
        "cdr_location": {
            "id": "LOC1",
            "address": "Street 1",
            "city": "Town",
            "country": "NLD",
            "coordinates": {"latitude": "52.10000", "longitude": "5.10000"},
            "evse_uid": "E1",
            "evse_id": "#NA",
            "connector_id": "1",
            "connector_standard": "IEC_62196_T2",
            "connector_format": "SOCKET",
            "connector_power_type": "AC_3_PHASE",
        },
        "currency": "EUR",
        "charging_periods": [
            {
                "start_date_time": to_text(START),
                "dimensions": [{"type": "ENERGY", "volume": Decimal("10.0001")}],
            }
        ],
        "total_cost": price,
        "total_energy": Decimal("10.0001"),
        "total_time": Decimal(1),
        "last_updated": to_text(START),
    }


def tariff(price: str) -> dict[str, Any]:
    component = {"type": "ENERGY", "price": Decimal(price), "vat": Decimal(20), "step_size": 1}
    return {
        "country_code": PARTY.country_code,
        "party_id": PARTY.party_id,
        "id": "T1",
        "currency": "EUR",
        "tax_included": "NO",
        "elements": [{"price_components": [component]}],
        "last_updated": to_text(START),
    }


LOC1 = "/locations/NL/CPO/LOC1"
S1 = "/sessions/NL/CPO/S1"
T1 = "/tariffs/NL/CPO/T1"


# --- what is sent, when all is well -----------------------------------------------------------


async def test_a_new_location_is_put_whole(world: World) -> None:
    emsp = await world.emsp()
    await world.put_location("E1", "E2")
    await until(lambda: emsp.methods() == [f"PUT {LOC1}"])
    assert [evse["uid"] for evse in emsp.held[LOC1]["evses"]] == ["E1", "E2"]


async def test_a_status_change_is_patched_with_last_updated(world: World) -> None:
    """ocpi-rules 9: a PATCH carries last_updated."""
    emsp = await world.emsp()
    await world.put_location("E1")
    await world.delivered(emsp)
    world.clock.advance(1)
    await world.set_status("E1", "CHARGING")
    await until(lambda: len(emsp.requests) == 2)
    patch = emsp.requests[1]
    assert (patch.method, patch.path) == ("PATCH", f"{LOC1}/E1")
    assert patch.body == {"status": "CHARGING", "last_updated": "2026-11-22T08:00:01.000Z"}


async def test_a_location_put_after_a_status_change_carries_its_lifted_time(world: World) -> None:
    """ocpi-rules 8: last_updated is lifted from EVSE to Location."""
    emsp = await world.emsp()
    emsp.answers(failing(503))
    await world.put_location("E1")
    await until(lambda: len(emsp.requests) == 1)
    world.clock.advance(5)
    await world.set_status("E1", "CHARGING")
    emsp.interfere = None
    await world.pass_time(20)
    held = emsp.held[LOC1]
    assert held["last_updated"] == held["evses"][0]["last_updated"] == "2026-11-22T08:00:05.000Z"


async def test_an_evse_of_a_location_that_the_partner_never_got_brings_the_location(
    world: World,
) -> None:
    await world.put_location("E1")
    emsp = await world.emsp()
    await world.set_status("E1", "CHARGING")
    await until(lambda: emsp.methods() == [f"PUT {LOC1}"])
    assert emsp.held[LOC1]["evses"][0]["status"] == "CHARGING"


async def test_a_partner_that_forgot_a_location_gets_it_whole_again(world: World) -> None:
    emsp = await world.emsp()
    await world.put_location("E1")
    await world.delivered(emsp)
    emsp.held.clear()
    await world.set_status("E1", "CHARGING")
    await world.delivered(emsp)
    assert emsp.methods() == [f"PUT {LOC1}", f"PATCH {LOC1}/E1", f"PUT {LOC1}"]
    assert emsp.held[LOC1]["evses"][0]["status"] == "CHARGING"


async def test_a_removed_evse_is_told_as_a_status_and_never_deleted(world: World) -> None:
    """ocpi-rules 13: never delete an EVSE; no DELETE on locations."""
    emsp = await world.emsp()
    await world.put_location("E1", "E2")
    await world.delivered(emsp)
    await world.put_location("E1")
    await world.delivered(emsp)
    assert emsp.methods() == [f"PUT {LOC1}", f"PUT {LOC1}"]
    statuses = {evse["uid"]: evse["status"] for evse in emsp.held[LOC1]["evses"]}
    assert statuses["E2"] == "REMOVED"


async def test_a_withdrawn_location_is_told_to_who_has_it(world: World) -> None:
    emsp = await world.emsp()
    await world.put_location("E1")
    await world.delivered(emsp)
    await world.locations.put(PARTY, location("LOC1", "E1") | {"publish": False})
    await world.delivered(emsp)
    assert emsp.held[LOC1]["publish"] is False


async def test_a_location_that_is_not_published_is_not_told_to_who_has_it_not(
    world: World,
) -> None:
    emsp = await world.emsp()
    await world.locations.put(PARTY, location("LOC1", "E1") | {"publish": False})
    await world.delivered(emsp)
    assert emsp.requests == []


async def test_a_tariff_is_put_and_when_it_is_gone_deleted(world: World) -> None:
    """ocpi-rules 13: Tariff has DELETE, and no PATCH after 2.1.1."""
    emsp = await world.emsp()
    await world.put(ObjectKind.TARIFF, tariff("0.25"))
    await world.delivered(emsp)
    await world.put(ObjectKind.TARIFF, tariff("0.30"))
    await world.delivered(emsp)
    store = world.store.party(PARTY)
    change = store.change()
    store.tariffs.remove(change, "T1")
    store.owed.mark(change, ["emsp"], ObjectRef(ObjectKind.TARIFF, "T1"))
    await world.store.commit(change)
    await world.delivered(emsp)
    assert emsp.methods() == [f"PUT {T1}", f"PUT {T1}", f"DELETE {T1}"]


async def test_deleting_a_tariff_that_the_partner_does_not_hold_is_done(world: World) -> None:
    emsp = await world.emsp()
    store = world.store.party(PARTY)
    change = store.change()
    store.owed.mark(change, ["emsp"], ObjectRef(ObjectKind.TARIFF, "T1"))
    await world.store.commit(change)
    await world.delivered(emsp)
    assert (await world.status(emsp))["refused"] == 0


async def test_pushes_are_routed_from_our_party_to_the_partners(world: World) -> None:
    """ocpi-rules 25."""
    emsp = await world.emsp()
    await world.put_session("1")
    await world.delivered(emsp)
    headers = emsp.requests[0].headers
    assert (headers["ocpi-from-country-code"], headers["ocpi-from-party-id"]) == ("NL", "CPO")
    assert (headers["ocpi-to-country-code"], headers["ocpi-to-party-id"]) == ("DE", "MSP")


async def test_a_hub_gets_locations_as_a_broadcast_and_sessions_for_the_tokens_owner(
    world: World,
) -> None:
    """ocpi-rules 25: to=hub is Broadcast Push, not for sessions and CDRs."""
    hub = await world.emsp()
    roles = (PartnerRole("HUB", Party("BE", "HUB"), "hub"),)
    await world.directory.save(replace(hub.record(), roles=roles))
    await world.put_location("E1")
    await world.delivered(hub)
    await world.put_session("1")
    await world.delivered(hub)
    receivers = [seen.headers["ocpi-to-party-id"] for seen in hub.requests]
    assert receivers == ["HUB", "MSP"]


async def test_a_partner_without_the_module_is_not_told(world: World) -> None:
    emsp = await world.emsp()
    endpoints = tuple(one for one in emsp.record().endpoints if one.identifier != "cdrs")
    await world.directory.save(replace(emsp.record(), endpoints=endpoints))
    await world.put(ObjectKind.CDR, cdr())
    await world.delivered(emsp)
    assert emsp.requests == []


# --- sessions ---------------------------------------------------------------------------------


async def test_a_session_is_put_once_and_then_patched(world: World) -> None:
    """ocpi-rules 10: the periods of a PATCH are appended."""
    emsp = await world.emsp()
    for kwh in (["1"], ["2", "1"], ["2", "3"], ["2", "4", "1"]):
        await world.put_session(*kwh)
        await world.delivered(emsp)
        await world.pass_time(20)
    await world.put_session("2", "4", "5", status="COMPLETED")
    await world.delivered(emsp)
    assert emsp.methods() == [f"PUT {S1}", *[f"PATCH {S1}"] * 4]
    truth = await world.truth()
    assert emsp.held[S1]["charging_periods"] == truth["charging_periods"]
    assert emsp.held[S1]["kwh"] == truth["kwh"]
    assert emsp.held[S1]["status"] == "COMPLETED"


async def test_after_a_lost_answer_the_session_is_put_and_no_period_comes_twice(
    world: World,
) -> None:
    """ocpi-rules 10: the partner took the PATCH, the answer was lost."""
    emsp = await world.emsp()
    await world.put_session("1")
    await world.delivered(emsp)
    await world.pass_time(20)
    emsp.lose_next_answers = 1
    await world.put_session("2", "1")
    await until(lambda: len(emsp.requests) == 2)
    await world.pass_time(20)
    await world.delivered(emsp)
    assert emsp.methods() == [f"PUT {S1}", f"PATCH {S1}", f"PUT {S1}"]
    await world.put_session("2", "3", status="COMPLETED")
    await world.delivered(emsp)
    assert emsp.held[S1]["charging_periods"] == (await world.truth())["charging_periods"]


async def test_a_period_that_is_corrected_after_it_was_sent_brings_a_put(world: World) -> None:
    """ocpi-rules 10: a PUT replaces the periods."""
    emsp = await world.emsp()
    await world.put_session("2", "1")
    await world.delivered(emsp)
    await world.pass_time(20)
    await world.put_session("2.5", "1", status="COMPLETED")
    await world.delivered(emsp)
    assert emsp.methods() == [f"PUT {S1}", f"PUT {S1}"]
    assert emsp.held[S1]["charging_periods"] == (await world.truth())["charging_periods"]


async def test_a_partner_that_refuses_patches_gets_the_session_whole(world: World) -> None:
    emsp = await world.emsp()

    async def no_patch(seen: Seen) -> web.StreamResponse | None:
        return envelope(2000, http=405) if seen.method == "PATCH" else None

    emsp.interfere = no_patch
    await world.put_session("1")
    await world.delivered(emsp)
    await world.put_session("2", "1", status="COMPLETED")
    await world.delivered(emsp)
    assert emsp.methods() == [f"PUT {S1}", f"PATCH {S1}", f"PUT {S1}"]
    assert emsp.held[S1]["charging_periods"] == (await world.truth())["charging_periods"]


@pytest.mark.parametrize("answer", [failing(500), lambda: envelope(3000)])
async def test_a_partner_that_chokes_on_a_patch_is_sent_the_whole_next_time(
    world: World, answer: Callable[[], web.StreamResponse]
) -> None:
    emsp = await world.emsp()

    async def choke(seen: Seen) -> web.StreamResponse | None:
        return answer() if seen.method == "PATCH" else None

    emsp.interfere = choke
    await world.put_location("E1")
    await world.put_session("1")
    await world.delivered(emsp)
    await world.set_status("E1", "CHARGING")
    await world.put_session("2", status="COMPLETED")
    await world.pass_time(60)
    await world.delivered(emsp)
    assert emsp.held[LOC1]["evses"][0]["status"] == "CHARGING"
    assert emsp.held[S1]["status"] == "COMPLETED"


async def test_updates_of_a_running_session_are_pushed_at_most_every_ten_seconds(
    world: World,
) -> None:
    emsp = await world.emsp()
    for tenth in range(100):
        await world.put_session(f"{tenth}")
        await world.pass_time(1, step=1)
    await world.pass_time(10)
    assert 10 <= len(emsp.requests) <= 12
    assert emsp.held[S1]["kwh"] == 99


async def test_the_end_of_a_session_does_not_wait(world: World) -> None:
    emsp = await world.emsp()
    await world.put_session("1")
    await world.delivered(emsp)
    await world.put_session("2")
    await world.rest()
    assert len(emsp.requests) == 1
    await world.put_session("3", status="COMPLETED")
    await until(lambda: len(emsp.requests) == 2)
    assert emsp.requests[1].body["status"] == "COMPLETED"


async def test_many_waiting_sessions_do_not_hold_up_other_objects(world: World) -> None:
    emsp = await world.emsp()
    for number in range(60):
        await world.put_session("1", id_=f"S{number}")
    await world.delivered(emsp)
    for number in range(60):
        await world.put_session("2", id_=f"S{number}")
    await world.put_location("E1")
    await until(lambda: LOC1 in emsp.held)


async def test_the_session_reaches_the_partner_before_its_cdr(world: World) -> None:
    emsp = await world.emsp()
    emsp.answers(failing(503))
    await world.put_session("1", status="COMPLETED", id_="X1")
    await world.put(ObjectKind.CDR, cdr("X1"))
    emsp.interfere = None
    await world.pass_time(30)
    done = [entry for entry in emsp.methods() if "X1" in entry or "POST" in entry]
    assert done[-2:] == ["PUT /sessions/NL/CPO/X1", "POST /cdrs"]


# --- CDRs -------------------------------------------------------------------------------------


async def test_a_cdr_is_posted_once_and_its_location_is_kept(world: World) -> None:
    """ocpi-rules 19: the answer to POST carries Location; a CDR is immutable."""
    emsp = await world.emsp()
    await world.put(ObjectKind.CDR, cdr())
    await world.delivered(emsp)
    await world.put(ObjectKind.CDR, cdr())
    await world.delivered(emsp)
    assert emsp.methods() == ["POST /cdrs"]
    assert b"10.0001" in emsp.requests[0].raw
    known = await world.store.party(PARTY).owed.known("emsp", ObjectRef(ObjectKind.CDR, "C1"))
    assert known == "https://emsp.example/cdrs/C1"


async def test_a_cdr_whose_answer_was_lost_is_posted_again_with_the_same_body(
    world: World,
) -> None:
    """Fault R14; ocpi-rules 19: same id and body, and 409 counts as delivered."""
    emsp = await world.emsp()
    emsp.lose_next_answers = 1
    await world.put(ObjectKind.CDR, cdr())
    await until(lambda: len(emsp.requests) == 1)
    await world.pass_time(20)
    await world.delivered(emsp)
    first, second = emsp.requests
    assert first.raw == second.raw
    assert (await world.status(emsp))["refused"] == 0
    assert list(emsp.held) == ["/cdrs/C1"]


async def test_a_2xxx_that_says_already_there_counts_as_delivered(world: World) -> None:
    """Fault R14."""
    emsp = await world.emsp()
    body = {"status_code": 2000, "status_message": "CDR already exists"}
    emsp.answers(lambda: web.json_response(body))
    await world.put(ObjectKind.CDR, cdr())
    await world.delivered(emsp)
    assert (await world.status(emsp))["delivered"] == 1


async def test_a_partner_may_be_spared_a_second_post(world: World) -> None:
    """ocpi-rules 15: no blind replay, for a partner that asks for it."""
    emsp = await world.emsp()
    await world.directory.save(replace(emsp.record(), quirks=frozenset({"no_cdr_repost"})))
    emsp.lose_next_answers = 1
    await world.put(ObjectKind.CDR, cdr())
    await until(lambda: len(emsp.requests) == 1)
    await world.pass_time(20)
    await world.delivered(emsp)
    assert len(emsp.requests) == 1
    refused = await world.store.party(PARTY).owed.refused("emsp")
    assert [entry["object"] for entry in refused] == ["cdr/C1"]


@pytest.mark.parametrize("kind", [ObjectKind.CDR, ObjectKind.SESSION])
async def test_what_belongs_to_another_partys_token_is_never_sent(
    world: World, kind: ObjectKind
) -> None:
    """ocpi-rules 19 and 25: only to the party concerned, no broadcast."""
    emsp = await world.emsp()
    document = (
        cdr() if kind is ObjectKind.CDR else session("1", status="ACTIVE", id_="S1", at=START)
    )
    await world.put(kind, document | {"cdr_token": cdr_token(Party("FR", "XXX"))})
    await world.delivered(emsp)
    assert emsp.requests == []


async def test_energy_goes_out_in_kwh(world: World) -> None:
    """ocpi-rules 24: kWh, digit for digit."""
    emsp = await world.emsp()
    await world.put_session("0.0001", "10", status="COMPLETED")
    await world.delivered(emsp)
    assert emsp.held[S1]["kwh"] == Decimal("10.0001")


# --- outages ----------------------------------------------------------------------------------


async def test_a_partner_that_was_away_for_an_hour_gets_each_dirty_object_once_as_it_is_now(
    world: World,
) -> None:
    """Fault R11; ocpi-rules 15: messages are not queued."""
    emsp = await world.emsp()
    await world.put_location("E1", "E2", "E3")
    await world.delivered(emsp)
    await emsp.stop()
    for minute in range(60):
        await world.set_status("E1", ("CHARGING", "AVAILABLE")[minute % 2])
        await world.put_session(f"{minute}")
        await world.pass_time(60, step=60)
    await world.set_status("E2", "OUTOFORDER")
    await world.put_session("60", status="COMPLETED")
    before = len(emsp.requests)
    await emsp.start()
    await world.pass_time(300)
    await world.delivered(emsp)
    after = emsp.methods()[before:]
    assert sorted(after) == [f"PATCH {LOC1}/E1", f"PATCH {LOC1}/E2", f"PUT {S1}"]
    statuses = {evse["uid"]: evse["status"] for evse in emsp.held[LOC1]["evses"]}
    assert (statuses["E1"], statuses["E2"]) == ("AVAILABLE", "OUTOFORDER")
    assert (emsp.held[S1]["kwh"], emsp.held[S1]["status"]) == (60, "COMPLETED")


async def test_a_partner_that_is_down_is_tried_ever_less_often(world: World) -> None:
    emsp = await world.emsp()
    emsp.answers(failing(500))
    await world.put_location("E1")
    await world.pass_time(3600, step=30)
    assert 10 <= len(emsp.requests) <= 35


async def test_what_was_owed_before_a_restart_is_delivered_after_it(world: World) -> None:
    emsp = await world.emsp()
    await emsp.stop()
    await world.put_location("E1")
    await world.rest()
    await world.deliveries.close()
    await emsp.start()
    world.deliveries = world.node(world.store)
    await world.deliveries.start()
    await until(lambda: emsp.methods() == [f"PUT {LOC1}"])


async def test_a_partner_that_calls_us_is_tried_at_once(world: World) -> None:
    emsp = await world.emsp()
    emsp.answers(failing(500))
    await world.put_location("E1")
    await world.pass_time(600)
    emsp.interfere = None
    world.clock.advance(2)
    await world.rest()
    assert LOC1 not in emsp.held
    world.deliveries.wake(emsp.id)
    await until(lambda: LOC1 in emsp.held)


async def test_a_slow_partner_does_not_delay_a_healthy_one(world: World) -> None:
    """Fault R13."""
    slow, healthy = await world.emsp("slow"), await world.emsp("healthy")
    release = asyncio.Event()

    async def hold(seen: Seen) -> None:
        await release.wait()

    slow.interfere = hold
    for number in range(20):
        await world.put_location("E1", id_=f"LOC{number}")
    await until(lambda: len(healthy.held) == 20)
    assert slow.held == {}
    release.set()
    await until(lambda: len(slow.held) == 20)


async def test_only_so_many_requests_are_in_flight_to_one_partner(world: World) -> None:
    emsp = await world.emsp()
    release = asyncio.Event()
    inside = most = 0

    async def count(seen: Seen) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await release.wait()
        inside -= 1

    emsp.interfere = count
    for number in range(20):
        await world.put_location("E1", id_=f"LOC{number}")
    await until(lambda: inside == 4)
    release.set()
    await until(lambda: len(emsp.held) == 20)
    assert most == 4


async def test_a_change_during_a_push_is_pushed_after_it_and_never_before(world: World) -> None:
    """No stale after new: one request in flight per location with its EVSEs."""
    emsp = await world.emsp()
    release = asyncio.Event()

    async def hold_the_put(seen: Seen) -> None:
        if seen.method == "PUT":
            await release.wait()

    emsp.interfere = hold_the_put
    await world.put_location("E1")
    await until(lambda: len(emsp.requests) == 1)
    for status in ("CHARGING", "AVAILABLE", "BLOCKED"):
        await world.set_status("E1", status)
    await asyncio.sleep(0.05)
    assert len(emsp.requests) == 1
    release.set()
    await world.delivered(emsp)
    assert emsp.methods() == [f"PUT {LOC1}", f"PATCH {LOC1}/E1"]
    assert emsp.held[LOC1]["evses"][0]["status"] == "BLOCKED"


async def test_random_outages_end_with_the_partner_holding_the_truth(world: World) -> None:
    """Fault R11: no stale after new, whatever is lost on the way."""
    emsp = await world.emsp()
    chance = Random(11)

    async def misbehave(seen: Seen) -> web.StreamResponse | None:
        if chance.random() < 0.3:
            return chance.choice([failing(500), failing(503, Retry_After="2")])()
        emsp.lose_next_answers = int(chance.random() < 0.3)
        return None

    await world.put_location("E1", "E2")
    emsp.interfere = misbehave
    kwh = ["1"]
    for step in range(40):
        await world.set_status(chance.choice(["E1", "E2"]), chance.choice(["CHARGING", "BLOCKED"]))
        kwh[-1] = str(step)
        if chance.random() < 0.3:
            kwh.append("0")
        await world.put_session(*kwh, status="COMPLETED" if step == 39 else "ACTIVE")
        await world.pass_time(5, step=5)
    emsp.interfere, emsp.lose_next_answers = None, 0
    await world.pass_time(600)
    await world.delivered(emsp)
    assert emsp.held[S1]["charging_periods"] == (await world.truth())["charging_periods"]
    held = {evse["uid"]: evse["status"] for evse in emsp.held[LOC1]["evses"]}
    shown = await world.locations.get(PARTY, "LOC1")
    assert shown is not None
    assert held == {evse["uid"]: evse["status"] for evse in shown["evses"]}


# --- refusals and poison ----------------------------------------------------------------------


async def test_a_refused_object_does_not_block_the_others(world: World) -> None:
    emsp = await world.emsp()

    async def refuse_one(seen: Seen) -> web.StreamResponse | None:
        return envelope(2001) if "LOC0" in seen.path else None

    emsp.interfere = refuse_one
    for number in range(5):
        await world.put_location("E1", id_=f"LOC{number}")
    await world.delivered(emsp)
    assert len(emsp.held) == 4
    refused = await world.store.party(PARTY).owed.refused("emsp")
    assert [entry["object"] for entry in refused] == ["location/LOC0"]
    assert "2001" in refused[0]["reason"]


async def test_an_object_that_the_partner_chokes_on_does_not_block_the_others_for_ever(
    world: World,
) -> None:
    emsp = await world.emsp()

    async def choke(seen: Seen) -> web.StreamResponse | None:
        return web.Response(status=500) if "LOC0" in seen.path else None

    emsp.interfere = choke
    await world.put_location("E1", id_="LOC0")
    for number in range(1, 12):
        await world.put_location("E1", id_=f"LOC{number}")
        await world.pass_time(60)
        assert f"/locations/NL/CPO/LOC{number}" in emsp.held
    await world.pass_time(600)
    await world.delivered(emsp)
    refused = await world.store.party(PARTY).owed.refused("emsp")
    assert [entry["object"] for entry in refused] == ["location/LOC0"]


async def test_429_is_waited_for_as_long_as_it_says(world: World) -> None:
    """Fault R12: Retry-After, also when the partner calls us meanwhile."""
    emsp = await world.emsp()
    emsp.answers(failing(429, Retry_After="120"))
    await world.put_location("E1")
    await until(lambda: len(emsp.requests) == 1)
    emsp.interfere = None
    await world.pass_time(110)
    world.deliveries.wake(emsp.id)
    await world.rest()
    assert len(emsp.requests) == 1
    await world.pass_time(20)
    assert LOC1 in emsp.held


@pytest.mark.parametrize(
    "answer",
    [
        failing(302, Location="http://127.0.0.1:1/"),
        failing(403),
        failing(500),
        failing(503),
        lambda: envelope(3000),
        lambda: envelope(4003),
        lambda: web.Response(text="<html>maintenance</html>"),
        lambda: web.Response(body=b'{"status_code": 10'),
    ],
)
async def test_an_answer_that_is_no_verdict_keeps_the_object_owed(
    world: World, answer: Callable[[], web.StreamResponse]
) -> None:
    """Fault R12; ocpi-rules 12 for the hub's codes."""
    emsp = await world.emsp()
    emsp.answers(answer)
    await world.put_location("E1")
    await until(lambda: len(emsp.requests) == 1)
    await world.rest()
    status = await world.status(emsp)
    assert (status["owed"], status["refused"], status["failures"]) == (1, 0, 1)
    emsp.interfere = None
    await world.pass_time(20)
    assert LOC1 in emsp.held


@pytest.mark.parametrize(
    "answer",
    [
        failing(400),
        failing(404),
        failing(405),
        lambda: envelope(2000),
        lambda: envelope(2003),
        lambda: envelope(4001),
    ],
)
async def test_an_answer_that_is_a_verdict_ends_the_objects_turn(
    world: World, answer: Callable[[], web.StreamResponse]
) -> None:
    """Fault R12; ocpi-rules 12: 4001, unknown receiver."""
    emsp = await world.emsp()
    emsp.answers(answer)
    await world.put_location("E1")
    await world.delivered(emsp)
    status = await world.status(emsp)
    assert (status["refused"], status["failures"], len(emsp.requests)) == (1, 0, 1)


async def test_a_document_that_cannot_be_rendered_does_not_block_the_others(
    world: World,
) -> None:
    emsp = await world.emsp()
    broken = cdr("C0")
    del broken["total_cost"]["before_taxes"]
    await world.put(ObjectKind.CDR, broken)
    await world.put(ObjectKind.CDR, cdr("C1"))
    await world.delivered(emsp)
    assert list(emsp.held) == ["/cdrs/C1"]
    refused = await world.store.party(PARTY).owed.refused("emsp")
    assert [entry["object"] for entry in refused] == ["cdr/C0"]


# --- suspension -------------------------------------------------------------------------------


async def test_401_suspends_the_partner_with_one_alert(world: World) -> None:
    """Fault R12."""
    emsp = await world.emsp()
    emsp.answers(failing(401))
    with capture_logs() as logs:
        for number in range(8):
            await world.put_location("E1", id_=f"LOC{number}")
        await until(lambda: world.directory.get("emsp").state is PartnerState.SUSPENDED)  # type: ignore[union-attr]
        await world.pass_time(600)
    assert len(emsp.requests) <= 4
    assert len([entry for entry in logs if entry["log_level"] == "error"]) == 1
    assert (await world.status(emsp))["owed"] == 8


async def test_a_suspended_partner_that_calls_us_is_tried_again(world: World) -> None:
    emsp = await world.emsp()
    emsp.answers(failing(401))
    await world.put_location("E1")
    await until(lambda: world.directory.get("emsp").state is PartnerState.SUSPENDED)  # type: ignore[union-attr]
    emsp.interfere = None
    await world.pass_time(60)
    world.deliveries.wake("emsp")
    await until(lambda: LOC1 in emsp.held)
    partner = world.directory.get("emsp")
    assert partner is not None
    assert partner.state is PartnerState.REGISTERED


async def test_a_partner_that_still_says_401_is_not_tried_with_every_call(world: World) -> None:
    emsp = await world.emsp()
    emsp.answers(failing(401))
    await world.put_location("E1")
    await until(lambda: world.directory.get("emsp").state is PartnerState.SUSPENDED)  # type: ignore[union-attr]
    for _ in range(100):
        partner = world.directory.get("emsp")
        assert partner is not None
        await world.directory.resume(partner)
        world.deliveries.wake("emsp")
        await world.pass_time(1, step=1)
    assert len(emsp.requests) <= 3


async def test_a_401_to_a_token_that_was_just_replaced_does_not_suspend(world: World) -> None:
    emsp = await world.emsp()
    release = asyncio.Event()

    async def old_token(seen: Seen) -> web.StreamResponse | None:
        if len(emsp.requests) > 1:
            return None
        await release.wait()
        return web.Response(status=401)

    emsp.interfere = old_token
    await world.put_location("E1")
    await until(lambda: len(emsp.requests) == 1)
    await world.directory.save(replace(emsp.record(), outbound_token="token-d"))
    release.set()
    await until(lambda: LOC1 in emsp.held)
    partner = world.directory.get("emsp")
    assert partner is not None
    assert partner.state is PartnerState.REGISTERED


async def test_a_removed_partner_is_no_longer_told_and_owed_nothing(world: World) -> None:
    emsp = await world.emsp()
    emsp.answers(failing(500))
    await world.put_location("E1")
    await until(lambda: len(emsp.requests) == 1)
    await world.directory.remove("emsp")
    owed = world.store.party(PARTY).owed
    async with asyncio.timeout(5):
        while await owed.count("emsp"):  # noqa: ASYNC110 - kept by the store
            await asyncio.sleep(0.01)
    assert await world.deliveries.status("emsp") is None


# --- several nodes ----------------------------------------------------------------------------


async def test_exactly_one_of_two_nodes_delivers_and_the_other_takes_over(
    world: World, redis_url: str
) -> None:
    emsp = await world.emsp()
    await world.put_location("E1")
    await world.delivered(emsp)
    other_store = await Store.open(redis_url, secret_key=bytes(range(32)), node_id="node-2")
    other = world.node(other_store)
    await other.start()
    for number in range(2, 12):
        await world.put_location("E1", id_=f"LOC{number}")
    await world.delivered(emsp)
    assert len(emsp.requests) == 11
    await world.deliveries.close()
    await world.put_location("E1", id_="LOC99")
    async with asyncio.timeout(10):
        while "/locations/NL/CPO/LOC99" not in emsp.held:
            world.clock.advance(10)
            await asyncio.sleep(0.02)
    assert len(emsp.requests) == 12
    await other.close()
    await other_store.close()


async def test_close_lets_a_push_in_flight_end(world: World) -> None:
    emsp = await world.emsp()
    release = asyncio.Event()

    async def hold(seen: Seen) -> None:
        await release.wait()

    emsp.interfere = hold
    await world.put_location("E1")
    await until(lambda: len(emsp.requests) == 1)
    closing = asyncio.create_task(world.deliveries.close())
    await asyncio.sleep(0)
    release.set()
    await closing
    assert LOC1 in emsp.held
    assert await world.store.party(PARTY).owed.count("emsp") == 0
