"""Locations, Sender interface (mod_locations 8.2.1): list, Location, EVSE, Connector."""

from collections.abc import Iterable
from typing import Any

from gateway.ocpi import paging
from gateway.ocpi.calls import Call, Route
from gateway.ocpi.envelope import Answer
from gateway.ocpi.errors import UnknownLocationResource
from gateway.ocpi.platform import Platform
from gateway.ocpi.versions.wire import Wire
from gateway.services.roaming.locations import LocationCatalogue


class LocationsSender:
    """GET only; "POST, PUT, PATCH, DELETE: n/a"."""

    def __init__(self, wire: Wire, platform: Platform, locations: LocationCatalogue) -> None:
        self._wire = wire
        self._platform = platform
        self._locations = locations

    def routes(self) -> list[Route]:
        """Its URLs."""
        return [
            Route("GET", "/locations", self.list),
            Route("GET", "/locations/{location_id}", self.location),
            Route("GET", "/locations/{location_id}/{evse_uid}", self.evse),
            Route("GET", "/locations/{location_id}/{evse_uid}/{connector_id}", self.connector),
        ]

    async def list(self, call: Call) -> Answer:
        """Every location that may be published, oldest first."""
        request = paging.read(call.query)
        items, total = await paging.collect(
            request, self._platform.addressed(call.routing), self._locations.page
        )
        return paging.answer(request, call.url, [self._wire.location(one) for one in items], total)

    async def location(self, call: Call) -> Answer:
        """One Location."""
        return Answer(self._wire.location(await self._find(call)))

    async def evse(self, call: Call) -> Answer:
        """One EVSE."""
        evse = _named(
            (await self._find(call)).get("evses", ()), "uid", call.path["evse_uid"], "EVSE"
        )
        return _known(self._wire.evse(evse))

    async def connector(self, call: Call) -> Answer:
        """One Connector."""
        location = await self._find(call)
        evse = _named(location.get("evses", ()), "uid", call.path["evse_uid"], "EVSE")
        connector = _named(evse["connectors"], "id", call.path["connector_id"], "connector")
        return _known(self._wire.connector(connector))

    async def _find(self, call: Call) -> dict[str, Any]:
        for party in self._platform.addressed(call.routing):
            location = await self._locations.get(party, call.path["location_id"])
            if location is not None:
                return location
        raise UnknownLocationResource("Unknown location")


def _named(objects: Iterable[dict[str, Any]], key: str, name: str, what: str) -> dict[str, Any]:
    # CiStrings, "also in URLs" (ocpi-rules 23)
    for one in objects:
        if one[key].lower() == name.lower():
            return one
    raise UnknownLocationResource(f"Unknown {what}")


def _known(converted: dict[str, Any] | None) -> Answer:
    if converted is None:
        raise UnknownLocationResource("It cannot be described in this version")
    return Answer(converted)
