"""The built-in authority's certificates and OCSP, with the openssl program as the judge."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, NameOID

from gateway.domain.certificates import CertificateState, CertificateStatusRequested
from gateway.ocpi.outgoing.ocsp_fetch import OcspFetch
from gateway.services.security.certificate_authority import BuiltInAuthority, SigningOrder
from gateway.services.security.certificate_hashes import hash_data
from gateway.services.security.certificate_templates import pem
from gateway.services.security.ocsp import FetchFailed, Responders
from gateway.services.security.revocation import Revocation
from gateway.services.stations.routing import StationRouter
from gateway.store import Store

OPENSSL = shutil.which("openssl")
pytestmark = pytest.mark.skipif(OPENSSL is None, reason="there is no openssl program")
KEY = ec.generate_private_key(ec.SECP256R1())
GOOD, REVOKED, UNLISTED = 0xA1, 0xB2, 0xC3


def now() -> datetime:
    return datetime.now(UTC)


async def openssl(*arguments: str) -> tuple[int, str]:
    assert OPENSSL is not None
    process = await asyncio.create_subprocess_exec(
        OPENSSL,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(20):
        output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


def named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(serial: int, *, subject: str = "CP1", url: str | None = None) -> x509.Certificate:
    """Of an authority whose name is "CA" and whose key is KEY."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named("CA"))
        .public_key(KEY.public_key())
        .serial_number(serial)
        .not_valid_before(now() - timedelta(days=1))
        .not_valid_after(now() + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=subject == "CA", path_length=None), critical=True)
    )
    if url is not None:
        location = x509.UniformResourceIdentifier(url)
        access = x509.AccessDescription(AuthorityInformationAccessOID.OCSP, location)
        builder = builder.add_extension(x509.AuthorityInformationAccess([access]), critical=False)
    return builder.sign(KEY, hashes.SHA256())


CA = certificate(1, subject="CA")


def authorities() -> list[x509.Certificate]:
    return [CA]


async def test_openssl_verifies_an_issued_certificate_as_a_clients(
    store: Store, tmp_path: Path
) -> None:
    """security-and-faults row 11: the path to the root, and for client authentication only"""
    authority = BuiltInAuthority(store, "Gateway", timedelta(days=30), now)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Gateway"),
            x509.NameAttribute(NameOID.COMMON_NAME, "CP1"),
        ]
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(subject)
    csr = request.sign(KEY, hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    chain = await authority.sign(SigningOrder("CP1", csr, "ChargingStationCertificate"))
    files = {name: tmp_path / name for name in ("root", "chain", "leaf")}
    files["root"].write_text(pem(authority.authorities()[0]))
    files["chain"].write_text(chain)
    files["leaf"].write_text(chain.partition("-----END CERTIFICATE-----\n")[0] + END)
    verify = ["verify", "-x509_strict", "-CAfile", str(files["root"])]
    verify += ["-untrusted", str(files["chain"])]
    assert await openssl(*verify, "-purpose", "sslclient", str(files["leaf"])) == (
        0,
        f"{files['leaf']}: OK\n",
    )
    status, _ = await openssl(*verify, "-purpose", "sslserver", str(files["leaf"]))
    assert status != 0
    status, _ = await openssl("verify", "-CAfile", str(files["root"]), str(files["leaf"]))
    assert status != 0


END = "-----END CERTIFICATE-----\n"


async def test_openssl_names_a_certificate_by_the_same_hash_data(tmp_path: Path) -> None:
    """security-and-faults row 18"""
    (tmp_path / "ca.pem").write_text(pem(CA))
    (tmp_path / "leaf.pem").write_text(pem(certificate(GOOD)))
    status, text = await openssl(
        "ocsp", "-sha384", "-issuer", str(tmp_path / "ca.pem"), "-cert", str(tmp_path / "leaf.pem"),
        "-req_text", "-no_nonce",
    )  # fmt: skip
    assert status == 0
    text = text.replace("\\\n", "")  # it wraps long values
    found = dict(re.findall(r"(Issuer Name Hash|Issuer Key Hash|Serial Number): (\w+)", text))
    ours = hash_data(certificate(GOOD), CA, "SHA384")
    assert found["Issuer Name Hash"].lower() == ours.issuer_name_hash
    assert found["Issuer Key Hash"].lower() == ours.issuer_key_hash
    assert found["Serial Number"].lower() == ours.serial_number


@dataclass
class Responder:
    process: asyncio.subprocess.Process
    url: str


@pytest.fixture
async def responder(tmp_path: Path) -> AsyncIterator[Responder]:
    """`openssl ocsp` with one good and one revoked certificate."""
    key = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "ca.pem").write_bytes(pem(CA).encode())
    (tmp_path / "key.pem").write_bytes(key)
    end = f"{now() + timedelta(days=1):%y%m%d%H%M%SZ}"
    at = f"{now() - timedelta(hours=1):%y%m%d%H%M%SZ}"
    (tmp_path / "index.txt").write_text(
        f"V\t{end}\t\t{GOOD:02X}\tunknown\t/CN=CP1\nR\t{end}\t{at}\t{REVOKED:02X}\tunknown\t/CN=CP1\n"
    )
    assert OPENSSL is not None
    ca = str(tmp_path / "ca.pem")
    process = await asyncio.create_subprocess_exec(
        OPENSSL, "ocsp", "-index", str(tmp_path / "index.txt"), "-port", "0", "-nmin", "5",
        "-rsigner", ca, "-rkey", str(tmp_path / "key.pem"), "-CA", ca, "-resp_no_certs",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(10):
            while True:
                line = (await process.stdout.readline()).decode()
                assert line, "openssl ocsp has ended"
                found = re.search(r"ACCEPT.*?:(\d+)", line)
                if found:
                    break
        yield Responder(process, f"http://127.0.0.1:{found.group(1)}/")
    finally:
        process.kill()
        await process.communicate()


@pytest.fixture
async def fetch() -> AsyncIterator[OcspFetch]:
    """With the setting for labs, whose responders are on loopback."""
    made = OcspFetch(allow_private_hosts=True)
    yield made
    await made.close()


async def test_a_real_responder_is_understood(responder: Responder, fetch: OcspFetch) -> None:
    """security-and-faults row 14"""
    responders = Responders(fetch, now, authorities)
    states = []
    for serial in (GOOD, REVOKED, UNLISTED):
        asked = CertificateStatusRequested(hash_data(certificate(serial), CA), responder.url)
        states.append((await responders.status(asked)).state)
    assert states == [CertificateState.GOOD, CertificateState.REVOKED, CertificateState.UNKNOWN]


async def test_a_client_certificate_that_its_responder_calls_revoked_is_refused(
    store: Store, responder: Responder, fetch: OcspFetch
) -> None:
    """security-and-faults rows 11 and 14"""
    revocation = Revocation(
        store,
        StationRouter(store, "node-1"),
        None,
        Responders(fetch, now, authorities),
        authorities,
        answer_required=True,
        now=now,
    )
    answers = [
        await revocation.is_revoked(
            certificate(serial, url=responder.url).public_bytes(Encoding.DER)
        )
        for serial in (GOOD, REVOKED, UNLISTED)
    ]
    assert answers == [False, True, True]


@pytest.mark.parametrize("required", [False, True])
async def test_while_the_responder_is_down_the_documented_policy_counts(
    store: Store, fetch: OcspFetch, required: bool
) -> None:
    """security-and-faults row 14: "responder down -> documented policy" """
    revocation = Revocation(
        store,
        StationRouter(store, "node-1"),
        None,
        Responders(fetch, now, authorities),
        authorities,
        answer_required=required,
        now=now,
    )
    der = certificate(GOOD, url="http://127.0.0.1:1/").public_bytes(Encoding.DER)
    assert await revocation.is_revoked(der) is required


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433"]
)
async def test_a_responder_url_never_reaches_our_own_network(host: str) -> None:
    """security-and-faults S11"""
    reached = 0

    async def touched(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal reached
        reached += 1
        writer.close()

    canary = await asyncio.start_server(touched, "127.0.0.1", 0)
    port = canary.sockets[0].getsockname()[1]
    fetch = OcspFetch(allow_private_hosts=False)
    try:
        with pytest.raises(FetchFailed):
            await fetch(f"http://{host}:{port}/", b"question")
    finally:
        await fetch.close()
        canary.close()
        await canary.wait_closed()
    assert reached == 0


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ldap://example.com/", "", "http://"])
async def test_only_http_is_spoken_to_responders(url: str) -> None:
    """security-and-faults S11"""
    fetch = OcspFetch(allow_private_hosts=True)
    with pytest.raises(FetchFailed):
        await fetch(url, b"question")
    await fetch.close()
