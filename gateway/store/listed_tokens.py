"""Which tokens are for local authorization lists, by the revision of their last change.

`TokenBook` keeps the index with every write. It names uids that are listed or have been: whoever
reads it looks at the tokens themselves. What has been gone for long is dropped on the way.
"""

from collections.abc import Sequence
from typing import Any

from gateway.store import keys
from gateway.store.server import Server
from gateway.store.tokens import KnownToken, token_of

_PIECE = 500


class ListedTokens:
    """The index of every owner's listed tokens."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def revision(self) -> int:
        """The number of the last change; 0: there has never been a listed token."""
        return int(await self._server.command("GET", keys.TOKENS_REVISION) or 0)

    async def newest(self, own: bool, first: int, count: int) -> list[tuple[str, int]]:
        """Uids with their revisions, the last change first."""
        found = await self._server.command(
            "ZREVRANGE", keys.tokens_listed(own), first, first + count - 1, "WITHSCORES"
        )
        return [(uid.decode(), int(score)) for uid, score in _pairs(found)]

    async def between(self, own: bool, first: int, last: int, most: int) -> list[str]:
        """At most so many uids whose last change has one of these revisions."""
        found = await self._server.command(
            "ZRANGEBYSCORE", keys.tokens_listed(own), first, last, "LIMIT", 0, most
        )
        return [uid.decode() for uid in found]

    async def tokens(self, uids: Sequence[str]) -> list[list[KnownToken]]:
        """All tokens with each of these uids."""
        found: list[list[KnownToken]] = []
        for first in range(0, len(uids), _PIECE):
            answers = await self._server.pipeline(
                ("HVALS", keys.tokens_of_uid(uid)) for uid in uids[first : first + _PIECE]
            )
            found += [[token_of(value) for value in values] for values in answers]
        return found

    async def owners(self) -> list[str]:
        """The ids of the partners that have given us tokens."""
        found = await self._server.command("SMEMBERS", keys.TOKEN_PARTNERS)
        return sorted(partner.decode() for partner in found)

    async def forget(self, own: bool, revisions: Sequence[int]) -> None:
        """Drop what has these revisions from the index, unless it has changed meanwhile."""
        for first in range(0, len(revisions), _PIECE):
            await self._server.pipeline(
                ("ZREMRANGEBYSCORE", keys.tokens_listed(own), revision, revision)
                for revision in revisions[first : first + _PIECE]
            )


def _pairs(found: Any) -> list[tuple[bytes, float]]:
    """Members and scores, as one list or in pairs: the client decides by the protocol."""
    if found and not isinstance(found[0], bytes):
        return [(member, float(score)) for member, score in found]
    return [(found[at], float(found[at + 1])) for at in range(0, len(found), 2)]
