"""The security white paper's root certificates: install, delete, list (M03 to M05)."""

from collections.abc import Mapping
from functools import partial

from gateway.domain.certificates import (
    CertificateUse,
    DeleteCertificate,
    InstallCertificate,
    InstalledCertificate,
    ListCertificates,
)
from gateway.domain.commands import CommandReply
from gateway.ocpp import security_messages
from gateway.ocpp.dialect import Asked, Block, Payload

# CertificateUseEnumType of 1.6 has two of the uses.
USES: Mapping[str, str] = {
    CertificateUse.CSMS_ROOT: "CentralSystemRootCertificate",
    CertificateUse.MANUFACTURER_ROOT: "ManufacturerRootCertificate",
}


def install_certificate(command: InstallCertificate) -> Asked | None:
    """InstallCertificate.req."""
    use = USES.get(command.use)
    return None if use is None else security_messages.install_certificate(use, command)


def installed_certificate_ids(command: ListCertificates) -> Asked | None:
    """GetInstalledCertificateIds.req asks for one use at a time."""
    use = USES.get(command.use)
    if use is None:
        return None
    payload = {"certificateType": use}
    return Asked("GetInstalledCertificateIds", payload, partial(_listed, command.use))


def _listed(use: str, answer: Payload) -> CommandReply:
    found = [
        InstalledCertificate(use, security_messages.hash_data(one))
        for one in answer.get("certificateHashData") or []
    ]
    return security_messages.listing(str(answer.get("status")), found)


BLOCK = Block(
    asks={
        InstallCertificate: install_certificate,
        DeleteCertificate: security_messages.delete_certificate,
        ListCertificates: installed_certificate_ids,
    }
)
