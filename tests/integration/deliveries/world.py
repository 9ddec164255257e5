"""One gateway's delivery side with partners to deliver to.

A real store, real HTTP partners on port 0, real OCPI requests; only the clock is ours.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from aiohttp import web

from gateway import exact_json
from gateway.delivery import Deliveries, DeliveryPolicy
from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.partners import Endpoint, Partner, PartnerRole, PartnerState
from gateway.domain.party import Party
from gateway.domain.timestamps import to_text
from gateway.ocpi.outgoing.client import OcpiClient
from gateway.ocpi.outgoing.safe_http import SafeHttp
from gateway.ocpi.pushes.cdr_copies import CdrCopies
from gateway.ocpi.pushes.sender import ObjectSender
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

    def jump(self, seconds: float) -> None:
        """The process was held up: time has passed and nobody has noticed."""
        self._elapsed += seconds

    def advance(self, seconds: float) -> None:
        self.jump(seconds)
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
        if seen.method == "GET":
            return self._read(seen)
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

    def _read(self, seen: Seen) -> web.StreamResponse:
        if seen.path not in self.held:
            return envelope(2003, http=404)
        body = {"data": self.held[seen.path], "status_code": 1000, "timestamp": to_text(START)}
        return web.Response(body=exact_json.dumps(body), content_type="application/json")

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


def _pushes() -> bool:
    return any(task.get_name().startswith("push to") for task in asyncio.all_tasks())


async def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
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
        self.copies = CdrCopies(client, store)
        self.policy = DeliveryPolicy(settling=0)
        self.parties = [PARTY]
        self.sender = ObjectSender(client, store, self.locations)
        self.deliveries = self.node(store)
        self.emsps: list[Emsp] = []

    def node(self, store: Store) -> Deliveries:
        return Deliveries(
            store=store,
            partners=self.directory,
            parties=lambda: self.parties,
            transport=self.sender,
            clock=self.clock,
            random=Random(7),
            policy=self.policy,
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

    async def restart(self) -> None:
        """The gateway ends and starts again on the same store."""
        await self.deliveries.close()
        self.deliveries = self.node(self.store)
        await self.deliveries.start()
        await self.rest()

    async def rest(self) -> None:
        """Until nothing happens any more but by time passing."""
        loops = 1 + len(self.emsps)
        async with asyncio.timeout(20):
            while self.clock.resting() != loops or _pushes():  # noqa: ASYNC110 - of many tasks
                await asyncio.sleep(0.001)

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
        async with asyncio.timeout(60):
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
