"""The root certificates that a station holds, and how it knows one of them again.

Security white paper M03 to M05 and 2.0.1 block M. Uses are 2.0.1's words (CSMSRootCertificate).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CSMS_ROOT = "CSMSRootCertificate"
MOST_CERTIFICATES = 20
_ALGORITHMS: dict[str, type[hashes.HashAlgorithm]] = {
    "SHA256": hashes.SHA256,
    "SHA384": hashes.SHA384,
    "SHA512": hashes.SHA512,
}


@dataclass(frozen=True)
class HashData:
    """CertificateHashDataType: lower-case hex, the serial number without leading zeros."""

    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str

    @classmethod
    def of(
        cls, certificate: x509.Certificate, issuer: x509.Certificate, algorithm: str = "SHA256"
    ) -> "HashData":
        """As RFC 6960 4.1.1 takes them: the issuer's DER name, and its key without the header."""
        return cls(
            algorithm,
            _digest(algorithm, certificate.issuer.public_bytes()),
            _digest(algorithm, key_bits(issuer.public_key())),
            f"{certificate.serial_number:x}",
        )

    @classmethod
    def read(cls, fields: dict[str, str]) -> "HashData":
        return cls(
            fields["hash_algorithm"],
            fields["issuer_name_hash"].lower(),
            fields["issuer_key_hash"].lower(),
            fields["serial_number"].lower().lstrip("0") or "0",
        )


@dataclass(frozen=True)
class Installed:
    use: str
    certificate: x509.Certificate

    def hash_data(self, algorithm: str = "SHA256") -> HashData:
        return HashData.of(self.certificate, self.certificate, algorithm)


class CertificateStore:
    """In memory; a factory reset is a new simulator."""

    def __init__(self, room: int = MOST_CERTIFICATES) -> None:
        self.room = room
        self._installed: list[Installed] = []

    def install(self, use: str, pem: str, now: datetime) -> str:
        """An InstallCertificateStatusEnumType: Rejected is for what is no such root."""
        try:
            (certificate,) = read_chain(pem)
        except ValueError:
            return "Rejected"
        if not _is_root(certificate) or not _valid(certificate, now):
            return "Rejected"
        found = Installed(use, certificate)
        if found in self._installed:
            return "Accepted"
        if len(self._installed) >= self.room:
            return "Failed"
        self._installed.append(found)
        return "Accepted"

    def delete(self, hash_data: HashData) -> str:
        """Accepted or NotFound."""
        kept = [
            one for one in self._installed if one.hash_data(hash_data.hash_algorithm) != hash_data
        ]
        removed = len(self._installed) - len(kept)
        self._installed = kept
        return "Accepted" if removed else "NotFound"

    def listed(self, uses: Sequence[str] | None = None) -> list[Installed]:
        """What is installed for these uses; None: for any."""
        return [one for one in self._installed if uses is None or one.use in uses]

    def trusts(self, chain: Sequence[x509.Certificate], use: str, now: datetime) -> bool:
        """Whether a chain is valid and leads to a root of that use, if there is one of it."""
        if not is_chain(chain, now):
            return False
        roots = [one.certificate for one in self.listed([use])]
        return not roots or any(chain[-1] == root or _issued(chain[-1], root) for root in roots)

    def __len__(self) -> int:
        return len(self._installed)


def read_chain(pem: str) -> list[x509.Certificate]:
    """The certificates of a PEM text, the first one's issuer next. Raises ValueError."""
    return x509.load_pem_x509_certificates(pem.encode())


def pem_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def is_chain(chain: Sequence[x509.Certificate], now: datetime) -> bool:
    """Whether all are valid now, and each is issued by the next."""
    return all(_valid(one, now) for one in chain) and all(
        _issued(one, by) for one, by in pairwise(chain)
    )


def key_bits(key: CertificatePublicKeyTypes) -> bytes:
    """The BIT STRING of a SubjectPublicKeyInfo, without tag and length."""
    if isinstance(key, rsa.RSAPublicKey):
        return key.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    raise ValueError("neither RSA nor on an elliptic curve")


def _digest(algorithm: str, data: bytes) -> str:
    digest = hashes.Hash(_ALGORITHMS[algorithm]())
    digest.update(data)
    return digest.finalize().hex()


def _is_root(certificate: x509.Certificate) -> bool:
    try:
        key_bits(certificate.public_key())
    except ValueError:
        return False
    return certificate.subject == certificate.issuer and _issued(certificate, certificate)


def _valid(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
