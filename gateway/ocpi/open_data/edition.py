"""One edition of a list: a file of JSON objects, one per line, and where each of them lies.

The file is a plain JSON array, complete in itself; beside it lies the same gzipped. An edition is
never changed, a newer one takes its place: whoever is reading goes on reading the old one.
"""

import gzip
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway import exact_json
from gateway.domain.timestamps import from_text

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """Where an object lies in the file, and what it can be filtered by."""

    start: int
    end: int
    last_updated: datetime


class Edition:
    """A finished file, open for reading."""

    def __init__(self, path: Path, entries: tuple[Entry, ...], etag: str) -> None:
        self.path = path
        self.entries = entries
        self.etag = etag
        self._file = path.open("rb")

    def read(self, entries: Iterable[Entry]) -> list[bytes]:
        """The objects as they stand in the file."""
        number = self._file.fileno()
        return [os.pread(number, one.end - one.start, one.start) for one in entries]

    def close(self) -> None:
        """Read no more from it."""
        self._file.close()


class Writer:
    """Writes the next edition beside the current one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unfinished = path.with_suffix(".part")
        self._unfinished_gzip = path.with_suffix(".part.gz")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._unfinished.open("wb")
        self._gzip = gzip.GzipFile(self._unfinished_gzip, "wb", compresslevel=6, mtime=0)
        self._digest = hashlib.sha256()
        self._position = 0
        self._entries: list[Entry] = []
        self._write(b"[")

    def add(self, objects: Iterable[Object]) -> None:
        """Some more objects."""
        for one in objects:
            self._write(b",\n" if self._entries else b"\n")
            text = exact_json.dumps(one)
            start = self._position
            self._write(text)
            updated = from_text(one["last_updated"])
            self._entries.append(Entry(start, self._position, updated))

    def finish(self, last: Edition | None) -> Edition:
        """Put the files in the place of the last edition; that one stays if nothing has changed."""
        self._write(b"\n]\n")
        etag = self._digest.hexdigest()[:32]
        if last is not None and last.etag == etag:
            self.abandon()
            return last
        self._close()
        self._unfinished_gzip.replace(Path(f"{self._path}.gz"))
        self._unfinished.replace(self._path)
        return Edition(self._path, tuple(self._entries), etag)

    def abandon(self) -> None:
        """It came to nothing: the last edition stays."""
        self._close()
        for path in (self._unfinished, self._unfinished_gzip):
            path.unlink(missing_ok=True)

    def _write(self, text: bytes) -> None:
        self._file.write(text)
        self._gzip.write(text)
        self._digest.update(text)
        self._position += len(text)

    def _close(self) -> None:
        self._file.close()
        self._gzip.close()


def between(
    edition: Edition, date_from: datetime | None, date_to: datetime | None
) -> tuple[Entry, ...]:
    """The entries last updated from `date_from` on and before `date_to`."""
    if date_from is None and date_to is None:
        return edition.entries
    return tuple(
        one
        for one in edition.entries
        if (date_from is None or one.last_updated >= date_from)
        and (date_to is None or one.last_updated < date_to)
    )
