"""Local authorization lists: what belongs on a station's list, and how to get it there.

Every token that may be listed has the number of its last change, its revision. A station's list
is what may be listed from some revision upwards, the operator's own tokens first, then the
partners' tokens that changed last, until the list is full. So a few numbers say what a station
holds (`Held`), however long its list is, and a difference needs no copy of it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from gateway.domain.commands import Command
from gateway.domain.timestamps import from_text
from gateway.domain.tokens import TokenType, WhitelistType

_LISTED = (WhitelistType.ALWAYS, WhitelistType.ALLOWED_OFFLINE)

# JSON around one entry with every member that we send, in the longer of both versions' words.
_ENTRY_BYTES = 240
_MESSAGE_BYTES = 120


class UpdateType(StrEnum):
    """What SendLocalList does to the list that is there."""

    FULL = "Full"
    DIFFERENTIAL = "Differential"


@dataclass(frozen=True, slots=True)
class ListEntry:
    """A card that may charge, as it goes on a list; it was Accepted when it was sent."""

    uid: str
    group_id: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class GetLocalListVersion(Command):
    """Ask for the version. The reply's data: `version`; 0 is an empty list, -1 none at all."""


@dataclass(frozen=True, slots=True)
class SendLocalList(Command):
    """Replace or change the list; it then has this version. `removed` are uids to be deleted."""

    version: int
    update_type: UpdateType
    entries: tuple[ListEntry, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ClearCache(Command):
    """Empty the authorization cache."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a station can take: entries in all, per message, bytes of a message, length of a uid."""

    capacity: int
    per_message: int
    bytes_per_message: int | None = None
    longest_uid: int = 36


@dataclass(frozen=True, slots=True)
class Listed:
    """A token that may be listed: its revision, and whose word it is."""

    revision: int
    own: bool
    entry: ListEntry


@dataclass(frozen=True, slots=True)
class Floors:
    """From which revision a list holds tokens: the operator's own ones, and the partners'.

    0 is all of them. What changed later than the list was made is in none of it.
    """

    own: int = 0
    partners: int = 0

    def of(self, own: bool) -> int:
        """The floor of this kind."""
        return self.own if own else self.partners


@dataclass(frozen=True, slots=True)
class Held:
    """What a station has: the version it knows, and the revision and floors of its contents."""

    version: int
    revision: int
    floors: Floors = field(default_factory=Floors)


class ListState(StrEnum):
    """How a station's list stands."""

    IN_STEP = "in step"
    BEHIND = "behind"  # not told everything yet, or an attempt has failed
    NOT_WANTED = "not wanted"  # by the station's own settings, or by the operator
    NOT_SUPPORTED = "not supported"
    NOT_ASKED = "not asked yet"  # it was not connected since there are tokens to list
    REFUSED = "refused"  # too often: left alone until the operator asks


@dataclass(frozen=True, slots=True)
class ListRecord:
    """What is kept of one station's list. `version` is the last one that we know or have sent.

    `held` None: what it holds is not known. `withdrawn` are the partners whose tokens were left
    out, `longest_uid` what else depends on the connection. `failures` in a row.
    """

    version: int = 0
    held: Held | None = None
    longest_uid: int = 0
    withdrawn: tuple[str, ...] = ()
    entries: int = 0
    capacity: int | None = None
    state: ListState = ListState.BEHIND
    error: str | None = None
    failures: int = 0
    updated_at: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a station is to have: entries by folded uid, the most important first."""

    revision: int
    listed: Mapping[str, Listed]
    floors: Floors

    @property
    def entries(self) -> tuple[ListEntry, ...]:
        """All of them."""
        return tuple(one.entry for one in self.listed.values())


def key_of(uid: str) -> str:
    """The form in which uids are compared: CiString in OCPI and OCPP alike."""
    return uid.lower()


def may_be_listed(document: Mapping[str, Any], own: bool) -> bool:
    """Whether changes of this token concern lists: the operator's, ALWAYS and ALLOWED_OFFLINE.

    Every token of the operator's does: even a blocked one takes the place of partners' tokens of
    the same uid.
    """
    return own or (document["type"] == TokenType.RFID and document.get("whitelist") in _LISTED)


def entry_of(
    candidates: Iterable[tuple[Mapping[str, Any], str | None]], master_group: str | None = None
) -> tuple[ListEntry, bool] | None:
    """What a station is told of a uid, and whether it is the operator's own; None: nothing.

    `candidates` are all the tokens with that uid, each with the partner it came from. Cards only:
    app users come by remote start. A master pass may start nothing, which a list cannot say.
    """
    partners = []
    for document, partner_id in candidates:
        if partner_id is None:
            return _own_entry(document, master_group)
        partners.append(document)
    for document in partners:
        if may_be_listed(document, own=False) and document.get("valid"):
            return ListEntry(document["uid"], document.get("group_id")), False
    return None


def _own_entry(
    document: Mapping[str, Any], master_group: str | None
) -> tuple[ListEntry, bool] | None:
    group, expires = document.get("group_id"), document.get("expires_at")
    if document["type"] != TokenType.RFID or document.get("status") == "Blocked":
        return None
    if master_group is not None and (group or "").lower() == master_group.lower():
        return None
    # one that has expired stays on the list, with its date: the station can tell the time
    return ListEntry(document["uid"], group, from_text(expires) if expires else None), True


def choose(
    revision: int, own: Sequence[Listed], partners: Sequence[Listed], capacity: int
) -> Wanted:
    """Fill a list. `own` and `partners` are newest first, each with at least what fits and one."""
    kept_own = own[:capacity]
    kept_partners = partners[: capacity - len(kept_own)]
    floors = Floors(
        _floor(revision, kept_own, len(own)), _floor(revision, kept_partners, len(partners))
    )
    listed = {key_of(one.entry.uid): one for one in (*kept_own, *kept_partners)}
    return Wanted(revision, listed, floors)


def _floor(revision: int, kept: Sequence[Listed], available: int) -> int:
    if len(kept) == available:
        return 0
    return kept[-1].revision if kept else revision + 1


def difference(
    held: Held, wanted: Wanted, changed: Iterable[str], below: Iterable[str]
) -> tuple[tuple[ListEntry, ...], tuple[str, ...]]:
    """What to put on the list and what to take off it.

    `changed`: the uids whose revision is above `held.revision`. `below`: those that were held and
    are under the new floors; `ranges_below` says where to look. Taking off what is not there
    does nothing.
    """
    altered = {key_of(uid): uid for uid in changed}
    put = tuple(
        one.entry
        for key, one in wanted.listed.items()
        if key in altered or one.revision < held.floors.of(one.own)
    )
    gone = altered | {key_of(uid): uid for uid in below}
    return put, tuple(uid for key, uid in gone.items() if key not in wanted.listed)


def ranges_below(held: Held, wanted: Wanted) -> dict[bool, tuple[int, int]]:
    """Own or not -> first and last revision of what was held and no longer fits."""
    ranges = {}
    for own in (True, False):
        first, last = held.floors.of(own), min(wanted.floors.of(own) - 1, held.revision)
        if first <= last:
            ranges[own] = (first, last)
    return ranges


def full(entries: Sequence[ListEntry], version: int, limits: Limits) -> Iterator[SendLocalList]:
    """The whole list: one Full, and Differentials for what does not fit into it."""
    update_type = UpdateType.FULL
    for part in _parts(entries, limits) if entries else [[]]:
        yield SendLocalList(version, update_type, tuple(part))
        update_type, version = UpdateType.DIFFERENTIAL, version + 1


def differential(
    put: Sequence[ListEntry], removed: Sequence[str], version: int, limits: Limits
) -> Iterator[SendLocalList]:
    """The changes, removals first, so that the list is at no time longer than it may be."""
    for part in _parts([*removed, *put], limits):
        entries = tuple(one for one in part if isinstance(one, ListEntry))
        gone = tuple(one for one in part if isinstance(one, str))
        yield SendLocalList(version, UpdateType.DIFFERENTIAL, entries, gone)
        version += 1


def _parts(
    items: Sequence[Any], limits: Limits
) -> Iterator[list[Any]]:  # of ListEntry and str, as they come
    part: list[Any] = []
    used = _MESSAGE_BYTES
    for item in items:
        more = _size(item)
        too_large = limits.bytes_per_message is not None and used + more > limits.bytes_per_message
        if part and (len(part) >= limits.per_message or too_large):
            yield part
            part, used = [], _MESSAGE_BYTES
        part.append(item)
        used += more
    if part:
        yield part


def _size(item: ListEntry | str) -> int:
    """No less than what an item takes on the wire."""
    if isinstance(item, str):
        return _ENTRY_BYTES + len(item.encode())
    return _ENTRY_BYTES + len(item.uid.encode()) + len((item.group_id or "").encode())
