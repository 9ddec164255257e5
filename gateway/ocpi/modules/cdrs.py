"""CDRs, Sender interface (mod_cdrs 10.2.1): those of the partner's own tokens."""

from dataclasses import replace

from gateway.domain.party import Party
from gateway.domain.token_owner import credits_of
from gateway.ocpi.incoming import paging
from gateway.ocpi.incoming.calls import Call, Route
from gateway.ocpi.incoming.envelope import Answer
from gateway.ocpi.platform import Platform
from gateway.ocpi.versions import Version
from gateway.store import Page, PageQuery, Store


class CdrsSender:
    """The list: this is how a partner gets what a push did not bring."""

    def __init__(self, version: Version, platform: Platform, store: Store) -> None:
        self._version = version
        self._platform = platform
        self._store = store

    def routes(self) -> list[Route]:
        """Its URLs."""
        return [Route("GET", "/cdrs", self.list)]

    async def list(self, call: Call) -> Answer:
        """The partner's CDRs, oldest first."""
        request = paging.read(call.query)
        parties = self._platform.billed(call.partner, call.routing)
        listing = await paging.collect(request, parties, self._page, call.list_name)
        wire = self._version.wire
        cdrs = [cdr for one in listing.items if (cdr := wire.cdr(one)) is not None]
        return paging.answer(request, call.url, cdrs, listing)

    async def _page(self, party: Party, query: PageQuery) -> Page:
        if not self._version.has_credit_cdrs and query.partner_id is not None:
            query = replace(query, without=credits_of(query.partner_id))
        return await self._store.party(party).cdrs.page(query)
