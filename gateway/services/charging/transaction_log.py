"""What a transaction is made of, entry by entry, as it is kept beside the record.

Meter values are kept as they came. An event of 2.x is kept whole, with the decision about its
token, so that the same event again gets the same answer and nobody is asked twice; of 1.6 a stop
and what a connector's status said. The order of the entries says nothing: `in_turn` sorts them.
"""

from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

import msgspec

from gateway import exact_json
from gateway.domain.events import (
    ChargingState,
    TransactionPhase,
    TransactionReported,
    TransactionStopped,
)
from gateway.domain.meter import Reading
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

# Of one moment: what the meter says belongs to what was before; a stop is the last word.
_RANK: dict[type, int] = {Reading: 0, Switched: 1, TransactionStopped: 2}
_PHASE = {phase: rank for rank, phase in enumerate(TransactionPhase)}
_KEPT_OF_EVENT = tuple(
    (one.name, one.default) for one in fields(TransactionReported) if one.name != "offline"
)


def encoded(entry: Entry) -> Any:
    """An entry as it is kept."""
    if isinstance(entry, Reading):
        return entry
    if isinstance(entry, Told):
        event = entry.event
        # an event has a dozen members that are mostly absent
        said = {
            name: value
            for name, default in _KEPT_OF_EVENT
            if (value := getattr(event, name)) is not default and value != ()
        }
        if entry.authorization is None:
            return {"event": said}
        return {"event": said, "authorization": entry.authorization}
    if isinstance(entry, Switched):
        return {"switched": entry}
    return {"stopped": replace(entry, readings=())}  # those are entries of their own


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
    """The raw meter values in an entry as it is kept."""
    if not isinstance(kept, dict):
        return [kept]
    if "event" in kept:
        return list(kept["event"].get("readings", ()))
    return [] if "switched" in kept or "stopped" in kept else [kept]


def same(one: TransactionReported, other: TransactionReported) -> bool:
    """Whether two events are the same one: a station that tells it again may be offline by then."""
    return replace(one, offline=False) == replace(other, offline=False)


def told_already(log: Iterable[Entry], event: TransactionReported) -> Told | None:
    """The entry of this very event, if it was heard before."""
    for entry in log:
        if isinstance(entry, Told) and same(entry.event, event):
            return entry
    return None


def in_turn(entries: Iterable[Entry]) -> list[Entry]:
    """By the station's time, then by seqNo; whatever is left, by content.

    An event that is there twice counts once.
    """
    ordered = sorted(((_turn(entry), entry) for entry in entries), key=lambda pair: pair[0])
    kept: list[Entry] = []
    for _, entry in ordered:
        before = kept[-1] if kept else None
        if isinstance(entry, Told) and isinstance(before, Told) and same(before.event, entry.event):
            continue
        kept.append(entry)
    return kept


def _turn(entry: Entry) -> tuple[datetime, int, int, bytes]:
    if isinstance(entry, Told):
        event = replace(entry.event, offline=False)
        return event.at, event.seq_no, _PHASE[event.phase], exact_json.dumps(event)
    return entry.at, _RANK[type(entry)], 0, exact_json.dumps(entry)
