"""Reports that come in parts: told apart by request, ordered by seqNo, ended by `tbc` false.

Parts may be lost, come twice or in any order; of some reports only the last part arrives. What
came is shown, with what is missing. Two kinds (ReportChargingProfiles, NotifyDisplayMessages)
have no seqNo: their parts are numbered as they arrive, and one that is lost is not noticed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

MAX_PARTS = 2_000  # of one report; what comes beyond is not kept, and the report says so
MAX_REPORTS = 24  # of one station
_MAX_MISSING = 100  # numbers that are listed
_MAX_BEYOND = 200  # numbers that are kept for while some before them are missing


@dataclass(frozen=True, slots=True)
class Part:
    """One message of a report. `more`: the station says that another one follows (tbc)."""

    kind: str
    request_id: int
    items: list[Any]
    more: bool = False
    seq_no: int | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of a report without reading its parts.

    `before`: every number below it was seen; `beyond`: those above it that were. `slot` is where
    the parts are kept. `cut`: it had more parts, or larger
    ones, than are kept. `inventory_of`: we asked for it to
    learn the device model of that firmware version.
    """

    kind: str
    request_id: int
    slot: int
    begun_at: datetime
    updated_at: datetime
    parts: int = 0
    before: int = 0
    beyond: tuple[int, ...] = ()
    last: int | None = None
    cut: bool = False
    inventory_of: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every part from 0 to the last was seen."""
        return self.last is not None and self.before > self.last and not self.cut

    @property
    def missing(self) -> list[int]:
        """The first numbers below the highest seen that were not; empty while none is missed."""
        highest = max((*self.beyond, -1 if self.last is None else self.last))
        seen = set(self.beyond)
        gap = range(self.before, highest + 1)
        return [number for number in gap[: MAX_PARTS + 1] if number not in seen][:_MAX_MISSING]


def inventory(known: Iterable[Progress]) -> Progress | None:
    """The device model: the newest complete inventory, else the newest."""
    inventories = [one for one in known if one.inventory_of is not None]
    return max(inventories, key=lambda one: (one.complete, one.begun_at), default=None)


def number_of(progress: Progress, part: Part) -> int:
    """The part's number; one without is the next to come."""
    return progress.parts if part.seq_no is None else part.seq_no


def advance(progress: Progress, part: Part, now: datetime) -> Progress:
    """The progress with one more part."""
    if progress.parts >= MAX_PARTS:
        return replace(progress, cut=True, updated_at=now)
    number = number_of(progress, part)
    before, beyond = progress.before, set(progress.beyond)
    kept = number <= before or number in beyond or len(beyond) < _MAX_BEYOND
    if kept and number >= before:
        beyond.add(number)
    while before in beyond:
        beyond.remove(before)
        before += 1
    last = progress.last
    if not part.more:
        last = number if last is None else max(last, number)
    return replace(
        progress,
        updated_at=now,
        parts=progress.parts + 1,
        before=before,
        beyond=tuple(sorted(beyond)),
        last=last,
        cut=progress.cut or not kept,
    )


def slot_for(known: Iterable[Progress]) -> int:
    """Where a new report goes: a free slot, else that of the report that is longest untouched.

    The device model stays.
    """
    held = {progress.slot: progress for progress in known}
    free = [slot for slot in range(MAX_REPORTS) if slot not in held]
    if free:
        return free[0]
    loose = [one for one in held.values() if one is not inventory(held.values())]
    return min(loose, key=lambda one: (one.updated_at, one.slot)).slot


@dataclass(slots=True)
class Numbered:
    """A part as it is kept."""

    number: int
    items: list[Any] = field(default_factory=list)


def assemble(parts: Iterable[Numbered]) -> list[Any]:
    """All items in the order of their numbers, whatever the order of arrival.

    A part that came again says nothing new; one of the same number that says something else is
    from a station that does not count, and loses nothing.
    """
    kept: dict[int, list[list[Any]]] = {}
    for part in parts:
        same = kept.setdefault(part.number, [])
        if part.items not in same:
            same.append(part.items)
    return [item for number in sorted(kept) for items in kept[number] for item in items]
