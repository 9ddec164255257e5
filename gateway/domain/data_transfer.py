"""DataTransfer: what vendors say beside the standard, both ways."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gateway.domain.commands import Command


@dataclass(frozen=True, slots=True)
class DataTransferred:
    """A station's message. `data` is text in 1.6 and any JSON value in 2.x; None when absent."""

    vendor_id: str
    message_id: str | None
    data: Any = None


class TransferStatus(StrEnum):
    """DataTransferStatus of all versions."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_MESSAGE = "UnknownMessageId"
    UNKNOWN_VENDOR = "UnknownVendorId"


@dataclass(frozen=True, slots=True)
class TransferAnswer:
    """Our answer, or a handler's. Data that is no text is written as JSON text for 1.6."""

    status: TransferStatus
    data: Any = None


@dataclass(frozen=True, slots=True)
class TransferData(Command):
    """Send vendor's data. Reply data: {"data": ...} where the station answered with some."""

    vendor_id: str
    message_id: str | None = None
    data: Any = None
