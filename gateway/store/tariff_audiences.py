"""Whom a party's tariffs are for, of those that are not simply for everybody."""

import msgspec

from gateway import exact_json
from gateway.domain.tariffs.view import Audience, TariffView
from gateway.store.change import Change
from gateway.store.keys import PartyKeys, folded
from gateway.store.server import Server


class TariffAudiences:
    """They stand beside the tariffs and change together with them."""

    def __init__(self, server: Server, keys: PartyKeys) -> None:
        self._server = server
        self._key = keys.tariff_audiences

    def put(self, change: Change, tariff_id: str, audience: Audience) -> None:
        """Note whom a tariff is for."""
        if audience.is_everybody:
            change.hdel(self._key, folded(tariff_id))
        else:
            change.hset(self._key, folded(tariff_id), exact_json.dumps(audience))

    async def of(self, tariff_id: str) -> Audience:
        """Whom one is for, or would be."""
        found = await self._server.command("HGET", self._key, folded(tariff_id))
        return Audience() if found is None else msgspec.convert(exact_json.loads(found), Audience)

    async def all(self) -> dict[str, Audience]:
        """By folded id."""
        found = await self._server.command("HGETALL", self._key)
        return {
            id_.decode(): msgspec.convert(exact_json.loads(value), Audience)
            for id_, value in found.items()
        }

    async def view(self, partner_id: str | None) -> TariffView:
        """What a partner sees of the party's tariffs; None: what everybody does."""
        return TariffView.of(await self.all(), partner_id)
