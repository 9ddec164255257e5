"""What each partner has not been told yet: dirty keys, not a queue of messages.

OCPI says that pushes SHOULD NOT be queued and replayed. So the store remembers that an object
changed, not how; whoever delivers renders its current state. The set is bounded by the number of
objects, however long a partner is away.

Each marking takes the next number of the party as the object's version. A delivery settles the
version that it read: if the object was marked again meanwhile, it stays owed.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from gateway import exact_json
from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.timestamps import from_milliseconds, to_text
from gateway.store import scripts
from gateway.store.change import Change
from gateway.store.keys import PartyKeys
from gateway.store.server import Server

_REFUSED_CAP = 1_000
_PIECE = 10_000
_CDR = f"{ObjectKind.CDR}/".encode()


class Owed:
    """What one party owes to its partners."""

    def __init__(self, server: Server, keys: PartyKeys) -> None:
        self._server = server
        self._keys = keys

    def mark(self, change: Change, partner_ids: Iterable[str], ref: ObjectRef) -> None:
        """Owe an object to these partners, and wake their deliveries when it is committed."""
        change.owe(partner_ids, ref)

    def forget(self, change: Change, partner_id: str, ref: ObjectRef) -> None:
        """Forget what the partner holds of an object; it goes whole when it is sent next."""
        change.hdel(self._keys.known(partner_id), str(ref))

    def doubt(self, change: Change, partner_id: str, ref: ObjectRef) -> None:
        """Owe an object of which nobody knows what the partner holds: all but a CDR goes whole."""
        if ref.kind is not ObjectKind.CDR:
            change.hdel(self._keys.known(partner_id), str(ref))
        change.owe((partner_id,), ref)

    async def due(self, partner_id: str, limit: int) -> list[tuple[ObjectRef, int]]:
        """What is owed, the longest owed first, with the version to settle."""
        if limit <= 0:
            return []
        found = await self._server.command(
            "ZRANGE", self._keys.owed(partner_id), 0, limit - 1, "WITHSCORES"
        )
        return [(ObjectRef.parse(ref.decode()), int(version)) for ref, version in found]

    async def versions(self, partner_id: str, refs: Sequence[ObjectRef]) -> list[int | None]:
        """The version to settle of each, as it is now; None for what is not owed any more."""
        scores = await self._server.command("ZMSCORE", self._keys.owed(partner_id), *map(str, refs))
        return [None if score is None else int(float(score)) for score in scores]

    async def settle(self, partner_id: str, ref: ObjectRef, version: int) -> bool:
        """Stop owing an object, unless it was marked again since; returns whether it ended."""
        keys = [self._keys.owed(partner_id), self._keys.owed_since(partner_id)]
        return bool(await self._server.script(scripts.SETTLE, keys, str(ref), version))

    async def count(self, partner_id: str) -> int:
        """How many objects are owed."""
        return int(await self._server.command("ZCARD", self._keys.owed(partner_id)))

    async def since(self, partner_id: str) -> datetime | None:
        """Since when that is owed which is owed the longest, however often it changed meanwhile."""
        found = await self._server.command(
            "ZRANGE", self._keys.owed_since(partner_id), 0, 0, "WITHSCORES"
        )
        return from_milliseconds(int(float(found[0][1]))) if found else None

    async def by_kind(self, partner_id: str) -> dict[str, int]:
        """How many objects of each kind are owed."""
        counts = dict.fromkeys((kind.value for kind in ObjectKind), 0)
        key, first = self._keys.owed(partner_id), 0
        while found := await self._server.command("ZRANGE", key, first, first + _PIECE - 1):
            for ref in found:
                counts[ref.partition(b"/")[0].decode()] += 1
            first += _PIECE
        return counts

    async def drop_partner(self, partner_id: str) -> None:
        """Forget everything about a partner."""
        keys = self._keys
        await self._server.command(
            "DEL",
            keys.owed(partner_id),
            keys.owed_since(partner_id),
            keys.known(partner_id),
            keys.parked(partner_id),
            keys.refused(partner_id),
        )

    async def forget_known(self, partner_id: str) -> None:
        """Forget what a partner holds of objects that can be sent again: all but CDRs."""
        key, cursor = self._keys.known(partner_id), -1
        while cursor:
            place = max(cursor, 0)
            cursor, found = await self._server.command("HSCAN", key, place, "COUNT", _PIECE)
            fields = [field for field in found if not field.startswith(_CDR)]
            if fields:
                await self._server.command("HDEL", key, *fields)

    async def known(self, partner_id: str, ref: ObjectRef) -> str | None:
        """What the partner acknowledged last of an object."""
        value = await self._server.command("HGET", self._keys.known(partner_id), str(ref))
        return None if value is None else value.decode()

    async def set_known(self, partner_id: str, ref: ObjectRef, value: str | None) -> None:
        """Remember what the partner acknowledged; None forgets it."""
        key = self._keys.known(partner_id)
        if value is None:
            await self._server.command("HDEL", key, str(ref))
        else:
            await self._server.command("HSET", key, str(ref), value)

    async def refuse(
        self, partner_id: str, ref: ObjectRef, version: int, reason: str, at: datetime
    ) -> None:
        """Stop owing an object that the partner refused for good; the operator can see it."""
        entry = {"object": str(ref), "version": version, "reason": reason, "at": to_text(at)}
        await self._server.script(
            scripts.REFUSE,
            [
                self._keys.owed(partner_id),
                self._keys.refused(partner_id),
                self._keys.owed_since(partner_id),
            ],
            str(ref),
            version,
            exact_json.dumps(entry),
            _REFUSED_CAP,
        )

    async def refused(self, partner_id: str, limit: int = 100) -> list[dict[str, Any]]:
        """The last refusals, newest first: object, version, reason, at."""
        if limit <= 0:
            return []
        found = await self._server.command("LRANGE", self._keys.refused(partner_id), -limit, -1)
        return [exact_json.loads(entry) for entry in reversed(found)]
