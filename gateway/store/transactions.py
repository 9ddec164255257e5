"""OCPP transactions, per charge point; a transaction id means nothing without its identity."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from gateway import exact_json
from gateway.domain.timestamps import to_milliseconds
from gateway.store.change import Change
from gateway.store.keys import PartyKeys, escape, folded, transaction_field, transaction_of
from gateway.store.server import Server

_Documents = list[dict[str, Any]]  # `list` is a method below
_PIECE = 500  # entries of a log that are read at once
_SIGNED = b'"signed":'  # in an entry with a signed value; texts within it have their quotes escaped


class Transactions:
    """The transactions of one party's charge points. Ids are the OCPP ids as text."""

    def __init__(self, server: Server, keys: PartyKeys) -> None:
        self._server = server
        self._keys = keys

    async def open(self, identity: str) -> _Documents:
        """Those that have not ended, oldest first."""
        ids = await self._server.command("ZRANGE", self._keys.open_transactions(identity), 0, -1)
        return await self._documents([_field(identity, id_) for id_ in ids])

    async def get(self, identity: str, transaction_id: str) -> dict[str, Any] | None:
        """One transaction of this charge point, or None."""
        found = await self._documents([transaction_field(identity, transaction_id)])
        return found[0] if found else None

    async def list(
        self, identity: str, *, open_only: bool = False, limit: int = 100, offset: int = 0
    ) -> _Documents:
        """Those of one charge point, newest start first."""
        of_station = self._keys.open_transactions if open_only else self._keys.station_transactions
        if limit <= 0:
            return []
        ids = await self._server.command(
            "ZRANGE", of_station(identity), offset, offset + limit - 1, "REV"
        )
        return await self._documents([_field(identity, id_) for id_ in ids])

    async def page(self, *, offset: int, limit: int) -> tuple[_Documents, int]:
        """Those of the whole party, newest start first, and how many there are in all."""
        order = self._keys.transactions_order
        total, fields = await self._server.pipeline(
            [("ZCARD", order), ("ZRANGE", order, offset, offset + max(limit, 1) - 1, "REV")]
        )
        return await self._documents(fields if limit > 0 else []), total

    def put(
        self,
        change: Change,
        identity: str,
        transaction_id: str,
        document: Any,
        *,
        is_open: bool,
        started: datetime,
    ) -> None:
        """Store a transaction; `is_open` False takes it off the list of open ones."""
        self.update(change, identity, transaction_id, document)
        field = transaction_field(identity, transaction_id)
        start = to_milliseconds(started)
        change.zadd(self._keys.transactions_order, field, start)
        change.zadd(self._keys.station_transactions(identity), transaction_id, start)
        if is_open:
            change.zadd(self._keys.open_transactions(identity), transaction_id, start)
        else:
            change.zrem(self._keys.open_transactions(identity), transaction_id)

    def wait(
        self, change: Change, identity: str, transaction_id: str, until: datetime | None
    ) -> None:
        """Have a transaction looked at again at a moment by our clock; None: no longer."""
        field = transaction_field(identity, transaction_id)
        if until is None:
            change.zrem(self._keys.transactions_awaiting, field)
        else:
            change.zadd(self._keys.transactions_awaiting, field, to_milliseconds(until))

    async def due(self, now: datetime, limit: int) -> Sequence[tuple[str, str]]:
        """Identity and id of those whose moment has come, the longest overdue first."""
        fields = await self._server.command(
            "ZRANGEBYSCORE",
            self._keys.transactions_awaiting,
            "-inf",
            to_milliseconds(now),
            "LIMIT",
            0,
            limit,
        )
        return [transaction_of(field.decode()) for field in fields]

    def hold(
        self, change: Change, identity: str, transaction_id: str, since: datetime | None
    ) -> None:
        """Note that a transaction's bill waits for an operator; None: no longer."""
        field = transaction_field(identity, transaction_id)
        if since is None:
            change.zrem(self._keys.transactions_held, field)
        else:
            change.zadd(self._keys.transactions_held, field, to_milliseconds(since))

    def hold_as(self, change: Change, document: dict[str, Any], since: datetime) -> None:
        """The same of a transaction as `get` has told it; a `Conflict` if it is so no longer."""
        field = transaction_field(document["identity"], document["id"])
        change.expect(self._keys.transactions, field, exact_json.dumps(document))
        change.zadd(self._keys.transactions_held, field, to_milliseconds(since))

    async def are_held(self, transactions: Sequence[tuple[str, str]]) -> Sequence[bool]:
        """Of each, by identity and id, whether it is noted as one whose bill waits."""
        if not transactions:
            return []
        fields = [transaction_field(*one) for one in transactions]
        held = self._keys.transactions_held
        scores = await self._server.command("ZMSCORE", held, *fields)
        return [score is not None for score in scores]

    async def held(self, *, offset: int, limit: int) -> tuple[_Documents, int]:
        """Those whose bill waits for an operator, the longest waiting first, and how many."""
        held = self._keys.transactions_held
        total, fields = await self._server.pipeline(
            [("ZCARD", held), ("ZRANGE", held, offset, offset + max(limit, 1) - 1)]
        )
        return await self._documents(fields if limit > 0 else []), total

    async def held_count(self) -> int:
        """How many bills wait for an operator."""
        return int(await self._server.command("ZCARD", self._keys.transactions_held))

    def update(self, change: Change, identity: str, transaction_id: str, document: Any) -> None:
        """Store a new version of an open transaction; its place in every list stays."""
        field = transaction_field(identity, transaction_id)
        change.hset(self._keys.transactions, field, exact_json.dumps(document))
        change.hdel(self._keys.transactions_progress, field)

    def progress(self, change: Change, identity: str, transaction_id: str, members: Any) -> None:
        """Overlay some members of a stored transaction: all that a meter reading changes.

        Far smaller than the whole record, and written with every MeterValues.
        """
        field = transaction_field(identity, transaction_id)
        change.hset(self._keys.transactions_progress, field, exact_json.dumps(members))

    def put_snapshot(
        self, change: Change, identity: str, transaction_id: str, document: Any
    ) -> None:
        """Keep what holds for the whole transaction, however long it runs."""
        field = transaction_field(identity, transaction_id)
        change.hset(self._keys.transaction_sites, field, exact_json.dumps(document))

    async def snapshot(self, identity: str, transaction_id: str) -> dict[str, Any] | None:
        """What `put_snapshot` has kept."""
        field = transaction_field(identity, transaction_id)
        value = await self._server.command("HGET", self._keys.transaction_sites, field)
        return None if value is None else exact_json.loads(value)

    def put_session(
        self, change: Change, session_id: str, identity: str, transaction_id: str
    ) -> None:
        """Remember which transaction an OCPI Session is."""
        value = exact_json.dumps([identity, transaction_id])
        change.hset(self._keys.transactions_by_session, folded(session_id), value)

    async def of_session(self, session_id: str) -> tuple[str, str] | None:
        """Identity and transaction id behind an OCPI Session, or None."""
        value = await self._server.command(
            "HGET", self._keys.transactions_by_session, folded(session_id)
        )
        if value is None:
            return None
        identity, transaction_id = exact_json.loads(value)
        return identity, transaction_id

    def claim_start(
        self, change: Change, identity: str, natural_key: str, transaction_id: str
    ) -> None:
        """Let the same start happen once only.

        If another change has claimed the natural key, the commit raises Conflict, and its
        `current` is the transaction id that holds it.
        """
        starts = self._keys.starts(identity)
        change.expect_absent(starts, natural_key)
        change.hset(starts, natural_key, transaction_id)

    async def started_as(self, identity: str, natural_key: str) -> str | None:
        """The transaction id that holds this natural key."""
        value = await self._server.command("HGET", self._keys.starts(identity), natural_key)
        return None if value is None else value.decode()

    def put_orphan(self, change: Change, identity: str, natural_key: str, document: Any) -> None:
        """Keep a stop until the transaction that it belongs to is heard of."""
        change.hset(self._keys.orphans(identity), natural_key, exact_json.dumps(document))

    def take_orphan(self, change: Change, identity: str, natural_key: str) -> None:
        """It has found its transaction. At most one change can take it."""
        orphans = self._keys.orphans(identity)
        change.hdel(orphans, natural_key)

    async def orphans(self, identity: str) -> dict[str, Any]:
        """Those that are still kept, by natural key."""
        found = await self._server.command("HGETALL", self._keys.orphans(identity))
        return {key.decode(): exact_json.loads(value) for key, value in found.items()}

    async def make_room(
        self, change: Change, identity: str, transaction_id: str, moved: str
    ) -> None:
        """Move all that is kept beside a transaction to another id: its own is used again."""
        old, new = (transaction_field(identity, one) for one in (transaction_id, moved))
        log, snapshot = await self._server.pipeline(
            [
                ("LRANGE", self._keys.readings(identity, transaction_id), 0, -1),
                ("HGET", self._keys.transaction_sites, old),
            ]
        )
        change.hdel(self._keys.transactions_progress, old)
        change.zrem(self._keys.transactions_awaiting, old)
        change.zrem(self._keys.transactions_held, old)
        change.zrem(self._keys.open_transactions(identity), transaction_id)
        change.delete(self._keys.readings(identity, transaction_id))
        if log:
            change.rpush(self._keys.readings(identity, moved), *log)
        if snapshot is not None:
            change.hset(self._keys.transaction_sites, new, snapshot)
            change.hdel(self._keys.transaction_sites, old)

    def add_readings(
        self, change: Change, identity: str, transaction_id: str, readings: Sequence[Any]
    ) -> None:
        """Append to a transaction's log; its entries are kept as they are."""
        if readings:
            key = self._keys.readings(identity, transaction_id)
            change.rpush(key, *[exact_json.dumps(reading) for reading in readings])

    async def readings(self, identity: str, transaction_id: str) -> Sequence[Any]:
        """A transaction's log, in the order in which it came."""
        key = self._keys.readings(identity, transaction_id)
        log: _Documents = []
        while True:  # in pieces: a long log would hold up everybody else
            first = len(log)
            piece = await self._server.command("LRANGE", key, first, first + _PIECE - 1)
            log.extend(exact_json.loads(value) for value in piece)
            if len(piece) < _PIECE:
                return log

    async def signed(self, identity: str, transaction_id: str) -> Sequence[Any]:
        """The entries of a transaction's log that hold signed meter values, as they came."""
        key = self._keys.readings(identity, transaction_id)
        found: _Documents = []
        first = 0
        while True:
            piece = await self._server.command("LRANGE", key, first, first + _PIECE - 1)
            found.extend(exact_json.loads(value) for value in piece if _SIGNED in value)
            first += len(piece)
            if len(piece) < _PIECE:
                return found

    async def log_length(self, identity: str, transaction_id: str) -> int:
        """How many entries a transaction's log has."""
        key = self._keys.readings(identity, transaction_id)
        return int(await self._server.command("LLEN", key))

    async def _documents(self, fields: Sequence[str | bytes]) -> _Documents:
        if not fields:
            return []
        records, progress = await self._server.pipeline(
            [
                ("HMGET", self._keys.transactions, *fields),
                ("HMGET", self._keys.transactions_progress, *fields),
            ]
        )
        return [
            exact_json.loads(record) | (exact_json.loads(later) if later else {})
            for record, later in zip(records, progress, strict=True)
            if record is not None
        ]


def _field(identity: str, transaction_id: bytes) -> str:
    return f"{escape(identity)}/{escape(transaction_id.decode())}"
