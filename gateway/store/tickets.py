"""Tickets: what an unguessable word in a URL entitles its bearer to, until when, and once.

Only the word's digest is stored, so that a look at the store lets nobody in.
"""

from hashlib import sha256
from typing import Any

from gateway import exact_json
from gateway.store.keys import ticket, ticket_claim
from gateway.store.server import Server


class Tickets:
    """All tickets of the gateway."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def put(self, word: str, entitlement: dict[str, Any], seconds: int) -> None:
        """Let `word` count for so long."""
        text = exact_json.dumps(entitlement)
        await self._server.command("SET", ticket(_digest(word)), text, "EX", seconds)

    async def get(self, word: str) -> dict[str, Any] | None:
        """What a word entitles to; None if it is unknown or its time is over."""
        text = await self._server.command("GET", ticket(_digest(word)))
        if text is None:
            return None
        entitlement: dict[str, Any] = exact_json.loads(text)
        return entitlement

    async def claim(self, word: str, seconds: int) -> bool:
        """Take the one use for at most so long; False while somebody else has it."""
        claim = ticket_claim(_digest(word))
        return bool(await self._server.command("SET", claim, 1, "NX", "EX", seconds))

    async def renew(self, word: str, seconds: int) -> None:
        """Keep the one use for longer."""
        await self._server.command("EXPIRE", ticket_claim(_digest(word)), seconds)

    async def release(self, word: str) -> None:
        """Give the one use back: what was begun has come to nothing."""
        await self._server.command("DEL", ticket_claim(_digest(word)))

    async def spend(self, word: str, entitlement: dict[str, Any]) -> None:
        """Mark it as used; it is known as that until its time is over."""
        text = exact_json.dumps({**entitlement, "used": True})
        await self._server.command("SET", ticket(_digest(word)), text, "XX", "KEEPTTL")


def _digest(word: str) -> str:
    return sha256(word.encode()).hexdigest()
