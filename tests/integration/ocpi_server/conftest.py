"""A gateway's partner side with real parts, partners to talk to it, and a strict 2.2.1 check.

The check reads `ocpi_221_fields.json`, the field tables and enums of the 2.2.1 text, and knows
nothing of the gateway's converters.
"""

import asyncio
import base64
import io
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.ocpi.client import OcpiClient
from gateway.ocpi.platform import Platform
from gateway.ocpi.received_tokens import ReceivedTokens
from gateway.ocpi.registration import Registration
from gateway.ocpi.safe_http import SafeHttp
from gateway.ocpi.server import OcpiServer, Services, create_app
from gateway.ocpi.token_pull import TokenPull
from gateway.ocpi.versions import v221
from gateway.services.charging.commands import CommandAnswer, StartSession
from gateway.services.charging.tariffs import TariffBook
from gateway.services.roaming.locations import LocationCatalogue, UnknownLocation
from gateway.services.roaming.parties import PartyBook, PartyInfo
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import Store

ABC = Party("NL", "ABC")
XYZ = Party("DE", "XYZ")

# --- the strict check ------------------------------------------------------------------------

_TABLE = json.loads(Path(__file__).with_name("ocpi_221_fields.json").read_text())
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z?")
_SESSION_ONLY = {"CURRENT", "ENERGY_EXPORT", "ENERGY_IMPORT", "POWER", "STATE_OF_CHARGE"}
_PATTERNS = {
    ("GeoLocation", "latitude"): r"-?[0-9]{1,2}\.[0-9]{5,7}",
    ("GeoLocation", "longitude"): r"-?[0-9]{1,3}\.[0-9]{5,7}",
    ("Location", "country"): r"[A-Z]{3}",
    ("CdrLocation", "country"): r"[A-Z]{3}",
    ("Tariff", "currency"): r"[A-Z]{3}",
    ("Session", "currency"): r"[A-Z]{3}",
    ("Credentials", "token"): r"[!-~]{1,64}",
}


def check_221(kind: str, value: Any, where: str = "") -> None:
    """Fail unless `value` is exactly a 2.2.1 object of this class: no member more, none less."""
    where = where or kind
    assert isinstance(value, dict), f"{where} is no object"
    fields = _TABLE["classes"][kind]
    assert set(value) <= set(fields), f"{where}: {set(value) - set(fields)} not in 2.2.1"
    for name, (type_, size, card) in fields.items():
        here = f"{where}.{name}"
        if name not in value:
            assert card in "?*", f"{here} is missing"
            continue
        values = [value[name]]
        if card in "*+":
            assert isinstance(value[name], list), f"{here} is no list"
            assert value[name] or card == "*", f"{here} is empty"
            values = value[name]
        for one in values:
            _check_value(type_, size, one, here)
            pattern = _PATTERNS.get((kind, name))
            assert pattern is None or re.fullmatch(pattern, one), f"{here}: {one!r}"
    if kind == "CDR":
        used = {one["type"] for period in value["charging_periods"] for one in period["dimensions"]}
        assert not used & _SESSION_ONLY, f"{where}: session only dimensions"


def _check_value(type_: str, size: int | None, value: Any, here: str) -> None:
    if type_ in _TABLE["classes"]:
        check_221(type_, value, here)
    elif type_ in _TABLE["enums"]:
        assert value in _TABLE["enums"][type_], f"{here}: {value!r} is no {type_}"
    elif type_ == "number":
        assert isinstance(value, int | Decimal), f"{here}: {value!r} is no number"
        assert not isinstance(value, bool), f"{here}: {value!r} is no number"
        assert Decimal(value).as_tuple().exponent >= -4, f"{here}: {value} has over 4 decimals"
    elif type_ == "int":
        assert isinstance(value, int), f"{here}: {value!r} is no int"
        assert size is None or len(str(value)) <= size, f"{here}: {value!r} is too long"
    elif type_ == "boolean":
        assert isinstance(value, bool), f"{here}: {value!r} is no boolean"
    elif type_ == "DateTime":
        assert _DATE_TIME.fullmatch(value), f"{here}: {value!r} is no DateTime"
        assert len(value) <= 25, f"{here}: {value!r} is no DateTime"
    else:
        assert isinstance(value, str), f"{here}: {value!r} is no string"
        longest = 255 if type_ == "URL" else size
        assert longest is None or len(value) <= longest, f"{here} is too long"
        assert value.isprintable(), f"{here} has control characters"
        assert value.isascii() or type_ != "CiString", f"{here} is no CiString"


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


# --- the gateway ------------------------------------------------------------------------------


class RecordedCommands:
    """What the commands module hands to the service."""

    def __init__(self) -> None:
        self.started: list[tuple[Partner, Party, StartSession]] = []
        self.stopped: list[tuple[Partner, Party, str, str]] = []
        self.answer = CommandAnswer("ACCEPTED", 30)

    async def start_session(
        self, partner: Partner, party: Party, request: StartSession
    ) -> CommandAnswer:
        if request.evse_uid == "nowhere":
            raise UnknownLocation("nowhere")
        self.started.append((partner, party, request))
        return self.answer

    async def stop_session(
        self, partner: Partner, party: Party, response_url: str, session_id: str
    ) -> CommandAnswer:
        self.stopped.append((partner, party, response_url, session_id))
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
    """The partner side of a gateway on a real socket and a real store."""

    def __init__(self, store: Store, http: aiohttp.ClientSession) -> None:
        self.store = store
        self.http = http
        self.clock = datetime(2026, 3, 1, 12, tzinfo=UTC)
        self.called: list[str] = []
        self.commands = RecordedCommands()
        self.directory = PartnerDirectory(store, self.now, reread_seconds=0.2)
        self.parties = PartyBook(PartyInfo(ABC, "First"), PartyInfo(XYZ, "Second"))
        self.locations = LocationCatalogue(store, self.directory, self.now)
        self.tariffs = TariffBook(store, self.directory, self.now)
        self.url = ""

    def now(self) -> datetime:
        return self.clock

    async def start(self, stack: AsyncExitStack) -> None:
        await self.directory.load()
        stack.push_async_callback(self.directory.close)
        safe = SafeHttp(allow_private_hosts=True)
        stack.push_async_callback(safe.close)
        client = OcpiClient(safe)
        self.received = ReceivedTokens(self.store.tokens, self.directory)
        self.platform = Platform(self.parties, "http://127.0.0.1:1/")
        self.pull = TokenPull(
            client,
            self.directory,
            self.received,
            v221.WIRE,
            self.platform,
            pauses=(0.05, 0.05),
        )
        stack.push_async_callback(self.pull.close)
        self.registration = Registration(
            client, self.directory, self.platform, self.store, self.now, self.pull.begin
        )
        self.services = Services(
            directory=self.directory,
            platform=self.platform,
            store=self.store,
            locations=self.locations,
            tariffs=self.tariffs,
            commands=self.commands,  # type: ignore[arg-type]
            tokens=self.received,
            registration=self.registration,
            now=self.now,
            called=self.called.append,
        )
        self.server = OcpiServer(create_app(self.services))
        stack.push_async_callback(self.server.close)
        port = await self.server.start("127.0.0.1", 0)
        self.url = self.platform.public_url = f"http://127.0.0.1:{port}"

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
            assert re.fullmatch(_DATE_TIME, parsed["timestamp"])
            return Answered(response.status, response.headers, parsed)

    async def registered(self, partner: FakePartner) -> tuple[Partner, str]:
        """Register a partner by the real handshake; returns it and its token C."""
        invited, token_a = await self.directory.invite("a partner")
        token_b = f"b-of-{partner.party.party_id}"
        partner.accepts.add(token_b)
        answer = await self.ask("POST", "/2.2.1/credentials", token_a, partner.credentials(token_b))
        assert answer.code == 1000, answer.body
        found = self.directory.get(invited.id)
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
def new_partner(stack: AsyncExitStack) -> Callable[..., Awaitable[FakePartner]]:
    """Start a partner platform."""

    async def start(**settings: Any) -> FakePartner:
        partner = FakePartner(**settings)
        await partner.start(stack)
        return partner

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
