"""Sessions, Sender interface (mod_sessions 9.2.1): those of the partner's own tokens."""

from gateway.domain.party import Party
from gateway.ocpi.incoming import paging
from gateway.ocpi.incoming.calls import Call, Route
from gateway.ocpi.incoming.envelope import Answer
from gateway.ocpi.platform import Platform
from gateway.ocpi.pushes.rendering import Renderer
from gateway.ocpi.versions import Version
from gateway.store import Store


class SessionsSender:
    """The list; `date_from` is required (request parameters: "date_from ... yes")."""

    def __init__(
        self, version: Version, platform: Platform, store: Store, renderer: Renderer
    ) -> None:
        self._version = version
        self._renderer = renderer
        self._platform = platform
        self._store = store

    def routes(self) -> list[Route]:
        """Its URLs."""
        return [Route("GET", "/sessions", self.list)]

    async def list(self, call: Call) -> Answer:
        """The partner's sessions, oldest first."""
        request = paging.read(call.query, date_from_required=True)
        listing = await paging.collect(
            request,
            self._platform.billed(call.partner, call.routing),
            lambda party, query: self._store.party(party).sessions.page(query),
            call.list_name,
        )
        sessions = [
            await self._renderer.session(
                self._version,
                Party(one["country_code"], one["party_id"]),
                one,
                call.partner.id,
            )
            for one in listing.items
        ]
        return paging.answer(request, call.url, sessions, listing)
