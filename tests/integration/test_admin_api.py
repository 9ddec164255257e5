"""The operator's API over real sockets, with real services and a real store."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from gateway import exact_json
from gateway.admin.resources.locations import EXAMPLE
from gateway.admin.server import AdminServer, Services, create_app
from gateway.delivery import Deliveries
from gateway.domain.commands import Command, CommandOutcome, CommandReply
from gateway.domain.delivery import ObjectRef, Verdict, VerdictKind
from gateway.domain.events import (
    ConnectorState,
    ConnectorStatusReported,
    MeterReported,
    TransactionStarted,
    TransactionStopped,
)
from gateway.domain.metering.meter import Measurand, Reading, Sample
from gateway.domain.partner_quirks import QUIRKS
from gateway.domain.partners import Endpoint, Partner, PartnerRole, PartnerState, QuirkSeen
from gateway.domain.party import Party
from gateway.domain.timestamps import to_text
from gateway.domain.tokens import TokenRef
from gateway.services.access.authorization import AuthorizationService
from gateway.services.access.local_list import LocalLists
from gateway.services.access.own_tokens import OwnTokens
from gateway.services.billing.billing import Billing
from gateway.services.billing.cost import Costs
from gateway.services.billing.invoices import Invoices
from gateway.services.billing.payments import Payments
from gateway.services.billing.station_tariffs import StationTariffs
from gateway.services.billing.tariffs import TariffBook
from gateway.services.charging.smart_charging import SmartCharging
from gateway.services.files.file_transfers import FileRules, FileTransfers
from gateway.services.ports import (
    CallError,
    CallResult,
    CallTimeout,
    CopyUnreadable,
    InvalidCall,
    PartnerCopy,
)
from gateway.services.reservations.service import Reservations
from gateway.services.roaming.hub_clients import HubClients
from gateway.services.roaming.locations import LocationCatalogue
from gateway.services.roaming.parties import PartyBook, PartyInfo
from gateway.services.roaming.partners import PartnerDirectory, RegistrationFailed
from gateway.services.roaming.payment_terminals import PaymentTerminals
from gateway.services.security.certificate_services import CertificatePolicy, CertificateServices
from gateway.services.security.credentials import Credentials
from gateway.services.security.ocsp import FetchFailed
from gateway.services.stations.baseline import BaselineService
from gateway.services.stations.charge_points import ChargePoints
from gateway.services.stations.deviations import DeviationService
from gateway.services.stations.device_model import DeviceModels
from gateway.services.stations.evse_publisher import EvsePublisher
from gateway.services.stations.initiative import Initiative
from gateway.services.stations.operations import Operations
from gateway.services.stations.provisioning import BootIntervals, Provisioning
from gateway.services.stations.reports import Reports
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.services.stations.status import StatusService
from gateway.services.transactions.service import TransactionService
from gateway.services.transactions.stale import StaleTransactions
from gateway.store import Store

PARTY = Party("NL", "GWY")
SECOND = Party("BE", "GWY")
T0 = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
TOKEN = "operator-token-of-the-tests"
UID = "DEADBEEF"

LOCATION: dict[str, Any] = {name: value for name, value in EXAMPLE.items() if name != "id"}
TARIFF: dict[str, Any] = {
    "currency": "EUR",
    "tax_included": "NO",
    "elements": [
        {"price_components": [{"type": "ENERGY", "price": 0.30, "vat": 21, "step_size": 1}]}
    ],
}
PARTNER = Partner(
    id="ems",
    name="EMS",
    state=PartnerState.REGISTERED,
    created_at=T0,
    inbound_token_hash="a-hash-that-nobody-may-see",
    outbound_token="a-secret-that-nobody-may-see",
    version="2.2.1",
    roles=(PartnerRole("EMSP", Party("DE", "EMS"), "EMS"),),
    endpoints=(Endpoint("cdrs", "RECEIVER", "https://partner.example/cdrs"),),
)


class Clock:
    """Our own time: it runs on a little with every look, as clocks do."""

    def __init__(self) -> None:
        self.moment = T0

    def __call__(self) -> datetime:
        self.moment += timedelta(milliseconds=1)
        return self.moment


@dataclass
class FakeStation:
    """A socket that answers what the test says; the OCPP edge has its own tests."""

    protocol: str = "ocpp1.6"
    answer: CallResult | CallError | Exception = field(default_factory=lambda: CallResult({}))
    called: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def call(
        self, action: str, payload: dict[str, Any], timeout: float
    ) -> CallResult | CallError:
        self.called.append((action, payload))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    async def execute(self, command: Command, timeout: float) -> CommandReply:
        raise NotImplementedError

    async def close(self, reason: str) -> None:
        pass


@dataclass
class Handshake:
    """The OCPI side of registering; it has its own tests."""

    partners: PartnerDirectory
    fails: bool = False
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    versions: tuple[str, ...] = ("2.3.0", "2.2.1", "2.1.1")

    async def register(
        self,
        partner_id: str | None,
        versions_url: str,
        token_a: str,
        name: str,
        version: str | None = None,
    ) -> Partner:
        self.asked.append((partner_id, versions_url, token_a, name, version))
        if self.fails:
            raise RegistrationFailed("no such host")
        partner = replace(PARTNER, id=partner_id or "new", name=name)
        await self.partners.save(partner)
        return partner

    async def update(self, partner_id: str, version: str | None = None) -> Partner:
        self.asked.append(("update", partner_id, version))
        if self.fails:
            raise RegistrationFailed("no such host")
        partner = replace(PARTNER, version=version or PARTNER.version)
        await self.partners.save(partner)
        return partner

    async def unregister(self, partner_id: str) -> None:
        self.asked.append(("unregister", partner_id))


class NoCopies:
    """Partners that keep nothing."""

    async def read(self, partner: Partner, party: Party, cdr: Any) -> PartnerCopy:
        """Only one kind of answer is needed here."""
        if partner.outbound_token is None:
            raise CopyUnreadable("no token")
        return PartnerCopy("https://partner.example/cdrs/1", None, ())


class NoProvider:
    """The requests to payment terminal providers; they have their own tests."""


class NobodyHome:
    """A transport to partners that are away."""

    async def deliver(self, partner: Partner, party: Party, ref: ObjectRef) -> Verdict:
        return Verdict(VerdictKind.UNREACHABLE, "away")


@dataclass
class Reply:
    """An answer, read."""

    status: int
    headers: Any
    text: str

    @property
    def json(self) -> Any:
        return exact_json.loads(self.text)


@dataclass
class House:
    """The operator's server with everything behind it."""

    store: Store
    http: aiohttp.ClientSession
    url: str
    charge_points: ChargePoints
    transactions: TransactionService
    status: StatusService
    partners: PartnerDirectory
    handshake: Handshake
    frames: dict[str, list[dict[str, Any]]]
    checks: dict[str, str | None]
    server: AdminServer
    clock: Clock

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Reply:
        headers = {"Authorization": f"Bearer {TOKEN}"} | options.pop("headers", {})
        if body is not None:
            options["data"] = exact_json.dumps(body)
        # `encoded`: the path goes out as the test has written it
        url = aiohttp.client.URL(self.url + path, encoded=True)
        async with self.http.request(method, url, headers=headers, **options) as response:
            return Reply(response.status, response.headers, await response.text())

    async def api(self, method: str, path: str, body: Any = None) -> Reply:
        return await self.ask(method, "/api/v1" + path, body)

    async def connect(
        self, identity: str = "CP1", station: FakeStation | None = None
    ) -> StationState:
        record = await self.charge_points.get(identity)
        assert record is not None
        return await self.charge_points.connect(
            record, protocol="ocpp1.6", remote="127.0.0.1", station=station or FakeStation()
        )

    async def furnish(self) -> None:
        """A charge point behind an EVSE with a tariff, and a token that may charge."""
        body = {"security_profile": 1, "password": "0123456789abcdef"}
        assert (await self.api("PUT", "/charge-points/CP1", body)).status == 201
        assert (await self.api("PUT", "/tariffs/T1", TARIFF)).status == 201
        assert (await self.api("PUT", "/locations/LOC1", LOCATION)).status == 201
        await self.store.tokens.put("ems", PARTNER_TOKEN)

    async def charge(self, state: StationState, kwh: int = 10, minutes: int = 60) -> str:
        """One transaction from start to end; returns its id."""
        id_ = await self.begin(state)
        end = TransactionStopped(
            id_, T0 + timedelta(minutes=minutes), Decimal(1000 + 1000 * kwh), "Local"
        )
        self.clock.moment = max(self.clock.moment, end.at)
        await self.transactions.stopped(state, end)
        return id_

    async def begin(self, state: StationState, uid: str = UID) -> str:
        start = TransactionStarted(1, TokenRef(uid), T0, Decimal(1000))
        return (await self.transactions.started(state, start)).transaction_id


PARTNER_TOKEN = {
    "country_code": "DE",
    "party_id": "EMS",
    "uid": UID,
    "type": "RFID",
    "contract_id": "DE-EMS-C0001",
    "issuer": "EMS",
    "valid": True,
    "whitelist": "ALWAYS",
    "last_updated": "2026-03-01T09:00:00Z",
}


class NobodyAsked:
    """No partner is asked in real time here."""

    async def authorize(self, *question: Any) -> None:
        return None


async def nobody_answers(url: str, request: bytes) -> bytes:
    raise FetchFailed(url)


@pytest.fixture
async def house(store: Store, tmp_path: Path) -> AsyncIterator[House]:
    clock = Clock()
    partners = PartnerDirectory(store, clock)
    await partners.load()
    await partners.save(PARTNER)
    catalogue = LocationCatalogue(store, partners, clock)
    publisher = EvsePublisher(store, partners, clock)
    billing = Billing(store, "EUR", clock)
    authorization = AuthorizationService(store, partners, NobodyAsked(), clock)
    transactions = TransactionService(
        store, authorization, billing, publisher, now=clock, completion_wait=300
    )
    router = StationRouter(store, "node-1")
    initiative = Initiative(router)
    charge_points = ChargePoints(
        store,
        router,
        publisher,
        billing,
        initiative,
        node_id="node-1",
        offline_after=0,
        now=clock,
    )
    parties = PartyBook(PartyInfo(PARTY, "Gateway"), PartyInfo(SECOND, "Gateway Belgium"))
    deliveries = Deliveries(
        store=store, partners=partners, parties=lambda: [PARTY, SECOND], transport=NobodyHome()
    )
    await deliveries.start()
    handshake = Handshake(partners)
    frames: dict[str, list[dict[str, Any]]] = {}
    checks: dict[str, str | None] = {}

    async def listeners() -> str | None:
        return checks.get("listeners")

    operations = Operations(store, router, clock)
    app = create_app(
        Services(
            invoices=Invoices(store, clock),
            payment_terminals=PaymentTerminals(
                store,
                partners,
                parties,
                catalogue,
                NoProvider(),
                clock,  # type: ignore[arg-type]
            ),
            store=store,
            parties=parties,
            charge_points=charge_points,
            router=router,
            reservations=Reservations(store, router, clock, billing.sites),
            smart_charging=SmartCharging(store, router, clock),
            baselines=BaselineService(store, router, clock),
            device_models=DeviceModels(store, Reports(store, clock), clock),
            reports=Reports(store, clock),
            local_lists=LocalLists(store, partners, router, clock),
            provisioning=Provisioning(store, initiative, router, BootIntervals(300, 60), clock),
            deviations=DeviationService(store, router),
            catalogue=catalogue,
            tariffs=TariffBook(store, partners, clock),
            own_tokens=OwnTokens(store),
            partners=partners,
            hub_clients=HubClients(store, partners, parties, clock),
            registration=handshake,
            deliveries=deliveries,
            cdr_copies=NoCopies(),
            stale=StaleTransactions(store, charge_points, router, transactions, "node-1"),
            certificates=CertificateServices(
                store,
                router,
                initiative,
                nobody_answers,
                CertificatePolicy(lambda party: "Gateway", "Gateway"),
                clock,
            ),
            credentials=Credentials(store, router),
            costs=Costs(store, router, billing, StationTariffs(store, billing), interval=60),
            payments=Payments(router),
            warnings=list,
            messages=lambda identity: frames.get(identity, []),
            operations=operations,
            transfers=FileTransfers.make(
                store,
                operations,
                FileRules(tmp_path, "http://127.0.0.1:1", 1_000, 1_000, frozenset({"https"})),
                clock,
            ),
            operator_token=TOKEN,
            versions_url="https://cpo.example/ocpi/versions",
            now=clock,
            checks={"listeners": listeners},
        )
    )
    server = AdminServer(app)
    port = await server.start("127.0.0.1", 0)
    async with aiohttp.ClientSession() as http:
        yield House(
            store,
            http,
            f"http://127.0.0.1:{port}",
            charge_points,
            transactions,
            StatusService(store, publisher, transactions, clock),
            partners,
            handshake,
            frames,
            checks,
            server,
            clock,
        )
    await server.close()
    await deliveries.close()
    await charge_points.close()
    await partners.close()


# --- who may call -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer wrong", f"Token {TOKEN}", TOKEN, "Bearer \xe9"]
)
@pytest.mark.parametrize("path", ["/charge-points", "/openapi.json", "/nothing-here"])
async def test_without_the_operator_token_nothing_is_told(
    house: House, authorization: str | None, path: str
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    async with house.http.get(house.url + "/api/v1" + path, headers=headers) as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
        assert (await response.json())["error"]["code"] == "unauthorized"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example"},
        {"Host": "evil.example:8080"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/v1/charge-points", "/metrics", "/static/dashboard.js"])
async def test_cross_site_requests_are_refused(
    house: House, headers: dict[str, str], path: str
) -> None:
    """security-and-faults S13."""
    reply = await house.ask("GET", path, headers=headers)
    assert reply.status == 403


async def test_the_pages_own_requests_are_not_cross_site(house: House) -> None:
    headers = {"Origin": house.url, "Sec-Fetch-Site": "same-origin"}
    assert (await house.ask("GET", "/api/v1/charge-points", headers=headers)).status == 200


@pytest.mark.parametrize("path", ["/", "/static/dashboard.js", "/api/v1/charge-points", "/health"])
async def test_every_answer_forbids_foreign_and_inline_script(house: House, path: str) -> None:
    """security-and-faults S12."""
    policy = (await house.ask("GET", path)).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy


async def test_the_page_has_no_inline_script_or_style(house: House) -> None:
    page = (await house.ask("GET", "/")).text
    assert '<script type="module" src=' in page
    assert "<style" not in page
    assert "style=" not in page
    assert " on" + "click" not in page


# --- the form of refusals ---------------------------------------------------------------------


async def test_a_body_that_is_no_json_is_a_400_and_changes_nothing(house: House) -> None:
    for text in (b"{", b'{"a": NaN}', b"\xff", b'"\\ud800"', b"[" * 100_000):
        reply = await house.ask("PUT", "/api/v1/charge-points/CP1", data=text)
        assert (reply.status, reply.json["error"]["code"]) == (400, "bad_request")
    assert (await house.api("GET", "/charge-points")).json == []


async def test_a_body_that_is_no_object_is_a_422(house: House) -> None:
    for body in ([], "text", 1):
        assert (await house.api("PUT", "/charge-points/CP1", body)).status == 422
    assert (await house.api("PUT", "/charge-points/CP1")).status == 422


async def test_an_unknown_path_is_a_404_and_a_wrong_method_a_405(house: House) -> None:
    assert (await house.api("GET", "/nothing")).status == 404
    reply = await house.api("DELETE", "/charge-points")
    assert reply.status == 405
    assert "GET" in reply.headers["Allow"]
    assert set(reply.json["error"]) == {"code", "message", "details"}


async def test_a_body_beyond_the_cap_is_a_413(house: House) -> None:
    reply = await house.ask("PUT", "/api/v1/charge-points/CP1", data=io.BytesIO(b" " * 5_000_000))
    assert reply.status == 413


@pytest.mark.parametrize(
    "query", ["limit=-1", "limit=x", "limit=99999999", "offset=1.5", "party=X"]
)
async def test_a_query_that_makes_no_sense_is_a_400(house: House, query: str) -> None:
    assert (await house.api("GET", f"/charge-points?{query}")).status == 400


# --- charge points ----------------------------------------------------------------------------


async def test_a_charge_point_is_registered_changed_shown_and_removed(house: House) -> None:
    body = {
        "security_profile": 1,
        "password": "0123456789abcdef",
        "party": "NL*GWY",
        "enabled": True,
        "quirks": ["b", "a"],
        "provision": False,
    }
    created = await house.api("PUT", "/charge-points/CP1", body)
    assert created.status == 201
    shown = (await house.api("GET", "/charge-points/CP1")).json
    assert shown == created.json
    assert shown["quirks"] == ["a", "b"]
    assert (shown["connected"], shown["provision"], shown["security_profile"]) == (False, False, 1)
    assert "0123456789abcdef" not in created.text
    assert "scrypt" not in created.text
    changed = await house.api("PUT", "/charge-points/CP1", {"security_profile": 1})
    assert (changed.status, changed.json["provision"]) == (200, True)
    assert [one["identity"] for one in (await house.api("GET", "/charge-points")).json] == ["CP1"]
    assert (await house.api("DELETE", "/charge-points/CP1")).status == 204
    assert (await house.api("DELETE", "/charge-points/CP1")).status == 404
    assert (await house.api("GET", "/charge-points/CP1")).status == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"security_profile": 4, "password": "0123456789abcdef"},
        {"security_profile": "1", "password": "0123456789abcdef"},
        {"security_profile": 1},
        {"security_profile": 1, "password": "short"},
        {"security_profile": 0, "party": "XX"},
        {"security_profile": 0, "party": "DE*ABC"},
        {"security_profile": 0, "enabled": "yes"},
        {"security_profile": 0, "quirks": "none"},
    ],
)
async def test_a_bad_registration_is_a_422_and_changes_nothing(
    house: House, body: dict[str, Any]
) -> None:
    assert (await house.api("PUT", "/charge-points/CP1", body)).status == 422
    assert (await house.api("GET", "/charge-points")).json == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/charge-points/CP1", {"security_profile": 0, "provison": False}),
        ("/charge-points/CP1/local-list", {"enabled": True}),
        ("/tokens/RFID/ABC", {"state": "Blocked"}),
    ],
)
async def test_a_misspelt_member_of_a_body_is_refused(
    house: House, path: str, body: dict[str, Any]
) -> None:
    answer = await house.api("PUT", path, body)
    assert answer.status == 422
    assert (await house.charge_points.get("CP1")) is None


async def test_what_a_dead_process_of_this_node_left_is_no_connection(house: House) -> None:
    await house.furnish()
    stations = house.store.party(PARTY).stations
    await stations.connect("CP1", node_id="node-1", protocol="ocpp1.6", remote="-", at=T0)
    shown = (await house.api("GET", "/charge-points/CP1")).json
    assert (shown["connected"], shown["connection"]) == (False, None)
    await stations.connect("CP1", node_id="node-2", protocol="ocpp1.6", remote="-", at=T0)
    assert (await house.api("GET", "/charge-points/CP1")).json["connected"] is True


async def test_what_was_never_connected_is_said_to_be_not_asked(house: House) -> None:
    await house.furnish()
    settings = (await house.api("GET", "/charge-points/CP1/settings")).json["settings"]
    assert {one["state"] for one in settings} == {"not asked yet"}
    shown = (await house.api("GET", "/charge-points/CP1/local-list")).json
    assert shown["state"] == "not asked yet"


async def test_why_certificates_are_not_shown_is_said(house: House) -> None:
    await house.furnish()
    away = await house.api("GET", "/charge-points/CP1/certificates")
    assert (away.status, away.json["error"]["message"]) == (
        409,
        "The charge point is not connected",
    )

    class Refusing(FakeStation):
        async def execute(self, command: Command, timeout: float) -> CommandReply:
            return CommandReply(CommandOutcome.FAILED, data={"error": "InternalError"})

    await house.connect(station=Refusing())
    refused = await house.api("GET", "/charge-points/CP1/certificates")
    assert (refused.status, refused.json["error"]["message"]) == (
        409,
        "The charge point refused the message: InternalError",
    )


@pytest.mark.parametrize("identity", ["CP 1", "CP*{x}", "größe", "a%b", "EVB-P1234@x|y+z"])
async def test_identities_are_percent_decoded(house: House, identity: str) -> None:
    """security-and-faults S22: an identity is one path segment, whatever is in it."""
    quoted = "".join(f"%{byte:02X}" for byte in identity.encode())
    reply = await house.api("PUT", f"/charge-points/{quoted}", {"security_profile": 0})
    assert (reply.status, reply.json["identity"]) == (201, identity)
    assert (await house.api("GET", f"/charge-points/{quoted}")).json["identity"] == identity
    assert (await house.api("GET", f"/charge-points/{quoted}/transactions")).json == []


async def test_a_list_can_be_read_in_parts(house: House) -> None:
    for number in range(5):
        await house.api("PUT", f"/charge-points/CP{number}", {"security_profile": 0})
    reply = await house.api("GET", "/charge-points?offset=1&limit=2")
    assert [one["identity"] for one in reply.json] == ["CP1", "CP2"]
    assert reply.headers["X-Total-Count"] == "5"


async def test_a_charge_point_that_is_away_shows_when_it_was_last_seen(house: House) -> None:
    """Before and after the operator has acted on it: that is not the station's doing."""
    await house.furnish()
    state = await house.connect()
    house.charge_points.seen(state)
    last_seen = state.last_seen.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    await house.charge_points.disconnect(state)
    away = (await house.api("GET", "/charge-points/CP1")).json
    async with house.charge_points.in_hand(state.record):
        pass
    touched = (await house.api("GET", "/charge-points/CP1")).json

    assert away["connected"] is False
    assert (away["version"], away["last_seen"]) == ("ocpp1.6", last_seen)
    assert (touched["version"], touched["last_seen"]) == ("ocpp1.6", last_seen)


async def test_a_call_returns_the_stations_result_or_error(house: House) -> None:
    await house.furnish()
    station = FakeStation(answer=CallResult({"status": "Accepted"}))
    await house.connect(station=station)
    body = {"action": "Reset", "payload": {"type": "Soft"}, "timeout": 5}
    reply = await house.api("POST", "/charge-points/CP1/calls", body)
    assert (reply.status, reply.json) == (
        200,
        {"type": "CALLRESULT", "payload": {"status": "Accepted"}},
    )
    assert station.called == [("Reset", {"type": "Soft"})]
    station.answer = CallError("NotSupported", "no", {"why": 1})
    reply = await house.api("POST", "/charge-points/CP1/calls", body)
    assert reply.status == 200
    assert reply.json == {
        "type": "CALLERROR",
        "code": "NotSupported",
        "description": "no",
        "details": {"why": 1},
    }


async def test_a_call_that_cannot_be_made_says_why(house: House) -> None:
    await house.furnish()
    body = {"action": "Reset", "payload": {"type": "Soft"}}
    assert (await house.api("POST", "/charge-points/NONE/calls", body)).status == 404
    assert (await house.api("POST", "/charge-points/CP1/calls", body)).status == 409
    station = FakeStation(answer=InvalidCall(["type: 'Warm' is no ResetType"]))
    await house.connect(station=station)
    reply = await house.api("POST", "/charge-points/CP1/calls", body)
    assert reply.status == 422
    assert reply.json["error"]["details"] == ["type: 'Warm' is no ResetType"]
    station.answer = CallTimeout("no answer")
    assert (await house.api("POST", "/charge-points/CP1/calls", body)).status == 504
    for bad in ({"payload": {}}, {"action": "Reset", "timeout": 0}, {"action": 1}):
        assert (await house.api("POST", "/charge-points/CP1/calls", bad)).status == 422


async def test_the_last_frames_are_shown(house: House) -> None:
    await house.furnish()
    house.frames["CP1"] = [{"at": "now", "direction": "received", "frame": "[2]"}]
    assert (await house.api("GET", "/charge-points/CP1/messages")).json == house.frames["CP1"]
    assert (await house.api("GET", "/charge-points/NONE/messages")).status == 404
    assert (await house.api("GET", "/charge-points/CP1/reservations")).json == []


# --- transactions -----------------------------------------------------------------------------


async def test_a_transaction_is_shown_from_its_start_to_its_end(house: House) -> None:
    await house.furnish()
    state = await house.connect()
    id_ = await house.begin(state)
    [running] = (await house.api("GET", "/charge-points/CP1/transactions?open=true")).json
    assert (running["id"], running["evse_id"], running["state"]) == (id_, 1, "ACTIVE")
    assert running["connector_id"] == 1
    assert running["token"] == {"uid": UID, "type": "RFID"}
    assert running["started_at"] == "2026-03-01T10:00:00.000Z"
    assert (running["stopped_at"], running["meter_start_wh"]) == (None, 1000)
    stop = TransactionStopped(id_, T0 + timedelta(hours=1), Decimal("11500.5"), "Local")
    await house.transactions.stopped(state, stop)
    assert (await house.api("GET", "/charge-points/CP1/transactions?open=true")).json == []
    [ended] = (await house.api("GET", "/charge-points/CP1/transactions")).json
    assert ended["stopped_at"] == "2026-03-01T11:00:00.000Z"
    assert (ended["meter_stop_wh"], ended["stop_reason"]) == (Decimal("11500.5"), "Local")
    assert (ended["state"], ended["partner_id"]) == ("ENDED", "ems")
    assert (await house.api("GET", f"/charge-points/CP1/transactions/{id_}")).json["id"] == id_
    assert (await house.api("GET", "/charge-points/CP1/transactions/0")).status == 404
    assert (await house.api("GET", "/charge-points/NONE/transactions")).status == 404


async def test_transactions_are_found_by_token_and_state(house: House) -> None:
    await house.furnish()
    state = await house.connect()
    await house.charge(state)
    other = await house.begin(state, "OTHER")
    for path in ("/charge-points/CP1/transactions", "/transactions"):
        found = (await house.api("GET", f"{path}?token=other")).json
        assert [one["id"] for one in found] == [other]
        assert len((await house.api("GET", path)).json) == 2
        assert len((await house.api("GET", f"{path}?open=false")).json) == 1
        assert len((await house.api("GET", f"{path}?limit=1")).json) == 1
    assert len((await house.api("GET", "/transactions?charge_point=CP1")).json) == 2
    assert (await house.api("GET", "/transactions?charge_point=CP2")).json == []


async def test_a_stale_transaction_is_closed_by_hand_connected_or_not(house: House) -> None:
    await house.furnish()
    state = await house.connect()
    first = await house.begin(state)
    reading = Reading(
        T0 + timedelta(minutes=30), (Sample(Measurand.ENERGY_IMPORT_REGISTER, Decimal(4000)),)
    )
    await house.transactions.metered(state, MeterReported(1, (reading,), first))
    reply = await house.api("POST", f"/charge-points/CP1/transactions/{first}/close")
    assert reply.status == 200
    assert (reply.json["state"], reply.json["meter_stop_wh"]) == ("ENDED", 4000)
    assert reply.json["flags"] == ["closed by the operator"]
    again = await house.api("POST", f"/charge-points/CP1/transactions/{first}/close")
    assert (again.status, again.json["stopped_at"]) == (200, reply.json["stopped_at"])
    unknown = await house.api("POST", "/charge-points/CP1/transactions/42/close")
    assert unknown.status == 404


# --- documents --------------------------------------------------------------------------------


async def test_a_location_is_kept_with_its_charge_points_and_live_status(house: House) -> None:
    await house.furnish()
    state = await house.connect()
    await house.status.reported(state, ConnectorStatusReported(1, 1, ConnectorState.AVAILABLE, T0))
    location = (await house.api("GET", "/locations/LOC1")).json
    assert location["evses"][0]["status"] == "AVAILABLE"
    assert location["evses"][0]["charge_point"] == {"identity": "CP1", "evse_id": 1}
    assert (location["country_code"], location["party_id"]) == ("NL", "GWY")
    assert (await house.api("PUT", "/locations/LOC1", LOCATION)).status == 200
    assert len((await house.api("GET", "/locations")).json) == 1
    assert (await house.api("DELETE", "/locations/LOC1")).status == 204
    removed = (await house.api("GET", "/locations/LOC1")).json
    assert removed["evses"][0]["status"] == "REMOVED"
    assert (await house.api("DELETE", "/locations/NONE")).status == 404


async def test_a_document_that_breaks_the_standard_is_a_422_with_every_fault(house: House) -> None:
    reply = await house.api("PUT", "/locations/LOC1", {"publish": "maybe", "city": ""})
    assert reply.status == 422
    assert len(reply.json["error"]["details"]) > 2
    assert (await house.api("GET", "/locations/LOC1")).status == 404
    assert (await house.api("PUT", "/tariffs/T1", TARIFF | {"id": "T2"})).status == 422
    foreign = TARIFF | {"country_code": "DE", "party_id": "ABC"}
    assert (await house.api("PUT", "/tariffs/T1", foreign)).status == 422


async def test_a_document_can_be_of_any_of_our_parties(house: House) -> None:
    belgian = TARIFF | {"country_code": "BE", "party_id": "GWY"}
    assert (await house.api("PUT", "/tariffs/T1", belgian)).status == 201
    assert (await house.api("PUT", "/tariffs/T2?party=BE*GWY", TARIFF)).status == 201
    assert (await house.api("GET", "/tariffs/T1")).json["country_code"] == "BE"
    assert len((await house.api("GET", "/tariffs?party=BE*GWY")).json) == 2
    assert (await house.api("GET", "/tariffs?party=NL*GWY")).json == []


async def test_a_tariff_prices_a_session(house: House) -> None:
    await house.furnish()
    body = {
        "start_date_time": "2026-03-01T10:00:00Z",
        "end_date_time": "2026-03-01T11:00:00Z",
        "time_zone": "Europe/Amsterdam",
        "charging_periods": [
            {
                "start_date_time": "2026-03-01T10:00:00Z",
                "dimensions": [{"type": "ENERGY", "volume": 10.5}],
            }
        ],
    }
    reply = await house.api("POST", "/tariffs/T1/price", body)
    assert reply.status == 200
    # by hand: 10.5 kWh x 0.30
    assert reply.json["total_cost"]["before_taxes"] == Decimal("3.15")
    assert reply.json["payable"] == Decimal("3.81")  # with 21 %, 3.8115
    assert reply.json["lines"]
    assert (await house.api("POST", "/tariffs/T9/price", body)).status == 404
    assert (await house.api("POST", "/tariffs/T1/price", {})).status == 422
    assert (await house.api("DELETE", "/tariffs/T1")).status == 204
    assert (await house.api("GET", "/tariffs/T1")).status == 404


async def test_what_is_doubtful_in_a_tariff_is_told_beside_it(house: House) -> None:
    component = {"type": "TIME", "price": Decimal("0.05"), "step_size": 60}
    doubtful = TARIFF | {"elements": [{"price_components": [component]}]}
    reply = await house.api("PUT", "/tariffs/T1", doubtful)
    assert reply.status == 201
    (warning,) = reply.json["warnings"]
    assert (warning["name"], warning["severity"]) == ("price_per_minute", "warning")
    assert (await house.api("PUT", "/tariffs/T1", reply.json)).status == 200
    stored = (await house.api("GET", "/tariffs/T1")).json
    assert "warnings" not in stored
    assert (await house.api("GET", "/tariffs/T1/check")).json == {"findings": [warning]}
    assert "warnings" not in (await house.api("PUT", "/tariffs/T1", TARIFF)).json


async def test_a_tariff_that_nobody_can_mean_is_refused(house: House) -> None:
    component = {"type": "TIME", "price": 3, "vat": Decimal("0.21"), "step_size": 60}
    reply = await house.api(
        "PUT", "/tariffs/T1", TARIFF | {"elements": [{"price_components": [component]}]}
    )
    assert reply.status == 422
    (detail,) = reply.json["error"]["details"]
    assert detail.startswith("elements[0].price_components[0].vat: 0.21 is a fraction")
    assert (await house.api("GET", "/tariffs/T1")).status == 404


async def test_a_tariff_is_said_in_words(house: House) -> None:
    await house.furnish()
    said = await house.api("GET", "/tariffs/T1/description?language=de")
    assert (said.json["language"], "je kWh" in said.json["text"]) == ("de", True)
    assert "per kWh" in (await house.api("GET", "/tariffs/T1/description")).json["text"]
    assert (await house.api("GET", "/tariffs/T1/description?language=xx")).status == 400
    for path in ("check", "description"):
        assert (await house.api("GET", f"/tariffs/T9/{path}")).status == 404


async def test_own_tokens_are_kept(house: House) -> None:
    body = {"status": "Blocked", "expires_at": "2027-01-01T00:00:00Z", "group_id": "G"}
    assert (await house.api("PUT", "/tokens/RFID/CARD%2001", body)).status == 201
    assert (await house.api("PUT", "/tokens/RFID/CARD%2001", body)).status == 200
    shown = (await house.api("GET", "/tokens/RFID/CARD%2001")).json
    assert (shown["uid"], shown["status"], shown["group_id"]) == ("CARD 01", "Blocked", "G")
    assert len((await house.api("GET", "/tokens")).json) == 1
    assert (await house.api("PUT", "/tokens/CASH/1", body)).status == 422
    assert (await house.api("PUT", "/tokens/RFID/1", {"status": "Great"})).status == 422
    assert (await house.api("DELETE", "/tokens/RFID/CARD%2001")).status == 204
    assert (await house.api("GET", "/tokens/RFID/CARD%2001")).status == 404


# --- the books --------------------------------------------------------------------------------


async def test_sessions_and_cdrs_are_listed_newest_first_and_filtered(house: House) -> None:
    await house.furnish()
    state = await house.connect()
    await house.charge(state)
    await house.begin(state, UID.lower())
    sessions = (await house.api("GET", "/sessions")).json
    [cdr] = (await house.api("GET", "/cdrs")).json
    assert [one["status"] for one in sessions][-1] == "COMPLETED"
    assert cdr["total_cost"]["before_taxes"] == Decimal("3")
    assert (await house.api("GET", f"/cdrs/{cdr['id']}")).json == cdr
    assert (await house.api("GET", f"/sessions/{cdr['session_id']}")).status == 200
    for query, count in {
        "token=deadbeef": 1,
        "token=other": 0,
        "location=loc1": 1,
        "location=LOC2": 0,
        "partner=ems": 1,
        "partner=other": 0,
        "date_from=2026-02-28T00:00:00Z": 1,
        "date_from=2026-03-02T00:00:00Z": 0,
        "party=BE*GWY": 0,
        "limit=0": 0,
        "offset=1": 0,
    }.items():
        found = (await house.api("GET", f"/cdrs?{query}")).json
        assert len(found) == count, query
    assert len((await house.api("GET", "/sessions?status=COMPLETED")).json) == 1
    assert (await house.api("GET", "/cdrs")).headers["X-Total-Count"] == "1"
    assert (await house.api("GET", "/cdrs/none")).status == 404


async def test_lists_run_newest_first_across_their_parts(house: House) -> None:
    await house.furnish()
    books = house.store.party(PARTY)
    for number in range(7):
        change = books.change()
        books.cdrs.put(change, f"C{number}", {"id": f"C{number}"}, updated=T0)
        await house.store.commit(change)
    second = house.store.party(SECOND)
    change = second.change()
    second.cdrs.put(change, "B0", {"id": "B0"}, updated=T0)
    await house.store.commit(change)
    ids = [one["id"] for one in (await house.api("GET", "/cdrs")).json]
    assert ids == ["C6", "C5", "C4", "C3", "C2", "C1", "C0", "B0"]
    parts = []
    for offset in range(0, 9, 3):
        reply = await house.api("GET", f"/cdrs?offset={offset}&limit=3")
        assert reply.headers["X-Total-Count"] == "8"
        parts += [one["id"] for one in reply.json]
    assert parts == ids


async def test_a_cdr_is_owed_again_to_the_partner_that_it_concerns(house: House) -> None:
    await house.furnish()
    await house.charge(await house.connect())
    [cdr] = (await house.api("GET", "/cdrs")).json
    owed = house.store.party(PARTY).owed
    for ref, version in await owed.due("ems", 10):
        await owed.settle("ems", ref, version)
        await owed.set_known("ems", ref, "https://partner.example/cdrs/1")
    reply = await house.api("POST", f"/cdrs/{cdr['id']}/resend")
    assert (reply.status, reply.json["partner_id"]) == (202, "ems")
    [(ref, _)] = await owed.due("ems", 10)
    assert str(ref) == f"cdr/{cdr['id']}"
    assert await owed.known("ems", ref) is None
    copy = await house.api("GET", f"/cdrs/{cdr['id']}/at-partner")
    assert (copy.json["found"], copy.json["partner_id"]) == (False, "ems")
    assert (await house.api("POST", "/cdrs/none/resend")).status == 404


async def test_a_cdr_is_credited_once_and_shows_by_what(house: House) -> None:
    await house.furnish()
    await house.charge(await house.connect())
    [cdr] = (await house.api("GET", "/cdrs")).json
    path = f"/cdrs/{cdr['id']}"
    reply = await house.api("POST", f"{path}/credit", {"remark": "charged twice"})
    assert reply.status == 201
    credit = reply.json["id"]
    assert (reply.json["credit_reference_id"], reply.json["sent"]) == (cdr["id"], True)
    assert (await house.api("GET", path)).json == cdr | {"credited_by": credit}
    # "all the data of the original CDR": its remark too
    assert (await house.api("GET", f"/cdrs/{credit}")).json["remark"] == (
        cdr["remark"] + "; charged twice"
    )
    assert (await house.api("POST", f"{path}/credit")).status == 409
    assert (await house.api("POST", f"/cdrs/{credit}/credit")).status == 409
    assert (await house.api("POST", "/cdrs/none/credit")).status == 404


async def test_a_cdr_is_corrected_by_another_one(house: House) -> None:
    await house.furnish()
    await house.charge(await house.connect())
    [cdr] = (await house.api("GET", "/cdrs")).json
    path = f"/cdrs/{cdr['id']}"
    reply = await house.api("POST", f"{path}/correct", {"energy_kwh": Decimal("5"), "remark": "x"})
    assert (reply.status, reply.json["corrects"], reply.json["sent"]) == (201, cdr["id"], True)
    shown = (await house.api("GET", path)).json
    assert shown["corrected_by"] == reply.json["cdr_id"]
    corrected = (await house.api("GET", f"/cdrs/{shown['corrected_by']}")).json
    assert (corrected["total_energy"], corrected["session_id"]) == (5, cdr["session_id"])
    assert (await house.api("POST", f"{path}/correct", {"energy_kwh": 4})).status == 409
    credit = f"/cdrs/{shown['credited_by']}/correct"
    assert (await house.api("POST", credit, {"energy_kwh": 4})).status == 409
    assert (await house.api("POST", "/cdrs/none/correct", {"energy_kwh": 4})).status == 404


async def test_a_partner_on_2_1_1_is_not_told_of_a_credit_and_the_answer_says_so(
    house: House,
) -> None:
    """`Version.has_credit_cdrs`."""
    await house.furnish()
    partner = house.partners.get("ems")
    assert partner is not None
    await house.partners.save(replace(partner, version="2.1.1"))
    await house.charge(await house.connect())
    [cdr] = (await house.api("GET", "/cdrs")).json
    reply = await house.api("POST", f"/cdrs/{cdr['id']}/credit")
    assert (reply.status, reply.json["sent"]) == (201, False)
    assert "2.1.1" in reply.json["why"]
    again = await house.api("POST", f"/cdrs/{reply.json['id']}/resend")
    assert again.status == 409
    assert "2.1.1" in again.text


async def held(house: House) -> str:
    """The session of a transaction whose meter stops below its start."""
    await house.furnish()
    await house.charge(await house.connect(), kwh=-1)
    [one] = (await house.api("GET", "/held-cdrs")).json
    session_id: str = one["session_id"]
    return session_id


async def test_held_cdrs_are_listed_with_their_reasons(house: House) -> None:
    session_id = await held(house)
    reply = await house.api("GET", "/held-cdrs")
    [one] = reply.json
    assert {"reason": "went-back", "text": "meter register went back"} in one["reasons"]
    assert (one["charge_point"], one["partner_id"], one["party"]) == ("CP1", "ems", str(PARTY))
    assert reply.headers["X-Total-Count"] == "1"
    assert (await house.api("GET", "/held-cdrs?offset=1")).json == []
    assert (await house.api("GET", "/held-cdrs?limit=0")).headers["X-Total-Count"] == "1"
    detail = (await house.api("GET", f"/held-cdrs/{session_id}")).json
    assert detail["transaction"]["session_id"] == session_id
    assert detail["cdr"]["id"] == session_id
    assert not any(name.startswith("_") for name in detail["cdr"])
    assert (await house.api("GET", "/cdrs")).json == []


async def test_a_held_cdr_is_released(house: House) -> None:
    session_id = await held(house)
    reply = await house.api("POST", f"/held-cdrs/{session_id}/release")
    assert (reply.status, reply.json["cdr_id"], reply.json["sent"]) == (200, session_id, True)
    assert (await house.api("GET", f"/cdrs/{session_id}")).status == 200
    assert (await house.api("GET", "/held-cdrs")).json == []
    assert (await house.api("GET", f"/held-cdrs/{session_id}")).status == 404
    again = await house.api("POST", f"/held-cdrs/{session_id}/release", {"remark": "again"})
    assert again.status == 409


async def test_a_held_cdr_is_voided_with_a_reason(house: House) -> None:
    session_id = await held(house)
    path = f"/held-cdrs/{session_id}/void"
    assert (await house.api("POST", path, {})).status == 422
    reply = await house.api("POST", path, {"remark": "a test of ours"})
    assert (reply.status, reply.json["voided"]) == (200, True)
    session = (await house.api("GET", f"/sessions/{session_id}")).json
    assert session["status"] == "INVALID"
    identity = (await house.api("GET", "/transactions")).json[0]
    decision = identity["decisions"][0]
    assert (decision["act"], decision["remark"]) == ("voided", "a test of ours")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"remark": "nothing corrected"},
        {"energy_kwh": -1},
        {"energy_kwh": "much"},
        {"energy_kwh": 1_000_000},
        {"meter_start_wh": 1},
        {"meter_stop_wh": 1},
        {"energy_kwh": 1, "meter_start_wh": 1, "meter_stop_wh": 2},
        {"start_date_time": "2026-03-01T10:00:00"},
        {"start_date_time": "0001-01-01T00:00:00+14:00"},
        {"end_date_time": "9999-12-31T23:00:00-14:00"},
        {"energy_kwh": 1, "remark": "x" * 256},
        {"kwh": 1},
    ],
)
async def test_a_correction_that_makes_no_sense_changes_nothing(house: House, body: Any) -> None:
    session_id = await held(house)
    assert (await house.api("POST", f"/held-cdrs/{session_id}/correct", body)).status == 422
    assert len((await house.api("GET", "/held-cdrs")).json) == 1


async def test_a_held_cdr_is_corrected(house: House) -> None:
    session_id = await held(house)
    body = {"meter_start_wh": 1000, "meter_stop_wh": 6000, "end_date_time": "2026-03-01T10:30:00Z"}
    reply = await house.api("POST", f"/held-cdrs/{session_id}/correct", body)
    assert (reply.status, reply.json["cdr_id"]) == (200, session_id)
    cdr = (await house.api("GET", f"/cdrs/{session_id}")).json
    assert (cdr["total_energy"], cdr["total_time"]) == (5, Decimal("0.5"))


async def test_held_cdrs_are_warned_of_and_counted(house: House) -> None:
    await held(house)
    ready = await house.ask("GET", "/ready")
    assert any("held" in warning for warning in ready.json["warnings"])


async def test_a_session_that_nobody_knows_has_no_held_cdr(house: House) -> None:
    for method, path in (("GET", ""), ("POST", "/release")):
        assert (await house.api(method, f"/held-cdrs/none{path}")).status == 404


async def test_a_cdr_of_a_partner_that_left_is_owed_to_its_party_when_that_is_back(
    house: House,
) -> None:
    """Invited anew after the loss of its tokens, it is another partner and the same payer."""
    await house.furnish()
    await house.charge(await house.connect())
    [cdr] = (await house.api("GET", "/cdrs")).json
    await house.partners.save(replace(PARTNER, state=PartnerState.UNREGISTERED))
    assert (await house.api("POST", f"/cdrs/{cdr['id']}/resend")).status == 409

    await house.partners.save(replace(PARTNER, id="anew", inbound_token_hash="another-hash"))
    reply = await house.api("POST", f"/cdrs/{cdr['id']}/resend")

    assert (reply.status, reply.json["partner_id"]) == (202, "anew")
    [(ref, _)] = await house.store.party(PARTY).owed.due("anew", 10)
    assert str(ref) == f"cdr/{cdr['id']}"


@pytest.mark.parametrize("call", ["release", "correct", "credit"])
async def test_decisions_are_told_to_the_party_that_is_back_under_another_registration(
    house: House, call: str
) -> None:
    """Each bill of a session goes to one addressee, whatever is decided about it."""
    if call == "release":
        session_id = await held(house)
        path = f"/held-cdrs/{session_id}/release"
    else:
        await house.furnish()
        await house.charge(await house.connect())
        [cdr] = (await house.api("GET", "/cdrs")).json
        path = f"/cdrs/{cdr['id']}/{call}"
    await house.partners.save(replace(PARTNER, state=PartnerState.UNREGISTERED))
    await house.partners.save(replace(PARTNER, id="anew", inbound_token_hash="another-hash"))

    body = {"energy_kwh": 4} if call == "correct" else {}
    reply = await house.api("POST", path, body)

    assert (reply.json["partner_id"], reply.json["sent"]) == ("anew", True)
    due = await house.store.party(PARTY).owed.due("anew", 10)
    made = [one["id"] for one in (await house.api("GET", "/cdrs?partner=anew")).json]
    assert sorted(made) == sorted(ref.id for ref, _ in due if str(ref).startswith("cdr/"))
    assert len(made) == (2 if call == "correct" else 1)


async def test_of_operators_who_decide_at_once_all_but_one_are_told_that_it_is_in_the_way(
    house: House,
) -> None:
    """Also while the charge point is away: the store is not to blame for it (409, not 503)."""
    await house.furnish()
    state = await house.connect()
    await house.charge(state, kwh=-1)
    [one] = (await house.api("GET", "/held-cdrs")).json
    await house.charge_points.disconnect(state)
    path = f"/held-cdrs/{one['session_id']}"
    replies = await asyncio.gather(
        house.api("POST", f"{path}/void", {"remark": "a test"}),
        *[house.api("POST", f"{path}/release") for _ in range(3)],
    )
    assert sorted(reply.status for reply in replies) == [200, 409, 409, 409]


@pytest.mark.parametrize("call", ["release", "correct", "credit"])
async def test_nobody_is_said_to_be_told_when_the_partner_has_left(house: House, call: str) -> None:
    if call == "release":
        path = f"/held-cdrs/{await held(house)}/release"
    else:
        await house.furnish()
        await house.charge(await house.connect())
        [cdr] = (await house.api("GET", "/cdrs")).json
        path = f"/cdrs/{cdr['id']}/{call}"
    await house.partners.save(replace(PARTNER, state=PartnerState.UNREGISTERED))
    reply = await house.api("POST", path, {"energy_kwh": 4} if call == "correct" else {})
    assert (reply.status in (200, 201), reply.json["sent"]) == (True, False)


# --- partners ---------------------------------------------------------------------------------


async def test_an_invited_partner_gets_a_token_that_is_shown_once(house: House) -> None:
    reply = await house.api("POST", "/partners", {"name": "New"})
    assert reply.status == 201
    assert len(reply.json["token"]) >= 32
    assert reply.json["our_versions_url"] == "https://cpo.example/ocpi/versions"
    shown = await house.api("GET", f"/partners/{reply.json['id']}")
    assert (shown.json["state"], shown.json["owed"]) == ("INVITED", 0)
    assert reply.json["token"] not in shown.text
    for bad in ({}, {"name": ""}, {"name": 1}, {"name": "x" * 101}, {"name": "a\nb"}):
        assert (await house.api("POST", "/partners", bad)).status == 422


async def test_partners_are_shown_without_their_secrets(house: House) -> None:
    """security-and-faults S9."""
    for path in ("/partners", "/partners/ems", "/partners/ems/deliveries"):
        text = (await house.api("GET", path)).text
        assert "nobody-may-see" not in text
    [shown] = (await house.api("GET", "/partners")).json
    assert shown["roles"][0] == {
        "role": "EMSP",
        "country_code": "DE",
        "party_id": "EMS",
        "business_name": "EMS",
    }
    assert (await house.api("GET", "/partners/none")).status == 404


async def test_a_suspended_partner_is_registered_anew(house: House) -> None:
    """It has lost our token: it is the same partner that comes back."""
    await house.partners.save(replace(PARTNER, state=PartnerState.SUSPENDED))
    body = {"versions_url": "https://partner.example/versions", "token": "their-token-a"}
    reply = await house.api("POST", f"/partners/{PARTNER.id}/register", body)
    assert (reply.status, reply.json["id"], reply.json["state"]) == (200, PARTNER.id, "REGISTERED")


async def test_we_register_with_a_partner(house: House) -> None:
    partner = (await house.api("POST", "/partners", {"name": "New"})).json["id"]
    body = {"versions_url": "https://partner.example/versions", "token": "their-token-a"}
    house.handshake.fails = True
    failed = await house.api("POST", f"/partners/{partner}/register", body)
    assert failed.status == 502
    assert "no such host" in failed.json["error"]["message"]
    assert "their-token-a" not in failed.text
    house.handshake.fails = False
    reply = await house.api("POST", f"/partners/{partner}/register", body)
    assert (reply.status, reply.json["state"]) == (200, "REGISTERED")
    expected = (partner, body["versions_url"], body["token"], "New", None)
    assert house.handshake.asked[-1] == expected
    assert (await house.api("POST", f"/partners/{partner}/register", body)).status == 409
    assert (await house.api("POST", "/partners/none/register", body)).status == 404
    assert (await house.api("POST", f"/partners/{partner}/register", {})).status in (409, 422)


async def test_a_partner_is_renamed_given_quirks_and_removed(house: House) -> None:
    reply = await house.api("PATCH", "/partners/ems", {"name": "Other", "quirks": ["raw_token"]})
    assert (reply.json["name"], reply.json["quirks"]) == ("Other", ["raw_token"])
    assert (await house.api("PATCH", "/partners/ems", {})).json["quirks"] == ["raw_token"]
    assert (await house.api("PATCH", "/partners/ems", {"quirks": 1})).status == 422
    slower = await house.api("PATCH", "/partners/ems", {"session_interval": 90})
    assert (slower.json["session_interval"], slower.json["name"]) == (90, "Other")
    stored = await house.store.partners.get("ems")
    assert stored.session_interval == 90
    assert (await house.api("PATCH", "/partners/ems", {})).json["session_interval"] == 90
    for wrong in (-1, 86_401, "soon"):
        refused = await house.api("PATCH", "/partners/ems", {"session_interval": wrong})
        assert refused.status == 422
    back = await house.api("PATCH", "/partners/ems", {"session_interval": None})
    assert back.json["session_interval"] is None
    assert (await house.api("DELETE", "/partners/ems")).status == 204
    assert house.handshake.asked == [("unregister", "ems")]
    assert (await house.api("GET", "/partners/ems")).status == 404


async def test_a_version_can_be_named_for_a_registration(house: House) -> None:
    partner = (await house.api("POST", "/partners", {"name": "New"})).json["id"]
    body = {"versions_url": "https://partner.example/versions", "token": "a", "version": "9.9"}
    refused = await house.api("POST", f"/partners/{partner}/register", body)
    assert refused.status == 422
    assert "2.3.0" in refused.json["error"]["message"]
    body["version"] = "2.1.1"
    assert (await house.api("POST", f"/partners/{partner}/register", body)).status == 200
    assert house.handshake.asked[-1][-1] == "2.1.1"


async def test_our_credentials_are_put_to_a_partner_again(house: House) -> None:
    """credentials 7.1.2 to 7.1.4: a newer version, other endpoints, other tokens."""
    reply = await house.api("POST", "/partners/ems/credentials")
    assert (reply.status, reply.json["version"]) == (200, "2.2.1")
    moved = await house.api("POST", "/partners/ems/credentials", {"version": "2.3.0"})
    assert (moved.status, moved.json["version"]) == (200, "2.3.0")
    assert house.handshake.asked == [("update", "ems", None), ("update", "ems", "2.3.0")]
    body = {"version": "9.9"}
    assert (await house.api("POST", "/partners/ems/credentials", body)).status == 422
    house.handshake.fails = True
    failed = await house.api("POST", "/partners/ems/credentials", {})
    assert (failed.status, "no such host" in failed.text) == (502, True)
    invited = (await house.api("POST", "/partners", {"name": "New"})).json["id"]
    assert (await house.api("POST", f"/partners/{invited}/credentials")).status == 409
    assert (await house.api("POST", "/partners/none/credentials")).status == 404


async def test_every_partner_quirk_is_listed_and_no_other_is_taken(house: House) -> None:
    listed = {one["name"]: one for one in (await house.api("GET", "/partner-quirks")).json}
    assert set(listed) == set(QUIRKS)
    assert listed["raw_token"]["meaning"].startswith("a partner that wants its token")
    for wrong in ("no_such", "raw_token:1", "pinned_version", "pinned_version:9.9"):
        refused = await house.api("PATCH", "/partners/ems", {"quirks": ["no_201", wrong]})
        assert refused.status == 422
    assert (await house.api("GET", "/partners/ems")).json["quirks"] == []
    reply = await house.api("PATCH", "/partners/ems", {"quirks": ["pinned_version:2.1.1"]})
    assert reply.json["quirks"] == ["pinned_version:2.1.1"]


async def test_a_partner_is_shown_with_what_its_handshake_noticed(house: House) -> None:
    seen = QuirkSeen("array_data", "its version details came in an array", T0)
    await house.partners.save(replace(PARTNER, hub_party=Party("NL", "HUB"), quirks_seen=(seen,)))
    shown = (await house.api("GET", "/partners/ems")).json
    assert shown["quirks_seen"] == [{"name": "array_data", "how": seen.how, "at": to_text(T0)}]
    assert (shown["hub_party"], shown["version"]) == ("NL*HUB", "2.2.1")
    assert {"roles", "endpoints", "last_error", "deliveries", "owed"} <= set(shown)


async def test_what_a_partner_is_owed_and_refused_is_shown(house: House) -> None:
    await house.furnish()
    owed = house.store.party(PARTY).owed
    ref = ObjectRef.parse("cdr/C1")
    change = house.store.party(PARTY).change()
    owed.mark(change, ["ems"], ref)
    await house.store.commit(change)
    shown = (await house.api("GET", "/partners/ems/deliveries")).json
    assert shown["owed"] == 1
    assert shown["owed_by_kind"] == {
        "location": 0,
        "evse": 0,
        "session": 0,
        "cdr": 1,
        "tariff": 0,
    } | {"invoice": 0}
    assert shown["owed_since"] is not None
    [(_, version)] = await owed.due("ems", 1)
    await owed.refuse("ems", ref, version, "2001 no such token", T0)
    shown = (await house.api("GET", "/partners/ems/deliveries")).json
    assert shown["owed"] == 0
    assert shown["refusals"][0]["reason"] == "2001 no such token"
    assert shown["refusals"][0]["party"] == "NL*GWY"


async def test_a_partner_that_lost_its_data_is_owed_everything_again(house: House) -> None:
    """As if it had been registered just now; what it has acknowledged is forgotten."""
    endpoints = tuple(
        Endpoint(module, "RECEIVER", f"https://partner.example/{module}")
        for module in ("locations", "tariffs", "sessions", "cdrs")
    )
    await house.partners.save(replace(PARTNER, endpoints=endpoints))
    await house.furnish()
    await house.charge(await house.connect())
    [session], [cdr] = [
        (await house.api("GET", path, None)).json for path in ("/sessions", "/cdrs")
    ]
    books = house.store.party(PARTY)
    refs = [
        *(ObjectRef.parse(f"{kind}") for kind in ("location/LOC1", "tariff/T1")),
        ObjectRef.parse(f"session/{session['id']}"),
        ObjectRef.parse(f"cdr/{cdr['id']}"),
    ]

    async def acknowledged() -> None:
        await books.owed.drop_partner("ems")
        for ref in refs:
            await books.owed.set_known("ems", ref, "known")

    await acknowledged()
    reply = await house.api("POST", "/partners/ems/resend")
    assert (reply.status, reply.json["owed_again"]) == (
        202,
        {"location": 1, "tariff": 1, "session": 1, "cdr": 0},
    )
    assert {ref for ref, _ in await books.owed.due("ems", 10)} == set(refs[:3])
    assert [await books.owed.known("ems", ref) for ref in refs] == [None, None, None, "known"]

    await acknowledged()
    reply = await house.api("POST", "/partners/ems/resend?cdrs=true&since=2026-01-01T00:00:00Z")
    assert (reply.status, reply.json["owed_again"]["cdr"]) == (202, 1)
    assert {ref for ref, _ in await books.owed.due("ems", 10)} == set(refs)
    later = await house.api("POST", "/partners/ems/resend?since=2030-01-01T00:00:00Z")
    assert later.json["owed_again"]["session"] == 0

    await house.partners.save(replace(PARTNER, state=PartnerState.UNREGISTERED))
    assert (await house.api("POST", "/partners/ems/resend")).status == 409
    assert (await house.api("POST", "/partners/none/resend")).status == 404
    assert (await house.api("POST", "/partners/ems/resend?since=monday")).status in (400, 409)


async def test_an_error_of_a_partner_is_shown_with_its_time_while_it_lasts(house: House) -> None:
    """`last_error` is what is wrong now; the last one ever stays among its deliveries."""

    change = house.store.party(PARTY).change()
    house.store.party(PARTY).owed.mark(change, ["ems"], ObjectRef.parse("cdr/C1"))
    await house.store.commit(change)
    async with asyncio.timeout(10):
        while (shown := (await house.api("GET", "/partners/ems")).json)["last_error"] is None:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert shown["last_error"] == "away"
    assert shown["last_error_at"] == shown["deliveries"]["last_error_at"] is not None


async def test_a_suspended_partner_that_calls_again_has_no_error_any_more(house: House) -> None:
    """What it was suspended for is over until it happens again."""
    suspended = replace(PARTNER, state=PartnerState.SUSPENDED, last_error="HTTP 401")
    await house.partners.save(suspended)
    assert (await house.api("GET", "/partners/ems")).json["last_error"] == "HTTP 401"

    await house.partners.resume(suspended)

    shown = (await house.api("GET", "/partners/ems")).json
    assert (shown["state"], shown["last_error"], shown["last_error_at"]) == (
        "REGISTERED",
        None,
        None,
    )


async def test_what_waits_is_shown_beside_what_is_owed(house: House) -> None:
    """Put aside for a party that is not connected, it is in no count of what is owed."""
    parked = house.store.party(PARTY).parked
    await parked.put("ems", ObjectRef.parse("cdr/C1"), Party("DE", "EMS"))
    for path in ("/partners/ems", "/partners/ems/deliveries"):
        shown = (await house.api("GET", path)).json
        assert (shown["owed"], shown["waiting"]) == (0, 1)


async def test_an_unchanged_location_or_tariff_changes_nothing(house: House) -> None:
    """ocpi-rules 8: last_updated is of the last change, and an import of the same file is none."""
    endpoints = tuple(
        Endpoint(module, "RECEIVER", f"https://partner.example/{module}")
        for module in ("locations", "tariffs")
    )
    await house.partners.save(replace(PARTNER, endpoints=endpoints))
    await house.furnish()
    owed = house.store.party(PARTY).owed
    for path, document, other in (
        ("/locations/LOC1", LOCATION, {"name": "Another"}),
        ("/tariffs/T1", TARIFF, {"currency": "NOK"}),
    ):
        before = (await house.api("GET", path)).json
        await owed.drop_partner("ems")
        again = await house.api("PUT", path, document)
        assert again.status == 200
        assert again.json["last_updated"] == before["last_updated"]
        assert (await house.api("GET", path)).json == before
        assert await owed.due("ems", 10) == []
        changed = await house.api("PUT", path, document | other)
        assert changed.json["last_updated"] > before["last_updated"]
        assert len(await owed.due("ems", 10)) == 1


# --- reports ----------------------------------------------------------------------------------


async def test_usage_and_revenue_are_added_up_from_the_books(house: House) -> None:
    await house.furnish()
    await house.charge(await house.connect(), kwh=10)
    for by, value in {
        "charge_point": "CP1",
        "location": "LOC1",
        "partner": "DE*EMS",
        "day": "2026-03-01",
    }.items():
        [row] = (await house.api("GET", f"/reports/usage?by={by}")).json
        assert row == {by: value, "transactions": 1, "running": 0, "kwh": 10, "hours": 1}
        [row] = (await house.api("GET", f"/reports/revenue?by={by}")).json
        assert (row[by], row["cdrs"], row["kwh"]) == (value, 1, 10)
        # by hand: 10 kWh x 0.30, and 21 % of it
        assert (row["before_taxes"], row["taxes"]) == (Decimal("3"), Decimal("0.63"))
        assert row["total"] == Decimal("3.63")
    assert (await house.api("GET", "/reports/usage?date_from=2026-03-02T00:00:00Z")).json == []
    assert (await house.api("GET", "/reports/usage?by=colour")).status == 400
    assert (await house.api("GET", "/reports/usage?format=xml")).status == 400


async def test_a_report_is_by_several_words_and_days_of_a_time_zone(house: House) -> None:
    await house.furnish()
    await house.charge(await house.connect(), kwh=10)
    asked = "by=day,location&time_zone=Pacific/Auckland"
    # from 10:00 to 11:00 UTC is from 23:00 to midnight in Auckland: usage is by the start,
    # revenue by the end
    [row] = (await house.api("GET", f"/reports/usage?{asked}")).json
    assert (row["day"], row["location"]) == ("2026-03-01", "LOC1")
    [row] = (await house.api("GET", f"/reports/revenue?{asked}")).json
    assert (row["day"], row["location"]) == ("2026-03-02", "LOC1")
    for wrong in ("by=day,colour", "by=", "time_zone=Mars", "time_zone=../etc/passwd"):
        assert (await house.api("GET", f"/reports/revenue?{wrong}")).status == 400


async def test_what_was_credited_is_no_revenue(house: House) -> None:
    await house.furnish()
    await house.charge(await house.connect(), kwh=10)
    [cdr] = (await house.api("GET", "/cdrs")).json
    assert (await house.api("POST", f"/cdrs/{cdr['id']}/credit")).status == 201
    for by in ("charge_point", "location", "partner", "day"):
        [row] = (await house.api("GET", f"/reports/revenue?by={by}")).json
        assert (row["cdrs"], row["credits"], row["kwh"], row["total"]) == (1, 1, 0, 0)


async def test_what_is_held_stands_apart_from_revenue(house: House) -> None:
    await held(house)
    [row] = (await house.api("GET", "/reports/revenue?by=charge_point,partner")).json
    assert (row["charge_point"], row["partner"], row["currency"]) == ("CP1", "DE*EMS", "EUR")
    assert (row["cdrs"], row["held"], row["total"]) == (0, 1, 0)
    late = "/reports/revenue?date_from=2026-03-02T00:00:00Z"
    assert (await house.api("GET", late)).json == []
    text = (await house.api("GET", f"{late}&format=csv")).text
    assert text.startswith("day,currency,cdrs,credits,kwh,")


async def test_what_is_held_without_a_place_is_counted_too(house: House) -> None:
    """It has no Session, and no currency yet."""
    await house.furnish()
    await house.api("DELETE", "/locations/LOC1")
    await house.charge(await house.connect(), kwh=10)
    [one] = (await house.api("GET", "/held-cdrs")).json
    assert "no-location" in [reason["reason"] for reason in one["reasons"]]
    [row] = (await house.api("GET", "/reports/revenue?by=charge_point,location")).json
    assert (row["charge_point"], row["location"], row["currency"]) == ("CP1", None, "")
    assert (row["cdrs"], row["held"], row["held_kwh"]) == (0, 1, 10)


async def test_a_credit_of_a_later_month_is_of_that_month_and_of_the_day_of_its_cdr(
    house: House,
) -> None:
    """What was booked in a month does not change when something is taken back in the next."""
    await house.furnish()
    await house.charge(await house.connect(), kwh=10)
    [cdr] = (await house.api("GET", "/cdrs")).json
    march, april = "date_to=2026-04-01T00:00:00Z", "date_from=2026-04-01T00:00:00Z"
    house.clock.moment = datetime(2026, 4, 2, 8, 0, tzinfo=UTC)
    body = {"energy_kwh": 4}
    assert (await house.api("POST", f"/cdrs/{cdr['id']}/correct", body)).status == 201

    [row] = (await house.api("GET", f"/reports/revenue?{march}")).json
    assert (row["day"], row["cdrs"], row["credits"], row["kwh"]) == ("2026-03-01", 1, 0, 10)
    assert row["total"] == Decimal("3.63")
    [row] = (await house.api("GET", f"/reports/revenue?{april}")).json
    assert (row["day"], row["cdrs"], row["credits"], row["kwh"]) == ("2026-03-01", 1, 1, -6)
    # by hand: 6 kWh less, at 0.30 and 21 %
    assert row["total"] == Decimal("-2.178")


async def test_faults_are_reported_while_they_last(house: House) -> None:
    await house.furnish()
    state = await house.connect()
    fault = ConnectorStatusReported(1, 1, ConnectorState.FAULTED, T0, "GroundFailure", "=1+1")
    await house.status.reported(state, fault)
    [row] = (await house.api("GET", "/reports/faults?by=location")).json
    assert (row["location"], row["charge_point"], row["error_code"]) == (
        "LOC1",
        "CP1",
        "GroundFailure",
    )
    assert (await house.api("GET", "/reports/faults?by=partner")).status == 400
    text = (await house.api("GET", "/reports/faults?by=location&format=csv")).text
    [shown] = list(csv.DictReader(io.StringIO(text)))
    assert shown["info"] == "'=1+1"  # security-and-faults S12
    well = ConnectorStatusReported(1, 1, ConnectorState.AVAILABLE, T0 + timedelta(minutes=1))
    await house.status.reported(state, well)
    assert (await house.api("GET", "/reports/faults")).json == []


# --- machines ---------------------------------------------------------------------------------


async def test_health_readiness_and_metrics_need_no_token(house: House) -> None:
    await house.furnish()
    await house.api("PUT", "/charge-points/OPEN", {"security_profile": 0})
    async with house.http.get(house.url + "/health") as response:
        assert await response.json() == {"status": "alive"}
    async with house.http.get(house.url + "/ready") as response:
        assert response.status == 200
        ready = await response.json()
    assert ready["checks"] == {"store": "ok", "listeners": "ok"}
    # security-and-faults S1: security profile 0 is a warning here
    assert "OPEN" in ready["warnings"][0]
    async with house.http.get(house.url + "/metrics") as response:
        text = await response.text()
    assert "gateway_operator_requests_total" in text
    assert TOKEN not in text
    assert "nobody-may-see" not in text


async def test_not_ready_says_what_is_missing(house: House) -> None:
    house.checks["listeners"] = "draining"
    reply = await house.ask("GET", "/ready")
    assert reply.status == 503
    assert reply.json["ready"] is False
    assert reply.json["checks"]["listeners"] == "draining"


async def test_without_a_store_the_gateway_lives_but_is_not_ready(house: House) -> None:
    await house.store.close()
    reply = await house.ask("GET", "/ready")
    assert reply.status == 503
    assert "store" in reply.json["checks"]
    assert (await house.ask("GET", "/health")).status == 200


async def test_every_route_is_described(house: House) -> None:
    document = (await house.api("GET", "/openapi.json")).json
    assert document["openapi"] == "3.1.0"
    for path in (
        "/charge-points/{identity}/calls",
        "/locations/{id}",
        "/tariffs/{id}/price",
        "/partners/{id}/register",
        "/cdrs/{id}/credit",
        "/events",
    ):
        assert f"/api/v1{path}" in document["paths"]
    body = document["paths"]["/api/v1/charge-points/{identity}"]["put"]["requestBody"]
    assert body["content"]["application/json"]["schema"]["$ref"].endswith("/ChargePointBody")
    operations = [one for path in document["paths"].values() for one in path.values()]
    assert len({one["operationId"] for one in operations}) == len(operations)


# --- live events ------------------------------------------------------------------------------


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, Any]]:
    kind = ""
    async for line in response.content:
        if line.startswith(b"event: "):
            kind = line[7:].strip().decode()
        elif line.startswith(b"data: "):
            yield kind, exact_json.loads(line[6:])


async def test_what_happens_is_told_as_it_happens(house: House) -> None:
    await house.furnish()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    wanted = {"charge_point", "location", "transaction", "session", "cdr", "partner"}
    async with (
        asyncio.timeout(20),
        house.http.get(house.url + "/api/v1/events", headers=headers) as response,
    ):
        assert response.content_type == "text/event-stream"
        assert (await response.content.readline()) == b": hello\n"
        state = await house.connect()
        report = ConnectorStatusReported(1, 1, ConnectorState.CHARGING, T0)
        await house.status.reported(state, report)
        id_ = await house.charge(state)
        seen: dict[str, Any] = {}
        async for kind, data in events(response):
            seen[kind] = data
            if wanted <= seen.keys():
                break
    assert seen["charge_point"]["identity"] == "CP1"
    assert seen["location"]["evses"][0]["charge_point"]["identity"] == "CP1"
    assert seen["transaction"]["id"] == id_
    assert seen["session"]["status"] == "COMPLETED"
    assert seen["cdr"]["total_energy"] == 10
    assert (seen["partner"]["id"], seen["partner"]["owed"]) == ("ems", 2)  # Session and CDR


async def test_the_stream_ends_when_the_server_does(house: House) -> None:
    """security-and-faults R3: whoever watches does not hold up the end."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with (
        asyncio.timeout(5),  # less than what open requests are given to end
        house.http.get(house.url + "/api/v1/events", headers=headers) as response,
    ):
        await response.content.readline()
        await house.server.close()
        assert await response.content.read() == b"\n"
