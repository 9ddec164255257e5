"""Block L, Firmware Management."""

from collections.abc import Mapping

from gateway.domain.commands import CommandOutcome
from gateway.domain.firmware import PublishFirmware, UnpublishFirmware, UpdateFirmware
from gateway.domain.operations import FIRMWARE_PUBLISH, FIRMWARE_UPDATE
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Asked, Block, Handler
from gateway.ocpp.handlers import by_status
from gateway.ocpp.operation_messages import by_status as by_word
from gateway.ocpp.operation_messages import following, given

# UpdateFirmwareStatusEnumType.
UPDATE_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "AcceptedCanceled": CommandOutcome.ACCEPTED,  # an older update is cancelled for this one
    "Rejected": CommandOutcome.REJECTED,
    "InvalidCertificate": CommandOutcome.REJECTED,
    "RevokedCertificate": CommandOutcome.REJECTED,
}

# GenericStatusEnumType.
PUBLISH_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Rejected": CommandOutcome.REJECTED,
}

# UnpublishFirmwareStatusEnumType.
UNPUBLISH_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Unpublished": CommandOutcome.ACCEPTED,
    "NoFirmware": CommandOutcome.REJECTED,  # nothing was published
    "DownloadOngoing": CommandOutcome.REJECTED,  # a station is fetching it
}


def update_firmware(command: UpdateFirmware) -> Asked:
    """UpdateFirmwareRequest."""
    firmware = given(
        location=command.location,
        retrieveDateTime=command.retrieve_at,
        installDateTime=command.install_at,
        signingCertificate=command.signing_certificate,
        signature=command.signature,
    )
    payload = given(
        requestId=command.request_id,
        retries=command.retries,
        retryInterval=command.retry_interval,
    )
    return Asked("UpdateFirmware", {**payload, "firmware": firmware}, by_status(UPDATE_OUTCOMES))


def publish_firmware(command: PublishFirmware) -> Asked:
    """PublishFirmwareRequest, to a local controller."""
    payload = given(
        location=command.location,
        retries=command.retries,
        checksum=command.checksum,
        requestId=command.request_id,
        retryInterval=command.retry_interval,
    )
    return Asked("PublishFirmware", payload, by_status(PUBLISH_OUTCOMES))


def unpublish_firmware(command: UnpublishFirmware) -> Asked:
    """UnpublishFirmwareRequest."""
    payload = {"checksum": command.checksum}
    return Asked("UnpublishFirmware", payload, by_status(UNPUBLISH_OUTCOMES))


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a station sends of it."""
    kinds = {
        "FirmwareStatusNotification": (FIRMWARE_UPDATE,),
        "PublishFirmwareStatusNotification": (FIRMWARE_PUBLISH,),
    }
    return {action: following(services, action, which, by_word) for action, which in kinds.items()}


BLOCK = Block(
    routes,
    {
        UpdateFirmware: update_firmware,
        PublishFirmware: publish_firmware,
        UnpublishFirmware: unpublish_firmware,
    },
)
