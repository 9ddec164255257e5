"""What a certificate signing request must be: key, subject, proof of possession."""

import base64
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from gateway.services.security.certificate_requests import BadRequest, checked

NAMES, ORGANIZATION = frozenset({"CP1"}), "Gateway"


@cache
def key(kind: str) -> CertificateIssuerPrivateKeyTypes:
    """Made once: RSA keys take their time."""
    match kind.split("-"):
        case ["rsa", bits]:
            return rsa.generate_private_key(65537, int(bits))
        case ["ec", "192"]:
            return ec.generate_private_key(ec.SECP192R1())
        case ["ec", "224"]:
            return ec.generate_private_key(ec.SECP224R1())
        case ["dsa"]:
            return dsa.generate_private_key(2048)
        case ["ed25519"]:
            return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1())


def request(kind: str = "ec-256", cn: str | None = "CP1", o: str | None = ORGANIZATION) -> str:
    names = [(NameOID.ORGANIZATION_NAME, o), (NameOID.COMMON_NAME, cn)]
    subject = x509.Name([x509.NameAttribute(oid, text) for oid, text in names if text])
    algorithm = None if kind == "ed25519" else hashes.SHA256()
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key(kind), algorithm)
    return made.public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize("kind", ["rsa-2048", "ec-224", "ec-256"])
def test_a_good_request_passes(kind: str) -> None:
    """security-and-faults row 15"""
    subject = checked(request(kind), NAMES, ORGANIZATION).subject
    assert subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "CP1"


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("rsa-1024", "RSA key of 1024 bits"),
        ("ec-192", "EC key of 192 bits"),
        ("dsa", "neither RSA nor EC"),
        ("ed25519", "neither RSA nor EC"),
    ],
)
def test_a_weak_or_odd_key_is_refused(kind: str, why: str) -> None:
    """security-and-faults row 15: A00.FR.502 and .503"""
    with pytest.raises(BadRequest, match=why):
        checked(request(kind), NAMES, ORGANIZATION)


@pytest.mark.parametrize("cn", ["CP2", "evil.com", "cp1", " CP1", "CP1.", "*", None])
def test_a_request_in_another_name_is_refused(cn: str | None) -> None:
    """security-and-faults row 16: the subject must match the connected charge point"""
    with pytest.raises(BadRequest, match="CN"):
        checked(request(cn=cn), NAMES, ORGANIZATION)


@pytest.mark.parametrize("cn", ["https://evil.com", "192.0.2.1", "::1", "[::1]", "evil.com/ocpp"])
def test_an_address_is_no_name_even_of_a_charge_point_called_so(cn: str) -> None:
    """security-and-faults row 15: A00.FR.511"""
    with pytest.raises(BadRequest, match="URL or an IP address"):
        checked(request(cn=cn), frozenset({cn}), ORGANIZATION)


@pytest.mark.parametrize("o", ["Other", "gateway", "Gateway ", None])
def test_a_request_of_another_organization_is_refused(o: str | None) -> None:
    """security-and-faults row 16: A00.FR.509, A02.FR.13"""
    with pytest.raises(BadRequest, match=r"\bO\b"):
        checked(request(o=o), NAMES, ORGANIZATION)


def test_two_names_are_not_one() -> None:
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION)]
        + [x509.NameAttribute(NameOID.COMMON_NAME, name) for name in ("CP1", "CP2")]
    )
    made = x509.CertificateSigningRequestBuilder().subject_name(subject)
    pem = made.sign(key("ec-256"), hashes.SHA256()).public_bytes(Encoding.PEM).decode()
    with pytest.raises(BadRequest, match="2 CN"):
        checked(pem, NAMES, ORGANIZATION)


def test_a_request_that_was_altered_is_refused() -> None:
    made = x509.load_pem_x509_csr(request().encode()).public_bytes(Encoding.DER)
    altered = x509.load_der_x509_csr(made.replace(b"CP1", b"CP2"))
    with pytest.raises(BadRequest, match="not signed with its own key"):
        checked(altered.public_bytes(Encoding.PEM).decode(), frozenset({"CP2"}), ORGANIZATION)


@pytest.mark.parametrize(
    "csr",
    [
        "",
        "nonsense",
        "\x00" * 5500,
        "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----",
        "-----BEGIN CERTIFICATE REQUEST-----\n%%%\n-----END CERTIFICATE REQUEST-----",
        request()[:200],
        "\ud800",
    ],
)
def test_nonsense_is_refused_and_nothing_else_is_raised(csr: str) -> None:
    """What some 1.6 charge points send unasked right after their boot."""
    with pytest.raises(BadRequest):
        checked(csr, NAMES, ORGANIZATION)


def test_a_request_of_no_known_version_is_a_bad_one() -> None:
    """Rejected, not an error of ours: some stations exit on one."""
    der = x509.load_pem_x509_csr(request().encode()).public_bytes(Encoding.DER)
    odd = der.replace(b"\x02\x01\x00", b"\x02\x01\x05", 1)
    text = base64.encodebytes(odd).decode()
    head, tail = (f"-----{word} CERTIFICATE REQUEST-----\n" for word in ("BEGIN", "END"))
    with pytest.raises(BadRequest):
        checked(head + text + tail, NAMES, ORGANIZATION)
