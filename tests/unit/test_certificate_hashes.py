"""Hash data of certificates against an independent maker: the OCSP requests of `cryptography`."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from gateway.domain.certificates import HashData
from gateway.services.security.certificate_hashes import hash_data

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEYS: dict[str, CertificateIssuerPrivateKeyTypes] = {
    "rsa": rsa.generate_private_key(65537, 2048),
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p521": ec.generate_private_key(ec.SECP521R1()),
}
ALGORITHMS = {"SHA256": hashes.SHA256(), "SHA384": hashes.SHA384(), "SHA512": hashes.SHA512()}


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(subject: str, kind: str, serial: int) -> x509.Certificate:
    """Issued by "Röt CA"; the issuer itself is its subject as well."""
    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name("Röt CA"))
        .public_key(KEYS[kind].public_key())
        .serial_number(serial)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(KEYS[kind], hashes.SHA256())
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("serial", [1, 0xAB, 0x0123456789ABCDEF0123456789ABCDEF01234567])
def test_hash_data_is_what_an_ocsp_request_names(algorithm: str, kind: str, serial: int) -> None:
    """M04.FR.07, RFC 6960 4.1.1; part 2: the serial number "without leading zeros" """
    issuer, made = certificate("Röt CA", kind, 7), certificate("CP1", kind, serial)
    builder = ocsp.OCSPRequestBuilder().add_certificate(made, issuer, ALGORITHMS[algorithm])
    wanted = builder.build()
    found = hash_data(made, issuer, algorithm)
    assert found == HashData(
        algorithm,
        wanted.issuer_name_hash.hex(),
        wanted.issuer_key_hash.hex(),
        f"{wanted.serial_number:x}",
    )
    assert not found.serial_number.startswith("0")


def test_case_and_leading_zeros_name_the_same_certificate() -> None:
    """security-and-faults row 18"""
    one = HashData("SHA256", "AB", "CD", "00Ef")
    assert one.same_as(HashData("SHA256", "ab", "cd", "EF"))
    assert not one.same_as(HashData("SHA384", "ab", "cd", "EF"))
    assert one.normal().serial_number == "ef"
    assert HashData("SHA256", "", "", "000").normal().serial_number == "0"
