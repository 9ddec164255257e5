"""What each partner has not been told yet: dirty keys, not a queue of messages.

OCPI says that pushes SHOULD NOT be queued and replayed. So the store remembers that an object
changed, not how; whoever delivers renders its current state. The set is bounded by the number of
objects, however long a partner is away.

Each marking takes the next number of the party as the object's version. A delivery settles the
version that it read: if the object was marked again meanwhile, it stays owed.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from gateway import exact_json
from gateway.domain.delivery import ObjectRef
from gateway.domain.timestamps import to_text
from gateway.store import scripts
from gateway.store.change import Change
from gateway.store.keys import PartyKeys
from gateway.store.server import Server

_REFUSED_CAP = 1_000


class Owed:
    """What one party owes to its partners."""

    def __init__(self, server: Server, keys: PartyKeys) -> None:
        self._server = server
        self._keys = keys

    def mark(self, change: Change, partner_ids: Iterable[str], ref: ObjectRef) -> None:
        """Owe an object to these partners, and wake their deliveries when it is committed."""
        change.owe(partner_ids, ref)

    async def due(self, partner_id: str, limit: int) -> list[tuple[ObjectRef, int]]:
        """What is owed, the longest owed first, with the version to settle."""
        if limit <= 0:
            return []
        found = await self._server.command(
            "ZRANGE", self._keys.owed(partner_id), 0, limit - 1, "WITHSCORES"
        )
        return [(ObjectRef.parse(ref.decode()), int(version)) for ref, version in found]

    async def settle(self, partner_id: str, ref: ObjectRef, version: int) -> bool:
        """Stop owing an object, unless it was marked again since; returns whether it ended."""
        owed = self._keys.owed(partner_id)
        return bool(await self._server.script(scripts.SETTLE, [owed], str(ref), version))

    async def count(self, partner_id: str) -> int:
        """How many objects are owed."""
        return int(await self._server.command("ZCARD", self._keys.owed(partner_id)))

    async def drop_partner(self, partner_id: str) -> None:
        """Forget everything about a partner."""
        keys = self._keys
        await self._server.command(
            "DEL", keys.owed(partner_id), keys.known(partner_id), keys.refused(partner_id)
        )

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
            [self._keys.owed(partner_id), self._keys.refused(partner_id)],
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
