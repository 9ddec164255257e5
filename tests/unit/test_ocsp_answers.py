"""What the gateway believes of OCSP answers, and how long it remembers them."""

import asyncio
import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.domain.certificates import (
    CertificateState,
    CertificateStatusRequested,
    ContractCertificateRequested,
    HashData,
)
from gateway.ocpp.server import ServerLimits
from gateway.services.access.vehicle_certificates import ContractCertificate, VehicleCertificates
from gateway.services.security.certificate_hashes import hash_data
from gateway.services.security.ocsp import LOGIN_SECONDS, FetchFailed, Responders, nobody

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
URL = "http://responder.example/"
GOOD, REVOKED = CertificateState.GOOD, CertificateState.REVOKED
UNKNOWN, FAILED = CertificateState.UNKNOWN, CertificateState.FAILED


@cache
def key(name: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@cache
def certificate(name: str, issuer: str = "CA", serial: int = 7, **more: Any) -> x509.Certificate:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key(name).public_key())
        .serial_number(serial)
        .not_valid_before(NOW - timedelta(days=2))
        .not_valid_after(NOW + timedelta(days=more.get("days", 2)))
    )
    if more.get("signs_ocsp"):
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING])
        builder = builder.add_extension(usage, critical=False)
    return builder.sign(key(issuer), hashes.SHA256())


CA = certificate("CA")


def authorities() -> list[x509.Certificate]:
    return [CA]


LEAF = certificate("CP1", serial=0x77)


def answer(
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    *,
    about: x509.Certificate = LEAF,
    signer: x509.Certificate = CA,
    signer_key: str = "CA",
    this_update: datetime = NOW - timedelta(minutes=1),
    next_update: datetime | None = NOW + timedelta(hours=1),
    algorithm: hashes.HashAlgorithm | None = None,
) -> bytes:
    revoked = status is ocsp.OCSPCertStatus.REVOKED
    builder = ocsp.OCSPResponseBuilder().add_response(
        about,
        CA,
        algorithm or hashes.SHA256(),
        status,
        this_update,
        next_update,
        NOW - timedelta(days=1) if revoked else None,
        None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, signer)
    if signer is not CA:
        builder = builder.certificates([signer])
    made = builder.sign(key(signer_key), hashes.SHA256())
    return made.public_bytes(Encoding.DER)


@dataclass
class Responder:
    """Answers with what it is given, raises what is an exception."""

    said: list[bytes | Exception] = field(default_factory=list)
    asked: list[tuple[str, bytes]] = field(default_factory=list)

    async def __call__(self, url: str, request: bytes) -> bytes:
        self.asked.append((url, request))
        said = self.said[min(len(self.asked), len(self.said)) - 1]
        if isinstance(said, Exception):
            raise said
        return said


class Clock:
    def __init__(self) -> None:
        self.moment = NOW

    def __call__(self) -> datetime:
        return self.moment


def asked(algorithm: str = "SHA256") -> CertificateStatusRequested:
    return CertificateStatusRequested(hash_data(LEAF, CA, algorithm), URL)


async def state(said: bytes | Exception, *, issuers: bool = True) -> CertificateState:
    responders = Responders(Responder([said]), Clock(), authorities if issuers else nobody)
    return (await responders.status(asked())).state


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (ocsp.OCSPCertStatus.GOOD, GOOD),
        (ocsp.OCSPCertStatus.REVOKED, REVOKED),
        (ocsp.OCSPCertStatus.UNKNOWN, UNKNOWN),
    ],
)
async def test_what_the_issuer_signs_is_believed(
    status: ocsp.OCSPCertStatus, expected: CertificateState
) -> None:
    """security-and-faults row 14"""
    assert await state(answer(status)) is expected


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
async def test_the_question_names_the_certificate_by_the_asked_hashes(algorithm: str) -> None:
    wanted = {"SHA256": hashes.SHA256(), "SHA384": hashes.SHA384(), "SHA512": hashes.SHA512()}
    responder = Responder([answer(algorithm=wanted[algorithm])])
    found = await Responders(responder, Clock(), authorities).status(asked(algorithm))
    assert found.state is GOOD
    ((url, request),) = responder.asked
    question = ocsp.load_der_ocsp_request(request)
    assert url == URL
    assert question.serial_number == 0x77
    assert question.issuer_key_hash.hex() == asked(algorithm).hash_data.issuer_key_hash


async def test_a_responder_that_the_issuer_has_named_is_believed() -> None:
    """RFC 6960, 4.2.2.2"""
    responder = certificate("Responder", signs_ocsp=True)
    assert await state(answer(signer=responder, signer_key="Responder")) is GOOD


@pytest.mark.parametrize(
    "responder",
    [
        certificate("Impostor"),  # issued by the CA, not for this
        certificate("Stranger", issuer="Stranger", signs_ocsp=True),
        certificate("Old", signs_ocsp=True, days=-1),
    ],
    ids=["no OCSP signing", "of another authority", "expired"],
)
async def test_nobody_else_is_believed(responder: x509.Certificate) -> None:
    name = str(responder.subject.rfc4514_string()).removeprefix("CN=")
    assert await state(answer(signer=responder, signer_key=name)) is FAILED


async def test_the_answer_of_an_unknown_issuers_responder_is_passed_on_unverified() -> None:
    """The charge point verifies the signature itself (M06)."""
    assert await state(answer(), issuers=False) is GOOD


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"nonsense",
        b"\x30\x03\x0a\x01\x06",  # unauthorized
        answer(about=certificate("CP2", serial=0x78)),
        answer(next_update=NOW - timedelta(seconds=1)),
        answer(this_update=NOW + timedelta(hours=1), next_update=NOW + timedelta(hours=2)),
        FetchFailed("no route"),
    ],
    ids=["empty", "nonsense", "unauthorized", "another's", "old", "of the future", "down"],
)
async def test_what_says_nothing_of_the_certificate_today_is_a_failure(
    said: bytes | Exception,
) -> None:
    """security-and-faults row 14"""
    assert await state(said) is FAILED


async def test_a_question_that_cannot_be_asked_is_a_failure() -> None:
    responder = Responder([answer()])
    odd = CertificateStatusRequested(HashData("SHA256", "not hex", "00", "zz"), URL)
    assert (await Responders(responder, Clock()).status(odd)).state is FAILED
    assert responder.asked == []


async def test_an_answer_counts_until_its_next_update() -> None:
    responder, clock = Responder([answer(), answer(ocsp.OCSPCertStatus.REVOKED)]), Clock()
    responders = Responders(responder, clock, authorities)
    assert [(await responders.status(asked())).state for _ in range(3)] == [GOOD] * 3
    assert len(responder.asked) == 1
    clock.moment = NOW + timedelta(minutes=59, seconds=59)
    assert (await responders.status(asked())).state is GOOD
    clock.moment = NOW + timedelta(hours=1)
    assert (await responders.status(asked())).state is FAILED  # the second answer is old by now
    assert len(responder.asked) == 2


async def test_a_responder_that_is_down_is_asked_again_after_a_pause() -> None:
    responder, clock = Responder([FetchFailed("down"), answer()]), Clock()
    responders = Responders(responder, clock, authorities)
    assert [(await responders.status(asked())).state for _ in range(3)] == [FAILED] * 3
    assert len(responder.asked) == 1
    clock.moment += timedelta(seconds=31)
    assert (await responders.status(asked())).state is GOOD


class Silence:
    """A responder that takes the question and never answers."""

    asked = 0

    async def __call__(self, url: str, request: bytes) -> bytes:
        self.asked += 1
        await asyncio.Event().wait()
        return b""


def of_another(serial: int) -> CertificateStatusRequested:
    return CertificateStatusRequested(hash_data(certificate("CP", serial=serial), CA), URL)


async def test_a_login_does_not_wait_for_a_responder_that_kept_another_waiting() -> None:
    """security-and-faults row 14: its outage takes no fleet off the network."""
    responder, clock = Silence(), Clock()
    responders = Responders(responder, clock, authorities, seconds=0.02, trusted=True)
    states = [(await responders.status(of_another(serial))).state for serial in range(1, 30)]
    assert (set(states), responder.asked) == ({FAILED}, 1)
    clock.moment += timedelta(seconds=31)
    await responders.status(of_another(1))
    assert responder.asked == 2


async def test_a_responder_that_a_station_names_is_silent_for_that_question_only() -> None:
    responder = Silence()
    responders = Responders(responder, Clock(), authorities, seconds=0.02)
    for serial in (1, 2):
        assert (await responders.status(of_another(serial))).state is FAILED
    assert responder.asked == 2


def test_a_login_has_its_answer_before_the_handshake_is_given_up() -> None:
    assert ServerLimits().opening - LOGIN_SECONDS >= 3


async def test_one_stations_own_responder_says_nothing_to_others() -> None:
    """Nobody can make a revoked certificate good for others by naming a responder of his own."""
    responder = Responder([answer(), answer(ocsp.OCSPCertStatus.REVOKED)])
    responders = Responders(responder, Clock())
    evil = CertificateStatusRequested(asked().hash_data, "http://evil.example/")
    assert (await responders.status(evil)).state is GOOD
    assert (await responders.status(asked())).state is REVOKED


# --- ISO 15118 ---


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([answer()], "Accepted"),
        ([answer(ocsp.OCSPCertStatus.REVOKED)], "CertificateRevoked"),
        ([answer(ocsp.OCSPCertStatus.UNKNOWN)], "NoCertificateAvailable"),
        ([FetchFailed("down")], "CertChainError"),
    ],
)
async def test_a_chain_has_the_word_of_its_worst_certificate(
    said: list[bytes | Exception], expected: str
) -> None:
    """C07: AuthorizeCertificateStatusEnumType"""
    vehicles = VehicleCertificates(Responders(Responder(said), Clock(), authorities))
    assert await vehicles.status_of([asked()]) == expected
    assert await vehicles.status_of([]) == "NoCertificateAvailable"


async def test_a_station_gets_the_responders_own_answer_if_it_fits() -> None:
    """M06: ocspResult is base64 of DER"""
    vehicles = VehicleCertificates(Responders(Responder([answer()]), Clock()))
    text = await vehicles.ocsp_result(asked(), 5_500)
    assert text is not None
    assert ocsp.load_der_ocsp_response(base64.b64decode(text)).serial_number == 0x77
    assert await vehicles.ocsp_result(asked(), len(text) - 1) is None


WANTED = ContractCertificateRequested("urn:iso:15118:2:2013:MsgDef", "Install", "EXI")


class State:
    identity = "CP1"


async def hook(identity: str, request: ContractCertificateRequested) -> ContractCertificate:
    return ContractCertificate(f"{identity}:{request.action}:{request.exi_request}")


async def broken_hook(identity: str, request: ContractCertificateRequested) -> ContractCertificate:
    raise RuntimeError("the pool is away")


async def test_a_contract_certificate_comes_from_the_hook_or_not_at_all() -> None:
    """M01, M02"""
    responders, state_of_station = Responders(Responder(), Clock()), State()
    answers = []
    for one, longest in ((hook, 100), (hook, 3), (broken_hook, 100), (None, 100)):
        vehicles = VehicleCertificates(responders, one)
        answers.append(
            await vehicles.contract_certificate(state_of_station, WANTED, longest)  # type: ignore[arg-type]
        )
    assert answers == [ContractCertificate("CP1:Install:EXI"), None, None, None]
