"""The local authorization list: tokens that the CSMS has told, with what it says about each.

1.6 §3.5 and 2.0.1 block D. A refused update changes nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from simulators.charge_point.dialect import Verdict

if TYPE_CHECKING:
    from simulators.charge_point.settings import StationSettings


@dataclass(frozen=True)
class Entry:
    """IdTagInfo, or IdTokenInfo; the expiry is on the CSMS's clock."""

    status: str
    group: str | None = None
    expires_at: datetime | None = None

    def verdict(self, now: datetime) -> Verdict:
        expired = self.expires_at is not None and self.expires_at <= now
        return Verdict("Expired" if expired else self.status, self.group)


class LocalList:
    def __init__(self, settings: "StationSettings") -> None:
        self._settings = settings
        self._entries: dict[str, Entry] = {}
        self.version = 0

    def update(self, version: int, full: bool, changes: Sequence[tuple[str, Entry | None]]) -> str:
        """Accepted, VersionMismatch or Failed; an entry of None removes (uid, no entry)."""
        if version < 1 or len(changes) > self._settings.local_list_per_message:
            return "Failed"
        if not full and version <= self.version:
            return "VersionMismatch"
        uids = [uid.casefold() for uid, _ in changes]
        if len(set(uids)) < len(uids) or (full and any(entry is None for _, entry in changes)):
            return "Failed"
        entries = {} if full else dict(self._entries)
        for uid, (_, entry) in zip(uids, changes, strict=True):
            if entry is None:
                entries.pop(uid, None)
            else:
                entries[uid] = entry
        if len(entries) > self._settings.local_list_entries:
            return "Failed"
        self._entries = entries
        self.version = version
        return "Accepted"

    def verdict(self, uid: str, now: datetime) -> Verdict | None:
        """What the list says of a token; None: it is not in it, or the list is switched off."""
        entry = self._entries.get(uid.casefold())
        if entry is None or not self._settings.local_list_enabled:
            return None
        return entry.verdict(now)

    def clear(self) -> None:
        self._entries.clear()

    def __iter__(self) -> Iterator[str]:
        """The listed uids, in lower case."""
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)
