"""JSON documents of a party, in the order of their creation and by their last update.

OCPI lists its objects oldest first and filters by `last_updated` (transport and format, 4.1.1);
a page must not shift under a reader, so the order is a number given out at the first put.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf
from typing import Any

from gateway import exact_json
from gateway.domain.timestamps import from_milliseconds, to_milliseconds
from gateway.domain.token_owner import parts_of_list
from gateway.store.change import Change
from gateway.store.keys import PartyKeys, folded
from gateway.store.server import Server

_READ_AT_ONCE = 500  # documents per command
_PIECE = 5_000  # members whose scores are asked for by one command

Member = tuple[int, bytes]
"""A number of creation, and the folded id that has it."""


@dataclass(frozen=True, slots=True)
class PageQuery:
    """A part of a list. `date_from` is inclusive, `date_to` exclusive, both on last_updated.

    `after` is the number at which the page before ended (`Page.last`); `offset` counts from there.
    `without` names a list that is part of this one and left out of it, `hidden` folded ids that
    are.
    """

    offset: int = 0
    limit: int = 50
    date_from: datetime | None = None
    date_to: datetime | None = None
    partner_id: str | None = None
    after: int | None = None
    without: str | None = None
    hidden: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Page:
    """The documents asked for, and how many there are in all.

    `last` is the number of creation where the page ends, None if it is empty; `more`: whether
    anything follows it.
    """

    items: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0
    last: int | None = None
    more: bool = False


@dataclass(frozen=True, slots=True)
class StoredPage:
    """The same with the documents as they are stored: JSON text by folded id."""

    items: list[tuple[bytes, bytes]] = field(default_factory=list)
    total: int = 0
    last: int | None = None
    more: bool = False


class Documents:
    """All documents of one kind. Ids are CiStrings: compared folded, kept as sent."""

    def __init__(self, server: Server, keys: PartyKeys, kind: str) -> None:
        self._server = server
        self._kind = kind
        self._keys = keys
        self._documents = keys.documents(kind)
        self._count = keys.documents_count(kind)
        self._order = keys.documents_order(kind)
        self._updated = keys.documents_updated(kind)

    async def get(self, id: str) -> dict[str, Any] | None:
        """One document, or None."""
        return _document(await self._server.command("HGET", self._documents, folded(id)))

    async def get_many(self, ids: Iterable[str]) -> list[dict[str, Any] | None]:
        """One entry per id, None for those that do not exist."""
        return await self._get_folded([folded(id_) for id_ in ids])

    async def are_listed(self, ids: Iterable[str], partner_id: str) -> list[bool]:
        """Of each, whether it is in that partner's list."""
        members = [folded(id_).encode() for id_ in ids]
        order = self._keys.documents_order(self._kind, partner_id)
        return [score is not None for score in await self._scores(order, members)]

    async def page(self, query: PageQuery) -> Page:
        """A part of the list, oldest first; `total` counts the whole."""
        stored = await self.stored_page(query)
        items = [exact_json.loads(value) for _, value in stored.items]
        return Page(items, stored.total, stored.last, stored.more)

    async def stored_page(self, query: PageQuery) -> StoredPage:
        """The same as text, for whoever can do without reading it.

        Numbers of creation only grow and a document keeps its own, also when it is taken away and
        put again. So whoever follows `last` meets each document at most once, and exactly once
        if it matches all the while.
        """
        total, members = await self._members(query)
        wanted = members[: query.limit]
        values = await self._values([member for _, member in wanted])
        return StoredPage(values, total, _number(wanted), len(members) > len(wanted))

    def put(
        self,
        change: Change,
        id: str,
        document: dict[str, Any],
        *,
        updated: datetime,
        partner_id: str | None = None,
    ) -> None:
        """Store a document. With `partner_id`, that partner will find it in its lists."""
        member = folded(id)
        change.hset(self._documents, member, exact_json.dumps(document))
        self._list(change, member, None)
        if partner_id is not None:
            self._list(change, member, partner_id)
            for part in parts_of_list(partner_id, document):
                self._list(change, member, part)
        change.zadd_max(self._updated, member, to_milliseconds(updated))

    def expect(self, change: Change, id: str, document: dict[str, Any] | None) -> None:
        """A `Conflict` if it is no longer what `get` has said."""
        if document is None:
            change.expect_absent(self._documents, folded(id))
        else:
            change.expect(self._documents, folded(id), exact_json.dumps(document))

    def remove(self, change: Change, id: str) -> None:
        """Remove a document; from a partner's list of its own `hide` takes it."""
        member = folded(id)
        change.hdel(self._documents, member)
        change.withdraw(self._order, self._keys.documents_withdrawn(self._kind), member)
        change.zrem(self._updated, member)

    def list_for(self, change: Change, id: str, partner_id: str) -> None:
        """Put a document into one partner's lists."""
        self._list(change, folded(id), partner_id)

    async def unlisted(self, partner_id: str) -> list[str]:
        """The ids, folded, of all documents that are not in that partner's list."""
        orders = [self._keys.documents_order(self._kind, name) for name in (None, partner_id)]
        members: list[bytes] = await self._server.command("ZDIFF", 2, *orders)
        return [member.decode() for member in members]

    async def is_listed(self, id: str, partner_id: str) -> bool:
        """Whether a document is in one partner's lists."""
        order = self._keys.documents_order(self._kind, partner_id)
        return await self._server.command("ZSCORE", order, folded(id)) is not None

    def hide(self, change: Change, id: str, partner_id: str) -> None:
        """Take a document out of one partner's lists; it stays in the others."""
        order = self._keys.documents_order(self._kind, partner_id)
        withdrawn = self._keys.documents_withdrawn(self._kind, partner_id)
        change.withdraw(order, withdrawn, folded(id))

    def _list(self, change: Change, member: str, partner_id: str | None) -> None:
        order = self._keys.documents_order(self._kind, partner_id)
        withdrawn = self._keys.documents_withdrawn(self._kind, partner_id)
        change.number(order, self._count, withdrawn, member)

    def touch(self, change: Change, id: str, updated: datetime) -> None:
        """Lift last_updated only, as a change of an EVSE does for its Location."""
        change.zadd_max(self._updated, folded(id), to_milliseconds(updated))

    async def updated(self, ids: Iterable[str]) -> list[datetime | None]:
        """When each was last updated; None for those that do not exist."""
        members = [folded(id_) for id_ in ids]
        if not members:
            return []
        scores = await self._server.command("ZMSCORE", self._updated, *members)
        return [None if score is None else from_milliseconds(int(float(score))) for score in scores]

    async def _get_folded(self, members: Sequence[str | bytes]) -> list[dict[str, Any] | None]:
        found: list[dict[str, Any] | None] = []
        for first in range(0, len(members), _READ_AT_ONCE):
            piece = members[first : first + _READ_AT_ONCE]
            values = await self._server.command("HMGET", self._documents, *piece)
            found += [_document(value) for value in values]
        return found

    async def _values(self, members: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
        """The text of those that are still there."""
        found: list[tuple[bytes, bytes]] = []
        for first in range(0, len(members), _READ_AT_ONCE):
            piece = members[first : first + _READ_AT_ONCE]
            values = await self._server.command("HMGET", self._documents, *piece)
            found += [pair for pair in zip(piece, values, strict=True) if pair[1] is not None]
        return found

    async def _members(self, query: PageQuery) -> tuple[int, list[Member]]:
        """How many match, and those from the page's first on: one more than asked for, if any."""
        order = self._keys.documents_order(self._kind, query.partner_id)
        left_out = await self._left_out(query)
        if not (left_out and query.offset):
            wanted = replace(query, limit=query.limit + len(left_out))
            total, found, all_match = await self._window(order, wanted)
            if all_match:
                shown = [one for one in found if one[1] not in left_out]
                return total - len(left_out), shown[: query.limit + 1]
        matching = [one for one in await self._matching(order, query) if one[1] not in left_out]
        after = -1 if query.after is None else query.after
        behind = bisect_right(matching, after, key=lambda one: one[0])
        first = behind + query.offset
        return len(matching), matching[first : first + query.limit + 1]

    async def _left_out(self, query: PageQuery) -> set[bytes]:
        members = [id_.encode() for id_ in query.hidden]
        order = self._keys.documents_order(self._kind, query.partner_id)
        scores = await self._scores(order, members)
        hidden = {one for one, score in zip(members, scores, strict=True) if score is not None}
        if query.without is None:
            return hidden
        order = self._keys.documents_order(self._kind, query.without)
        return hidden.union(await self._server.command("ZRANGE", order, 0, -1))

    async def _window(self, order: str, query: PageQuery) -> tuple[int, list[Member], bool]:
        """How many there are, the page if the dates leave nothing out, and whether that is so.

        Mostly it is, as in a first pull "since 2000". It is asked after the page was read: what
        came in between may not match, but then they do not all match any more.
        """
        low = "-inf" if query.after is None else f"({query.after}"
        window = ("LIMIT", query.offset, query.limit + 1)
        total, found, in_range, in_all = await self._server.pipeline(
            [
                ("ZCARD", order),
                ("ZRANGEBYSCORE", order, low, "+inf", "WITHSCORES", *window),
                ("ZCOUNT", self._updated, *_bounds(query)),
                ("ZCARD", self._updated),
            ]
        )
        dated = query.date_from is not None or query.date_to is not None
        members = [(int(number), member) for member, number in found]
        return total, members, not dated or in_range == in_all

    async def _matching(self, order: str, query: PageQuery) -> list[Member]:
        """What is in the range of dates, in the order of creation.

        One index is read by one command, the other asked about its members: read piece by piece,
        an update in between would shift what comes after it, and one document would be missing.
        The smaller of the two is the one that is read.
        """
        command = self._server.command
        recent, listed = await self._server.pipeline(
            [("ZCOUNT", self._updated, *_bounds(query)), ("ZCARD", order)]
        )
        if recent < listed:
            members = await command("ZRANGEBYSCORE", self._updated, *_bounds(query))
            numbers = await self._scores(order, members)
            pairs = zip(numbers, members, strict=True)
            return sorted((int(number), member) for number, member in pairs if number is not None)
        found = await command("ZRANGE", order, 0, -1, "WITHSCORES")
        times = await self._scores(self._updated, [member for member, _ in found])
        low, high = _range(query)
        return [
            (int(number), member)
            for (member, number), time in zip(found, times, strict=True)
            if time is not None and low <= time < high
        ]

    async def _scores(self, key: str, members: Sequence[bytes]) -> list[float | None]:
        scores: list[float | None] = []
        for first in range(0, len(members), _PIECE):
            found = await self._server.command("ZMSCORE", key, *members[first : first + _PIECE])
            scores += [None if score is None else float(score) for score in found]
        return scores


def _number(members: Sequence[Member]) -> int | None:
    return members[-1][0] if members else None


def _document(value: bytes | None) -> dict[str, Any] | None:
    if value is None:
        return None
    document: dict[str, Any] = exact_json.loads(value)
    return document


def _bounds(query: PageQuery) -> tuple[str, str]:
    low = str(_ceil_milliseconds(query.date_from)) if query.date_from else "-inf"
    high = f"({_ceil_milliseconds(query.date_to)}" if query.date_to else "+inf"
    return low, high


def _range(query: PageQuery) -> tuple[float, float]:
    low = _ceil_milliseconds(query.date_from) if query.date_from else -inf
    high = _ceil_milliseconds(query.date_to) if query.date_to else inf
    return low, high


def _ceil_milliseconds(moment: datetime) -> int:
    """Round up: what was stored is whole milliseconds, and must not be before `moment`."""
    milliseconds = to_milliseconds(moment)
    return milliseconds + (1 if moment.microsecond % 1000 else 0)
