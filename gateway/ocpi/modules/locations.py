"""Locations, Sender interface (mod_locations 8.2.1): list, Location, EVSE, Connector."""

from collections.abc import Iterable
from typing import Any

from msgspec import Raw

from gateway.domain.party import Party
from gateway.ocpi.incoming import paging
from gateway.ocpi.incoming.calls import Call, Route
from gateway.ocpi.incoming.envelope import Answer, single
from gateway.ocpi.incoming.errors import UnknownLocationResource
from gateway.ocpi.platform import Platform
from gateway.ocpi.pushes.rendered import RenderedObjects
from gateway.ocpi.versions import Version
from gateway.services.roaming.locations import LocationCatalogue, LocationPage, ShownLocation
from gateway.store import PageQuery


class LocationsSender:
    """GET only; "POST, PUT, PATCH, DELETE: n/a"."""

    def __init__(
        self,
        version: Version,
        platform: Platform,
        locations: LocationCatalogue,
        rendered: RenderedObjects,
    ) -> None:
        self._version = version
        self._wire = version.wire
        self._platform = platform
        self._locations = locations
        self._rendered = rendered

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
        parties = self._platform.addressed(call.partner, call.routing)
        listing = await paging.collect(
            request, parties, lambda party, query: self._page(party, query, call.partner.id)
        )
        return paging.answer(request, call.url, map(self._text, listing.items), listing)

    async def _page(self, party: Party, query: PageQuery, viewer: str) -> LocationPage:
        restricted = self._version.has_restricted_locations
        return await self._locations.stored_page(party, query, restricted=restricted, viewer=viewer)

    def _text(self, one: ShownLocation) -> Raw:
        key = self._version.number, "location", one.party, one.id, one.view
        return self._rendered.text(key, one.source, lambda: self._wire.location(one.read()))

    async def location(self, call: Call) -> Answer:
        """One Location."""
        return single(self._wire.location(await self._find(call)))

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
        for party in self._platform.addressed(call.partner, call.routing):
            location = await self._locations.get(
                party,
                call.path["location_id"],
                restricted=self._version.has_restricted_locations,
                viewer=call.partner.id,
            )
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
    return single(converted)
