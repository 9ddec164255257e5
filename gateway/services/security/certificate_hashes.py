"""Hash data of certificates, as charge points and OCSP responders name them (RFC 6960, 4.1.1)."""

import hashlib

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.domain.certificates import HashData

_ALGORITHMS = {"SHA256": hashlib.sha256, "SHA384": hashlib.sha384, "SHA512": hashlib.sha512}


def hash_data(
    certificate: x509.Certificate, issuer: x509.Certificate, algorithm: str = "SHA256"
) -> HashData:
    """The hash data of a certificate; a root is its own issuer.

    issuerNameHash is over the DER of the issuer's name as the certificate has it, issuerKeyHash
    over the issuer's public key: "the value (excluding tag and length) of the subject public key
    field".
    """
    digest = _ALGORITHMS[algorithm]
    return HashData(
        algorithm,
        digest(certificate.issuer.public_bytes()).hexdigest(),
        digest(_key_bits(issuer)).hexdigest(),
        f"{certificate.serial_number:x}",
    )


def _key_bits(certificate: x509.Certificate) -> bytes:
    """The bits of subjectPublicKey, out of `SEQUENCE { AlgorithmIdentifier, BIT STRING }`."""
    info = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    _, body = _element(info)
    after_algorithm, _ = _element(info, body)
    _, bits = _element(info, after_algorithm)
    return info[bits + 1 :]  # the first byte counts unused bits, of which keys have none


def _element(der: bytes, start: int = 0) -> tuple[int, int]:
    """Where the DER element at `start` ends, and where its content begins."""
    length, content = der[start + 1], start + 2
    if length & 0x80:
        size = length & 0x7F
        length = int.from_bytes(der[content : content + size], "big")
        content += size
    return content + length, content
