"""Tariffs, Sender interface (mod_tariffs 11.2.1)."""

from gateway.ocpi import paging
from gateway.ocpi.calls import Call, Route
from gateway.ocpi.envelope import Answer
from gateway.ocpi.platform import Platform
from gateway.ocpi.versions.wire import Wire
from gateway.services.charging.tariffs import TariffBook


class TariffsSender:
    """The list."""

    def __init__(self, wire: Wire, platform: Platform, tariffs: TariffBook) -> None:
        self._wire = wire
        self._platform = platform
        self._tariffs = tariffs

    def routes(self) -> list[Route]:
        """Its URLs."""
        return [Route("GET", "/tariffs", self.list)]

    async def list(self, call: Call) -> Answer:
        """Every tariff, oldest first."""
        request = paging.read(call.query)
        items, total = await paging.collect(
            request, self._platform.addressed(call.routing), self._tariffs.page
        )
        return paging.answer(request, call.url, [self._wire.tariff(one) for one in items], total)
