"""Certificates and credentials of a simulated station, and its security events."""

import ipaddress
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256, sha384
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID
from websockets.asyncio.server import serve

from simulators.charge_point import (
    BackOff,
    ClientCertificate,
    SimulatedChargePoint,
    StationSettings,
)

VERSIONS = ["1.6", "2.0.1", "2.1"]
ROOT_WORDS = {
    "1.6": "CentralSystemRootCertificate",
    "2.0.1": "CSMSRootCertificate",
    "2.1": "CSMSRootCertificate",
}


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()


@dataclass
class Authority:
    """A certificate authority that signs whatever it is given."""

    key: ec.EllipticCurvePrivateKey
    root: x509.Certificate

    @classmethod
    def make(cls, name: str = "CA", serial_number: int = 0x0ABC) -> "Authority":
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        root = _certificate(key.public_key(), subject, key, subject, serial_number, ca=True)
        return cls(key, root)

    def sign(self, public_key: Any, name: str, *, days: int = 1, **more: Any) -> x509.Certificate:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return _certificate(public_key, subject, self.key, self.root.subject, 7, days=days, **more)

    def issue(self, name: str, **more: Any) -> ClientCertificate:
        key = ec.generate_private_key(ec.SECP256R1())
        chain = pem(self.sign(key.public_key(), name, **more)).encode()
        return ClientCertificate(
            chain, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )


def _certificate(
    public_key: Any,
    subject: x509.Name,
    by: Any,
    issuer: x509.Name,
    serial_number: int,
    *,
    days: int = 1,
    ca: bool = False,
    address: str | None = None,
) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial_number)
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if address is not None:
        names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        builder = builder.add_extension(names, critical=False)
    return builder.sign(by, hashes.SHA256())


def security_events(csms: Any) -> list[str]:
    return [payload["type"] for payload in csms.told("SecurityEventNotification")]


async def asked_to_sign(csms: Any, version: str) -> x509.CertificateSigningRequest:
    """Triggers a new key and returns the request that comes for it."""
    before = len(csms.told("SignCertificate"))
    if version == "1.6":
        trigger = ("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"})
    else:
        trigger = ("TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"})
    assert await csms.call(*trigger) == {"status": "Accepted"}
    await csms.until(lambda: len(csms.told("SignCertificate")) > before)
    return x509.load_pem_x509_csr(csms.told("SignCertificate")[before]["csr"].encode())


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_triggered_key_is_certified_and_used(
    csms: Any, station_at: Any, version: str
) -> None:
    """A02.FR.02, .03, .06, .13"""
    authority = Authority.make()
    settings = StationSettings(organization="Harbour Charging")
    async with station_at(csms, version, settings=settings) as station:
        request = await asked_to_sign(csms, version)
        assert request.is_signature_valid
        names = {one.oid: one.value for one in request.subject}
        assert names[NameOID.COMMON_NAME] == "SIM 1"
        assert names[NameOID.ORGANIZATION_NAME] == "Harbour Charging"
        signed = pem(authority.sign(request.public_key(), "SIM 1"))
        chain = {"certificateChain": signed + pem(authority.root)}
        assert await csms.call("CertificateSigned", chain) == {"status": "Accepted"}
        assert station.client_certificate.chain == chain["certificateChain"].encode()
        # it was used up: the same again fits no key that waits
        assert await csms.call("CertificateSigned", chain) == {"status": "Rejected"}


@pytest.mark.parametrize(
    ("version", "wrong"),
    [("1.6", "key"), ("2.0.1", "expired"), ("2.0.1", "chain"), ("2.1", "text")],
)
async def test_a_certificate_that_does_not_fit_is_rejected_and_reported(
    csms: Any, station_at: Any, version: str, wrong: str
) -> None:
    """A02.FR.07"""
    authority, other = Authority.make(), Authority.make("Other")
    async with station_at(csms, version) as station:
        request = await asked_to_sign(csms, version)
        key = other.key.public_key() if wrong == "key" else request.public_key()
        signed = pem(authority.sign(key, "SIM 1", days=-1 if wrong == "expired" else 1))
        if wrong == "chain":
            signed += pem(other.root)
        chain = {"certificateChain": "nothing" if wrong == "text" else signed}
        assert await csms.call("CertificateSigned", chain) == {"status": "Rejected"}
        event = "ChargePoint" if version == "1.6" else "ChargingStation"
        await csms.until(lambda: security_events(csms) == [f"Invalid{event}Certificate"])
        assert station.client_certificate is None


async def test_a_signing_request_is_sent_again_while_no_certificate_comes(
    csms: Any, station_at: Any
) -> None:
    """A02.FR.17, .18: CertSigningRepeatTimes, each time after twice the wait."""
    settings = StationSettings(certificate_wait=30, certificate_repeats=2)
    async with station_at(csms, "2.0.1", settings=settings):
        await asked_to_sign(csms, "2.0.1")
        await csms.until(lambda: len(csms.told("SignCertificate")) == 3)
    assert len({payload["csr"] for payload in csms.told("SignCertificate")}) == 1


@pytest.mark.parametrize("version", VERSIONS)
async def test_roots_are_installed_listed_by_their_hashes_and_deleted(
    csms: Any, station_at: Any, version: str
) -> None:
    """RFC 6960: the issuer's name, and its key without tag and length; M03 to M05."""
    root = Authority.make().root
    word = ROOT_WORDS[version]
    asked: Any = word if version == "1.6" else [word]
    expected = {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": sha256(root.subject.public_bytes()).hexdigest(),
        "issuerKeyHash": sha256(_point(root)).hexdigest(),
        "serialNumber": "abc",
    }
    async with station_at(csms, version):
        listing = ("GetInstalledCertificateIds", {"certificateType": asked})
        assert await csms.call(*listing) == {"status": "NotFound"}
        install = {"certificateType": word, "certificate": pem(root)}
        assert await csms.call("InstallCertificate", install) == {"status": "Accepted"}
        answer = await csms.call(*listing)
        if version == "1.6":
            assert answer["certificateHashData"] == [expected]
        else:
            (found,) = answer["certificateHashDataChain"]
            assert found == {"certificateType": word, "certificateHashData": expected}
        # another algorithm, capitals and leading zeros name the same one
        named = {
            "hashAlgorithm": "SHA384",
            "issuerNameHash": sha384(root.subject.public_bytes()).hexdigest().upper(),
            "issuerKeyHash": sha384(_point(root)).hexdigest(),
            "serialNumber": "0ABC",
        }
        delete = {"certificateHashData": named}
        assert await csms.call("DeleteCertificate", delete) == {"status": "Accepted"}
        assert await csms.call("DeleteCertificate", delete) == {"status": "NotFound"}


def _point(root: x509.Certificate) -> bytes:
    return root.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


@pytest.mark.parametrize("wrong", ["text", "leaf", "expired"])
async def test_what_is_no_root_is_not_installed(csms: Any, station_at: Any, wrong: str) -> None:
    authority = Authority.make()
    leaf = authority.sign(authority.key.public_key(), "leaf")
    expired = _certificate(
        authority.key.public_key(),
        authority.root.subject,
        authority.key,
        authority.root.subject,
        8,
        days=-1,
        ca=True,
    )
    texts = {"text": "nothing", "leaf": pem(leaf), "expired": pem(expired)}
    install = {"certificateType": "CSMSRootCertificate", "certificate": texts[wrong]}
    async with station_at(csms, "2.0.1"):
        assert await csms.call("InstallCertificate", install) == {"status": "Rejected"}


async def test_a_full_store_takes_no_more(csms: Any, station_at: Any) -> None:
    async with station_at(csms, "2.1") as station:
        station.certificates.room = 1
        for number, status in ((1, "Accepted"), (1, "Accepted"), (2, "Failed")):
            root = pem(ROOTS[number].root)
            install = {"certificateType": "CSMSRootCertificate", "certificate": root}
            assert await csms.call("InstallCertificate", install) == {"status": status}


ROOTS = {number: Authority.make(f"CA {number}", number) for number in (1, 2)}


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_new_password_counts_from_the_next_connection(
    csms: Any, station_at: Any, version: str
) -> None:
    """A01; 7.2 of the white paper: hexadecimal in 1.6, plain text in 2.x."""
    async with station_at(csms, version, password="the old password") as station:
        if version == "1.6":
            change = ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "6e" * 16})
            assert await csms.call(*change) == {"status": "Accepted"}
        else:
            variable = {
                "component": {"name": "SecurityCtrlr"},
                "variable": {"name": "BasicAuthPassword"},
                "attributeValue": "n" * 16,
            }
            answer = await csms.call("SetVariables", {"setVariableData": [variable]})
            assert answer["setVariableResult"][0]["attributeStatus"] == "Accepted"
        await station.until_disconnected()
        await station.until_connected()
    assert len(set(csms.headers)) == 2
    assert len(csms.told("BootNotification")) == 1


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_security_event_waits_for_the_connection(
    csms: Any, station_at: Any, version: str
) -> None:
    """A04: none is lost while the station is offline."""
    async with station_at(csms, version) as station:
        station.go_offline()
        await station.until_disconnected()
        station.security_event("SettingSystemTime", "from a satellite")
        station.go_online()
        await csms.until(lambda: bool(security_events(csms)))
    (event,) = csms.told("SecurityEventNotification")
    assert (event["type"], event["techInfo"]) == ("SettingSystemTime", "from a satellite")


@dataclass
class TlsCsms:
    authority: Authority
    url: str
    context: ssl.SSLContext


@pytest.fixture
async def tls_csms(csms: Any, tmp_path: Path) -> AsyncIterator[TlsCsms]:
    """The scripted CSMS behind TLS, which lets in who has a certificate or a password."""
    authority = Authority.make()
    own = authority.issue("127.0.0.1", address="127.0.0.1")
    file = tmp_path / "server.pem"
    file.write_bytes(own.key + own.chain)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    context.load_verify_locations(cadata=pem(authority.root))
    context.verify_mode = ssl.CERT_OPTIONAL
    protocols: Any = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]
    async with serve(csms.serve, "127.0.0.1", 0, subprotocols=protocols, ssl=context) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield TlsCsms(authority, f"wss://127.0.0.1:{port}/ocpp", context)


def tls_station(tls_csms: TlsCsms, version: str, **more: Any) -> SimulatedChargePoint:
    options = {"roots": pem(tls_csms.authority.root).encode(), **more}
    return SimulatedChargePoint(
        tls_csms.url,
        "CP1",
        version,  # type: ignore[arg-type]  # parametrised
        back_off=BackOff(first=0.02, most=0.1),
        **options,
    )


@pytest.mark.parametrize("version", VERSIONS)
async def test_profile_2_checks_the_server_and_profile_3_shows_a_certificate(
    csms: Any, tls_csms: TlsCsms, version: str
) -> None:
    async with tls_station(tls_csms, version, password="a long password here") as second:
        await second.until_connected()
        assert second.security_profile == 2
    own = tls_csms.authority.issue("CP1")
    async with tls_station(tls_csms, version, client_certificate=own) as third:
        await third.until_connected()
        assert third.security_profile == 3
    assert csms.headers[0] is not None
    assert csms.headers[1] is None
    assert _subject(csms.peers[1]) == "CP1"


async def test_a_server_that_no_root_vouches_for_is_not_spoken_to(
    csms: Any, tls_csms: TlsCsms
) -> None:
    """A00.FR.309: and a root that is installed later is believed from then on."""
    refused: list[str] = []
    stranger = pem(Authority.make("Stranger").root).encode()
    station = tls_station(
        tls_csms,
        "2.0.1",
        roots=stranger,
        on_event=lambda event: refused.append(event.name),
    )
    async with station:
        await station.until(lambda: "connection_refused" in refused)
        assert not csms.requests
        root = pem(tls_csms.authority.root)
        assert station.requests.install_certificate("CSMSRootCertificate", root) == "Accepted"
        await station.until_connected()
        await csms.until(lambda: security_events(csms) == ["InvalidCsmsCertificate"])


async def test_a_renewed_certificate_is_shown_at_once(csms: Any, tls_csms: TlsCsms) -> None:
    """A02.FR.08"""
    own = tls_csms.authority.issue("CP1")
    async with tls_station(tls_csms, "2.0.1", client_certificate=own) as station:
        await station.until_connected()
        request = await asked_to_sign(csms, "2.0.1")
        chain = pem(tls_csms.authority.sign(request.public_key(), "CP1 renewed"))
        answer = await csms.call("CertificateSigned", {"certificateChain": chain})
        assert answer == {"status": "Accepted"}
        await csms.until(lambda: len(csms.peers) == 2)
        await station.until_connected()
    assert [_subject(peer) for peer in csms.peers] == ["CP1", "CP1 renewed"]


def _subject(peer: Any) -> str:
    return str(dict(pair[0] for pair in peer["subject"])["commonName"])
