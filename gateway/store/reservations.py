"""Reservations of one party's charge points, by the number that the station knows them by."""

from typing import Any

from gateway import exact_json
from gateway.store.change import Change
from gateway.store.keys import PartyKeys
from gateway.store.server import Server


class Reservations:
    """JSON documents by charge point and reservation id."""

    def __init__(self, server: Server, keys: PartyKeys) -> None:
        self._server = server
        self._keys = keys

    async def get(self, identity: str, reservation_id: int) -> dict[str, Any] | None:
        """One, or None."""
        stored = await self._server.command(
            "HGET", self._keys.reservations(identity), str(reservation_id)
        )
        return None if stored is None else _document(stored)

    async def all(self, identity: str) -> list[dict[str, Any]]:
        """All of a charge point, in no order."""
        stored = await self._server.command("HVALS", self._keys.reservations(identity))
        return [_document(value) for value in stored]

    def add(
        self, change: Change, identity: str, reservation_id: int, document: dict[str, Any]
    ) -> None:
        """Keep a new one."""
        key = self._keys.reservations(identity)
        change.expect_absent(key, str(reservation_id))
        change.hset(key, str(reservation_id), exact_json.dumps(document))

    def replace(
        self,
        change: Change,
        identity: str,
        reservation_id: int,
        before: dict[str, Any],
        after: dict[str, Any],
    ) -> None:
        """Put `after` in the place of `before`; a `Conflict` if somebody else was faster."""
        key = self._keys.reservations(identity)
        change.expect(key, str(reservation_id), exact_json.dumps(before))
        change.hset(key, str(reservation_id), exact_json.dumps(after))

    def remove(self, change: Change, identity: str, reservation_id: int) -> None:
        """Forget one."""
        change.hdel(self._keys.reservations(identity), str(reservation_id))


def _document(stored: bytes) -> dict[str, Any]:
    document: dict[str, Any] = exact_json.loads(stored)
    return document
