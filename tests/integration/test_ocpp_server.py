"""The charge points' edge over real sockets, with services that only write down what they hear."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.frames import Frame, Opcode

from gateway.domain.charge_points import ChargePointRecord, PresentedCertificate, SecurityProfile
from gateway.domain.commands import CommandOutcome
from gateway.domain.credentials import CredentialChange
from gateway.domain.events import (
    Booted,
    ConnectorStatusReported,
    MeterReported,
    TransactionReported,
    TransactionStarted,
    TransactionStopped,
)
from gateway.domain.party import Party
from gateway.domain.quirks import LOOSE_TYPES
from gateway.domain.remote_control import RemoteStart, RemoteStop
from gateway.domain.tokens import Authorization, AuthorizationStatus, TokenRef, TokenType
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.limits import SwapLimiter
from gateway.ocpp.link import LinkLimits
from gateway.ocpp.server import OcppServer, ServerLimits
from gateway.ocpp.tls import CertificateFiles, ServerTls
from gateway.services.ports import CallError, CallResult, CallTimeout, InvalidCall, NotConnected
from gateway.services.ports import Station as StationPort
from gateway.services.security.logins import Attempt, ConnectionRefused, Login
from gateway.services.stations.data_transfer import DataTransfers
from gateway.services.stations.provisioning import BootDecision
from gateway.services.stations.station_state import StationState
from gateway.services.transactions.service import StartAnswer, TransactionAnswer
from gateway.store import Fence, Fenced, StoreUnavailable

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PASSWORD = b"pass\x00:word\xff-of-20-bytes"
ACCEPTED = Authorization(AuthorizationStatus.ACCEPTED)
BLOCKED = Authorization(AuthorizationStatus.BLOCKED)
BOOTED = BootDecision("Accepted", 300, NOW)


@dataclass
class Services:
    """All services in one; `before` runs ahead of each and may wait or raise."""

    events: list[Any] = field(default_factory=list)
    stations: dict[str, StationPort] = field(default_factory=dict)
    states: list[StationState] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    quirks: frozenset[str] = frozenset()
    boot: BootDecision = BOOTED
    authorization: Authorization = ACCEPTED
    before: Callable[[Any], Awaitable[None]] | None = None
    store_is_away: bool = False
    overtaken: bool = False
    verified: int = 0

    async def _note(self, event: Any) -> None:
        if self.before is not None:
            await self.before(event)
        self.events.append(event)

    async def authenticate(self, attempt: Attempt) -> Login:
        self.verified += 1
        if self.store_is_away:
            raise StoreUnavailable("away")
        right = attempt.well_formed and attempt.password == PASSWORD
        if attempt.identity.startswith("unknown") or not right:
            raise ConnectionRefused("unknown or wrong")
        profile = SecurityProfile.TLS_BASIC_AUTH if attempt.secure else SecurityProfile.BASIC_AUTH
        party = Party("NL", "ABC")
        return Login(ChargePointRecord(attempt.identity, party, profile, quirks=self.quirks))

    def refresh(self) -> None:
        """Nothing here comes from files."""

    async def begin(self, identity: str, change: CredentialChange) -> None:
        self.events.append((identity, change))

    async def connect(
        self,
        record: ChargePointRecord,
        *,
        protocol: str,
        remote: str,
        station: StationPort,
        certificate: PresentedCertificate | None = None,
    ) -> StationState:
        if self.overtaken:
            raise Fenced(record.identity, 1, 2)
        state = StationState(record, Fence(record.identity, 1), protocol, NOW, NOW)
        self.stations[record.identity] = station
        self.states.append(state)
        return state

    async def disconnect(self, state: StationState) -> None:
        self.gone.append(state.identity)

    def seen(self, state: StationState) -> None:
        state.last_seen = NOW + timedelta(seconds=1)

    async def booted(self, state: StationState, event: Booted) -> BootDecision:
        await self._note(event)
        state.boot_accepted = self.boot.status == "Accepted"
        return self.boot

    async def keep(self, state: StationState, action: str, payload: dict[str, Any]) -> None:
        await self._note((action, payload))

    async def heard(self, state: StationState, kinds: Any, news: Any) -> None:
        """An operation's news; what is kept of it was noted by `keep`."""

    async def limited(self, state: StationState, limit: Any) -> None:
        await self._note(("limited", limit))

    async def cleared(self, state: StationState, event: Any) -> None:
        await self._note(("cleared", event))

    async def happened(self, state: StationState, happening: Any) -> None:
        """No operation waits for anything."""
        state.watching = set()

    async def used(self, state: StationState, reservation_id: int) -> None:
        await self._note(("used", reservation_id))

    async def ended(self, state: StationState, event: Any) -> None:
        await self._note(event)

    async def received(self, state: StationState, part: Any) -> None:
        await self._note(part)

    async def authorize(
        self, state: StationState, token: TokenRef, evse_id: int | None = None
    ) -> Authorization:
        await self._note(token)
        return self.authorization

    async def started(self, state: StationState, event: TransactionStarted) -> StartAnswer:
        await self._note(event)
        return StartAnswer("4711", self.authorization)

    async def stopped(self, state: StationState, event: TransactionStopped) -> Authorization | None:
        await self._note(event)
        return self.authorization if event.token else None

    async def metered(self, state: StationState, event: MeterReported) -> None:
        await self._note(event)


@dataclass
class Statuses:
    services: Services

    async def reported(self, state: StationState, event: ConnectorStatusReported) -> None:
        await self.services._note(event)


class Reserved:
    """Notes what becomes of reservations; none is there to be used by a start that names none."""

    def __init__(self, services: Services) -> None:
        self.used = services.used
        self.ended = services.ended

    async def started(self, state: StationState, start: Any) -> None:
        pass


@dataclass
class Transactions:
    services: Services

    def __post_init__(self) -> None:
        self.started = self.services.started
        self.stopped = self.services.stopped
        self.metered = self.services.metered

    async def reported(self, state: StationState, event: TransactionReported) -> TransactionAnswer:
        await self.services._note(event)
        return TransactionAnswer(
            self.services.authorization if event.token else None, Decimal("1.23")
        )


class Deviations:
    """Nobody has quirks by rule, and nothing is stored."""

    async def begin(self, state: StationState) -> None: ...

    def booted(self, state: StationState, *told: str | None) -> None: ...

    async def flush(self, state: StationState) -> None: ...


class NoCosts:
    """No station shows prices, and nobody knows a VAT number."""

    def text(self, state: StationState, evse_id: int | None, language: str | None) -> None: ...

    def identified(self, state: StationState, id_token: str, language: str | None) -> None: ...

    def ended(self, state: StationState, transaction_id: str) -> None: ...

    async def reckoned(self, state: StationState, cost: Any, ours: Any) -> None: ...

    async def settled(self, state: StationState, event: Any) -> None: ...

    async def company(self, state: StationState, event: Any) -> None: ...


@dataclass
class Certificates:
    """Security events are written down; there is no authority."""

    services: Services

    async def reported(self, state: StationState, event: Any) -> None:
        await self.services._note(event)

    async def requested(self, state: StationState, event: Any) -> bool:
        await self.services._note(event)
        return False


class Site:
    """A running server and the charge points that knock on it."""

    def __init__(self, services: Services, server: OcppServer, port: int) -> None:
        self.services = services
        self.server = server
        self.port = port

    def knock(
        self,
        path: str = "/ocpp/CP1",
        *,
        protocols: tuple[str, ...] = ("ocpp1.6",),
        user: bytes = b"CP1",
        password: bytes | None = PASSWORD,
        **options: Any,
    ) -> connect:
        headers = dict(options.pop("headers", {}))
        if password is not None:
            headers["Authorization"] = basic(user, password)
        return connect(
            f"{options.pop('scheme', 'ws')}://127.0.0.1:{self.port}{path}",
            subprotocols=protocols or None,  # type: ignore[arg-type]  # plain text here
            additional_headers=headers,
            ping_interval=None,
            **options,
        )

    @asynccontextmanager
    async def booted(self, protocol: str = "ocpp1.6", **options: Any) -> AsyncIterator["Charger"]:
        async with self.knock(protocols=(protocol,), **options) as socket:
            charger = Charger(socket)
            await charger.boot()
            yield charger


class Charger:
    """The test's end of a socket."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def boot(self) -> Any:
        if self.socket.subprotocol == "ocpp1.6":
            payload: Any = {"chargePointVendor": "v", "chargePointModel": "m"}
        else:
            station = {"vendorName": "v", "model": "m"}
            payload = {"reason": "PowerUp", "chargingStation": station}
        return await self.call("BootNotification", payload)

    async def call(self, action: str, payload: Any, message_id: str = "1") -> Any:
        return await self.exchange(json.dumps([2, message_id, action, payload]))

    async def exchange(self, frame: str | bytes) -> Any:
        await self.socket.send(frame)
        return await self.receive()

    async def receive(self) -> Any:
        return json.loads(await asyncio.wait_for(self.socket.recv(), 10))

    async def closed(self) -> int:
        with suppress(ConnectionClosed):
            while True:
                await asyncio.wait_for(self.socket.recv(), 10)
        assert self.socket.close_code is not None
        return self.socket.close_code


def basic(user: bytes, password: bytes) -> str:
    return "Basic " + base64.b64encode(user + b":" + password).decode()


async def until(condition: Callable[[], object]) -> None:
    for _ in range(1_000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never happened")


Open = Callable[..., AbstractAsyncContextManager[Site]]


@pytest.fixture
def open_site() -> Open:
    @asynccontextmanager
    async def opened(**limits: Any) -> AsyncIterator[Site]:
        services = Services()
        bundle = ChargePointServices(
            charge_points=services,
            provisioning=services,
            status=Statuses(services),
            authorization=services,
            transactions=Transactions(services),
            now=lambda: NOW,
            reservations=Reserved(services),
            reports=services,
            data_transfers=DataTransfers(services.keep),
            deviations=Deviations(),
            operations=services,
            security_events=Certificates(services),
            certificate_signing=Certificates(services),
            vehicle_certificates=Certificates(services),
            router=services,
            logins=services,
            credentials=services,
            certificate_renewal=services,
            costs=NoCosts(),
            payments=NoCosts(),
            charging_limits=services,
        )
        listen = limits.pop("listen", {})
        server = OcppServer(bundle, **limits)
        port = await server.listen("127.0.0.1", 0, **listen)
        try:
            yield Site(services, server, port)
        finally:
            await server.close(within=5)

    return opened


@pytest.fixture
async def site(open_site: Open) -> AsyncIterator[Site]:
    async with open_site() as opened:
        yield opened


# --- the upgrade ---


@pytest.mark.parametrize(
    "path", ["/ocpp/CP%201", "/ocpp/CP%201/", "/ocpp//CP%201", "/ocpp/extra/CP%201"]
)
async def test_every_way_to_write_the_path_leads_to_the_same_charge_point(
    site: Site, path: str
) -> None:
    """ocpp-rules 1"""
    async with site.knock(path, user=b"CP 1"):
        await until(lambda: site.services.states)
    assert site.services.states[0].identity == "CP 1"


async def test_a_path_with_a_raw_space_is_understood(site: Site) -> None:
    """ocpp-rules 1"""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    for part in (
        b"GET /ocpp/CP",
        b" 1 HTTP/1.1\r",
        b"\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
        b"Sec-WebSocket-Protocol: ocpp1.6\r\n",
        b"Authorization: " + basic(b"CP 1", PASSWORD).encode() + b"\r\n\r\n",
    ):
        writer.write(part)
        await writer.drain()
    assert b" 101 " in await asyncio.wait_for(reader.readline(), 10)
    await until(lambda: site.services.states)
    assert site.services.states[0].identity == "CP 1"
    writer.close()


async def refusal(knock: connect) -> tuple[int, bytes, list[str]]:
    with pytest.raises(InvalidStatus) as refused:
        await knock
    response = refused.value.response
    return response.status_code, bytes(response.body or b""), sorted(response.headers)


async def test_all_bad_credentials_are_refused_alike_before_the_upgrade(site: Site) -> None:
    """security-and-faults 4, 23, S1"""
    answers = [
        await refusal(site.knock(password=None)),
        await refusal(site.knock(password=b"wrong")),
        await refusal(site.knock(password=b"")),
        await refusal(site.knock(user=b"cp1")),
        await refusal(site.knock(user=b"")),
        await refusal(site.knock(password=None, headers={"Authorization": "Basic ***"})),
        await refusal(site.knock(password=None, headers={"Authorization": "Bearer x"})),
        await refusal(site.knock("/ocpp/unknown", user=b"unknown")),
        await refusal(site.knock("/ocpp/CP2")),
    ]
    assert {status for status, _, _ in answers} == {401}
    assert len({str(answer) for answer in answers}) == 1
    assert not site.services.states


async def test_a_path_of_no_charge_point_is_not_found(site: Site) -> None:
    status, _, _ = await refusal(site.knock("/elsewhere/CP1"))
    assert status == 404


async def test_while_the_store_is_away_upgrades_are_refused_with_503(site: Site) -> None:
    site.services.store_is_away = True
    status, _, _ = await refusal(site.knock())
    assert status == 503


async def test_guessing_passwords_is_stopped_before_the_verifier(site: Site) -> None:
    """security-and-faults S6"""
    statuses = [(await refusal(site.knock(password=b"wrong")))[0] for _ in range(20)]
    assert statuses[:10] == [401] * 10
    assert statuses[-1] == 429
    assert site.services.verified < 15


async def test_the_charger_that_was_here_before_gets_in_while_somebody_guesses(site: Site) -> None:
    """security-and-faults S2, S6"""
    async with site.booted() as charger:
        for _ in range(20):
            await refusal(site.knock(password=b"wrong"))
        assert (await charger.call("Heartbeat", {}))[0] == 3
        async with site.booted() as again:
            assert (await again.call("Heartbeat", {}))[0] == 3


async def test_an_identity_that_swaps_too_often_keeps_the_connection_it_has(
    open_site: Open,
) -> None:
    """security-and-faults S2"""
    async with open_site(swaps=SwapLimiter(rate=0.01, burst=2)) as site:
        async with site.booted(), site.booted(), site.booted() as newest:
            assert (await refusal(site.knock()))[0] == 429
            assert (await newest.call("Heartbeat", {}))[0] == 3
        await until(lambda: len(site.services.gone) == 3)
        async with site.booted():
            pass


@pytest.mark.parametrize(
    ("offered", "agreed"),
    [
        (("ocpp1.6", "ocpp2.0.1"), "ocpp1.6"),
        (("ocpp2.1", "ocpp2.0.1", "ocpp1.6"), "ocpp2.1"),
        (("ocpp3.0", "ocpp2.0.1", "ocpp1.6"), "ocpp2.0.1"),
    ],
)
async def test_the_chargers_first_version_that_we_speak_is_agreed(
    site: Site, offered: tuple[str, ...], agreed: str
) -> None:
    """ocpp-rules 2"""
    async with site.knock(protocols=offered) as socket:
        assert socket.subprotocol == agreed
        await until(lambda: site.services.states)
    assert site.services.states[0].protocol == agreed


@pytest.mark.parametrize("offered", [(), ("ocpp1.5",)])
async def test_without_a_common_version_the_handshake_ends_without_the_header_and_closes(
    site: Site, offered: tuple[str, ...]
) -> None:
    """ocpp-rules 2"""
    async with site.knock(protocols=offered) as socket:
        assert socket.subprotocol is None
        assert await Charger(socket).closed() == 1002
    assert not site.services.states


async def test_compression_is_off_for_1_6_and_on_for_2_0_1(site: Site) -> None:
    async with site.booted("ocpp1.6") as charger:
        assert charger.socket.response is not None
        assert "Sec-WebSocket-Extensions" not in charger.socket.response.headers
    async with site.booted("ocpp2.0.1") as charger:
        assert charger.socket.response is not None
        extensions = charger.socket.response.headers["Sec-WebSocket-Extensions"]
        assert "server_max_window_bits=10" in extensions
        assert (await charger.call("Heartbeat", {}))[0] == 3


async def test_a_half_sent_header_is_cut_off(open_site: Open) -> None:
    """security-and-faults S16"""
    async with open_site(limits=ServerLimits(opening=0.2)) as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(b"GET /ocpp/CP1 HTTP/1.1\r\nHost: x\r\n")
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


async def test_one_connection_too_many_on_its_way_to_the_upgrade_is_dropped(
    open_site: Open,
) -> None:
    async with open_site(limits=ServerLimits(openings=1)) as site:
        _, first = await asyncio.open_connection("127.0.0.1", site.port)
        await until(lambda: len(site.server._opening) == 1)
        with pytest.raises((OSError, InvalidHandshake)):
            await site.knock()
        first.close()
        await until(lambda: not site.server._opening)
        async with site.booted():
            pass


async def test_a_charge_point_connects_over_tls_and_never_below_1_2(
    open_site: Open, certificate: Path
) -> None:
    """security-and-faults 8"""
    tls = ServerTls([CertificateFiles(certificate, certificate)])
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    async with open_site(listen={"tls": tls}) as site:
        async with site.booted(scheme="wss", ssl=client) as charger:
            assert (await charger.call("Heartbeat", {}))[0] == 3
        profile = site.services.states[0].record.security_profile
        assert profile is SecurityProfile.TLS_BASIC_AUTH
    assert tls.context.minimum_version is ssl.TLSVersion.TLSv1_2


# --- before the boot is accepted ---


@pytest.mark.parametrize(
    ("protocol", "action", "payload"),
    [
        ("ocpp1.6", "Heartbeat", {}),
        ("ocpp1.6", "Authorize", {"idTag": "a"}),
        ("ocpp2.0.1", "Heartbeat", {}),
        ("ocpp2.0.1", "NotifyReport", {}),
    ],
)
async def test_before_the_boot_is_accepted_other_calls_get_a_security_error(
    site: Site, protocol: str, action: str, payload: Any
) -> None:
    """ocpp-rules 29; security-and-faults 20"""
    async with site.knock(protocols=(protocol,)) as socket:
        answer = await Charger(socket).call(action, payload)
    assert answer[:3] == [4, "1", "SecurityError"]
    assert not site.services.events


async def test_while_the_boot_is_pending_only_what_we_triggered_passes(site: Site) -> None:
    """ocpp-rules 29"""
    site.services.boot = BootDecision("Pending", 300, NOW)
    async with site.knock(protocols=("ocpp2.0.1",)) as socket:
        charger = Charger(socket)
        assert (await charger.boot())[2]["status"] == "Pending"
        report = {"requestId": 1, "generatedAt": "2026-01-01T00:00:00Z", "seqNo": 0}
        assert (await charger.call("NotifyReport", report))[2] == "SecurityError"
        station = site.services.stations["CP1"]
        payload = {"requestId": 1, "reportBase": "FullInventory"}
        asked = asyncio.create_task(station.call("GetBaseReport", payload, 5))
        request = await charger.receive()
        await socket.send(json.dumps([3, request[1], {"status": "Accepted"}]))
        assert await asked == CallResult({"status": "Accepted"})
        assert await charger.call("NotifyReport", report) == [3, "1", {}]


async def test_a_boot_is_answered_with_a_time_that_ends_in_z(site: Site) -> None:
    async with site.knock() as socket:
        answer = await Charger(socket).boot()
    assert answer[2] == {
        "status": "Accepted",
        "currentTime": "2026-01-02T03:04:05.000Z",
        "interval": 300,
    }


# --- messages ---

NOON = "2026-01-01T12:00:00Z"
VALUES = [{"timestamp": NOON, "sampledValue": [{"value": "1"}]}]


@pytest.mark.parametrize(
    ("action", "payload", "answer"),
    [
        ("Heartbeat", {}, {"currentTime": "2026-01-02T03:04:05.000Z"}),
        ("Authorize", {"idTag": "a"}, {"idTagInfo": {"status": "Blocked"}}),
        ("MeterValues", {"connectorId": 1, "meterValue": VALUES}, {}),
        (
            "StatusNotification",
            {"connectorId": 1, "errorCode": "NoError", "status": "Charging"},
            {},
        ),
        (
            "StartTransaction",
            {"connectorId": 1, "idTag": "a", "meterStart": 5, "timestamp": NOON},
            {"idTagInfo": {"status": "Blocked"}, "transactionId": 4711},
        ),
        ("StopTransaction", {"transactionId": 0, "meterStop": 5, "timestamp": NOON}, {}),
        (
            "StopTransaction",
            {"transactionId": -1, "meterStop": 5, "timestamp": NOON, "idTag": "a"},
            {"idTagInfo": {"status": "Blocked"}},
        ),
        ("DataTransfer", {"vendorId": "v"}, {"status": "UnknownVendorId"}),
        ("SecurityEventNotification", {"type": "Own", "timestamp": NOON}, {}),
        ("SignCertificate", {"csr": "nonsense"}, {"status": "Rejected"}),
        ("LogStatusNotification", {"status": "Idle"}, {}),
    ],
)
async def test_each_1_6_message_is_answered(
    site: Site, action: str, payload: Any, answer: Any
) -> None:
    """ocpp-rules 9, 10, 12, 13, 19"""
    async with site.booted() as charger:
        site.services.authorization = BLOCKED
        assert await charger.call(action, payload) == [3, "1", answer]
    assert len(site.services.events) == (1 if action == "Heartbeat" else 2)


EVENT = {
    "eventType": "Started",
    "timestamp": NOON,
    "triggerReason": "CablePluggedIn",
    "seqNo": 0,
    "transactionInfo": {"transactionId": "T1"},
}
TOKEN = {"idToken": "04A1", "type": "ISO14443"}
COST = {"totalCost": 1.23}


@pytest.mark.parametrize(
    ("action", "payload", "answer"),
    [
        ("Heartbeat", {}, {"currentTime": "2026-01-02T03:04:05.000Z"}),
        ("Authorize", {"idToken": TOKEN}, {"idTokenInfo": {"status": "Blocked"}}),
        (
            "Authorize",
            {"idToken": {"idToken": "", "type": "NoAuthorization"}},
            {"idTokenInfo": {"status": "Accepted"}},
        ),
        ("TransactionEvent", EVENT, COST),
        (
            "TransactionEvent",
            EVENT | {"idToken": TOKEN},
            COST | {"idTokenInfo": {"status": "Blocked"}},
        ),
        (
            "TransactionEvent",
            EVENT | {"idToken": {"idToken": "", "type": "NoAuthorization"}},
            COST | {"idTokenInfo": {"status": "Accepted"}},
        ),
        (
            "StatusNotification",
            {"timestamp": NOON, "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1},
            {},
        ),
        (
            "MeterValues",
            {"evseId": 0, "meterValue": [{"timestamp": NOON, "sampledValue": [{"value": 1.5}]}]},
            {},
        ),
        ("NotifyReport", {"requestId": 1, "generatedAt": NOON, "seqNo": 7, "reportData": []}, {}),
        ("DataTransfer", {"vendorId": "v", "data": {"any": 1}}, {"status": "UnknownVendorId"}),
        ("SecurityEventNotification", {"type": "Own", "timestamp": NOON}, {}),
    ],
)
async def test_each_2_0_1_message_is_answered(
    site: Site, action: str, payload: Any, answer: Any
) -> None:
    """ocpp-rules 22, 25, 27, 30, 31"""
    async with site.booted("ocpp2.0.1") as charger:
        site.services.authorization = BLOCKED
        assert await charger.call(action, payload) == [3, "1", answer]


# --- bad input ---


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("Nonsense", {}, "NotImplemented"),
        ("Reset", {"type": "Hard"}, "NotSupported"),
        ("Authorize", {}, "OccurenceConstraintViolation"),
        ("Authorize", {"idTag": 1}, "TypeConstraintViolation"),
        ("Authorize", {"idTag": "x" * 21}, "PropertyConstraintViolation"),
        ("Authorize", [], "FormationViolation"),
        (
            "StartTransaction",
            {"connectorId": 1, "idTag": "a", "meterStart": 5, "timestamp": "noon"},
            "PropertyConstraintViolation",
        ),
    ],
)
async def test_a_bad_1_6_call_gets_its_error_and_changes_nothing(
    site: Site, action: str, payload: Any, code: str
) -> None:
    """ocpp-rules 4"""
    async with site.booted() as charger:
        assert (await charger.call(action, payload))[:3] == [4, "1", code]
        assert (await charger.call("Heartbeat", {}))[0] == 3
    assert len(site.services.events) == 1


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        (b"nonsense".decode(), [4, "-1", "RpcFrameworkError"]),
        (b"\xff\xfe", [4, "-1", "RpcFrameworkError"]),
        ("{}", [4, "-1", "RpcFrameworkError"]),
        ('[2,"7","Heartbeat",{', [4, "7", "RpcFrameworkError"]),
        ('[2,"7","Heartbeat",[]]', [4, "7", "FormatViolation"]),
        ('[6,"7","Send",{}]', [4, "7", "MessageTypeNotSupported"]),
        ('[2,"7","Authorize",{}]', [4, "7", "OccurrenceConstraintViolation"]),
        ('[2,"7","Nonsense",{}]', [4, "7", "NotImplemented"]),
        ('[2,"7","GetVariables",{}]', [4, "7", "NotSupported"]),
    ],
)
async def test_a_bad_2_0_1_frame_gets_its_error_and_the_reader_survives(
    site: Site, frame: str | bytes, answer: list[Any]
) -> None:
    """ocpp-rules 4; security-and-faults 24"""
    async with site.booted("ocpp2.0.1") as charger:
        assert (await charger.exchange(frame))[:3] == answer
        assert (await charger.call("Heartbeat", {}))[0] == 3
    assert len(site.services.events) == 1


async def test_what_1_6_cannot_answer_is_dropped_and_the_reader_survives(site: Site) -> None:
    async with site.booted() as charger:
        for frame in ("nonsense", b"binary", '[9,"1",{}]', '[3,"unasked",{}]', '[4,"unasked"]'):
            await charger.socket.send(frame)
        assert (await charger.call("Heartbeat", {}, "2"))[:2] == [3, "2"]


async def test_a_flood_of_answers_to_nothing_closes_the_socket(site: Site) -> None:
    """security-and-faults S19"""
    async with site.booted() as charger:
        for _ in range(200):
            await charger.socket.send('[3,"unasked",{}]')
        assert await charger.closed() == 1008


async def test_an_oversized_frame_closes_the_socket(open_site: Open) -> None:
    """security-and-faults S14"""
    async with open_site(limits=ServerLimits(max_frame=1_000)) as site, site.booted() as charger:
        await charger.socket.send('[2,"1","DataTransfer",{"vendorId":"' + "x" * 2_000 + '"}]')
        assert await charger.closed() == 1009


async def test_a_deflate_bomb_closes_the_socket(site: Site) -> None:
    """security-and-faults S14"""
    async with site.booted("ocpp2.0.1") as charger:
        await charger.socket.send(" " * 5_000_000)
        assert await charger.closed() == 1009


async def test_endless_fragments_close_the_socket(site: Site) -> None:
    """security-and-faults S14"""
    async with site.booted() as charger:
        with suppress(ConnectionClosed):
            await charger.socket.send("x" for _ in range(1_000))
        assert await charger.closed() == 1008


async def test_a_call_in_fragments_is_one_call(site: Site) -> None:
    async with site.booted() as charger:
        await charger.socket.send(iter(['[2,"1",', '"Heartbeat"', ",{}]"]))
        assert (await charger.receive())[:2] == [3, "1"]


async def test_what_looks_like_a_frame_within_a_cut_one_is_part_of_it(site: Site) -> None:
    """RFC 6455 5.2"""
    whole, inner, last = (
        Frame(Opcode.TEXT, b'[2,"%d","Heartbeat",{}]' % number).serialize(mask=True)
        for number in (1, 2, 4)
    )
    begin = b'[2,"3","DataTransfer","'
    header = bytes((0x81, 0x80 | (len(begin) + len(inner)))) + bytes(4)  # masked with nothing
    async with site.booted() as charger:
        charger.socket.transport.write(whole + header + begin)
        assert (await charger.receive())[:2] == [3, "1"]  # so the begin has come too
        charger.socket.transport.write(inner)
        assert (await charger.receive())[:2] == [4, "3"]
        charger.socket.transport.write(last)
        assert (await charger.receive())[:2] == [3, "4"]


async def test_a_whole_text_between_fragments_closes_the_socket(site: Site) -> None:
    """RFC 6455 5.4: "fragments of one message MUST NOT be interleaved" """
    begun = Frame(Opcode.TEXT, b'[2,"1",', fin=False).serialize(mask=True)
    whole = Frame(Opcode.TEXT, b'[2,"2","Heartbeat",{}]').serialize(mask=True)
    async with site.booted() as charger:
        charger.socket.transport.write(begun)
        await asyncio.wait_for(await charger.socket.ping(), 10)  # so the begin has come
        charger.socket.transport.write(whole)
        assert await charger.closed() == 1002


async def test_a_named_quirk_lets_numbers_come_as_text(site: Site) -> None:
    """ocpp-rules 6"""
    site.services.quirks = frozenset({LOOSE_TYPES})
    start = {"connectorId": "1", "idTag": 4711, "meterStart": "5", "timestamp": NOON}
    async with site.booted() as charger:
        assert (await charger.call("StartTransaction", start))[2]["transactionId"] == 4711


async def test_a_stop_is_not_lost_for_a_broken_value_in_its_history(site: Site) -> None:
    """ocpp-rules 10"""
    history = [
        {"timestamp": NOON, "sampledValue": [{"value": 1}]},
        {"timestamp": "noon", "sampledValue": [{"value": "2"}]},
        {"timestamp": NOON, "sampledValue": [{"value": "3"}]},
    ]
    stop = {"transactionId": 1, "meterStop": 5, "timestamp": NOON, "transactionData": history}
    async with site.booted() as charger:
        assert await charger.call("StopTransaction", stop) == [3, "1", {}]
    readings = site.services.events[-1].readings
    assert [reading.samples[0].value for reading in readings] == [3]


# --- the link ---


async def test_calls_sent_ahead_are_answered_in_order(open_site: Open) -> None:
    limits = LinkLimits(inbox=4, frame_rate=500, frame_burst=5)
    async with open_site(link_limits=limits) as site, site.booted() as charger:
        for number in range(60):
            await charger.socket.send(f'[2,"{number}","Heartbeat",{{}}]')
        answered = [(await charger.receive())[1] for _ in range(60)]
    assert answered == [str(number) for number in range(60)]


async def test_a_flooding_station_is_held_back(open_site: Open) -> None:
    """security-and-faults S20"""
    limits = LinkLimits(frame_rate=1, frame_burst=5)
    async with open_site(link_limits=limits) as site, site.booted() as charger:
        for number in range(50):
            await charger.socket.send(f'[2,"{number}","Heartbeat",{{}}]')
        socket = next(iter(site.server._links))
        await until(lambda: socket.held)
        charger.socket.transport.abort()


async def test_a_long_frame_costs_more_of_the_allowance(open_site: Open) -> None:
    """security-and-faults S20: bytes cost time, not frames alone."""
    limits = LinkLimits(frame_rate=0.001, frame_burst=10)
    async with open_site(link_limits=limits) as site, site.booted() as charger:
        socket = next(iter(site.server._links))
        assert (await charger.call("Heartbeat", {}))[0] == 3
        assert not socket.held
        await charger.socket.send(f'[2,"2","Heartbeat",{{}}]{" " * 160_000}')
        await until(lambda: socket.held)
        charger.socket.transport.abort()


@pytest.mark.parametrize(
    "body",
    [
        {"connectorId": 1, "meterValue": [{}] * 10_000},  # 10,000 faults in 30 kB
        {"connectorId": 1, "meterValue": [{}] * 10_001},  # one is told
        {"connectorId": "1", "meterValue": [], "more": "x" * 100_000},
    ],
)
async def test_calls_that_break_their_schema_cost_what_their_refusal_costs(
    open_site: Open, body: Any
) -> None:
    """security-and-faults S20: to tell 10,000 faults takes half a second."""
    limits = LinkLimits(frame_rate=0.001, frame_burst=25)
    async with open_site(link_limits=limits) as site, site.booted() as charger:
        socket = next(iter(site.server._links))
        assert (await charger.call("MeterValues", body))[0] == 4
        await until(lambda: socket.held)
        charger.socket.transport.abort()


async def test_calls_that_were_sent_ahead_wait_until_a_refusal_is_paid_for(
    open_site: Open,
) -> None:
    """security-and-faults S20: the inbox may be full of the same."""
    limits = LinkLimits(frame_rate=0.001, frame_burst=25)
    async with open_site(link_limits=limits) as site, site.booted() as charger:
        body = json.dumps({"connectorId": 1, "meterValue": [{}] * 1_000})
        for number in range(3):
            await charger.socket.send(f'[2,"{number}","MeterValues",{body}]')
        assert (await charger.receive())[1] == "0"
        socket = next(iter(site.server._links))
        await until(lambda: socket.held)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await charger.socket.recv()
        charger.socket.transport.abort()


async def test_ordinary_frames_that_deviate_are_not_held_back(open_site: Open) -> None:
    limits = LinkLimits(frame_rate=0.001, frame_burst=60)
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "more": "x"}
    async with open_site(link_limits=limits) as site, site.booted() as charger:
        for _ in range(40):
            assert (await charger.call("StatusNotification", status))[0] == 3
        assert not next(iter(site.server._links)).held


@pytest.mark.parametrize("depth", [200, 900])
async def test_an_answer_that_is_nested_too_deeply_is_no_answer(site: Site, depth: int) -> None:
    """security-and-faults S18"""
    async with site.booted() as charger:
        asked = asyncio.create_task(site.services.stations["CP1"].call("ClearCache", {}, 10))
        request = await charger.receive()
        deep = "[" * depth + '{"password":"x"}' + "]" * depth
        await charger.socket.send(f'[3,"{request[1]}",{{"status":{deep}}}]')
        answer = await asked
        assert isinstance(answer, CallError)
        assert "nested" in answer.description
        assert (await charger.call("Heartbeat", {}))[0] == 3
        assert site.server.messages("CP1")


@pytest.mark.parametrize("pad", [0, 5_000])
async def test_a_deep_call_with_a_secret_is_refused_and_the_reader_survives(
    site: Site, pad: int
) -> None:
    """security-and-faults S18"""
    async with site.booted() as charger:
        deep = "[" * 900 + '{"password":"x"}' + "]" * 900
        await charger.socket.send(f'[2,"1","Authorize",{{"idTag":{deep}}}]{" " * pad}')
        assert (await charger.receive())[0] == 4
        assert (await charger.call("Heartbeat", {}))[0] == 3
        assert "***" in [frame["frame"] for frame in site.server.messages("CP1")]


async def test_our_call_is_answered_while_a_handler_is_at_work(site: Site) -> None:
    """ocpp-rules 3"""
    gate = Gate()
    async with site.booted() as charger:
        site.services.before = gate
        asked = asyncio.create_task(site.services.stations["CP1"].call("ClearCache", {}, 10))
        request = await charger.receive()
        await charger.socket.send('[2,"1","Authorize",{"idTag":"a"}]')
        await charger.socket.send(json.dumps([3, request[1], {"status": "Accepted"}]))
        assert await asked == CallResult({"status": "Accepted"})
        gate.opened.set()
        assert (await charger.receive())[:2] == [3, "1"]


class Gate:
    """Holds a service until it is opened."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    async def __call__(self, _event: Any) -> None:
        self.reached.set()
        await self.opened.wait()


async def test_one_call_of_ours_is_outstanding_at_a_time(site: Site) -> None:
    """ocpp-rules 3"""
    async with site.booted() as charger:
        station = site.services.stations["CP1"]
        first = asyncio.create_task(station.call("ClearCache", {}, 10))
        second = asyncio.create_task(station.call("GetLocalListVersion", {}, 10))
        request = await charger.receive()
        assert request[2] == "ClearCache"
        # Nothing of ours comes before this answer, which the station did ask for.
        assert (await charger.call("Heartbeat", {}, "h"))[:2] == [3, "h"]
        await charger.socket.send(json.dumps([3, request[1], {"status": "Accepted"}]))
        request = await charger.receive()
        assert request[2] == "GetLocalListVersion"
        await charger.socket.send(json.dumps([3, request[1], {"listVersion": 1}]))
        assert [await first, await second] == [
            CallResult({"status": "Accepted"}),
            CallResult({"listVersion": 1}),
        ]


async def test_a_call_without_answer_times_out_and_frees_the_next(site: Site) -> None:
    """ocpp-rules 3"""
    async with site.booted() as charger:
        station = site.services.stations["CP1"]
        with pytest.raises(CallTimeout):
            await station.call("ClearCache", {}, 0.05)
        late = await charger.receive()
        asked = asyncio.create_task(station.call("GetLocalListVersion", {}, 10))
        request = await charger.receive()
        await charger.socket.send(json.dumps([3, late[1], {"status": "Accepted"}]))
        await charger.socket.send(json.dumps([3, request[1], {"listVersion": 2}]))
        assert await asked == CallResult({"listVersion": 2})


async def test_too_many_waiting_calls_are_turned_away(open_site: Open) -> None:
    async with open_site(link_limits=LinkLimits(outbox=1)) as site, site.booted() as charger:
        station = site.services.stations["CP1"]
        first = asyncio.create_task(station.call("ClearCache", {}, 10))
        request = await charger.receive()
        with pytest.raises(CallTimeout):
            await station.call("ClearCache", {}, 10)
        await charger.socket.send(json.dumps([4, request[1], "NotSupported", "no", {}]))
        assert await first == CallError("NotSupported", "no", {})


async def test_a_call_that_breaks_its_schema_is_not_sent(site: Site) -> None:
    async with site.booted() as charger:
        station = site.services.stations["CP1"]
        with pytest.raises(InvalidCall) as invalid:
            await station.call("Reset", {"type": "Gently"}, 5)
        assert "type" in invalid.value.errors[0]
        with pytest.raises(InvalidCall):
            await station.call("Nonsense", {}, 5)
        assert (await charger.call("Heartbeat", {}))[0] == 3  # and nothing came before it


async def test_an_answer_that_breaks_its_schema_is_reported_and_handed_on(site: Site) -> None:
    async with site.booted() as charger:
        station = site.services.stations["CP1"]
        with capture_logs() as logs:
            asked = asyncio.create_task(station.call("ClearCache", {}, 5))
            request = await charger.receive()
            await charger.socket.send(json.dumps([3, request[1], {"status": "Perhaps"}]))
            assert await asked == CallResult({"status": "Perhaps"})
    assert "answer breaks its schema" in [log["event"] for log in logs]


async def test_a_lost_connection_ends_the_call_that_waits_for_it(site: Site) -> None:
    async with site.booted() as charger:
        station = site.services.stations["CP1"]
        asked = asyncio.create_task(station.call("ClearCache", {}, 10))
        await charger.receive()
        charger.socket.transport.abort()
        with pytest.raises(CallTimeout):
            await asked
        with pytest.raises(NotConnected):
            await station.call("ClearCache", {}, 10)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ([3, {"status": "Accepted"}], CommandOutcome.ACCEPTED),
        ([3, {"status": "Rejected"}], CommandOutcome.REJECTED),
        ([3, {"status": "Perhaps"}], CommandOutcome.FAILED),
        ([4, "NotImplemented", "", {}], CommandOutcome.NOT_SUPPORTED),
        ([4, "InternalError", "", {}], CommandOutcome.FAILED),
    ],
)
@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_command_has_the_outcome_that_the_station_gives_it(
    site: Site, protocol: str, answer: list[Any], outcome: CommandOutcome
) -> None:
    command = RemoteStart(5, "04A1", TokenType.RFID, evse_id=1)
    async with site.booted(protocol) as charger:
        asked = asyncio.create_task(site.services.stations["CP1"].execute(command, 5))
        request = await charger.receive()
        await charger.socket.send(json.dumps([answer[0], request[1], *answer[1:]]))
        assert (await asked).outcome is outcome


async def test_a_command_that_cannot_be_sent_or_answered_has_an_outcome_too(site: Site) -> None:
    async with site.booted() as charger:
        station = site.services.stations["CP1"]
        assert (await station.execute(RemoteStop("7"), 0.05)).outcome is CommandOutcome.TIMEOUT
        too_long = RemoteStart(1, "x" * 21, TokenType.RFID)
        assert (await station.execute(too_long, 5)).outcome is CommandOutcome.FAILED
        await charger.socket.close()
        assert (await station.execute(RemoteStop("7"), 5)).outcome is CommandOutcome.FAILED


async def test_an_unexpected_error_is_a_bare_internal_error_for_the_station(site: Site) -> None:
    async def fail(_event: Any) -> None:
        raise RuntimeError("a secret of ours")

    async with site.booted() as charger:
        site.services.before = fail
        with capture_logs() as logs:
            answer = await charger.call("Authorize", {"idTag": "a"})
        assert answer == [4, "1", "InternalError", "", {}]
        assert (await charger.call("Heartbeat", {}))[0] == 3
    assert [log["event"] for log in logs if log.get("exc_info")] == ["handler failed"]


async def test_what_is_not_durable_gets_no_answer_and_the_socket_closes_with_1011(
    site: Site,
) -> None:
    """design 4: answer means durable"""

    async def away(_event: Any) -> None:
        raise StoreUnavailable("away")

    async with site.booted() as charger:
        site.services.before = away
        for number in range(3):
            await charger.socket.send(f'[2,"{number}","Authorize",{{"idTag":"a"}}]')
        with pytest.raises(ConnectionClosed):
            await charger.receive()
        assert charger.socket.close_code == 1011
    assert len(site.services.events) == 1


async def test_a_connection_overtaken_while_it_connects_ends_quietly(site: Site) -> None:
    """security-and-faults S2: a charger that reconnects at once is nothing to alert about."""
    site.services.overtaken = True
    with capture_logs() as logs:
        async with site.knock(protocols=("ocpp1.6",)) as socket:
            assert await Charger(socket).closed() == 1000
    assert [log["log_level"] for log in logs if log.get("charge_point") == "CP1"] == ["info"]


async def test_a_fenced_connection_ends_quietly(site: Site) -> None:
    async def fenced(_event: Any) -> None:
        raise Fenced("CP1", 1, 2)

    async with site.booted() as charger:
        site.services.before = fenced
        await charger.socket.send('[2,"1","Authorize",{"idTag":"a"}]')
        assert await charger.closed() == 1000


async def test_a_superseded_station_is_closed_as_a_normal_end(site: Site) -> None:
    """security-and-faults S2"""
    async with site.booted() as charger:
        await site.services.stations["CP1"].close("superseded")
        assert await charger.closed() == 1000
    await until(lambda: site.services.gone == ["CP1"])


async def test_what_was_received_is_handled_although_the_socket_is_gone(site: Site) -> None:
    """ocpp-rules: StopTransaction is sent milliseconds before the socket closes"""
    gate = Gate()
    async with site.booted() as charger:
        site.services.before = gate
        await charger.socket.send('[2,"1","Authorize",{"idTag":"a"}]')
        stop = {"transactionId": 1, "meterStop": 5, "timestamp": NOON}
        await charger.socket.send(json.dumps([2, "2", "StopTransaction", stop]))
    assert not site.services.gone
    gate.opened.set()
    await until(lambda: site.services.gone == ["CP1"])
    assert isinstance(site.services.events[-1], TransactionStopped)


async def test_a_handler_that_takes_too_long_is_stopped_and_not_answered(open_site: Open) -> None:
    gate = Gate()
    limits = {"limits": ServerLimits(sweep=0.02), "link_limits": LinkLimits(handling=0.1)}
    async with open_site(**limits) as site, site.booted() as charger:
        site.services.before = gate
        await charger.socket.send('[2,"1","Authorize",{"idTag":"a"}]')
        assert await charger.closed() == 1011


async def test_a_station_that_answers_no_ping_is_dropped(open_site: Open) -> None:
    """ocpp-rules 7"""
    limits = ServerLimits(ping_interval=0.05, ping_timeout=0.1, sweep=0.02)
    async with open_site(limits=limits) as site, site.booted() as charger:
        charger.socket.transport.pause_reading()
        await until(lambda: site.services.gone == ["CP1"])
        charger.socket.transport.abort()


async def test_a_silent_station_that_answers_pings_stays(open_site: Open) -> None:
    """ocpp-rules 7"""
    limits = ServerLimits(ping_interval=0.02, ping_timeout=5, sweep=0.01)
    async with open_site(limits=limits) as site, site.booted() as charger:
        socket = next(iter(site.server._links))
        for _ in range(3):
            heard = socket.heard  # only its pongs are heard meanwhile
            await until(lambda heard=heard: socket.heard > heard)
        assert (await charger.call("Heartbeat", {}))[0] == 3


async def test_a_drain_answers_what_is_in_flight_and_sends_the_station_away(
    open_site: Open,
) -> None:
    """security-and-faults R3"""
    gate = Gate()
    async with open_site() as site, site.booted() as charger:
        site.services.before = gate
        await charger.socket.send('[2,"1","Authorize",{"idTag":"a"}]')
        await gate.reached.wait()
        closing = asyncio.create_task(site.server.close(within=5))
        await asyncio.sleep(0)
        gate.opened.set()
        assert (await charger.receive())[:2] == [3, "1"]
        assert await charger.closed() == 1012
        await closing
        assert site.services.gone == ["CP1"]


async def test_a_drain_is_bounded(open_site: Open) -> None:
    """security-and-faults R3"""
    gate = Gate()
    async with open_site() as site, site.booted() as charger:
        site.services.before = gate
        await charger.socket.send('[2,"1","Authorize",{"idTag":"a"}]')
        await gate.reached.wait()
        await asyncio.wait_for(site.server.close(within=0.1), 10)
        assert await charger.closed() == 1006


async def test_the_last_frames_can_be_seen_with_secrets_masked(site: Site) -> None:
    async with site.booted() as charger:
        station = site.services.stations["CP1"]
        payload = {"key": "AuthorizationKey", "value": "c4n4ry"}
        asked = asyncio.create_task(station.call("ChangeConfiguration", payload, 5))
        request = await charger.receive()
        await charger.socket.send(json.dumps([3, request[1], {"status": "Accepted"}]))
        await asked
        shown = site.server.messages("CP1")
    assert [frame["direction"] for frame in shown] == ["received", "sent", "sent", "received"]
    assert "c4n4ry" not in str(shown)
    assert "ChangeConfiguration" in shown[2]["frame"]


async def test_the_same_message_id_after_a_reconnect_is_a_new_call(site: Site) -> None:
    """ocpp-rules 5"""
    for _ in range(2):
        async with site.booted() as charger:
            assert (await charger.call("Authorize", {"idTag": "a"}, "1"))[0] == 3
    assert site.services.events.count(TokenRef("a")) == 2
