"""Which running transactions a token pays for, at any station of a party.

An index beside the transactions, written in the same change as they are. The transactions decide:
what the index names may have ended, or may be another token's by now.
"""

from gateway import exact_json
from gateway.store.change import Change
from gateway.store.keys import PartyKeys
from gateway.store.server import Server


class TokenUses:
    """The uses of one party. A token is named by the caller, the same way every time."""

    def __init__(self, server: Server, keys: PartyKeys) -> None:
        self._server = server
        self._keys = keys

    async def of(self, token: str) -> list[tuple[str, str]]:
        """Identity and transaction id of what may be running, oldest first."""
        found = await self._server.command("ZRANGE", self._keys.token_uses(token), 0, -1)
        return [(identity, id_) for identity, id_ in map(exact_json.loads, found)]

    def begin(
        self, change: Change, token: str, identity: str, transaction_id: str, started: int
    ) -> None:
        """A transaction runs on this token; `started` in milliseconds."""
        member = exact_json.dumps([identity, transaction_id]).decode()
        change.zadd(self._keys.token_uses(token), member, started)

    def end(self, change: Change, token: str, identity: str, transaction_id: str) -> None:
        """It does no longer."""
        member = exact_json.dumps([identity, transaction_id]).decode()
        change.zrem(self._keys.token_uses(token), member)
