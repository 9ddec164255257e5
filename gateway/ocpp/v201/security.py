"""Block A, Security: security events, and the charging station's own certificates."""

from collections.abc import Mapping

from gateway.domain.certificates import RequestCertificateSigning, SendCertificate, SigningUse
from gateway.ocpp import security_messages
from gateway.ocpp.dialect import Asked, Block, Payload

TRIGGERS: Mapping[str, str] = {
    SigningUse.CHARGING_STATION: "SignChargingStationCertificate",
    SigningUse.V2G: "SignV2GCertificate",
    SigningUse.V2G_20: "SignV2G20Certificate",  # 2.1; a 2.0.1 schema refuses it
}


def certificate_signed(command: SendCertificate) -> Asked:
    """CertificateSignedRequest; the type is echoed if the request had one (A02.FR.14)."""
    payload: Payload = {"certificateChain": command.chain}
    if command.use is not None:
        payload["certificateType"] = command.use
    return Asked("CertificateSigned", payload, security_messages.read_status)


def request_signing(command: RequestCertificateSigning) -> Asked | None:
    """TriggerMessageRequest (A02, F06)."""
    trigger = TRIGGERS.get(command.use)
    if trigger is None:
        return None
    return Asked("TriggerMessage", {"requestedMessage": trigger}, security_messages.read_status)


BLOCK = Block(
    security_messages.routes,
    {SendCertificate: certificate_signed, RequestCertificateSigning: request_signing},
)
