"""Signed firmware: is the certificate good, and is the signature that of this file?

"Prior to providing the certificate for firmware validation to the Charge Point, the Central
System SHOULD validate both, the certificate and the signed firmware update" (A00.FR.706; 2.0.1:
A00.FR.707). The signature is over the whole file with SHA256 (L01.FR.04): RSA-PSS, which is what
is made here. The standard's EC-Schnorr is in no library that we know; keys on elliptic curves are
verified and made as ECDSA. Files that manufacturers sign with PKCS #1 v1.5 are accepted.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

MAX_CERTIFICATE = 5_500  # characters, FirmwareType.signingCertificate
MAX_SIGNATURE = 800  # characters, FirmwareType.signature
_LONGEST_CHAIN = 5
_MIN_RSA_BITS = 2_048  # A00.FR.501 ff.
_MIN_EC_BITS = 224
_PREHASHED = Prehashed(SHA256())


class BadSignature(ValueError):
    """The text says what is wrong with the certificate, the key or the signature."""


def digest_of(path: Path) -> bytes:
    """SHA256 over the entire firmware file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def read_roots(path: Path) -> list[x509.Certificate]:
    """The manufacturers' roots from a PEM file. Raises `ValueError`, `OSError`."""
    return x509.load_pem_x509_certificates(path.read_bytes())


def check_certificate(pem: str, roots: Sequence[x509.Certificate], now: datetime) -> None:
    """The first certificate signs; further ones lead to a root. Raises `BadSignature`.

    Without configured roots only the certificates themselves are judged.
    """
    chain = _chain(pem)
    _check_key(chain[0])
    for certificate in chain:
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise BadSignature(f"not valid now: {certificate.subject.rfc4514_string()}")
    if roots:
        _check_path(chain, roots, now)


def check_signature(pem: str, signature: str, digest: bytes) -> None:
    """The signature, base64, is that of the file with this digest. Raises `BadSignature`."""
    raw = _decoded(signature)
    key = _chain(pem)[0].public_key()
    if isinstance(key, rsa.RSAPublicKey):
        pss = padding.PSS(padding.MGF1(SHA256()), padding.PSS.AUTO)
        tries: list[Callable[[], None]] = [
            lambda: key.verify(raw, digest, pss, _PREHASHED),
            lambda: key.verify(raw, digest, padding.PKCS1v15(), _PREHASHED),
        ]
    elif isinstance(key, ec.EllipticCurvePublicKey):
        tries = [lambda: key.verify(raw, digest, ec.ECDSA(_PREHASHED))]
    else:
        raise BadSignature("the certificate's key is neither RSA nor on an elliptic curve")
    if not any(_succeeds(attempt) for attempt in tries):
        raise BadSignature("the signature is not that of this file by this certificate")


def sign(key_pem: str, digest: bytes) -> str:
    """Sign a file's digest; base64. Raises `BadSignature`."""
    try:
        key = load_pem_private_key(key_pem.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise BadSignature(f"the key cannot be read: {error}") from None
    if isinstance(key, rsa.RSAPrivateKey):
        pss = padding.PSS(padding.MGF1(SHA256()), padding.PSS.DIGEST_LENGTH)
        raw = key.sign(digest, pss, _PREHASHED)
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        raw = key.sign(digest, ec.ECDSA(_PREHASHED))
    else:
        raise BadSignature("the key is neither RSA nor on an elliptic curve")
    return base64.b64encode(raw).decode()


def _chain(pem: str) -> list[x509.Certificate]:
    if len(pem) > MAX_CERTIFICATE:
        raise BadSignature(f"the certificate has more than {MAX_CERTIFICATE} characters")
    try:
        chain = x509.load_pem_x509_certificates(pem.encode())
    except ValueError as error:
        raise BadSignature(f"the certificate cannot be read: {error}") from None
    if len(chain) > _LONGEST_CHAIN:
        raise BadSignature(f"the chain is longer than {_LONGEST_CHAIN}")
    return chain


def _check_key(certificate: x509.Certificate) -> None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _MIN_RSA_BITS:
        raise BadSignature(f"the RSA key has fewer than {_MIN_RSA_BITS} bits")
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < _MIN_EC_BITS:
        raise BadSignature(f"the key has fewer than {_MIN_EC_BITS} bits")


def _check_path(
    chain: list[x509.Certificate], roots: Sequence[x509.Certificate], now: datetime
) -> None:
    """Each certificate is issued by the next, the last by a root that is valid now."""
    for certificate, issuer in pairwise(chain):
        if not _issued(certificate, issuer):
            raise BadSignature("the chain's certificates do not follow from each other")
    last = chain[-1]
    for root in roots:
        valid = root.not_valid_before_utc <= now <= root.not_valid_after_utc
        if valid and (last == root or _issued(last, root)):
            return
    raise BadSignature("the certificate does not lead to a manufacturer's root that is trusted")


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, ValueError, TypeError, InvalidSignature):
        return False
    return constraints.ca


def _succeeds(attempt: Callable[[], None]) -> bool:
    try:
        attempt()
    except (InvalidSignature, ValueError):
        return False
    return True


def _decoded(signature: str) -> bytes:
    if len(signature) > MAX_SIGNATURE:
        raise BadSignature(f"the signature has more than {MAX_SIGNATURE} characters")
    try:
        return base64.b64decode(signature, validate=True)
    except binascii.Error:
        raise BadSignature("the signature is not base64") from None
