"""Locations: OCPI 2.3.0 documents with the charge points behind their EVSEs."""

from typing import Any

from gateway.admin.calls import NO_CONTENT, PAGING, PARTY, Answer, Call, Route, listed
from gateway.admin.errors import NotFound
from gateway.admin.lists import part
from gateway.admin.resources import party
from gateway.admin.resources.documents import identified
from gateway.admin.services import Services
from gateway.canonical.locations import Location

EXAMPLE = {
    "id": "LOC1",
    "publish": True,
    "address": "Street 1",
    "city": "Utrecht",
    "country": "NLD",
    "coordinates": {"latitude": "52.09000", "longitude": "5.12000"},
    "time_zone": "Europe/Amsterdam",
    "evses": [
        {
            "uid": "EVSE1",
            "evse_id": "NL*GWY*E1",
            "charge_point": {"identity": "CP1", "evse_id": 1},
            "connectors": [
                {
                    "id": "1",
                    "standard": "IEC_62196_T2",
                    "format": "SOCKET",
                    "power_type": "AC_3_PHASE",
                    "max_voltage": 230,
                    "max_amperage": 16,
                    "tariff_ids": ["T1"],
                }
            ],
        }
    ],
}


class LocationCalls:
    """`/locations`."""

    def __init__(self, services: Services) -> None:
        self._catalogue = services.catalogue
        self._parties = services.parties

    async def listing(self, call: Call) -> Answer:
        """All of them, with live status."""
        found: list[Any] = []
        for one in party.asked(call, self._parties):
            found += await self._catalogue.operator_list(one)
        return listed(part(found, call.window(None)), len(found))

    async def get(self, call: Call) -> Answer:
        """One, as the operator wrote it, with live status."""
        for one in party.asked(call, self._parties):
            found = await self._catalogue.operator_view(one, call.path["id"])
            if found is not None:
                return Answer(found)
        raise NotFound("There is no such location")

    async def put(self, call: Call) -> Answer:
        """Create or replace one."""
        document = identified(call)
        owner = party.owner(call, document, self._parties)
        stored, created = await self._catalogue.put(owner, document)
        shown = await self._catalogue.operator_view(owner, stored["id"]) or stored
        return Answer(shown, 201 if created else 200)

    async def delete(self, call: Call) -> Answer:
        """Take it out of service for good."""
        for one in party.asked(call, self._parties):
            if await self._catalogue.remove(one, call.path["id"]):
                return NO_CONTENT
        raise NotFound("There is no such location")

    def routes(self) -> list[Route]:
        """The calls."""
        unknown = {404: "unknown location"}
        return [
            Route("GET", "/locations", "All locations", self.listing, query=(PARTY, *PAGING)),
            Route(
                "GET",
                "/locations/{id}",
                "One location with live status",
                self.get,
                query=(PARTY,),
                answers={200: "the location", **unknown},
            ),
            Route(
                "PUT",
                "/locations/{id}",
                "Create or replace a location; EVSEs left out become REMOVED",
                self.put,
                body=Location,
                example=EXAMPLE,
                query=(PARTY,),
                answers={200: "replaced", 201: "created", 422: "what breaks the standard"},
            ),
            Route(
                "DELETE",
                "/locations/{id}",
                "Every EVSE becomes REMOVED; partners keep seeing the location, as OCPI wants",
                self.delete,
                query=(PARTY,),
                answers={204: "removed", **unknown},
            ),
        ]
