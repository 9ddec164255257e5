"""A gateway's partner side with real parts, partners to talk to it, and a strict 2.2.1 check."""

import asyncio
import base64
import io
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gateway.domain.partners import Partner, PartnerRole, PartnerState
from gateway.domain.party import Party
from gateway.domain.token_pulls import PullRhythm
from gateway.ocpi.conformance.standard import errors
from gateway.ocpi.credentials.registration import Registration
from gateway.ocpi.incoming.server import OcpiServer, Services, create_app
from gateway.ocpi.outgoing.client import OcpiClient
from gateway.ocpi.outgoing.command_results import ProfileResultSender
from gateway.ocpi.outgoing.safe_http import SafeHttp
from gateway.ocpi.platform import Platform
from gateway.ocpi.tokens.received_tokens import ReceivedTokens
from gateway.ocpi.tokens.token_pull import TokenPull
from gateway.services.billing.billing import Billing
from gateway.services.billing.charging_preferences import ChargingPreferences
from gateway.services.billing.preferred_tariffs import PreferredTariffs
from gateway.services.billing.tariffs import TariffBook
from gateway.services.charging.commands import StartSession
from gateway.services.charging.in_flight import CommandAnswer, InFlight
from gateway.services.charging.partner_profiles import PartnerProfiles
from gateway.services.charging.smart_charging import SmartCharging
from gateway.services.charging.targets import Place, Targets
from gateway.services.ports import ReplyTo
from gateway.services.reservations.partner_reservations import ReserveOrder
from gateway.services.roaming.hub_clients import HubClients
from gateway.services.roaming.locations import LocationCatalogue, UnknownLocation
from gateway.services.roaming.parties import PartyBook, PartyInfo
from gateway.services.roaming.partners import PartnerDirectory, token_hash
from gateway.services.stations.charge_points import ChargePoints
from gateway.services.stations.evse_publisher import EvsePublisher
from gateway.services.stations.initiative import Initiative
from gateway.services.stations.routing import StationRouter
from gateway.store import Store

ABC = Party("NL", "ABC")
XYZ = Party("DE", "XYZ")

# --- the strict check ------------------------------------------------------------------------


def check_221(kind: str, value: Any) -> None:
    """Fail unless `value` is exactly a 2.2.1 object of this class: no member more, none less."""
    assert errors("2.2.1", kind, value) == []


@pytest.fixture
def strict() -> Callable[[str, Any], None]:
    """The check of 2.2.1 objects."""
    return check_221


# --- a partner --------------------------------------------------------------------------------


@dataclass
class FakePartner:
    """An eMSP platform: what it says about itself, and what it was asked."""

    party: Party = field(default_factory=lambda: Party("DE", "EMS"))
    role: str = "EMSP"
    version: str = "2.2.1"
    endpoints: tuple[tuple[str, str], ...] = (
        ("credentials", "RECEIVER"),
        ("tokens", "SENDER"),
        ("locations", "RECEIVER"),
        ("tariffs", "RECEIVER"),
    )
    accepts: set[str] = field(default_factory=set)
    takes_raw: bool = False
    given: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    tokens: list[dict[str, Any]] = field(default_factory=list)
    page_size: int = 2
    token_calls: int = 0
    broken_token_calls: int = 0
    next_token: str = "their-token-c"
    on_credentials: Callable[[dict[str, Any]], Awaitable[None]] | None = None
    url: str = ""

    @property
    def versions_url(self) -> str:
        return f"{self.url}/versions"

    def credentials(self, token: str) -> dict[str, Any]:
        return {
            "token": token,
            "url": self.versions_url,
            "roles": [
                {
                    "role": self.role,
                    "party_id": self.party.party_id,
                    "country_code": self.party.country_code,
                    "business_details": {"name": "An eMSP"},
                }
            ],
        }

    async def start(self, stack: AsyncExitStack) -> None:
        app = web.Application()
        app.router.add_get("/versions", self._versions)
        app.router.add_get("/2.2.1", self._details)
        app.router.add_route("*", "/2.2.1/credentials", self._credentials)
        app.router.add_get("/2.2.1/tokens", self._tokens)
        runner = web.AppRunner(app)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"

    def _may(self, request: web.Request) -> bool:
        sent = request.headers.get("Authorization", "").removeprefix("Token ")
        if self.takes_raw:
            return sent in self.accepts
        try:
            return base64.b64decode(sent).decode() in self.accepts
        except ValueError:
            return False

    def _answer(self, request: web.Request, data: Any, **headers: str) -> web.Response:
        if not self._may(request):
            return web.json_response({"status_code": 2000, "timestamp": "x"}, status=401)
        body = {"data": data, "status_code": 1000, "timestamp": "2026-01-01T00:00:00Z"}
        return web.json_response(body, headers=headers)

    async def _versions(self, request: web.Request) -> web.Response:
        return self._answer(request, [{"version": self.version, "url": f"{self.url}/2.2.1"}])

    async def _details(self, request: web.Request) -> web.Response:
        endpoints = [
            {"identifier": name, "role": role, "url": f"{self.url}/2.2.1/{name}"}
            for name, role in self.endpoints
        ]
        return self._answer(request, {"version": self.version, "endpoints": endpoints})

    async def _credentials(self, request: web.Request) -> web.Response:
        if not self._may(request):
            return self._answer(request, None)
        body = await request.json() if request.can_read_body else {}
        self.given.append((request.method, body))
        if self.on_credentials is not None:
            await self.on_credentials(body)
        return self._answer(request, self.credentials(self.next_token))

    async def _tokens(self, request: web.Request) -> web.Response:
        self.token_calls += 1
        if self.token_calls <= self.broken_token_calls:
            return web.Response(status=500, text="not ready")
        offset = int(request.query.get("offset", 0))
        following = offset + self.page_size
        headers = {}
        if following < len(self.tokens):
            headers["Link"] = f'<{self.url}/2.2.1/tokens?offset={following}>; rel="next"'
        return self._answer(request, self.tokens[offset:following], **headers)


# --- a partner of any version -----------------------------------------------------------------


@dataclass
class Peer:
    """An eMSP platform of several versions, exactly as the standard says unless told otherwise.

    `forms` are the forms of token that it takes (None: that of each version). `routes` answer
    instead of the platform, by path; `sent` is everything that came: method, path with query,
    headers, body.
    """

    party: Party = field(default_factory=lambda: Party("DE", "EMS"))
    versions: tuple[str, ...] = ("2.1.1", "2.2.1", "2.3.0")
    endpoints: tuple[tuple[str, str], ...] = (
        ("credentials", "SENDER"),
        ("tokens", "SENDER"),
        ("locations", "RECEIVER"),
        ("tariffs", "RECEIVER"),
        ("sessions", "RECEIVER"),
        ("cdrs", "RECEIVER"),
    )
    accepts: set[str] = field(default_factory=set)
    forms: tuple[str, ...] | None = None
    in_arrays: bool = False
    wants_slash: bool = False
    given: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    sent: list[tuple[str, str, Any, Any]] = field(default_factory=list)
    routes: dict[str, Callable[[web.Request], Awaitable[web.Response]]] = field(
        default_factory=dict
    )
    on_credentials: Callable[[dict[str, Any]], Awaitable[None]] | None = None
    url: str = ""

    @property
    def versions_url(self) -> str:
        return f"{self.url}/versions"

    def credentials(self, token: str, version: str) -> dict[str, Any]:
        party = {
            "party_id": self.party.party_id,
            "country_code": self.party.country_code,
            "business_details": {"name": "An eMSP"},
        }
        body: dict[str, Any] = {"token": token, "url": self.versions_url}
        return body | (party if version == "2.1.1" else {"roles": [{"role": "EMSP"} | party]})

    async def ask(
        self,
        gateway: "Gateway",
        version: str,
        method: str,
        path: str,
        token: str,
        body: Any = None,
        form: str | None = None,
    ) -> "Answered":
        """Call the gateway, with the token in the form of the version."""
        form = form or ("raw" if version == "2.1.1" else "base64")
        headers = {"Authorization": f"Token {_in_form(form, token)}"}
        return await gateway.ask(method, f"/{version}{path}", None, body, **headers)

    async def start(self, stack: AsyncExitStack) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"

    async def _handle(self, request: web.Request) -> web.Response:
        path = request.path
        body = await request.json() if request.can_read_body else None
        self.asked.append(path)
        self.sent.append((request.method, request.raw_path, request.headers.copy(), body))
        if self.wants_slash and not path.endswith("/"):
            return web.Response(status=301, headers={"Location": f"{path}/"})
        path = path.rstrip("/")
        version = path.split("/")[1]
        if not self._may(request, version):
            return web.json_response({"status_code": 2000, "timestamp": "x"}, status=401)
        if path in self.routes:
            return await self.routes[path](request)
        if path == "/versions":
            return self.answer(
                [{"version": one, "url": f"{self.url}/{one}"} for one in self.versions]
            )
        if path == f"/{version}":
            return self.answer({"version": version, "endpoints": self._endpoints(version)})
        if path == f"/{version}/credentials":
            return await self._credentials(request.method, version, body)
        return self.answer([] if request.method == "GET" else None)

    def answer(self, data: Any, http_status: int = 200, **headers: str) -> web.Response:
        data = [data] if self.in_arrays and isinstance(data, dict) else data
        body = {"status_code": 1000, "timestamp": "2026-01-01T00:00:00Z"}
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return web.json_response(
            body | ({} if data is None else {"data": data}), status=http_status, headers=named
        )

    def _may(self, request: web.Request, version: str) -> bool:
        sent = request.headers.get("Authorization", "").removeprefix("Token ")
        # a list of versions is for every version's clients
        standard = {"versions": ("raw", "base64"), "2.1.1": ("raw",)}.get(version, ("base64",))
        forms = standard if self.forms is None else self.forms
        return any(sent == _in_form(form, token) for form in forms for token in self.accepts)

    def _endpoints(self, version: str) -> list[dict[str, str]]:
        return [
            {"identifier": name, "url": f"{self.url}/{version}/{name}"}
            | ({} if version == "2.1.1" else {"role": role})
            for name, role in self.endpoints
        ]

    async def _credentials(self, method: str, version: str, body: Any) -> web.Response:
        self.given.append((method, f"/{version}/credentials", body))
        if method == "DELETE":
            return self.answer(None)
        if self.on_credentials is not None:
            await self.on_credentials(body)
        token = f"their-c-{len(self.given)}"
        self.accepts = {token}
        return self.answer(self.credentials(token, version))


def _in_form(form: str, token: str) -> str:
    return token if form == "raw" else base64.b64encode(token.encode()).decode()


# --- the gateway ------------------------------------------------------------------------------


class RecordedCommands:
    """What the commands module hands to the service."""

    def __init__(self) -> None:
        self.started: list[tuple[ReplyTo, StartSession]] = []
        self.stopped: list[tuple[ReplyTo, str]] = []
        self.reserved: list[tuple[ReplyTo, ReserveOrder]] = []
        self.cancelled: list[tuple[ReplyTo, str]] = []
        self.unlocked: list[tuple[ReplyTo, Place]] = []
        self.answer = CommandAnswer("ACCEPTED", 30)

    async def start_session(self, to: ReplyTo, request: StartSession) -> CommandAnswer:
        if request.evse_uid == "nowhere":
            raise UnknownLocation("nowhere")
        self.started.append((to, request))
        return self.answer

    async def stop_session(self, to: ReplyTo, session_id: str) -> CommandAnswer:
        self.stopped.append((to, session_id))
        return self.answer

    async def reserve_now(self, to: ReplyTo, order: ReserveOrder) -> CommandAnswer:
        self.reserved.append((to, order))
        return self.answer

    async def cancel_reservation(self, to: ReplyTo, reservation_id: str) -> CommandAnswer | None:
        self.cancelled.append((to, reservation_id))
        return self.answer if reservation_id == "R1" else None

    async def unlock_connector(self, to: ReplyTo, place: Place) -> CommandAnswer:
        self.unlocked.append((to, place))
        return self.answer


@dataclass
class Answered:
    """An answer of the gateway, its numbers exact."""

    status: int
    headers: Any
    body: dict[str, Any]

    @property
    def code(self) -> int:
        return int(self.body["status_code"])

    @property
    def data(self) -> Any:
        return self.body["data"]


class Gateway:
    """The partner side of a gateway on a real socket and a real store.

    `lab`: partners may be on loopback, as they are in tests.
    """

    def __init__(
        self,
        store: Store,
        http: aiohttp.ClientSession,
        *,
        lab: bool = True,
        reread_seconds: float = 0.2,
    ) -> None:
        self.store = store
        self.http = http
        self.lab = lab
        self.clock = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.called: list[str] = []
        self.commands = RecordedCommands()
        self.directory = PartnerDirectory(store, self.now, reread_seconds=reread_seconds)
        self.parties = PartyBook(PartyInfo(ABC, "First"), PartyInfo(XYZ, "Second"))
        self.hub_clients = HubClients(
            store, self.directory, self.parties, self.now, reread_seconds=0.2
        )
        self.locations = LocationCatalogue(store, self.directory, self.now)
        self.tariffs = TariffBook(store, self.directory, self.now)
        self.url = ""

    def now(self) -> datetime:
        return self.clock

    async def start(self, stack: AsyncExitStack) -> None:
        await self.directory.load()
        stack.push_async_callback(self.directory.close)
        await self.hub_clients.load()
        stack.push_async_callback(self.hub_clients.close)
        safe = SafeHttp(allow_private_hosts=self.lab)
        stack.push_async_callback(safe.close)
        client = OcpiClient(safe)
        self.received = ReceivedTokens(self.store.tokens, self.directory, self.parties.knows)
        self.platform = Platform(self.parties, "http://127.0.0.1:1/")
        started = time.monotonic()
        self.pull = TokenPull(
            client,
            self.directory,
            self.received,
            self.platform,
            self.store,
            lambda: self.clock + timedelta(seconds=time.monotonic() - started),
            rhythm=PullRhythm(pauses=(0.05, 0.05)),
        )
        stack.push_async_callback(self.pull.close)
        await self.pull.start()
        self.registration = Registration(
            client, self.directory, self.platform, self.store, self.now, self.pull.begin
        )
        targets = Targets(self.store, self.locations)
        router = StationRouter(self.store, "node-1")
        profiles = PartnerProfiles(
            self.store,
            targets,
            SmartCharging(self.store, router, self.now),
            ProfileResultSender(client),
            partners=self.directory,
            in_flight=InFlight(),
            now=self.now,
        )
        self.services = Services(
            profiles=profiles,
            preferences=ChargingPreferences(
                self.store, targets, self._preferred_tariffs(router), self.now
            ),
            directory=self.directory,
            platform=self.platform,
            store=self.store,
            locations=self.locations,
            tariffs=self.tariffs,
            commands=self.commands,  # type: ignore[arg-type]
            tokens=self.received,
            registration=self.registration,
            hub_clients=self.hub_clients,
            now=self.now,
            called=self.called.append,
        )
        self.server = OcpiServer(create_app(self.services))
        stack.push_async_callback(self.server.close)
        port = await self.server.start("127.0.0.1", 0)
        self.url = self.platform.public_url = f"http://127.0.0.1:{port}"

    def _preferred_tariffs(self, router: StationRouter) -> PreferredTariffs:
        billing = Billing(self.store, "EUR", self.now)
        publisher = EvsePublisher(self.store, self.directory, self.now)
        charge_points = ChargePoints(
            self.store,
            router,
            publisher,
            billing,
            Initiative(router),
            node_id="node-1",
            offline_after=0,
            now=self.now,
        )
        return PreferredTariffs(self.store, charge_points, router, billing, "node-1")

    async def ask(
        self,
        method: str,
        path: str,
        token: str | None,
        body: Any = None,
        *,
        raw: bytes | None = None,
        **headers: str,
    ) -> Answered:
        """One request; `path` below /ocpi, or a whole URL. Header names with _ for -."""
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        if token is not None:
            sent["Authorization"] = f"Token {base64.b64encode(token.encode()).decode()}"
        text = raw if raw is not None or body is None else json.dumps(body).encode()
        data = None if text is None else io.BytesIO(text)
        url = path if path.startswith("http") else f"{self.url}/ocpi{path}"
        async with self.http.request(method, url, data=data, headers=sent) as response:
            answer = await response.text()
            assert response.content_type == "application/json", answer
            parsed = json.loads(answer, parse_float=Decimal)
            assert errors("2.2.1", "Response", parsed) == []
            return Answered(response.status, response.headers, parsed)

    async def registered(self, partner: FakePartner) -> tuple[Partner, str]:
        """Register a partner by the real handshake; returns it and its token C."""
        _, token_a = await self.directory.invite("a partner")
        token_b = f"b-of-{partner.party.party_id}"
        partner.accepts.add(token_b)
        answer = await self.ask("POST", "/2.2.1/credentials", token_a, partner.credentials(token_b))
        assert answer.code == 1000, answer.body
        found = self.directory.by_token(answer.data["token"])
        assert found is not None
        return found, answer.data["token"]


async def eventually(condition: Callable[[], Awaitable[bool] | bool], seconds: float = 5) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(seconds):
        while True:
            held = condition()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.01)


@pytest.fixture(name="eventually")
def _eventually() -> Any:
    return eventually


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
async def gateway(store: Store, stack: AsyncExitStack) -> Gateway:
    http = await stack.enter_async_context(aiohttp.ClientSession())
    started = Gateway(store, http)
    await started.start(stack)
    return started


@pytest.fixture
async def strict_gateway(store: Store, stack: AsyncExitStack) -> Gateway:
    """One that calls public addresses only, as in production."""
    http = await stack.enter_async_context(aiohttp.ClientSession())
    started = Gateway(store, http, lab=False)
    await started.start(stack)
    return started


@pytest.fixture
def new_partner(stack: AsyncExitStack) -> Callable[..., Awaitable[FakePartner]]:
    """Start a partner platform."""

    async def start(**settings: Any) -> FakePartner:
        partner = FakePartner(**settings)
        await partner.start(stack)
        return partner

    return start


@pytest.fixture
def new_peer(stack: AsyncExitStack) -> Callable[..., Awaitable[Peer]]:
    """Start a partner platform of several versions."""

    async def start(**settings: Any) -> Peer:
        peer = Peer(**settings)
        await peer.start(stack)
        return peer

    return start


@pytest.fixture
async def partner(new_partner: Callable[..., Awaitable[FakePartner]]) -> FakePartner:
    """An eMSP, DE*EMS."""
    return await new_partner()


# --- documents --------------------------------------------------------------------------------


@pytest.fixture
def location() -> Callable[..., dict[str, Any]]:
    """An operator's Location with everything that only 2.3.0 has."""

    def make(id_: str = "LOC1", **changes: Any) -> dict[str, Any]:
        return {
            "id": id_,
            "publish": True,
            "name": "Gent Zuid",
            "address": "F.Rooseveltlaan 3A",
            "city": "Gent",
            "postal_code": "9000",
            "country": "BEL",
            "coordinates": {"latitude": "51.047599", "longitude": "3.729944"},
            "time_zone": "Europe/Brussels",
            "help_phone": "+3212345678",
            "parking_places": [
                {
                    "id": "P1",
                    "vehicle_types": ["PERSONAL_VEHICLE"],
                    "restricted_to_type": False,
                    "reservation_required": False,
                }
            ],
            "facilities": ["HOTEL", "HAIRDRESSER"],
            "parking_type": "ON_ROOF",
            "made_up_field": {"kept": True},
            "evses": [
                {
                    "uid": "3256",
                    "evse_id": "BE*BEC*E041503001",
                    "status": "AVAILABLE",
                    "capabilities": ["RFID_READER", "TELEPATHY"],
                    "parking_restrictions": ["TAXIS", "EMPLOYEES", "PLUGGED"],
                    "parking": [{"parking_id": "p1"}],
                    "accepted_service_providers": ["An eMSP"],
                    "charge_point": {"identity": f"SECRET-{id_}", "evse_id": 1},
                    "connectors": [
                        {
                            "id": "1",
                            "standard": "SAE_J3400",
                            "format": "CABLE",
                            "power_type": "DC",
                            "max_voltage": 500,
                            "max_amperage": 200,
                            "tariff_ids": ["T1"],
                            "capabilities": ["ISO_15118_2_PLUG_AND_CHARGE"],
                        },
                        {
                            "id": "2",
                            "standard": "MCS",
                            "format": "CABLE",
                            "power_type": "DC",
                            "max_voltage": 1250,
                            "max_amperage": 3000,
                        },
                    ],
                }
            ],
        } | changes

    return make


@pytest.fixture
def tariff() -> Callable[..., dict[str, Any]]:
    """An operator's Tariff."""

    def make(id_: str = "T1", **changes: Any) -> dict[str, Any]:
        return {
            "id": id_,
            "currency": "EUR",
            "tax_included": "NO",
            "min_price": {"before_taxes": 1, "after_taxes": Decimal("1.21")},
            "elements": [
                {
                    "price_components": [
                        {"type": "ENERGY", "price": Decimal("0.25"), "vat": 21, "step_size": 1}
                    ],
                    "restrictions": {"max_power": 16},
                }
            ],
        } | changes

    return make


@pytest.fixture
def token() -> Callable[..., dict[str, Any]]:
    """A partner's Token."""

    def make(uid: str = "012345678", **changes: Any) -> dict[str, Any]:
        return {
            "country_code": "DE",
            "party_id": "EMS",
            "uid": uid,
            "type": "RFID",
            "contract_id": "DE8ACC12E46L89",
            "issuer": "An eMSP",
            "valid": True,
            "whitelist": "ALWAYS",
            "last_updated": "2026-02-01T00:00:00Z",
        } | changes

    return make


# --- several partners of several parties ------------------------------------------------------


@pytest.fixture
def connected(gateway: Gateway) -> Callable[..., Awaitable[tuple[Partner, str]]]:
    """Have a partner registered, without a platform behind it; returns it and its token."""

    async def make(
        id_: str, *roles: tuple[str, Party], version: str = "2.2.1", **members: Any
    ) -> tuple[Partner, str]:
        token = f"the-token-of-{id_}"
        partner = Partner(
            id=id_,
            name=id_,
            state=PartnerState.REGISTERED,
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
            inbound_token_hash=token_hash(token),
            outbound_token=f"for-{id_}",
            version=version,
            roles=tuple(PartnerRole(role, party, id_) for role, party in roles),
            **members,
        )
        await gateway.directory.save(partner)
        return partner, token

    return make


@pytest.fixture
def charged(gateway: Gateway) -> Callable[..., Awaitable[None]]:
    """Keep a Session and a CDR that a partner's token was used for."""

    async def keep(id_: str, partner: Partner, owner: Party, ours: Party = ABC) -> None:
        moment = datetime(2026, 2, 1, tzinfo=UTC)
        common = {
            "country_code": ours.country_code,
            "party_id": ours.party_id,
            "id": id_,
            "start_date_time": "2026-02-01T00:00:00Z",
            "end_date_time": "2026-02-01T01:00:00Z",
            "cdr_token": {
                "country_code": owner.country_code,
                "party_id": owner.party_id,
                "uid": f"uid-of-{id_}",
                "type": "RFID",
                "contract_id": f"contract-of-{id_}",
            },
            "auth_method": "WHITELIST",
            "currency": "EUR",
            "charging_periods": [
                {
                    "start_date_time": "2026-02-01T00:00:00Z",
                    "dimensions": [{"type": "ENERGY", "volume": 7}],
                }
            ],
            "total_cost": {"before_taxes": 1},
            "last_updated": "2026-02-01T00:00:00Z",
        }
        session = common | {
            "kwh": 7,
            "location_id": "LOC1",
            "evse_uid": "3256",
            "connector_id": "1",
            "status": "ACTIVE",
        }
        cdr = common | {
            "session_id": id_,
            "cdr_location": {
                "id": "LOC1",
                "address": "A street",
                "city": "Gent",
                "country": "BEL",
                "coordinates": {"latitude": "51.047599", "longitude": "3.729944"},
                "evse_uid": "3256",
                "evse_id": "BE*BEC*E041503001",
                "connector_id": "1",
                "connector_standard": "IEC_62196_T2",
                "connector_format": "CABLE",
                "connector_power_type": "AC_3_PHASE",
            },
            "total_energy": 7,
            "total_time": 1,
        }
        books = gateway.store.party(ours)
        change = books.change()
        for documents, document in ((books.sessions, session), (books.cdrs, cdr)):
            documents.put(change, id_, document, updated=moment, partner_id=partner.id)
        await gateway.store.commit(change)

    return keep


@pytest.fixture
def routed() -> Callable[..., dict[str, str]]:
    """The routing headers, as `ask` takes them."""

    def make(sender: Party | None = None, receiver: Party | None = None) -> dict[str, str]:
        headers = {}
        for direction, party in (("from", sender), ("to", receiver)):
            if party is not None:
                headers[f"OCPI_{direction}_country_code"] = party.country_code
                headers[f"OCPI_{direction}_party_id"] = party.party_id
        return headers

    return make
