"""START_SESSION promises that wait for their transaction, and expire by themselves."""

from typing import Any

from gateway import exact_json
from gateway.store import scripts
from gateway.store.change import Change
from gateway.store.keys import PartyKeys
from gateway.store.server import Server


class RemoteStarts:
    """The promises of one party's charge points; expiry is by the server's clock."""

    def __init__(self, server: Server, keys: PartyKeys) -> None:
        self._server = server
        self._keys = keys

    async def put(self, identity: str, key: str, document: dict[str, Any], ttl: float) -> None:
        """Keep a promise for `ttl` seconds."""
        await self._server.script(
            scripts.REMOTE_START_PUT,
            [self._keys.remote_starts(identity)],
            key,
            exact_json.dumps(document),
            max(1, int(ttl * 1000)),
        )

    async def list(self, identity: str) -> list[tuple[str, dict[str, Any]]]:
        """Those that are still good, with their keys; the one that lasts longest first."""
        found = await self._server.script(
            scripts.REMOTE_START_LIST, [self._keys.remote_starts(identity)]
        )
        return [
            (key.decode(), exact_json.loads(document))
            for key, document in zip(found[::2], found[1::2], strict=True)
        ]

    async def complete(
        self, change: Change, identity: str, key: str, members: dict[str, Any]
    ) -> bool:
        """Add to a promise what has become known, unless it was kept or has expired meanwhile.

        False if it is gone already; if it goes before the commit, that raises Conflict.
        """
        promises = self._keys.remote_starts(identity)
        kept = await self._server.command("HGET", promises, key)
        if kept is None:
            return False
        expiry, _, document = kept.partition(b" ")
        more = exact_json.dumps(exact_json.loads(document) | members)
        change.expect(promises, key, kept)
        change.hset(promises, key, expiry + b" " + more)
        return True

    def take(self, change: Change, identity: str, key: str) -> None:
        """Use a promise up, together with the other writes of the change."""
        change.hdel(self._keys.remote_starts(identity), key)
