"""What every version's security and certificate messages have in common."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from gateway.domain.certificates import (
    CertificateSigningRequested,
    DeleteCertificate,
    HashData,
    InstallCertificate,
    InstalledCertificate,
)
from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.security_events import SecurityEventReported
from gateway.ocpp import wire
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Asked, Handler, Payload, Refused
from gateway.ocpp.handlers import by_status
from gateway.services.security.certificate_signing import CertificateSigning
from gateway.services.security.security_events import SecurityEvents
from gateway.services.stations.station_state import StationState

# The answers to CertificateSigned, InstallCertificate, DeleteCertificate and the triggers.
OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Rejected": CommandOutcome.REJECTED,
    "Failed": CommandOutcome.FAILED,
    "NotFound": CommandOutcome.REJECTED,
    "NotImplemented": CommandOutcome.NOT_SUPPORTED,
}
read_status = by_status(OUTCOMES)


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """SecurityEventNotification and SignCertificate, whose shapes all versions share."""
    return {
        "SecurityEventNotification": partial(security_event, services.security_events),
        "SignCertificate": partial(sign_certificate, services.certificate_signing),
    }


async def security_event(events: SecurityEvents, state: StationState, payload: Payload) -> Payload:
    """A04.FR.03: it SHALL be confirmed, whatever its type, and whatever the station's clock."""
    try:
        at = wire.time(payload)
    except Refused:
        at = None
    await events.reported(
        state, SecurityEventReported(payload["type"], at, payload.get("techInfo"))
    )
    return {}


async def sign_certificate(
    signing: CertificateSigning, state: StationState, payload: Payload
) -> Payload:
    """A02.FR.11 and .12: Accepted if and only if it can be signed."""
    event = CertificateSigningRequested(
        payload["csr"], payload.get("certificateType"), wire.optional_integer(payload, "requestId")
    )
    return {"status": "Accepted" if await signing.requested(state, event) else "Rejected"}


def install_certificate(use: str, command: InstallCertificate) -> Asked:
    """InstallCertificate, with the version's word for the use."""
    payload = {"certificateType": use, "certificate": command.certificate}
    return Asked("InstallCertificate", payload, read_status)


def delete_certificate(command: DeleteCertificate) -> Asked:
    """DeleteCertificate."""
    named = {
        "hashAlgorithm": command.hash_algorithm,
        "issuerNameHash": command.issuer_name_hash,
        "issuerKeyHash": command.issuer_key_hash,
        "serialNumber": command.serial_number,
    }
    return Asked("DeleteCertificate", {"certificateHashData": named}, read_status)


def hash_data(payload: Mapping[str, Any]) -> HashData:
    """CertificateHashDataType, which OCSPRequestDataType begins with."""
    return HashData(
        payload["hashAlgorithm"],
        payload["issuerNameHash"],
        payload["issuerKeyHash"],
        payload["serialNumber"],
    )


def listing(status: str, found: list[InstalledCertificate]) -> CommandReply:
    """The reply to a listing: one who has none (NotFound, M03.FR.02) has answered as well."""
    known = status in ("Accepted", "NotFound")
    outcome = CommandOutcome.ACCEPTED if known else CommandOutcome.FAILED
    return CommandReply(outcome, status, {"certificates": [asdict(one) for one in found]})
