"""Firmware Management, and the signed firmware of the security white paper (L01)."""

from collections.abc import Mapping

from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.firmware import UpdateFirmware
from gateway.domain.operations import FIRMWARE_UPDATE
from gateway.domain.timestamps import to_text
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Asked, Block, Handler, Payload
from gateway.ocpp.handlers import by_status
from gateway.ocpp.operation_messages import by_status as by_word
from gateway.ocpp.operation_messages import following, given

# UpdateFirmwareStatusEnumType (white paper, 6).
UPDATE_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "AcceptedCanceled": CommandOutcome.ACCEPTED,  # L01.FR.26: an older update is cancelled for it
    "Rejected": CommandOutcome.REJECTED,
    "InvalidCertificate": CommandOutcome.REJECTED,  # L01.FR.24
    "RevokedCertificate": CommandOutcome.REJECTED,  # L01.FR.25
}


def update_firmware(command: UpdateFirmware) -> Asked:
    """SignedUpdateFirmware.req for what is signed, else UpdateFirmware.req, which has no status."""
    retries = given(retries=command.retries, retryInterval=command.retry_interval)
    if not command.signed:
        payload: Payload = {
            "location": command.location,
            "retrieveDate": to_text(command.retrieve_at),
            **retries,
        }
        return Asked("UpdateFirmware", payload, _taken)
    firmware = given(
        location=command.location,
        retrieveDateTime=command.retrieve_at,
        installDateTime=command.install_at,
        signingCertificate=command.signing_certificate,
        signature=command.signature,
    )
    payload = {"requestId": command.request_id, "firmware": firmware, **retries}
    return Asked("SignedUpdateFirmware", payload, by_status(UPDATE_OUTCOMES))


def _taken(_answer: Payload) -> CommandReply:
    return CommandReply(CommandOutcome.ACCEPTED)


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a charge point sends of it; some send the second without ever saying that they can."""
    return {
        action: following(services, action, (FIRMWARE_UPDATE,), by_word)
        for action in ("FirmwareStatusNotification", "SignedFirmwareStatusNotification")
    }


BLOCK = Block(routes, {UpdateFirmware: update_firmware})
