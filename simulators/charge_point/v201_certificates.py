"""Block M of 2.0.1 and CertificateSigned (A02): the station's certificate store."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from simulators.charge_point.certificates import HashData
from simulators.charge_point.library import Fields, Handler
from simulators.charge_point.signing import STATION_CERTIFICATE

if TYPE_CHECKING:
    from simulators.charge_point.station import SimulatedChargePoint


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

    def install_certificate(self, certificate_type: str, certificate: str, **_: Any) -> Fields:
        return {"status": self.station.requests.install_certificate(certificate_type, certificate)}

    def delete_certificate(self, certificate_hash_data: dict[str, Any], **_: Any) -> Fields:
        hash_data = HashData.read(certificate_hash_data)
        return {"status": self.station.requests.delete_certificate(hash_data)}

    def get_installed_certificate_ids(
        self, certificate_type: list[str] | None = None, **_: Any
    ) -> Fields:
        found = [
            {
                "certificate_type": one.use,
                "certificate_hash_data": asdict(one.hash_data()),
            }
            for one in self.station.certificates.listed(certificate_type)
        ]
        if not found:
            return {"status": "NotFound"}
        return {"status": "Accepted", "certificate_hash_data_chain": found}

    def certificate_signed(
        self, certificate_chain: str, certificate_type: str = STATION_CERTIFICATE, **_: Any
    ) -> Fields:
        accepted = self.station.signing.signed(certificate_chain, certificate_type)
        return {"status": "Accepted" if accepted else "Rejected"}
