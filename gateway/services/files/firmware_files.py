"""The firmware directory: files that an operator put there, by the API or by hand.

A file is served by its name and its version (time and size), so that a download that resumes
never gets bytes of another file. A signature is kept beside, and counts for the version of the
file that it was checked against.
"""

import asyncio
import hashlib
import re
import stat
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509

from gateway import exact_json
from gateway.domain.timestamps import to_text
from gateway.services.files.disk import receive
from gateway.services.files.firmware_signature import (
    check_certificate,
    check_signature,
    digest_of,
    sign,
)

MAX_BYTES = 2 * 1024**3
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# A server offers these in place of the file itself to a client that understands them.
_COMPRESSED = (".gz", ".br")


class UnknownFirmware(LookupError):
    """There is no such file."""


@dataclass(frozen=True, slots=True)
class FirmwareFile:
    """One file; `version` changes with its bytes."""

    name: str
    path: Path
    bytes: int
    version: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class Signature:
    """A certificate, PEM, and the signature by its key, base64."""

    certificate: str
    signature: str


class FirmwareFiles:
    """The directory and its signatures."""

    def __init__(
        self, directory: Path, roots: Sequence[x509.Certificate], now: Callable[[], datetime]
    ) -> None:
        self._directory = directory / "firmware"
        self._signatures = directory / "firmware-signatures"
        self._roots = roots
        self._now = now
        self._digests: dict[tuple[str, str], bytes] = {}

    async def all(self) -> list[dict[str, Any]]:
        """Every file as operators see it, by name."""
        found = await asyncio.to_thread(self._all)
        return [await self.described(file) for file in found]

    async def described(self, file: FirmwareFile) -> dict[str, Any]:
        """One file as operators see it."""
        return {
            "name": file.name,
            "bytes": file.bytes,
            "sha256": (await self._digest(file)).hex(),
            "modified": to_text(file.modified),
            "signed": await self.signature(file) is not None,
        }

    async def put(self, name: str, chunks: AsyncIterator[bytes]) -> FirmwareFile:
        """Put a file, in place of an older one. Raises `ValueError`, `TooLarge`, `NoRoom`."""
        path = self._path(name)
        if self._confusable(path):
            raise ValueError("a file and its compressed form cannot both be here")
        await receive(chunks, path, most=MAX_BYTES)
        return await self.find(name)

    async def delete(self, name: str) -> None:
        """Remove a file and its signature. Raises `UnknownFirmware`."""
        file = await self.find(name)
        await asyncio.to_thread(file.path.unlink, missing_ok=True)
        await asyncio.to_thread(self._signature_path(name).unlink, missing_ok=True)

    async def find(self, name: str) -> FirmwareFile:
        """A file. Raises `UnknownFirmware`; a name that leads elsewhere is no file either."""
        found = await asyncio.to_thread(self._find, name)
        if found is None:
            raise UnknownFirmware(name)
        return found

    async def sign(
        self, file: FirmwareFile, certificate: str, *, signature: str | None, key: str | None
    ) -> Signature:
        """Keep a signature that was checked, or made with `key`, which is not kept.

        Raises `BadSignature`.
        """
        digest = await self._digest(file)
        await asyncio.to_thread(check_certificate, certificate, self._roots, self._now())
        text = signature if key is None else sign(key, digest)
        made = Signature(certificate, text or "")
        await asyncio.to_thread(check_signature, made.certificate, made.signature, digest)
        document = {
            "version": file.version,
            "certificate": made.certificate,
            "signature": made.signature,
        }
        await receive(
            _once(exact_json.dumps(document)), self._signature_path(file.name), most=20_000
        )
        return made

    async def signature(self, file: FirmwareFile) -> Signature | None:
        """The kept signature of this version of the file."""
        path = self._signature_path(file.name)
        try:
            document = exact_json.loads(await asyncio.to_thread(path.read_bytes))
        except (FileNotFoundError, exact_json.InvalidJSON):
            return None
        if document.get("version") != file.version:
            return None
        return Signature(document["certificate"], document["signature"])

    async def check(self, file: FirmwareFile | None, signature: Signature) -> None:
        """Judge a signature before a station is told of it. Raises `BadSignature`.

        Of a file that is elsewhere only the certificate can be judged.
        """
        await asyncio.to_thread(check_certificate, signature.certificate, self._roots, self._now())
        if file is not None:
            digest = await self._digest(file)
            await asyncio.to_thread(
                check_signature, signature.certificate, signature.signature, digest
            )

    async def md5(self, file: FirmwareFile) -> str:
        """PublishFirmwareRequest's checksum: "the MD5 checksum over the entire firmware file"."""
        return await asyncio.to_thread(_md5, file.path)

    async def _digest(self, file: FirmwareFile) -> bytes:
        key = (file.name, file.version)
        if key not in self._digests:
            if len(self._digests) > 1_000:
                self._digests.clear()
            self._digests[key] = await asyncio.to_thread(digest_of, file.path)
        return self._digests[key]

    def _all(self) -> list[FirmwareFile]:
        if not self._directory.is_dir():
            return []
        found = [self._find(path.name) for path in sorted(self._directory.iterdir())]
        return [file for file in found if file is not None]

    def _find(self, name: str) -> FirmwareFile | None:
        if not _NAME.fullmatch(name):
            return None
        path = self._directory / name
        try:
            status = path.lstat()
        except OSError:
            return None
        # no link: it could lead out of the directory
        if not stat.S_ISREG(status.st_mode) or self._confusable(path):
            return None
        modified = datetime.fromtimestamp(status.st_mtime, UTC)
        version = f"{status.st_mtime_ns}-{status.st_size}"
        return FirmwareFile(name, path, status.st_size, version, modified)

    def _confusable(self, path: Path) -> bool:
        return any(path.with_name(path.name + suffix).exists() for suffix in _COMPRESSED)

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError("a name has up to 100 letters, digits, dots, dashes and underscores")
        return self._directory / name

    def _signature_path(self, name: str) -> Path:
        return self._signatures / f"{name}.json"


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        # the standard names MD5; it is no protection, the signature is
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
