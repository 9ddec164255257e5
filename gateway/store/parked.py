"""What is not sent now because whom it is for cannot be told of it: dirty keys put aside.

The party behind a hub is not connected, or the partner has not been told of our party. They are
kept apart from what is owed, so that a delivery does not look at them again and again; when that
has changed they are owed anew, and their current state is rendered then.
"""

from gateway.domain.delivery import ObjectRef
from gateway.domain.party import Party
from gateway.store.change import Change
from gateway.store.keys import PartyKeys
from gateway.store.server import Server


class Parked:
    """What one party of ours holds back from the clients of hubs."""

    def __init__(self, server: Server, keys: PartyKeys) -> None:
        self._server = server
        self._keys = keys

    async def put(self, partner_id: str, ref: ObjectRef, owner: Party) -> None:
        """Put an object aside; how often makes no difference."""
        await self._server.command("HSET", self._keys.parked(partner_id), str(ref), str(owner))

    async def count(self, partner_id: str) -> int:
        """How many objects are put aside."""
        return int(await self._server.command("HLEN", self._keys.parked(partner_id)))

    async def all(self, partner_id: str) -> list[tuple[ObjectRef, Party]]:
        """Everything put aside for the clients of a hub, with whom it is for."""
        found = await self._server.command("HGETALL", self._keys.parked(partner_id))
        return [
            (ObjectRef.parse(ref.decode()), Party.parse(owner.decode()))
            for ref, owner in found.items()
        ]

    def take(self, change: Change, partner_id: str, ref: ObjectRef) -> None:
        """Owe an object that was put aside."""
        change.hdel(self._keys.parked(partner_id), str(ref))
        change.owe((partner_id,), ref)
