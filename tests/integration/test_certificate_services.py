"""Certificates and security events on a real store, with stations that answer by a script."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from gateway.domain.certificates import (
    CertificateSigningRequested,
    CertificateUse,
    DeleteCertificate,
    HashData,
    InstallCertificate,
    InstalledCertificate,
    ListAllCertificates,
    ListCertificates,
    RequestCertificateSigning,
    SendCertificate,
)
from gateway.domain.charge_points import (
    ChargePointRecord,
    PresentedCertificate,
    SecurityProfile,
)
from gateway.domain.commands import Command, CommandOutcome, CommandReply
from gateway.domain.configuration import ReadSettings
from gateway.domain.party import Party
from gateway.domain.security_events import SecurityEventReported
from gateway.services.security.certificate_authority import SigningOrder, SigningRefused
from gateway.services.security.certificate_services import CertificatePolicy, CertificateServices
from gateway.services.security.certificate_templates import pem
from gateway.services.security.certificates import (
    Ambiguous,
    LastRoot,
    NotInstalled,
    UnusableCertificate,
)
from gateway.services.security.ocsp import FetchFailed
from gateway.services.security.security_events import KEPT, SecurityEvents
from gateway.services.stations.initiative import Initiative, Occasion
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.store import Fence, Store, StoreError

PARTY = Party("NL", "GWY")
T0 = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
ACCEPTED = CommandReply(CommandOutcome.ACCEPTED, "Accepted")
KEY = ec.generate_private_key(ec.SECP256R1())


class Clock:
    def __init__(self) -> None:
        self.moment = T0

    def __call__(self) -> datetime:
        return self.moment


@dataclass
class FakeStation:
    """A socket that answers each kind of command as told, and with Accepted otherwise."""

    protocol: str = "ocpp2.0.1"
    replies: dict[type[Command], CommandReply] = field(default_factory=dict)
    executed: list[Command] = field(default_factory=list)

    async def call(self, action: str, payload: dict[str, Any], timeout: float) -> Any:
        raise NotImplementedError

    async def execute(self, command: Command, timeout: float) -> CommandReply:
        self.executed.append(command)
        usual = settings() if isinstance(command, ReadSettings) else ACCEPTED
        return self.replies.get(type(command), usual)

    async def close(self, reason: str) -> None: ...

    def sent(self, kind: type[Command]) -> list[Any]:
        return [command for command in self.executed if isinstance(command, kind)]


def settings(**values: str) -> CommandReply:
    data = {"values": values, "unknown": [], "readonly": [], "refused": {}}
    return CommandReply(CommandOutcome.ACCEPTED, data=data)


async def nobody_answers(url: str, request: bytes) -> bytes:
    raise FetchFailed(url)


@dataclass
class House:
    store: Store
    router: StationRouter
    clock: Clock
    services: CertificateServices

    async def connect(self, station: FakeStation, identity: str = "CP1") -> StationState:
        record = ChargePointRecord(identity, PARTY, SecurityProfile.TLS_BASIC_AUTH)
        await self.store.charge_points.put(record)
        stations = self.store.party(PARTY).stations
        epoch, _ = await stations.connect(
            identity, node_id="node-1", protocol=station.protocol, remote="", at=self.clock()
        )
        fence = Fence(identity, epoch)
        state = StationState(record, fence, station.protocol, self.clock(), self.clock())
        state.boot_accepted = True
        self.router.attach(state, station)
        return state

    async def events(self, identity: str = "CP1") -> list[dict[str, Any]]:
        return await self.services.security_events.of(identity, PARTY, 100)

    async def kept(self, field: str) -> Any:
        return (await self.store.party(PARTY).stations.load("CP1")).get(field)


Build = Callable[..., House]


@pytest.fixture
async def build(store: Store) -> AsyncIterator[Build]:
    houses: list[House] = []

    def make(**policy: Any) -> House:
        clock, router = Clock(), StationRouter(store, "node-1")
        wanted = CertificatePolicy(
            **({"organization": lambda _: "Gateway", "authority_name": "Gateway"} | policy)
        )
        services = CertificateServices(
            store, router, Initiative(router), nobody_answers, wanted, clock
        )
        services.signing._first_pause = 0.01
        houses.append(House(store, router, clock, services))
        return houses[-1]

    yield make
    for house in houses:
        await house.services.close()


@pytest.fixture
def house(build: Build) -> House:
    return build(built_in=True)


def csr(cn: str = "CP1", o: str = "Gateway") -> str:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, o),
            x509.NameAttribute(NameOID.COMMON_NAME, cn),
        ]
    )
    asked_for = x509.SubjectAlternativeName([x509.DNSName("csms.example")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    request = builder.add_extension(asked_for, critical=False).sign(KEY, hashes.SHA256())
    return request.public_bytes(Encoding.PEM).decode()


def certificates(chain: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(chain.encode())


@cache
def root(name: str = "Root", days: int = 10, *, ca: bool = True) -> str:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(KEY.public_key())
        .serial_number(0x0ABC)
        .not_valid_before(T0 - timedelta(days=100))
        .not_valid_after(T0 + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(KEY, hashes.SHA256())
    )
    return pem(made)


async def until(condition: Callable[[], Awaitable[Any]]) -> None:
    async with asyncio.timeout(5):
        while not await condition():  # noqa: ASYNC110 - what it waits for is in the store
            await asyncio.sleep(0.01)


async def signed(house: House, state: StationState, station: FakeStation) -> SendCertificate:
    """Have a good request signed; returns what the station was sent."""
    before = len(station.sent(SendCertificate))
    assert await house.services.signing.requested(state, CertificateSigningRequested(csr()))
    await until(lambda: done(house))
    sent = station.sent(SendCertificate)
    assert len(sent) == before + 1
    command: SendCertificate = sent[-1]
    return command


async def done(house: House) -> bool:
    return not house.services.signing._running


# --- signing ---


async def test_a_request_is_accepted_and_its_certificate_follows(house: House) -> None:
    """security-and-faults row 16; A02.FR.11, TC_A_11_CSMS"""
    station = FakeStation()
    state = await house.connect(station)
    sent = await signed(house, state, station)
    leaf, issuing = certificates(sent.chain)
    leaf.verify_directly_issued_by(issuing)
    assert leaf.public_key() == KEY.public_key()
    assert leaf.subject.rfc4514_string() == "CN=CP1,O=Gateway"
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert leaf.not_valid_after_utc == T0 + timedelta(days=365)
    kept = await house.kept("certificate")
    assert kept["serial_number"] == f"{leaf.serial_number:x}"
    assert await house.kept("signing") is None


async def test_only_what_was_checked_of_a_request_goes_into_the_certificate(house: House) -> None:
    """A00.FR.511: a dnsName would make it look like a server's; it was in the request."""
    station = FakeStation()
    leaf, _ = certificates((await signed(house, await house.connect(station), station)).chain)
    with pytest.raises(x509.ExtensionNotFound):
        leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)


async def test_two_nodes_have_one_authority_and_its_keys_are_sealed(build: Build) -> None:
    first, second = build(built_in=True), build(built_in=True)
    await asyncio.gather(first.services.start(), second.services.start())
    assert first.services.authorities() == second.services.authorities()
    dump = await first.store.redis.hgetall("gw:certificates:authority")
    assert dump
    assert b"PRIVATE KEY" not in b"".join(dump.values())
    wrong = Store(first.store.redis, secret_key=bytes(32), node_id="other")
    with pytest.raises(StoreError, match="another key"):
        await wrong.certificates.authority("built-in")


async def test_the_type_and_the_request_id_come_back_with_the_certificate(build: Build) -> None:
    """security-and-faults row 16: A02.FR.14; 2.1 A02.FR.25"""

    async def sign(request: str, identity: str, use: str) -> str:
        return root()

    house, station = build(authority_hook=sign), FakeStation("ocpp2.1")
    state = await house.connect(station)
    event = CertificateSigningRequested(csr(), "V2GCertificate", 42)
    assert await house.services.signing.requested(state, event)
    await until(lambda: done(house))
    assert station.sent(SendCertificate) == [SendCertificate(root(), "V2GCertificate", 42)]


@pytest.mark.parametrize(
    ("request_pem", "why"),
    [("nonsense", "no PEM"), (csr("CP2"), "'CP2'"), (csr(o="Other"), "'Other'")],
)
async def test_a_bad_request_is_refused_and_noted(house: House, request_pem: str, why: str) -> None:
    """security-and-faults rows 15 and 16; also what 1.6 stations send unasked after their boot"""
    station = FakeStation("ocpp1.6")
    state = await house.connect(station)
    event = CertificateSigningRequested(request_pem)
    assert not await house.services.signing.requested(state, event)
    (noted,) = await house.events()
    assert noted["type"] == "SigningRequestRefused"
    assert why in noted["info"]
    assert station.executed == []


async def test_without_an_authority_every_request_is_refused(build: Build) -> None:
    """A02.FR.12"""
    house = build()
    state = await house.connect(FakeStation())
    assert not await house.services.signing.requested(state, CertificateSigningRequested(csr()))


async def test_the_built_in_authority_signs_no_vehicle_side_certificates(house: House) -> None:
    state = await house.connect(FakeStation())
    event = CertificateSigningRequested(csr(), "V2GCertificate")
    assert not await house.services.signing.requested(state, event)


async def test_a_certificate_is_named_after_the_registered_serial_number_never_a_told_one(
    house: House,
) -> None:
    station = FakeStation()
    state = await house.connect(station)
    boot = {"serial_number": "CP2", "vendor": "V", "model": "M"}
    stations = house.store.party(PARTY).stations
    change = house.store.party(PARTY).change(state.fence)
    stations.put(change, "CP1", "boot", boot)
    await house.store.commit(change)
    event = CertificateSigningRequested(csr("CP2"))
    assert not await house.services.signing.requested(state, event)


async def test_a_station_that_asks_without_end_is_refused_after_a_while(house: House) -> None:
    state = await house.connect(FakeStation())
    event = CertificateSigningRequested(csr())
    answers = [await house.services.signing.requested(state, event) for _ in range(12)]
    assert answers == [True] * 10 + [False] * 2
    await until(lambda: done(house))


async def test_an_authority_that_is_down_is_told_to_the_operator_and_asked_again(
    build: Build,
) -> None:
    """security-and-faults row 16: "CA down -> Accepted + operator alert, never silence" """
    tried: list[str] = []

    async def sign(request: str, identity: str, use: str) -> str:
        tried.append(identity)
        if len(tried) < 3:
            raise ConnectionError("away")
        return root()

    house, station = build(authority_hook=sign), FakeStation()
    state = await house.connect(station)
    with capture_logs() as logs:
        await signed(house, state, station)
    assert len(tried) == 3
    alerts = [log for log in logs if log["event"] == "certificate authority does not answer"]
    assert [alert["log_level"] for alert in alerts] == ["error", "error"]
    noted = [event for event in await house.events() if event["critical"]]
    assert [event["type"] for event in noted] == ["CertificateNotIssued"]


async def test_an_authority_that_never_answers_ends_in_an_event(build: Build) -> None:
    async def sign(request: str, identity: str, use: str) -> str:
        raise SigningRefused("not one of ours")

    house, station = build(authority_hook=sign), FakeStation()
    state = await house.connect(station)
    assert await house.services.signing.requested(state, CertificateSigningRequested(csr()))
    await until(lambda: done(house))
    assert [event["type"] for event in await house.events()] == ["CertificateNotIssued"]
    assert await house.kept("signing") is None
    assert station.sent(SendCertificate) == []


async def test_what_was_accepted_goes_on_with_the_next_connection(build: Build) -> None:
    """A crash between Accepted and CertificateSigned loses nothing."""
    away = True

    async def sign(request: str, identity: str, use: str) -> str:
        if away:
            raise ConnectionError("away")
        return root()

    house, station = build(authority_hook=sign), FakeStation()
    state = await house.connect(station)
    event = CertificateSigningRequested(csr(), "ChargingStationCertificate", 7)
    assert await house.services.signing.requested(state, event)
    await house.services.close()
    away = False

    second, station = build(authority_hook=sign), FakeStation()
    state = await second.connect(station)
    await second.services.signing.resume(state, station, Occasion.CONNECTED)
    await until(lambda: done(second))
    assert station.sent(SendCertificate) == [
        SendCertificate(root(), "ChargingStationCertificate", 7)
    ]


async def test_a_connection_that_was_lost_while_waiting_does_not_hold_up_the_next(
    build: Build,
) -> None:
    asked: list[str] = []

    async def sign(request: str, identity: str, use: str) -> str:
        asked.append(identity)
        if len(asked) == 1:
            raise ConnectionError("away")
        return root()

    house, station = build(authority_hook=sign), FakeStation()
    house.services.signing._first_pause = 3600.0
    state = await house.connect(station)
    assert await house.services.signing.requested(state, CertificateSigningRequested(csr()))

    async def waits() -> bool:
        return len(asked) == 1

    await until(waits)
    house.router.detach(state)
    again = FakeStation()
    await house.services.signing.resume(await house.connect(again), again, Occasion.CONNECTED)
    await until(lambda: done(house))
    assert len(again.sent(SendCertificate)) == 1


async def test_after_the_connection_is_lost_nothing_more_is_asked_of_the_authority(
    build: Build,
) -> None:
    asked: list[str] = []

    async def sign(request: str, identity: str, use: str) -> str:
        asked.append(identity)
        house.router.detach(state)
        raise ConnectionError("away")

    house, station = build(authority_hook=sign), FakeStation()
    state = await house.connect(station)
    assert await house.services.signing.requested(state, CertificateSigningRequested(csr()))
    await until(lambda: done(house))
    assert asked == ["CP1"]
    assert await house.kept("signing") is not None


async def test_a_certificate_that_could_not_be_sent_stays_pending(house: House) -> None:
    """The socket closed between signing and sending: nothing was refused."""
    station = FakeStation(replies={SendCertificate: CommandReply(CommandOutcome.FAILED)})
    await signed(house, await house.connect(station), station)
    assert await house.events() == []
    assert await house.kept("signing") is not None


async def test_a_certificate_that_the_station_rejects_is_an_event(house: House) -> None:
    """TC_A_14_CSMS"""
    rejected = CommandReply(CommandOutcome.REJECTED, "Rejected")
    station = FakeStation(replies={SendCertificate: rejected})
    await signed(house, await house.connect(station), station)
    (noted,) = await house.events()
    assert noted["type"] == "CertificateNotAccepted"
    assert noted["critical"] is True
    assert await house.kept("certificate") is None


@pytest.mark.parametrize(
    ("protocol", "name"),
    [
        ("ocpp1.6", "CertificateSignedMaxChainSize"),
        ("ocpp2.0.1", "SecurityCtrlr.MaxCertificateChainSize"),
    ],
)
async def test_a_chain_longer_than_the_station_takes_is_never_sent(
    house: House, protocol: str, name: str
) -> None:
    """security-and-faults row 17: A02.FR.16"""
    station = FakeStation(protocol, {ReadSettings: settings(**{name: "600"})})
    state = await house.connect(station)
    assert await house.services.signing.requested(state, CertificateSigningRequested(csr()))
    await until(lambda: done(house))
    assert station.sent(ReadSettings) == [ReadSettings((name,))]
    assert station.sent(SendCertificate) == []
    (noted,) = await house.events()
    assert "longer than the charge point takes" in noted["info"]


async def test_a_chain_is_cut_to_the_limit_by_its_root_only(build: Build) -> None:
    """security-and-faults row 17"""
    built_in = build(built_in=True)
    await built_in.services.start()
    own_root = pem(built_in.services.authorities()[0])

    async def sign(request: str, identity: str, use: str) -> str:
        assert built_in.services.built_in is not None
        order = SigningOrder(identity, request, use)
        return await built_in.services.built_in.sign(order) + own_root

    house, station = build(authority_hook=sign), FakeStation("ocpp1.6")
    station.replies[ReadSettings] = settings(CertificateSignedMaxChainSize="1900")
    sent = await signed(house, await house.connect(station), station)
    assert len(sent.chain) <= 1900
    assert len(certificates(sent.chain)) == 2


# --- expiry ---


async def test_a_certificate_that_ends_soon_is_renewed_once_in_a_while(house: House) -> None:
    """A02, A03: triggered by us"""
    station = FakeStation()
    state = await house.connect(station)
    await signed(house, state, station)
    await house.services.renewal.routine(state, station, Occasion.CONNECTED)
    assert station.sent(RequestCertificateSigning) == []

    house.clock.moment = T0 + timedelta(days=340)
    await house.services.renewal.routine(state, station, Occasion.CONNECTED)
    await house.services.renewal.routine(state, station, Occasion.CONNECTED)
    await house.services.renewal.look()
    assert len(station.sent(RequestCertificateSigning)) == 1

    house.clock.moment += timedelta(days=1)
    await house.services.renewal.look()
    assert len(station.sent(RequestCertificateSigning)) == 2


async def test_a_renewed_certificate_is_no_longer_watched_by_its_old_end(house: House) -> None:
    station = FakeStation()
    state = await house.connect(station)
    await signed(house, state, station)
    house.clock.moment = T0 + timedelta(days=340)
    await signed(house, state, station)
    await house.services.renewal.look()
    assert station.sent(RequestCertificateSigning) == []


async def test_a_certificate_of_another_authority_is_watched_once_it_was_shown(
    house: House,
) -> None:
    station = FakeStation()
    state = await house.connect(station)
    state.certificate = PresentedCertificate("CP1", T0 + timedelta(days=100))
    await house.services.renewal.routine(state, station, Occasion.CONNECTED)
    await house.services.renewal.look()
    assert station.sent(RequestCertificateSigning) == []
    house.clock.moment = T0 + timedelta(days=71)
    await house.services.renewal.look()
    assert len(station.sent(RequestCertificateSigning)) == 1


async def test_one_that_came_with_an_expired_certificate_is_asked_at_once(house: House) -> None:
    """security-and-faults row 13: A00.FR.429"""
    station = FakeStation()
    state = await house.connect(station)
    house.services.renewal.expired(state, station)

    async def asked() -> bool:
        return bool(station.sent(RequestCertificateSigning))

    await until(asked)


async def test_a_station_left_alone_is_not_asked_to_renew(house: House) -> None:
    station = FakeStation()
    state = await house.connect(station)
    await signed(house, state, station)
    state.record = replace(state.record, provision=False)
    house.clock.moment = T0 + timedelta(days=364)
    await house.services.renewal.look()
    assert station.sent(RequestCertificateSigning) == []


async def test_a_station_that_cannot_renew_is_told_to_the_operator(house: House) -> None:
    cannot = CommandReply(CommandOutcome.NOT_SUPPORTED)
    station = FakeStation(replies={RequestCertificateSigning: cannot})
    state = await house.connect(station)
    await signed(house, state, station)
    house.clock.moment = T0 + timedelta(days=364)
    await house.services.renewal.look()
    (noted,) = await house.events()
    assert noted["type"] == "CertificateExpires"


async def test_what_expired_long_ago_is_forgotten(house: House) -> None:
    station = FakeStation()
    await signed(house, await house.connect(station), station)
    assert len(await house.services.revocation.issued()) == 1
    house.clock.moment = T0 + timedelta(days=396)
    await house.services.renewal.look()
    assert await house.services.revocation.issued() == []
    assert await house.store.certificates.expiring(house.clock()) == []


# --- revocation ---


async def test_a_revoked_certificate_is_known_on_every_node(build: Build) -> None:
    """security-and-faults rows 11 and 14"""
    house, other = build(built_in=True), build(built_in=True)
    station = FakeStation()
    leaf, _ = certificates((await signed(house, await house.connect(station), station)).chain)
    der = leaf.public_bytes(Encoding.DER)
    assert not await other.services.revocation.is_revoked(der)
    assert await house.services.revocation.revoke(f"00{leaf.serial_number:X}") is not None
    assert await other.services.revocation.is_revoked(der)
    assert await house.services.revocation.revoke("abc") is None


async def test_a_revoked_certificate_stays_revoked_long_after_its_end(house: House) -> None:
    """security-and-faults row 13: a station may be let in with an expired one to renew it."""
    station = FakeStation()
    leaf, _ = certificates((await signed(house, await house.connect(station), station)).chain)
    await house.services.revocation.revoke(f"{leaf.serial_number:x}")
    house.clock.moment = leaf.not_valid_after_utc + timedelta(days=60)
    await house.services.renewal.look()
    assert await house.services.revocation.is_revoked(leaf.public_bytes(Encoding.DER))


async def test_a_strangers_certificate_with_our_serial_number_is_not_ours(build: Build) -> None:
    house = build(built_in=True)
    await house.services.start()
    der = certificates(root())[0].public_bytes(Encoding.DER)
    await house.store.certificates.put_issued("abc", {"identity": "CP1", "revoked_at": "now"})
    assert not await house.services.revocation.is_revoked(der)


# --- installed certificates ---


def installed(*found: InstalledCertificate) -> CommandReply:
    data = {"certificates": [asdict(one) for one in found]}
    return CommandReply(CommandOutcome.ACCEPTED, "Accepted", data)


ONE = InstalledCertificate(CertificateUse.CSMS_ROOT, HashData("SHA384", "aa", "bb", "1f"))
TWO = InstalledCertificate(CertificateUse.CSMS_ROOT, HashData("SHA256", "aa", "cc", "2f"))
OTHER = InstalledCertificate(CertificateUse.MANUFACTURER_ROOT, HashData("SHA256", "dd", "ee", "3f"))


async def test_a_certificate_is_deleted_by_the_hash_data_that_was_reported(house: House) -> None:
    """security-and-faults row 18: M04.FR.07, TC_M_20_CSMS"""
    station = FakeStation(replies={ListAllCertificates: installed(ONE, TWO, OTHER)})
    await house.connect(station)
    reply = await house.services.installed.delete("CP1", "1F")
    assert reply.accepted
    assert station.executed == [
        ListAllCertificates(),
        DeleteCertificate("SHA384", "aa", "bb", "1f"),
    ]


async def test_the_last_root_of_a_type_is_deleted_only_when_confirmed(house: House) -> None:
    """security-and-faults row 18"""
    station = FakeStation(replies={ListAllCertificates: installed(ONE, OTHER)})
    await house.connect(station)
    with pytest.raises(LastRoot):
        await house.services.installed.delete("CP1", "1f")
    assert station.sent(DeleteCertificate) == []
    assert (await house.services.installed.delete("CP1", "1f", confirmed=True)).accepted


async def test_a_serial_number_goes_out_without_leading_zeros_unless_the_station_insists(
    house: House,
) -> None:
    """security-and-faults row 18"""
    zeros = InstalledCertificate(CertificateUse.CSMS_ROOT, HashData("SHA256", "AA", "BB", "001F"))
    unknown = CommandReply(CommandOutcome.REJECTED, "NotFound")
    station = FakeStation(
        replies={ListAllCertificates: installed(zeros, TWO), DeleteCertificate: unknown}
    )
    await house.connect(station)
    await house.services.installed.delete("CP1", "1f")
    assert station.sent(DeleteCertificate) == [
        DeleteCertificate("SHA256", "aa", "bb", "1f"),
        DeleteCertificate("SHA256", "AA", "BB", "001F"),
    ]


async def test_what_is_not_installed_or_not_unique_is_not_deleted(house: House) -> None:
    twin = InstalledCertificate(CertificateUse.CSMS_ROOT, HashData("SHA256", "xx", "yy", "1f"))
    station = FakeStation(replies={ListAllCertificates: installed(ONE, twin)})
    await house.connect(station)
    with pytest.raises(NotInstalled):
        await house.services.installed.delete("CP1", "99")
    with pytest.raises(Ambiguous):
        await house.services.installed.delete("CP1", "1f")
    assert (await house.services.installed.delete("CP1", "1f", "yy")).accepted
    assert station.sent(DeleteCertificate) == [DeleteCertificate("SHA256", "xx", "yy", "1f")]


async def test_a_version_that_lists_use_by_use_is_asked_for_each(house: House) -> None:
    not_known = CommandReply(CommandOutcome.NOT_SUPPORTED)
    station = FakeStation("ocpp1.6", {ListAllCertificates: not_known})
    station.replies[ListCertificates] = installed(OTHER)
    await house.connect(station)
    assert await house.services.installed.all("CP1") == [OTHER, OTHER]
    assert station.sent(ListCertificates) == [
        ListCertificates(CertificateUse.CSMS_ROOT),
        ListCertificates(CertificateUse.MANUFACTURER_ROOT),
    ]


@pytest.mark.parametrize(
    ("certificate", "why"),
    [
        ("nonsense", "not one PEM"),
        (root() + root(), "not one PEM"),
        (root(ca=False), "authority"),
        (root(days=-1), "expired"),
    ],
)
async def test_what_is_no_root_is_not_installed(house: House, certificate: str, why: str) -> None:
    station = FakeStation()
    await house.connect(station)
    with pytest.raises(UnusableCertificate, match=why):
        await house.services.installed.install("CP1", CertificateUse.CSMS_ROOT, certificate)
    assert station.executed == []


async def test_installing_tells_what_the_certificate_will_be_listed_as(house: House) -> None:
    station = FakeStation()
    await house.connect(station)
    _, hashes_ = await house.services.installed.install("CP1", CertificateUse.CSMS_ROOT, root())
    assert hashes_ is not None
    assert hashes_.serial_number == "abc"
    assert station.sent(InstallCertificate) == [InstallCertificate("CSMSRootCertificate", root())]


# --- security events ---


async def test_an_unknown_security_event_is_stored(house: House) -> None:
    """security-and-faults row 19: A04.FR.03"""
    state = await house.connect(FakeStation())
    event = SecurityEventReported("MadeUpByTheVendor", T0, "x" * 300)
    await house.services.security_events.reported(state, event)
    (kept,) = await house.events()
    assert kept["type"] == "MadeUpByTheVendor"
    assert kept["origin"] == "charge point"
    assert kept["critical"] is False
    assert len(kept["info"]) == 255


@pytest.mark.parametrize("cap", [500, pytest.param(KEPT, marks=pytest.mark.long)])
async def test_a_burst_of_security_events_loses_none_up_to_the_cap(house: House, cap: int) -> None:
    """security-and-faults row 19: "10k burst: 0 lost, capped memory" """
    state, extra = await house.connect(FakeStation()), 50
    service = SecurityEvents(house.store, house.clock, kept=cap)

    async def report(number: int) -> None:
        await service.reported(state, SecurityEventReported("ResetOrReboot", T0, str(number)))

    before = counted("true")
    for first in range(0, cap + extra, 500):
        await asyncio.gather(*map(report, range(first, min(first + 500, cap + extra))))
    found = await service.of("CP1", PARTY, 2 * KEPT)
    assert len(found) == cap
    assert {int(one["info"]) for one in found} == set(range(extra, cap + extra))
    assert counted("true") - before == cap + extra


def counted(critical: str) -> float:
    labels = {"origin": "charge point", "critical": critical}
    return REGISTRY.get_sample_value("gateway_security_events_total", labels) or 0.0


async def test_what_strangers_cause_is_noted_within_limits(house: House) -> None:
    await house.connect(FakeStation())
    for _ in range(500):
        await house.services.security_events.noted("CP1", PARTY, "LoginFailed", "wrong password")
    assert len(await house.events()) == 20
    house.clock.moment += timedelta(minutes=1)
    await house.services.security_events.noted("CP1", PARTY, "LoginFailed", "wrong password")
    newest, *_ = await house.events()
    assert newest["info"] == "wrong password (480 more were not listed)"
    assert newest["origin"] == "gateway"
