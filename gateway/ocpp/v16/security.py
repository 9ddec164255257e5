"""The security white paper's events and signing requests, and how to ask for one."""

from gateway.domain.certificates import RequestCertificateSigning, SendCertificate, SigningUse
from gateway.ocpp import security_messages
from gateway.ocpp.dialect import Asked, Block


def certificate_signed(command: SendCertificate) -> Asked:
    """CertificateSigned.req; 1.6 has one kind of certificate and no request id."""
    payload = {"certificateChain": command.chain}
    return Asked("CertificateSigned", payload, security_messages.read_status)


def request_signing(command: RequestCertificateSigning) -> Asked | None:
    """ExtendedTriggerMessage.req (A02)."""
    if command.use != SigningUse.CHARGING_STATION:
        return None
    payload = {"requestedMessage": "SignChargePointCertificate"}
    return Asked("ExtendedTriggerMessage", payload, security_messages.read_status)


BLOCK = Block(
    security_messages.routes,
    {SendCertificate: certificate_signed, RequestCertificateSigning: request_signing},
)
