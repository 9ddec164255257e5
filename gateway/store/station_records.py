"""Small records of one charge point, by id: each is written only on top of what was read.

Several processes may hold news of the same record (the node with the socket, the one that took a
file), so a write names the text that it replaces; if another came first, the commit raises
`Conflict` and the caller reads again.
"""

from typing import Any

from gateway import exact_json
from gateway.store.change import Change
from gateway.store.keys import PartyKeys
from gateway.store.server import Server


class StationRecords:
    """All records of one kind (`operations`, `files`) of a party's charge points."""

    def __init__(self, server: Server, keys: PartyKeys, kind: str) -> None:
        self._server = server
        self._keys = keys
        self._kind = kind

    async def all(self, identity: str) -> dict[str, tuple[bytes, Any]]:
        """Every record of a charge point by id, with its text as stored."""
        stored = await self._server.command("HGETALL", self._key(identity))
        return {id_.decode(): (text, exact_json.loads(text)) for id_, text in stored.items()}

    async def get(self, identity: str, id: str) -> tuple[bytes, Any] | None:
        """One record with its text, None if there is none."""
        text = await self._server.command("HGET", self._key(identity), id)
        return None if text is None else (text, exact_json.loads(text))

    def put(
        self, change: Change, identity: str, id: str, record: Any, *, before: bytes | None
    ) -> None:
        """Write a record in place of `before`, None for one that must be new."""
        key = self._key(identity)
        if before is None:
            change.expect_absent(key, id)
        else:
            change.expect(key, id, before)
        change.hset(key, id, exact_json.dumps(record))

    def remove(self, change: Change, identity: str, id: str) -> None:
        """Forget a record."""
        change.hdel(self._key(identity), id)

    def _key(self, identity: str) -> str:
        return self._keys.station_records(self._kind, identity)
