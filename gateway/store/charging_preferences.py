"""Charging preferences of one party's sessions, the last ones of each."""

from collections.abc import Sequence
from typing import Any

from gateway import exact_json
from gateway.store.change import Change
from gateway.store.keys import PartyKeys, folded
from gateway.store.server import Server


class ChargingPreferenceRecords:
    """JSON documents by session id."""

    def __init__(self, server: Server, keys: PartyKeys) -> None:
        self._server = server
        self._key = keys.charging_preferences

    def put(self, change: Change, session_id: str, document: dict[str, Any]) -> None:
        """Keep them instead of any that were before."""
        change.hset(self._key, folded(session_id), exact_json.dumps(document))

    async def of(self, session_ids: Sequence[str]) -> list[dict[str, Any] | None]:
        """One entry per session, None where there are none."""
        if not session_ids:
            return []
        members = [folded(one) for one in session_ids]
        found = await self._server.command("HMGET", self._key, *members)
        return [None if one is None else exact_json.loads(one) for one in found]
