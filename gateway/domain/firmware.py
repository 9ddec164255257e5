"""Firmware Management: what is asked of a station (1.6 Firmware Management, L of 2.0.1)."""

from dataclasses import dataclass
from datetime import datetime

from gateway.domain.commands import Command


@dataclass(frozen=True, slots=True)
class UpdateFirmware(Command):
    """Fetch a file and install it; signed if it has a certificate (PEM) and a signature (base64).

    `retry_interval` is in seconds.
    """

    request_id: int
    location: str
    retrieve_at: datetime
    install_at: datetime | None = None
    signing_certificate: str | None = None
    signature: str | None = None
    retries: int | None = None
    retry_interval: int | None = None

    @property
    def signed(self) -> bool:
        """Whether the station can verify what it is given."""
        return self.signing_certificate is not None and self.signature is not None


@dataclass(frozen=True, slots=True)
class PublishFirmware(Command):
    """Have a local controller fetch a file and offer it to its stations.

    `checksum` is the file's MD5 in hexadecimal digits, as the standard wants it.
    """

    request_id: int
    location: str
    checksum: str
    retries: int | None = None
    retry_interval: int | None = None


@dataclass(frozen=True, slots=True)
class UnpublishFirmware(Command):
    """End that offer."""

    checksum: str
