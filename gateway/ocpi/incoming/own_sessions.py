"""A partner's own Sessions, by their ids: what is another's is as unknown as what is not (S8)."""

from typing import Any

from gateway.domain.party import Party
from gateway.ocpi.incoming.calls import Call
from gateway.ocpi.incoming.message_routing import receiving_party
from gateway.ocpi.platform import Platform
from gateway.services.ports import ReplyTo
from gateway.store import Store


class OwnSessions:
    """Looks them up among the parties that a call is addressed to."""

    def __init__(self, platform: Platform, store: Store) -> None:
        self._platform = platform
        self._store = store

    async def find(self, call: Call, session_id: str) -> tuple[Party, dict[str, Any]] | None:
        """Our party and the stored Session, if it is one that the call's sender could list."""
        for party in self._platform.addressed(call.partner, call.routing):
            sessions = self._store.party(party).sessions
            session = await sessions.get(session_id)
            if session is not None and await sessions.is_listed(session_id, call.list_name):
                return party, session
        return None


def reply_to(call: Call, party: Party, url: str) -> ReplyTo:
    """Where a result goes: to whoever has asked."""
    sender = call.routing.sender or receiving_party(call.partner)
    return ReplyTo(call.partner, party, url, sender)
