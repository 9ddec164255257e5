"""Certificates of charge points: what they report and ask for, and what they are told.

The words are OCPP 2.0.1's; a version's blocks know how 1.6 says them. Certificates travel as PEM.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from gateway.domain.commands import Command

MAX_CHAIN = 10_000
"""Characters of a chain that CertificateSigned can carry in any version."""


class CertificateUse(StrEnum):
    """What an installed certificate is for (GetCertificateIdUseEnumType)."""

    CSMS_ROOT = "CSMSRootCertificate"
    MANUFACTURER_ROOT = "ManufacturerRootCertificate"
    V2G_ROOT = "V2GRootCertificate"
    MO_ROOT = "MORootCertificate"
    OEM_ROOT = "OEMRootCertificate"  # 2.1
    V2G_CHAIN = "V2GCertificateChain"  # listed, never installed by us


class SigningUse(StrEnum):
    """What a certificate is for that a station asks to have signed (2.1 has the third)."""

    CHARGING_STATION = "ChargingStationCertificate"
    V2G = "V2GCertificate"
    V2G_20 = "V2G20Certificate"


@dataclass(frozen=True, slots=True)
class HashData:
    """CertificateHashDataType: hashes and serial number in hex, as RFC 6960 takes them."""

    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str

    def same_as(self, other: "HashData") -> bool:
        """Whether both name one certificate: hex has no case, and no leading zeros count."""
        return self.normal() == other.normal()

    def normal(self) -> "HashData":
        """In the form that the standard asks for: "without leading zeros"."""
        return HashData(
            self.hash_algorithm.upper(),
            self.issuer_name_hash.lower(),
            self.issuer_key_hash.lower(),
            self.serial_number.lower().lstrip("0") or "0",
        )


@dataclass(frozen=True, slots=True)
class InstalledCertificate:
    """A certificate that a station says it has, with the ones below it in a V2G chain."""

    use: str
    hash_data: HashData
    children: tuple[HashData, ...] = ()


# --- what stations send ---


@dataclass(frozen=True, slots=True)
class CertificateSigningRequested:
    """SignCertificate. `use` None: not said, it is the charging station's own certificate."""

    csr: str
    use: str | None = None
    request_id: int | None = None


@dataclass(frozen=True, slots=True)
class CertificateStatusRequested:
    """The state of one certificate is wanted from the responder that the certificate names."""

    hash_data: HashData
    responder_url: str


@dataclass(frozen=True, slots=True)
class ContractCertificateRequested:
    """Get15118EVCertificate: a vehicle wants its contract certificate installed or updated."""

    schema_version: str
    action: str
    exi_request: str
    maximum_contract_chains: int | None = None
    prioritized_emaids: tuple[str, ...] = ()


class CertificateState(StrEnum):
    """What is known of a certificate's revocation (2.1 CertificateStatusEnumType)."""

    GOOD = "Good"
    REVOKED = "Revoked"
    UNKNOWN = "Unknown"  # its responder does not know it
    FAILED = "Failed"  # nobody could say


@dataclass(frozen=True, slots=True)
class CertificateStatus:
    """A certificate's state, until when it counts, and the OCSP answer (DER), if there was one."""

    state: CertificateState
    next_update: datetime | None = None
    response: bytes | None = None


# --- what stations are asked ---


@dataclass(frozen=True, slots=True)
class InstallCertificate(Command):
    """Install a root certificate, as PEM."""

    use: str
    certificate: str


@dataclass(frozen=True, slots=True)
class DeleteCertificate(Command):
    """Delete an installed certificate. `status` NotFound: the station has none like that."""

    hash_algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    serial_number: str


@dataclass(frozen=True, slots=True)
class ListCertificates(Command):
    """List what is installed for one use. The reply's data: `certificates`, see `listed`."""

    use: str


@dataclass(frozen=True, slots=True)
class ListAllCertificates(Command):
    """List everything that is installed; 1.6 has to be asked use by use."""


@dataclass(frozen=True, slots=True)
class SendCertificate(Command):
    """CertificateSigned: hand over the chain, the station's own certificate first."""

    chain: str
    use: str | None = None
    request_id: int | None = None


@dataclass(frozen=True, slots=True)
class RequestCertificateSigning(Command):
    """Have the station make a new key pair and send a SignCertificate."""

    use: str = SigningUse.CHARGING_STATION.value


def listed(found: list[dict[str, Any]]) -> list[InstalledCertificate]:
    """Read `certificates` of a listing's reply: each is `asdict` of an `InstalledCertificate`."""
    return [
        InstalledCertificate(
            one["use"],
            HashData(**one["hash_data"]),
            tuple(HashData(**child) for child in one["children"]),
        )
        for one in found
    ]
