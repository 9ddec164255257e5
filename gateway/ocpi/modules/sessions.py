"""Sessions, Sender interface (mod_sessions 9.2.1): those of the partner's own tokens."""

from gateway.ocpi import paging
from gateway.ocpi.calls import Call, Route
from gateway.ocpi.envelope import Answer
from gateway.ocpi.platform import Platform
from gateway.ocpi.versions.wire import Wire
from gateway.store import Store


class SessionsSender:
    """The list; `date_from` is required (request parameters: "date_from ... yes")."""

    def __init__(self, wire: Wire, platform: Platform, store: Store) -> None:
        self._wire = wire
        self._platform = platform
        self._store = store

    def routes(self) -> list[Route]:
        """Its URLs."""
        return [Route("GET", "/sessions", self.list)]

    async def list(self, call: Call) -> Answer:
        """The partner's sessions, oldest first."""
        request = paging.read(call.query, date_from_required=True)
        items, total = await paging.collect(
            request,
            self._platform.addressed(call.routing),
            lambda party, query: self._store.party(party).sessions.page(query),
            call.partner.id,
        )
        return paging.answer(request, call.url, [self._wire.session(one) for one in items], total)
