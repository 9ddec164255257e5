"""The operator's quirk rules: one document for all charge points."""

import msgspec

from gateway import exact_json
from gateway.domain.quirks import QuirkRule
from gateway.store.keys import QUIRK_RULES
from gateway.store.server import Server


class QuirkRules:
    """The list as a whole."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def get(self) -> tuple[QuirkRule, ...]:
        """The rules, in the operator's order."""
        stored = await self._server.command("GET", QUIRK_RULES)
        if stored is None:
            return ()
        return msgspec.convert(exact_json.loads(stored), tuple[QuirkRule, ...])

    async def put(self, rules: tuple[QuirkRule, ...]) -> None:
        """Replace them all."""
        await self._server.command("SET", QUIRK_RULES, exact_json.dumps(rules))
