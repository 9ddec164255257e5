"""What one charge point did otherwise than the standard says: counted, with an example.

Bounded whatever the station does: an entry per known quirk, an example of bounded length that
names a place in a message and never shows a value.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.domain.quirks import CLOCK_OFF, LOCAL_TIME, QUIRKS
from gateway.domain.timestamps import FIRST_YEAR, from_text, to_text

_LONGEST_EXAMPLE = 120
_OFF = timedelta(minutes=10)  # later than this is late, or a clock that is wrong
_NEAR = timedelta(minutes=3)  # a clock set to local time is otherwise right
_STEP = timedelta(minutes=15)  # zones differ from UTC by quarters of an hour
_FARTHEST = timedelta(hours=14)
_ALIKE = timedelta(seconds=5)
_ENOUGH = 3  # times that are off alike before a zone is suggested


@dataclass(slots=True)
class Deviation:
    """One entry. `would_help` counts what a quirk that is not named would have mended."""

    first_seen: datetime
    last_seen: datetime
    example: str
    count: int = 0
    would_help: int = 0


class DeviationLog:
    """The deviations of one connection's station, those of earlier connections included."""

    __slots__ = ("_alike", "_entries", "_last", "changed", "restored")

    def __init__(self) -> None:
        self._entries: dict[str, Deviation] = {}
        self._last: tuple[timedelta, datetime] | None = None
        self._alike = 0
        self.changed = False
        self.restored = False

    def note(self, name: str, action: str, path: str, at: datetime) -> None:
        """Count one deviation; `path` leads to what was wrong, "" to the whole message."""
        self._entry(name, action, path, at).count += 1

    def suggest(self, name: str, action: str, path: str, at: datetime) -> None:
        """Count a case where naming this quirk would have helped."""
        self._entry(name, action, path, at).would_help += 1

    def _entry(self, name: str, action: str, path: str, at: datetime) -> Deviation:
        assert name in QUIRKS, name  # noqa: S101 - ours: nothing from outside names a deviation
        self.changed = True
        entry = self._entries.get(name)
        if entry is None:
            example = f"{action}: {path}" if path else action
            entry = self._entries[name] = Deviation(at, at, example[:_LONGEST_EXAMPLE])
        entry.last_seen = at
        return entry

    def clock(self, told: datetime, at: datetime, action: str) -> None:
        """Look at a time that a message told.

        Several in a row that are off by the same quarters of an hour speak for local time.
        Messages that are told late are off, too, but not alike: they come at once and tell of
        different times.
        """
        off = told - at
        if abs(off) <= _OFF:
            self._alike = 0
            return
        if off > timedelta(0) or told.year < FIRST_YEAR:
            self.note(CLOCK_OFF, action, "timestamp", at)
        quarters = round(off / _STEP) * _STEP
        if abs(off - quarters) > _NEAR or abs(quarters) > _FARTHEST:
            return
        if self._last is not None and abs(off - self._last[0]) <= _ALIKE:
            self._alike += told != self._last[1]
        else:
            self._alike = 1
        self._last = off, told
        if self._alike >= _ENOUGH:
            self.suggest(LOCAL_TIME, action, f"timestamp is off by {_hours(quarters)}", at)

    def clear(self) -> None:
        """Begin to count anew; what was stored is forgotten too."""
        self._entries.clear()
        self.changed, self.restored = False, True

    def names(self) -> set[str]:
        """What the station has done, suggestions left out."""
        return {name for name, entry in self._entries.items() if entry.count}

    # --- as it is stored and shown --------------------------------------------------------------

    def document(self) -> dict[str, Any]:
        """All entries, by name."""
        return {
            name: {
                "count": entry.count,
                "would_help": entry.would_help,
                "first_seen": to_text(entry.first_seen),
                "last_seen": to_text(entry.last_seen),
                "example": entry.example,
            }
            for name, entry in self._entries.items()
        }

    def restore(self, document: dict[str, Any] | None) -> None:
        """Add what earlier connections counted; names of an older gateway are left out."""
        self.restored = True
        for name, kept in (document or {}).items():
            if name not in QUIRKS:
                continue
            first, last = from_text(kept["first_seen"]), from_text(kept["last_seen"])
            entry = self._entries.setdefault(name, Deviation(first, last, kept["example"]))
            entry.first_seen = min(entry.first_seen, first)
            entry.last_seen = max(entry.last_seen, last)
            entry.count += kept["count"]
            entry.would_help += kept["would_help"]


def _hours(offset: timedelta) -> str:
    minutes = int(offset.total_seconds() // 60)
    sign, minutes = ("-" if minutes < 0 else "+"), abs(minutes)
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}"
