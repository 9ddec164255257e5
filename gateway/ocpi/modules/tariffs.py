"""Tariffs, Sender interface (mod_tariffs 11.2.1)."""

from gateway.ocpi.incoming import paging
from gateway.ocpi.incoming.calls import Call, Route
from gateway.ocpi.incoming.envelope import Answer
from gateway.ocpi.platform import Platform
from gateway.ocpi.versions import Version
from gateway.services.billing.tariffs import TariffBook


class TariffsSender:
    """The list."""

    def __init__(self, version: Version, platform: Platform, tariffs: TariffBook) -> None:
        self._wire = version.wire
        self._platform = platform
        self._tariffs = tariffs

    def routes(self) -> list[Route]:
        """Its URLs."""
        return [Route("GET", "/tariffs", self.list)]

    async def list(self, call: Call) -> Answer:
        """Every tariff that the partner may see, oldest first."""
        request = paging.read(call.query)
        listing = await paging.collect(
            request,
            self._platform.addressed(call.partner, call.routing),
            lambda party, query: self._tariffs.seen_page(party, query, call.partner.id),
        )
        tariffs = [self._wire.tariff(one) for one in listing.items]
        return paging.answer(request, call.url, tariffs, listing)
