"""Stored objects in the words of a partner's version: the same for a GET as for a push."""

from typing import Any

from gateway.domain.party import Party
from gateway.ocpi.pushes.session_patch import sendable
from gateway.ocpi.versions import Version
from gateway.services.roaming.locations import LocationCatalogue

Object = dict[str, Any]


class Renderer:
    """Gives the conversions of a version what they need besides the object itself."""

    def __init__(self, locations: LocationCatalogue) -> None:
        self._locations = locations

    async def session(
        self, version: Version, party: Party, session: Object, viewer: str | None = None
    ) -> Object:
        """A Session; OCPI 2.1.1 embeds the Location where it takes place, as its partner sees it.

        Without the period that still runs, also in a GET: who got it there would have it twice
        when a PATCH adds it in the end.
        """
        session = sendable(session)
        location = None
        if version.wire.embeds_location and session.get("location_id"):
            location = await self._locations.seen(party, session["location_id"], viewer)
        return version.wire.session(session, location)
