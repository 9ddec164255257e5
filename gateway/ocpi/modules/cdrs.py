"""CDRs, Sender interface (mod_cdrs 10.2.1): those of the partner's own tokens."""

from gateway.ocpi import paging
from gateway.ocpi.calls import Call, Route
from gateway.ocpi.envelope import Answer
from gateway.ocpi.platform import Platform
from gateway.ocpi.versions.wire import Wire
from gateway.store import Store


class CdrsSender:
    """The list: this is how a partner gets what a push did not bring."""

    def __init__(self, wire: Wire, platform: Platform, store: Store) -> None:
        self._wire = wire
        self._platform = platform
        self._store = store

    def routes(self) -> list[Route]:
        """Its URLs."""
        return [Route("GET", "/cdrs", self.list)]

    async def list(self, call: Call) -> Answer:
        """The partner's CDRs, oldest first."""
        request = paging.read(call.query)
        items, total = await paging.collect(
            request,
            self._platform.addressed(call.routing),
            lambda party, query: self._store.party(party).cdrs.page(query),
            call.partner.id,
        )
        return paging.answer(request, call.url, [self._wire.cdr(one) for one in items], total)
