"""What stations sent and the gateway only keeps: reports, events, strays."""

from typing import Any

from gateway.admin.calls import Answer, Call, Query, Route, listed
from gateway.admin.services import Services
from gateway.store.stations import Stations

_DEFAULT_LIMIT = 100
_MAX_LIMIT = 1_000  # more are not kept of any stream


class KeptCalls:
    """`/charge-points/{identity}/kept`."""

    def __init__(self, services: Services) -> None:
        self._charge_points = services.charge_points
        self._store = services.store

    async def streams(self, call: Call) -> Answer:
        """The streams by name, with their numbers of messages."""
        counts = await (await self._stations(call)).kept_counts(call.path["identity"])
        items: list[Any] = [{"stream": name, "count": counts[name]} for name in sorted(counts)]
        return listed(items, len(items))

    async def messages(self, call: Call) -> Answer:
        """The last messages of a stream, newest first; none of a stream that does not exist."""
        stations = await self._stations(call)
        identity, stream = call.path["identity"], call.path["stream"]
        limit = call.integer("limit", 1, _MAX_LIMIT) or _DEFAULT_LIMIT
        kept = await stations.kept(identity, stream, limit)
        return listed(kept[::-1], await stations.kept_count(identity, stream))

    async def _stations(self, call: Call) -> Stations:
        record = await self._charge_points.registered(call.path["identity"])
        return self._store.party(record.party).stations

    def routes(self) -> list[Route]:
        """The calls."""
        base = "/charge-points/{identity}/kept"
        unknown = {404: "unknown charge point"}
        limit = Query("limit", f"at most so many; default {_DEFAULT_LIMIT}", "integer")
        return [
            Route(
                "GET",
                base,
                "What is kept of a charge point: streams and how many messages each holds",
                self.streams,
                answers={200: "stream, count", **unknown},
            ),
            Route(
                "GET",
                base + "/{stream}",
                "The last messages of a stream, newest first",
                self.messages,
                query=(limit,),
                answers={200: "the messages as they came", **unknown},
            ),
        ]
