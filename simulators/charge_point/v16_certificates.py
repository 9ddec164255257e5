"""The security white paper's calls about certificates; its words for what 2.0.1 calls otherwise."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from simulators.charge_point.certificates import HashData
from simulators.charge_point.library import Fields, Handler

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint

# CertificateUseEnumType -> 2.0.1's
USES = {
    "CentralSystemRootCertificate": "CSMSRootCertificate",
    "ManufacturerRootCertificate": "ManufacturerRootCertificate",
}


@dataclass
class CertificateCalls:
    station: "SimulatedChargePoint"

    def handlers(self) -> Mapping[str, Handler]:
        return {
            "CertificateSigned": self.certificate_signed,
            "DeleteCertificate": self.delete_certificate,
            "GetInstalledCertificateIds": self.get_installed_certificate_ids,
            "InstallCertificate": self.install_certificate,
        }

    def install_certificate(self, certificate_type: str, certificate: str) -> Fields:
        use = USES[certificate_type]
        return {"status": self.station.requests.install_certificate(use, certificate)}

    def delete_certificate(self, certificate_hash_data: dict[str, Any]) -> Fields:
        hash_data = HashData.read(certificate_hash_data)
        return {"status": self.station.requests.delete_certificate(hash_data)}

    def get_installed_certificate_ids(self, certificate_type: str) -> Fields:
        found = [
            asdict(one.hash_data())
            for one in self.station.certificates.listed([USES[certificate_type]])
        ]
        if not found:
            return {"status": "NotFound"}
        return {"status": "Accepted", "certificate_hash_data": found}

    def certificate_signed(self, certificate_chain: str) -> Fields:
        accepted = self.station.signing.signed(certificate_chain)
        return {"status": "Accepted" if accepted else "Rejected"}
