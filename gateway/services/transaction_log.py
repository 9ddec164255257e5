"""What a transaction is made of, entry by entry, as it is kept beside the record.

Meter values are kept as they came. An event of 2.x is kept whole, with the decision about its
token, so that the same event again gets the same answer and nobody is asked twice; of 1.6 a stop
and what a connector's status said. The order of the entries says nothing: `in_turn` sorts them.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import MISSING, fields, replace
from datetime import datetime
from hashlib import blake2b
from operator import itemgetter
from typing import Any, TypeVar

import msgspec

from gateway import exact_json
from gateway.domain.events import (
    ChargingState,
    TransactionPhase,
    TransactionReported,
    TransactionStopped,
)
from gateway.domain.metering.meter import Reading, ReadingContext, Sample
from gateway.domain.tokens import Authorization
from gateway.domain.values import dataclass


@dataclass(frozen=True, slots=True)
class Switched:
    """A connector's status said what the transaction on it does (1.6)."""

    at: datetime
    charging: ChargingState


@dataclass(frozen=True, slots=True)
class Told:
    """A TransactionEvent (2.x), and what was decided about the token that came with it."""

    event: TransactionReported
    authorization: Authorization | None = None


Entry = Reading | Switched | TransactionStopped | Told
Turn = tuple[datetime, int, int, bytes]

_Item = TypeVar("_Item")
_AT_ONCE = 100  # entries, before everybody else has their turn

# Of one moment: what the meter says belongs to what was before; a stop is the last word.
_RANK: dict[type, int] = {Reading: 0, Switched: 1, TransactionStopped: 2}
_PHASE = {phase: rank for rank, phase in enumerate(TransactionPhase)}
_KEPT_OF_EVENT = tuple(
    (one.name, one.default) for one in fields(TransactionReported) if one.name != "offline"
)

# What `_said` leaves out.
_UNSAID = {one.name: one.default for one in fields(Sample) if one.default is not MISSING}


async def unhurried(many: Iterable[_Item]) -> AsyncIterator[_Item]:
    """One after the other, with the event loop free now and then."""
    for number, one in enumerate(many, 1):
        yield one
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)


def encoded(entry: Entry) -> Any:
    """An entry as it is kept."""
    if isinstance(entry, Reading):
        return {"at": entry.at, "samples": [_said(one) for one in entry.samples]}
    if isinstance(entry, Told):
        event = entry.event
        # an event has a dozen members that are mostly absent
        said = {
            name: value
            for name, default in _KEPT_OF_EVENT
            if (value := getattr(event, name)) is not default and value != ()
        }
        if event.readings:
            said["readings"] = [encoded(one) for one in event.readings]
        if entry.authorization is None:
            return {"event": said}
        return {"event": said, "authorization": entry.authorization}
    if isinstance(entry, Switched):
        return {"switched": entry}
    return {"stopped": replace(entry, readings=())}  # those are entries of their own


def _said(sample: Sample) -> dict[str, Any]:
    """A value without what is as it mostly is: this is most of what the store holds."""
    said: dict[str, Any] = {"measurand": sample.measurand, "value": sample.value}
    # spelled out, because this is every MeterValues
    if sample.context is not ReadingContext.PERIODIC:
        said["context"] = sample.context
    if sample.phase is not None:
        said["phase"] = sample.phase
    if sample.location != "Outlet":
        said["location"] = sample.location
    if sample.signed is not None:
        said["signed"] = sample.signed
    return said


def _whole(reading: dict[str, Any]) -> dict[str, Any]:
    return reading | {"samples": [_UNSAID | one for one in reading["samples"]]}


def decoded(kept: Any) -> Entry:
    """An entry from what `encoded` has made of it."""
    if "event" in kept:
        return msgspec.convert(kept, Told)
    if "switched" in kept:
        return msgspec.convert(kept["switched"], Switched)
    if "stopped" in kept:
        return msgspec.convert(kept["stopped"], TransactionStopped)
    return msgspec.convert(kept, Reading)


def readings_of(kept: Any) -> list[Any]:
    """The raw meter values in an entry as it is kept, with everything that they mean."""
    if not isinstance(kept, dict):
        return [kept]
    if "event" in kept:
        return [_whole(one) for one in kept["event"].get("readings", ())]
    return [] if "switched" in kept or "stopped" in kept else [_whole(kept)]


def digest(event: TransactionReported) -> bytes:
    """What two events have in common if they are the same one.

    A station that tells it again may be offline by then.
    """
    content = exact_json.dumps(replace(event, offline=False))
    return blake2b(content, digest_size=16).digest()


def in_turn(entries: Iterable[Entry]) -> list[Entry]:
    """By the station's time, then by seqNo; whatever is left, by content.

    An event that is there twice counts once.
    """
    return _sorted([(turn(entry), entry) for entry in entries])


async def put_in_turn(entries: Iterable[Entry]) -> list[Entry]:
    """The same, unhurried."""
    return _sorted([(turn(entry), entry) async for entry in unhurried(entries)])


def _sorted(entries: list[tuple[Turn, Entry]]) -> list[Entry]:
    kept: list[Entry] = []
    last: Turn | None = None
    for place, entry in sorted(entries, key=itemgetter(0)):
        if place != last or not isinstance(entry, Told):
            kept.append(entry)
        last = place
    return kept


def turn(entry: Entry) -> Turn:
    """When an entry has its turn."""
    if isinstance(entry, Told):
        event = replace(entry.event, offline=False)
        return event.at, event.seq_no, _PHASE[event.phase], exact_json.dumps(event)
    return entry.at, _RANK[type(entry)], 0, exact_json.dumps(entry)
