"""Row 22 of the security rules: the certificate and the signed file are judged before they are
sent (A00.FR.706; 2.0.1 A00.FR.707)."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from gateway.services.files.firmware_signature import (
    BadSignature,
    check_certificate,
    check_signature,
    sign,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FILE = b"firmware" * 1000
DIGEST = hashlib.sha256(FILE).digest()
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ROOT = ec.generate_private_key(ec.SECP256R1())
KEYS = pytest.mark.parametrize("key", [RSA, EC], ids=["RSA", "EC"])


def certificate(
    key: Any,
    name: str = "Maker",
    issuer: tuple[str, Any] | None = None,
    *,
    ca: bool = False,
    begins: datetime = NOW - timedelta(days=1),
    ends: datetime = NOW + timedelta(days=1),
) -> x509.Certificate:
    issuer_name, issuer_key = issuer or (name, key)
    algorithm = None if isinstance(issuer_key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer_name)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(issuer_key, algorithm)
    )


def pem(*certificates: x509.Certificate) -> str:
    encoding = serialization.Encoding.PEM
    return "".join(one.public_bytes(encoding).decode() for one in certificates)


def key_pem(key: Any) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@KEYS
def test_what_is_signed_here_is_found_right(key: Any) -> None:
    check_signature(pem(certificate(key)), sign(key_pem(key), DIGEST), DIGEST)


def test_rsa_signatures_are_pss_over_the_whole_file() -> None:
    """L01.FR.04: RSA-PSS and SHA256."""
    raw = base64.b64decode(sign(key_pem(RSA), DIGEST))
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
    RSA.public_key().verify(raw, FILE, pss, hashes.SHA256())


def test_a_manufacturers_pkcs1_signature_is_taken() -> None:
    raw = RSA.sign(FILE, padding.PKCS1v15(), hashes.SHA256())
    check_signature(pem(certificate(RSA)), base64.b64encode(raw).decode(), DIGEST)


@KEYS
def test_a_changed_file_is_found_out(key: Any) -> None:
    signature = sign(key_pem(key), DIGEST)
    with pytest.raises(BadSignature, match="not that of this file"):
        check_signature(pem(certificate(key)), signature, hashlib.sha256(FILE + b"!").digest())


def test_another_keys_signature_is_found_out() -> None:
    with pytest.raises(BadSignature):
        check_signature(pem(certificate(EC)), sign(key_pem(ROOT), DIGEST), DIGEST)


@pytest.mark.parametrize("signature", ["", "no base64!", "A" * 801, "QUJD"])
def test_what_is_no_signature_is_refused(signature: str) -> None:
    with pytest.raises(BadSignature):
        check_signature(pem(certificate(RSA)), signature, DIGEST)


@pytest.mark.parametrize("text", ["", "no certificate", "x" * 5_501])
def test_what_is_no_certificate_is_refused(text: str) -> None:
    with pytest.raises(BadSignature):
        check_certificate(text, [], NOW)


@pytest.mark.parametrize(
    "times",
    [
        {"begins": NOW - timedelta(days=3), "ends": NOW - timedelta(days=1)},
        {"begins": NOW + timedelta(hours=1)},
    ],
    ids=["expired", "not yet valid"],
)
def test_a_certificate_out_of_its_time_is_refused(times: dict[str, datetime]) -> None:
    with pytest.raises(BadSignature, match="not valid now"):
        check_certificate(pem(certificate(EC, **times)), [], NOW)


def test_a_short_key_is_refused() -> None:
    """A00.FR.502: RSA keys have 2048 bits or more."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    with pytest.raises(BadSignature, match="fewer than 2048"):
        check_certificate(pem(certificate(key)), [], NOW)


def test_a_kind_of_key_that_the_standard_does_not_know_signs_nothing() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(BadSignature):
        check_signature(pem(certificate(key)), "QUJD", DIGEST)
    with pytest.raises(BadSignature):
        sign(key_pem(key), DIGEST)


def test_a_key_that_cannot_be_read_signs_nothing() -> None:
    with pytest.raises(BadSignature):
        sign("no key", DIGEST)


ROOT_CERTIFICATE = certificate(ROOT, "Root", ca=True)


def test_a_chain_that_leads_to_the_manufacturers_root_passes() -> None:
    between = ec.generate_private_key(ec.SECP256R1())
    middle = certificate(between, "Between", ("Root", ROOT), ca=True)
    leaf = certificate(EC, "Maker", ("Between", between))
    check_certificate(pem(certificate(EC, "Maker", ("Root", ROOT))), [ROOT_CERTIFICATE], NOW)
    check_certificate(pem(leaf, middle), [ROOT_CERTIFICATE], NOW)
    check_certificate(pem(leaf, middle, ROOT_CERTIFICATE), [ROOT_CERTIFICATE], NOW)


def test_a_chain_that_leads_elsewhere_is_refused() -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    same_name = certificate(EC, "Maker", ("Root", stranger))
    for text in (pem(same_name), pem(certificate(EC))):
        with pytest.raises(BadSignature, match="root"):
            check_certificate(text, [ROOT_CERTIFICATE], NOW)


def test_certificates_in_disorder_are_no_chain() -> None:
    leaf = certificate(EC, "Maker", ("Root", ROOT))
    with pytest.raises(BadSignature, match="follow"):
        check_certificate(
            pem(leaf, certificate(RSA, "Other"), ROOT_CERTIFICATE), [ROOT_CERTIFICATE], NOW
        )


def test_a_certificate_that_is_no_authority_signs_for_nobody() -> None:
    holder = ec.generate_private_key(ec.SECP256R1())
    holders = certificate(holder, "Holder", ("Root", ROOT))
    forged = certificate(EC, "Maker", ("Holder", holder))
    with pytest.raises(BadSignature, match="follow"):
        check_certificate(pem(forged, holders), [ROOT_CERTIFICATE], NOW)


def test_an_expired_root_vouches_for_nobody() -> None:
    old = certificate(ROOT, "Root", ca=True, begins=NOW - timedelta(9), ends=NOW - timedelta(1))
    with pytest.raises(BadSignature, match="root"):
        check_certificate(pem(certificate(EC, "Maker", ("Root", ROOT))), [old], NOW)
