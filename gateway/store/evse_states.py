"""The live status of each EVSE, apart from the Location documents it will be shown in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway import exact_json
from gateway.domain.timestamps import from_text, to_text
from gateway.store.change import Change
from gateway.store.keys import PartyKeys, evse_field
from gateway.store.server import Server


@dataclass(frozen=True, slots=True)
class EvseLive:
    """An EVSE's OCPI status, and since when."""

    status: str
    last_updated: datetime


class EvseStates:
    """Status per (location id, EVSE uid) of one party; both are CiStrings."""

    def __init__(self, server: Server, keys: PartyKeys) -> None:
        self._server = server
        self._key = keys.evses

    async def get_many(self, refs: Sequence[tuple[str, str]]) -> list[EvseLive | None]:
        """One entry per reference, None where nothing was ever reported."""
        return [None if value is None else evse_live(value) for value in await self.stored(refs)]

    async def stored(self, refs: Sequence[tuple[str, str]]) -> list[bytes | None]:
        """The same as text that `evse_live` reads."""
        if not refs:
            return []
        fields = [evse_field(location_id, evse_uid) for location_id, evse_uid in refs]
        values: list[bytes | None] = await self._server.command("HMGET", self._key, *fields)
        return values

    def put(
        self,
        change: Change,
        location_id: str,
        evse_uid: str,
        status: str,
        last_updated: datetime,
    ) -> None:
        """Store a status."""
        value = exact_json.dumps([status, to_text(last_updated)])
        change.hset(self._key, evse_field(location_id, evse_uid), value)

    def remove(self, change: Change, location_id: str, evse_uid: str) -> None:
        """Forget an EVSE."""
        change.hdel(self._key, evse_field(location_id, evse_uid))


def evse_live(value: bytes) -> EvseLive:
    """A stored state."""
    status, last_updated = exact_json.loads(value)
    return EvseLive(status, from_text(last_updated))
