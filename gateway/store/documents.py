"""JSON documents of a party, in the order of their creation and by their last update.

OCPI lists its objects oldest first and filters by `last_updated` (transport and format, 4.1.1);
a page must not shift under a reader, so the order is a number given out at the first put.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gateway import exact_json
from gateway.domain.timestamps import to_milliseconds
from gateway.store.change import Change
from gateway.store.keys import PartyKeys, folded
from gateway.store.server import Server

_READ_AT_ONCE = 500  # documents per command
_PIECE = 5_000  # members whose numbers are asked for by one command


@dataclass(frozen=True, slots=True)
class PageQuery:
    """A part of a list. `date_from` is inclusive, `date_to` exclusive, both on last_updated."""

    offset: int = 0
    limit: int = 50
    date_from: datetime | None = None
    date_to: datetime | None = None
    partner_id: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """The documents asked for, and how many there are in all."""

    items: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0


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

    async def page(self, query: PageQuery) -> Page:
        """A part of the list, oldest first; `total` counts the whole."""
        order = self._keys.documents_order(self._kind, query.partner_id)
        if await self._all_match(query):
            first, last = query.offset, query.offset + max(query.limit, 1) - 1
            total, ids = await self._server.pipeline(
                [("ZCARD", order), ("ZRANGE", order, first, last)]
            )
            return Page(await self._existing(ids[: query.limit]), total)
        matching = await self._matching(order, query)
        wanted = matching[query.offset : query.offset + query.limit]
        return Page(await self._existing(wanted), len(matching))

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
        change.number(self._order, self._count, member)
        if partner_id is not None:
            change.number(self._keys.documents_order(self._kind, partner_id), self._count, member)
        change.zadd_max(self._updated, member, to_milliseconds(updated))

    def remove(self, change: Change, id: str) -> None:
        """Remove a document; from a partner's list of its own `hide` takes it."""
        member = folded(id)
        change.hdel(self._documents, member)
        change.zrem(self._order, member)
        change.zrem(self._updated, member)

    def hide(self, change: Change, id: str, partner_id: str) -> None:
        """Take a document out of one partner's lists; it stays in the others."""
        change.zrem(self._keys.documents_order(self._kind, partner_id), folded(id))

    def touch(self, change: Change, id: str, updated: datetime) -> None:
        """Lift last_updated only, as a change of an EVSE does for its Location."""
        change.zadd_max(self._updated, folded(id), to_milliseconds(updated))

    async def updated(self, ids: Iterable[str]) -> list[datetime | None]:
        """When each was last updated; None for those that do not exist."""
        members = [folded(id_) for id_ in ids]
        if not members:
            return []
        scores = await self._server.command("ZMSCORE", self._updated, *members)
        return [None if score is None else _moment(float(score)) for score in scores]

    async def _get_folded(self, members: Sequence[str | bytes]) -> list[dict[str, Any] | None]:
        if not members:
            return []
        values = await self._server.command("HMGET", self._documents, *members)
        return [_document(value) for value in values]

    async def _existing(self, members: Sequence[bytes]) -> list[dict[str, Any]]:
        existing: list[dict[str, Any]] = []
        for first in range(0, len(members), _READ_AT_ONCE):
            piece = await self._get_folded(members[first : first + _READ_AT_ONCE])
            existing += [found for found in piece if found is not None]
        return existing

    async def _all_match(self, query: PageQuery) -> bool:
        """Whether the dates leave nothing out, as in a first pull "since 2000"."""
        if query.date_from is None and query.date_to is None:
            return True
        in_range, total = await self._server.pipeline(
            [("ZCOUNT", self._updated, *_bounds(query)), ("ZCARD", self._updated)]
        )
        return bool(in_range == total)

    async def _matching(self, order: str, query: PageQuery) -> list[bytes]:
        """The ids in the range of dates, in the order of creation.

        Each index is read by one command: read piece by piece, an update in between would shift
        what comes after it, and one document would be missing. A few ids are put in order by
        their numbers, many by walking through the order.
        """
        command = self._server.command
        recent: list[bytes] = await command("ZRANGEBYSCORE", self._updated, *_bounds(query))
        if len(recent) * 4 < await command("ZCARD", order):
            return await self._in_order(order, recent)
        wanted = set(recent)
        return [member for member in await command("ZRANGE", order, 0, -1) if member in wanted]

    async def _in_order(self, order: str, members: list[bytes]) -> list[bytes]:
        numbered: list[tuple[float, bytes]] = []
        for first in range(0, len(members), _PIECE):
            piece = members[first : first + _PIECE]
            numbers = await self._server.command("ZMSCORE", order, *piece)
            numbered += [
                (float(number), member)
                for number, member in zip(numbers, piece, strict=True)
                if number is not None
            ]
        return [member for _, member in sorted(numbered)]


def _document(value: bytes | None) -> dict[str, Any] | None:
    if value is None:
        return None
    document: dict[str, Any] = exact_json.loads(value)
    return document


def _moment(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _bounds(query: PageQuery) -> tuple[str, str]:
    low = str(_ceil_milliseconds(query.date_from)) if query.date_from else "-inf"
    high = f"({_ceil_milliseconds(query.date_to)}" if query.date_to else "+inf"
    return low, high


def _ceil_milliseconds(moment: datetime) -> int:
    """Round up: what was stored is whole milliseconds, and must not be before `moment`."""
    milliseconds = to_milliseconds(moment)
    return milliseconds + (1 if moment.microsecond % 1000 else 0)
