"""Files that stations have put here: taken with a ticket, kept with a record, shown to operators.

`uploads/` below the files directory holds them under ids of our own; what a station calls its
file is only ever shown. There is a cap on one file and a quota on all: when the quota is passed,
the oldest files make room for the newest, so that a log that is asked for today always arrives.
"""

import asyncio
import contextlib
import os
import re
import secrets
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog

from gateway.domain.charge_points import ChargePointRecord
from gateway.domain.timestamps import to_text
from gateway.services.files.disk import NoRoom, Written, receive
from gateway.services.files.file_tickets import FileTickets, Ticket
from gateway.services.stations.operations import Operations
from gateway.store import Store

log = structlog.get_logger(__name__)

_AT_ONCE = 32
_KEPT = 100  # records of one charge point
_RENEW_AFTER = 30.0  # seconds
_OLD_DRAFT = 7_200.0  # seconds
_LONGEST_NAME = 100
_UNSAFE = re.compile(r"[^A-Za-z0-9._ -]+")
_FILE_ID = re.compile(r"[0-9a-f]{32}")


class TooBusy(Exception):
    """So many uploads run that another one must wait."""


class EmptyFile(Exception):
    """Nothing came: some stations try their target with an empty body first."""


class ForgottenStation(Exception):
    """The charge point has been removed since the ticket was given out."""


class Uploads:
    """Takes, lists and removes stations' files."""

    def __init__(
        self,
        store: Store,
        operations: Operations,
        tickets: FileTickets,
        directory: Path,
        *,
        max_bytes: int,
        quota_bytes: int,
        now: Callable[[], datetime],
    ) -> None:
        self.max_bytes = max_bytes
        self._store = store
        self._operations = operations
        self._tickets = tickets
        self._directory = directory / "uploads"
        self._quota = quota_bytes
        self._now = now
        self._running = 0

    async def take(self, ticket: Ticket, chunks: AsyncIterator[bytes], name: str) -> dict[str, Any]:
        """Take one file whole, and tell the operation it was asked for by.

        Raises `TooBusy`, `Spent`, `InUse`, `EmptyFile`, `ForgottenStation`, `TooLarge`, `NoRoom`,
        `StoreError` and what the stream raises: then nothing is kept, and all but `Spent` and
        `InUse` leave the ticket as it was. Only a store that fails at the last step may leave a
        file that will come once more.
        """
        if self._running >= _AT_ONCE:
            raise TooBusy
        self._running += 1
        try:
            await self._tickets.claim(ticket)
            try:
                return await self._taken(ticket, self._renewing(ticket, chunks), name)
            except BaseException:
                await asyncio.shield(self._tickets.release(ticket))
                raise
        finally:
            self._running -= 1

    async def of(self, record: ChargePointRecord) -> list[dict[str, Any]]:
        """A charge point's files, newest first; `available` says whether one is still there."""
        stored = await self._store.party(record.party).files.all(record.identity)
        there = await asyncio.to_thread(self._ids)
        files = [{**file, "available": file["id"] in there} for _, file in stored.values()]
        return sorted(files, key=lambda file: (file["at"], file["id"]), reverse=True)

    async def path(self, record: ChargePointRecord, id: str) -> tuple[Path, dict[str, Any]] | None:
        """Where a file of this charge point is, with its record; None if it is not there."""
        stored = await self._store.party(record.party).files.get(record.identity, id)
        if stored is None or not _FILE_ID.fullmatch(id) or not self._path(id).is_file():
            return None
        return self._path(id), stored[1]

    async def delete(self, record: ChargePointRecord, id: str) -> bool:
        """Remove a file; whether there was one."""
        files = self._store.party(record.party).files
        if await files.get(record.identity, id) is None:
            return False
        change = self._store.party(record.party).change()
        files.remove(change, record.identity, id)
        await self._store.commit(change)
        await asyncio.to_thread(self._path(id).unlink, missing_ok=True)
        return True

    async def _taken(
        self, ticket: Ticket, chunks: AsyncIterator[bytes], name: str
    ) -> dict[str, Any]:
        record = await self._store.charge_points.get(ticket.identity)
        if record is None or record.party != ticket.party:
            raise ForgottenStation
        id_ = secrets.token_hex(16)
        path = self._path(id_)
        written = await receive(chunks, path, most=min(self.max_bytes, self._quota))
        try:
            if not written.bytes:
                raise EmptyFile
            await asyncio.to_thread(self._make_room, path)
            file = self._described(id_, ticket, name, written)
            await self._keep(record, file)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        await self._operations.file_came(record, ticket.operation, file)
        await self._tickets.spend(ticket)
        log.info("file received", charge_point=record.identity, file=id_, bytes=written.bytes)
        return file

    def _described(self, id: str, ticket: Ticket, name: str, written: Written) -> dict[str, Any]:
        return {
            "id": id,
            "name": shown_name(name),
            "bytes": written.bytes,
            "sha256": written.sha256,
            "at": to_text(self._now()),
            "operation": ticket.operation,
        }

    async def _keep(self, record: ChargePointRecord, file: dict[str, Any]) -> None:
        files = self._store.party(record.party).files
        change = self._store.party(record.party).change()
        files.put(change, record.identity, file["id"], file, before=None)
        for old in (await self.of(record))[_KEPT - 1 :]:
            files.remove(change, record.identity, old["id"])
            await asyncio.to_thread(self._path(old["id"]).unlink, missing_ok=True)
        await self._store.commit(change)

    async def _renewing(self, ticket: Ticket, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        renewed = time.monotonic()
        async for chunk in chunks:
            if time.monotonic() - renewed > _RENEW_AFTER:
                renewed = time.monotonic()
                await self._tickets.renew(ticket)
            yield chunk

    def _make_room(self, newest: Path) -> None:
        """Remove the oldest files until all fit into the quota; never the newest."""
        self._forget_drafts()
        found = self._found("*")
        total = sum(status.st_size for status, _ in found)
        for status, path in found:
            if total <= self._quota:
                return
            if path != newest:
                path.unlink(missing_ok=True)
                total -= status.st_size
                log.warning("upload removed, the quota was full", file=path.name)
        if total > self._quota:
            raise NoRoom("the quota is smaller than the file")

    def _forget_drafts(self) -> None:
        """What a killed process left half written is nobody's, once no upload can be that old."""
        for status, path in self._found(".*"):
            if time.time() - status.st_mtime > _OLD_DRAFT:
                path.unlink(missing_ok=True)

    def _found(self, pattern: str) -> list[tuple[os.stat_result, Path]]:
        """Files of ours, oldest first; another process may remove one while we look."""
        found = []
        for path in self._directory.glob(pattern):
            if pattern.startswith(".") == path.name.startswith("."):
                with contextlib.suppress(FileNotFoundError):
                    found.append((path.stat(), path))
        return sorted(found, key=lambda one: one[0].st_mtime_ns)

    def _ids(self) -> set[str]:
        if not self._directory.is_dir():
            return set()
        return {one.name for one in self._directory.iterdir()}

    def _path(self, id: str) -> Path:
        return self._directory / id


def shown_name(name: str) -> str:
    """A name that a peer gave to its file, fit to be shown and to be offered for saving."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return _UNSAFE.sub("_", last).strip(" .")[:_LONGEST_NAME] or "file"
