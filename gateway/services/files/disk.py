"""Takes a stream of bytes to the disk: whole and safe under its name, or not there at all.

Disk work is done in threads, because a disk may hang; the event loop never waits for one.
"""

import asyncio
import contextlib
import errno
import hashlib
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_WRITE_AT_ONCE = 1024 * 1024  # bytes that are gathered for one trip to the disk
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class TooLarge(Exception):
    """More bytes than may come."""


class NoRoom(Exception):
    """The disk, or the space set aside on it, is full."""


@dataclass(frozen=True, slots=True)
class Written:
    """What has come: its size in bytes and its digest."""

    bytes: int
    sha256: str


async def receive(chunks: AsyncIterator[bytes], target: Path, *, most: int) -> Written:
    """Write a stream to `target`, which appears when all of it is on the disk.

    Raises `TooLarge` and `NoRoom`, and what the stream raises; then nothing is left behind.
    """
    draft = target.parent / f".{target.name}.{secrets.token_hex(8)}"
    try:
        file = await asyncio.to_thread(_create, draft)
        try:
            written = await _copy(chunks, file, most)
            await asyncio.to_thread(_finish, file)
        finally:
            await asyncio.shield(asyncio.to_thread(_close, file))
        await asyncio.to_thread(_name, draft, target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in _FULL:
            raise NoRoom(str(error)) from error
        raise
    return written


async def _copy(chunks: AsyncIterator[bytes], file: BinaryIO, most: int) -> Written:
    digest, size, gathered = hashlib.sha256(), 0, bytearray()
    async for chunk in chunks:
        size += len(chunk)
        if size > most:
            raise TooLarge(f"more than {most} bytes")
        gathered += chunk
        if len(gathered) >= _WRITE_AT_ONCE:
            await asyncio.to_thread(_write, file, digest, bytes(gathered))
            gathered.clear()
    await asyncio.to_thread(_write, file, digest, bytes(gathered))
    return Written(size, digest.hexdigest())


def _create(draft: Path) -> BinaryIO:
    draft.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    return os.fdopen(descriptor, "wb", buffering=0)


def _write(file: BinaryIO, digest: "hashlib._Hash", data: bytes) -> None:
    digest.update(data)
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]


def _finish(file: BinaryIO) -> None:
    os.fsync(file.fileno())


def _close(file: BinaryIO) -> None:
    # an error of the write was raised there; one of the close adds nothing to it
    with contextlib.suppress(OSError):
        file.close()


def _name(draft: Path, target: Path) -> None:
    draft.replace(target)
    directory = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
