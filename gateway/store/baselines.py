"""The operator's baseline of settings, one for each party."""

from typing import Any

from gateway import exact_json
from gateway.store.keys import PartyKeys
from gateway.store.server import Server


class Baselines:
    """The baseline of one party."""

    def __init__(self, server: Server, keys: PartyKeys) -> None:
        self._server = server
        self._keys = keys

    async def get(self) -> Any:
        """What was put last, None before."""
        text = await self._server.command("GET", self._keys.baseline)
        return None if text is None else exact_json.loads(text)

    async def put(self, baseline: Any) -> None:
        """Replace it."""
        await self._server.command("SET", self._keys.baseline, exact_json.dumps(baseline))
