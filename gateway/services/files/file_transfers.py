"""Everything that moves files between stations and the gateway, wired."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from gateway.services.files.file_tickets import FileTickets
from gateway.services.files.firmware import FirmwareService
from gateway.services.files.firmware_files import FirmwareFiles
from gateway.services.files.uploads import Uploads
from gateway.services.stations.diagnostics import DiagnosticsService
from gateway.services.stations.operations import Operations
from gateway.store import Store


@dataclass(frozen=True, slots=True)
class FileRules:
    """What an operator has set: sizes in bytes, `schemes` of URLs that lead elsewhere."""

    directory: Path
    public_url: str
    max_bytes: int
    quota_bytes: int
    schemes: frozenset[str]
    firmware_roots: Sequence[x509.Certificate] = ()


@dataclass(frozen=True, slots=True)
class FileTransfers:
    """The parts, for the edges."""

    tickets: FileTickets
    uploads: Uploads
    firmware_files: FirmwareFiles
    firmware: FirmwareService
    diagnostics: DiagnosticsService

    @classmethod
    def make(
        cls,
        store: Store,
        operations: Operations,
        rules: FileRules,
        now: Callable[[], datetime],
    ) -> "FileTransfers":
        """Wire them."""
        tickets = FileTickets(store, rules.public_url)
        files = FirmwareFiles(rules.directory, rules.firmware_roots, now)
        return cls(
            tickets=tickets,
            uploads=Uploads(
                store,
                operations,
                tickets,
                rules.directory,
                max_bytes=rules.max_bytes,
                quota_bytes=rules.quota_bytes,
                now=now,
            ),
            firmware_files=files,
            firmware=FirmwareService(operations, files, tickets, rules.schemes, now),
            diagnostics=DiagnosticsService(operations, tickets, rules.schemes),
        )
