"""Block A, Security, and the certificates of block M."""

from collections.abc import Mapping

from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Block, Handler, Payload
from gateway.ocpp.handlers import keeping_all

KEPT: Mapping[str, Payload] = {
    "Get15118EVCertificate": {"status": "Failed", "exiResponse": ""},  # no contract pool here
    "GetCertificateStatus": {"status": "Failed"},  # no OCSP here
    "SecurityEventNotification": {},  # A04.FR.03: SHALL be confirmed, whatever its type
    "SignCertificate": {"status": "Rejected"},  # A02.FR.04: Accepted only if it can be signed
}


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a station sends of it."""
    return keeping_all(services.provisioning, KEPT)


BLOCK = Block(routes)
