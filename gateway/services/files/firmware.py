"""Updates of firmware: where the station gets the file, and whether it may be sent unsigned.

A station with TLS (security profiles 2 and 3) is only told of signed firmware, unless the
operator insists; certificate and signature are judged here first (A00.FR.706, 2.0.1 A00.FR.707).
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

from gateway.domain.charge_points import ChargePointRecord, SecurityProfile
from gateway.domain.commands import Command
from gateway.domain.firmware import PublishFirmware, UnpublishFirmware, UpdateFirmware
from gateway.domain.operations import (
    FIRMWARE_PUBLISH,
    FIRMWARE_UNPUBLISH,
    FIRMWARE_UPDATE,
    Operation,
)
from gateway.domain.timestamps import to_text
from gateway.services.files.file_tickets import DOWNLOAD_TIME, FileTickets, masked
from gateway.services.files.firmware_files import FirmwareFile, FirmwareFiles, Signature
from gateway.services.files.transfer_urls import checked
from gateway.services.stations.operations import Operations, Order, new_id

_WANTS_SIGNATURE = (SecurityProfile.TLS_BASIC_AUTH, SecurityProfile.TLS_CLIENT_CERTIFICATE)


class RefusedFirmware(ValueError):
    """The text says why nothing was sent."""


@dataclass(frozen=True, slots=True)
class UpdateOrder:
    """What an operator wants: a `file` of ours, or a `location` elsewhere.

    Without a signature of its own, that of our file counts, if it has one.
    """

    file: str | None = None
    location: str | None = None
    retrieve_at: datetime | None = None
    install_at: datetime | None = None
    signature: Signature | None = None
    retries: int | None = None
    retry_interval: int | None = None
    force: bool = False


@dataclass(frozen=True, slots=True)
class PublishOrder:
    """The same for a local controller; a file elsewhere needs its MD5 `checksum`."""

    file: str | None = None
    location: str | None = None
    checksum: str | None = None
    retries: int | None = None
    retry_interval: int | None = None


class FirmwareService:
    """Orders updates."""

    def __init__(
        self,
        operations: Operations,
        files: FirmwareFiles,
        tickets: FileTickets,
        schemes: Collection[str],
        now: Callable[[], datetime],
    ) -> None:
        self._operations = operations
        self._files = files
        self._tickets = tickets
        self._schemes = schemes
        self._now = now

    async def update(self, record: ChargePointRecord, order: UpdateOrder) -> Operation:
        """Have a station install firmware.

        Raises `RefusedFirmware`, `RefusedUrl`, `BadSignature`, `UnknownFirmware`,
        `TooManyOperations`.
        """
        file = None if order.file is None else await self._files.find(order.file)
        signature = await self._signature(record, order, file)
        id_, retrieve_at = new_id(), order.retrieve_at or self._now()
        location = await self._location(record, id_, file, order.location, retrieve_at)

        def command(request_id: int) -> Command:
            return UpdateFirmware(
                request_id=request_id,
                location=location,
                retrieve_at=retrieve_at,
                install_at=order.install_at,
                signing_certificate=signature.certificate if signature else None,
                signature=signature.signature if signature else None,
                retries=order.retries,
                retry_interval=order.retry_interval,
            )

        parameters = {
            "file": order.file,
            "location": masked(location),
            "retrieve_at": to_text(retrieve_at),
            "install_at": to_text(order.install_at) if order.install_at else None,
            "signed": signature is not None,
            "forced": order.force,
        }
        begins = max(retrieve_at, order.install_at or retrieve_at)
        return await self._operations.start(
            record, Order(FIRMWARE_UPDATE, command, parameters, id=id_, not_before=begins)
        )

    async def publish(self, record: ChargePointRecord, order: PublishOrder) -> Operation:
        """Have a local controller offer firmware (2.0.1). Raises as `update` does."""
        file = None if order.file is None else await self._files.find(order.file)
        checksum = order.checksum if file is None else await self._files.md5(file)
        if checksum is None:
            raise RefusedFirmware("a file that is elsewhere needs its MD5 checksum")
        id_ = new_id()
        location = await self._location(record, id_, file, order.location, self._now())

        def command(request_id: int) -> Command:
            return PublishFirmware(
                request_id, location, checksum, order.retries, order.retry_interval
            )

        parameters = {"file": order.file, "location": masked(location), "checksum": checksum}
        return await self._operations.start(
            record, Order(FIRMWARE_PUBLISH, command, parameters, id=id_)
        )

    async def unpublish(self, record: ChargePointRecord, checksum: str) -> Operation:
        """End a local controller's offer. Raises `TooManyOperations`."""

        def command(_request_id: int) -> Command:
            return UnpublishFirmware(checksum)

        parameters = {"checksum": checksum}
        return await self._operations.start(
            record, Order(FIRMWARE_UNPUBLISH, command, parameters, ends_when_accepted=True)
        )

    async def _signature(
        self, record: ChargePointRecord, order: UpdateOrder, file: FirmwareFile | None
    ) -> Signature | None:
        signature = order.signature
        if signature is None and file is not None:
            signature = await self._files.signature(file)
        if signature is not None:
            await self._files.check(file, signature)
        elif record.security_profile in _WANTS_SIGNATURE and not order.force:
            raise RefusedFirmware(
                "unsigned firmware for a charge point with security profile 2 or 3; sign the "
                "file, or insist with force"
            )
        return signature

    async def _location(
        self,
        record: ChargePointRecord,
        operation: str,
        file: FirmwareFile | None,
        location: str | None,
        retrieve_at: datetime,
    ) -> str:
        if file is not None and location is None:
            time = max(retrieve_at, self._now()) - self._now() + DOWNLOAD_TIME
            return await self._tickets.for_download(
                record, operation, file.name, file.version, time
            )
        if file is None and location is not None:
            return checked(location, self._schemes)
        raise RefusedFirmware("name either a file or a location")
