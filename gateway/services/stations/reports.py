"""Keeps the reports of stations that come in parts, and puts them together for a reader.

The parts of a report are appended to one of a fixed number of places per station, so that a
station that reports without end fills no more than these; the report that was longest untouched
gives way.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from gateway.domain.charge_points import ChargePointRecord
from gateway.domain.reports import (
    MAX_PARTS,
    Numbered,
    Part,
    Progress,
    advance,
    assemble,
    number_of,
    slot_for,
)
from gateway.services.stations.station_state import StationState
from gateway.store import Change, Store

_INDEX = "reports"
_Index = dict[tuple[str, int], Progress]


@dataclass(frozen=True, slots=True)
class Report:
    """A report as far as it came."""

    progress: Progress
    items: list[Any]


class Reports:
    """All reports of all stations."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    async def expect(
        self, state: StationState, kind: str, request_id: int, *, inventory_of: str
    ) -> None:
        """Note that we ask for the device model of this firmware version."""
        known = await self._known(state)
        progress = self._new(known, kind, request_id)
        change = self._store.party(state.party).change(state.fence)
        self._clear(change, state, progress)
        await self._keep(change, state, replace(progress, inventory_of=inventory_of))

    async def received(self, state: StationState, part: Part) -> Progress:
        """Keep one part; the station may have been asked for the report by anybody, or nobody."""
        known = await self._known(state)
        change = self._store.party(state.party).change(state.fence)
        progress = known.get((part.kind, part.request_id))
        if progress is None:
            progress = self._new(known, part.kind, part.request_id)
            self._clear(change, state, progress)
        elif part.seq_no is None and progress.complete:  # without numbers: it begins again
            progress = replace(progress, parts=0, before=0, beyond=(), last=None)
            self._clear(change, state, progress)
        room = MAX_PARTS
        if progress.parts < MAX_PARTS:
            kept = asdict(Numbered(number_of(progress, part), part.items))
            stations = self._store.party(state.party).stations
            stream = _stream(progress.slot)
            room = stations.keep(change, state.identity, stream, kept, cap=MAX_PARTS)
        progress = advance(progress, part, self._now())
        if progress.parts > room:  # the first ones gave way
            progress = replace(progress, cut=True)
        await self._keep(change, state, progress)
        return progress

    def _new(self, known: _Index, kind: str, request_id: int) -> Progress:
        now = self._now()
        return Progress(kind, request_id, slot_for(known.values()), now, now)

    def _clear(self, change: Change, state: StationState, progress: Progress) -> None:
        stations = self._store.party(state.party).stations
        stations.clear(change, state.identity, _stream(progress.slot))

    async def _keep(self, change: Change, state: StationState, progress: Progress) -> None:
        """Commit, with the index that says where this report is now."""
        known = await self._known(state)
        index = {key: one for key, one in known.items() if one.slot != progress.slot}
        index[progress.kind, progress.request_id] = progress
        shown = [asdict(one) for one in index.values()]
        stations = self._store.party(state.party).stations
        stations.keep(change, state.identity, _INDEX, shown, cap=1)
        await self._store.commit(change)
        state.reports = index

    async def listing(self, record: ChargePointRecord) -> list[Progress]:
        """The reports of a station, the newest first."""
        known = await self._stored(record)
        return sorted(known, key=lambda one: one.updated_at, reverse=True)

    async def get(
        self, record: ChargePointRecord, request_id: int, kind: str | None = None
    ) -> Report | None:
        """The newest report of that request, complete or not."""
        for progress in await self.listing(record):
            if progress.request_id == request_id and kind in (None, progress.kind):
                stations = self._store.party(record.party).stations
                kept = await stations.kept(record.identity, _stream(progress.slot), MAX_PARTS)
                parts = [msgspec.convert(one, Numbered) for one in kept]
                return Report(progress, assemble(parts))
        return None

    async def _known(self, state: StationState) -> _Index:
        if state.reports is None:
            state.reports = _by_request(await self._stored(state.record))
        return state.reports

    async def _stored(self, record: ChargePointRecord) -> list[Progress]:
        stations = self._store.party(record.party).stations
        for index in await stations.kept(record.identity, _INDEX, 1):
            return [msgspec.convert(one, Progress) for one in index]
        return []


def _by_request(known: Iterable[Progress]) -> _Index:
    return {(one.kind, one.request_id): one for one in known}


def _stream(slot: int) -> str:
    return f"report-{slot}"
