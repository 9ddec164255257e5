"""The parties behind a hub: who of them is connected, and what waits for the others."""

from typing import Any

from gateway.admin.calls import Answer, Call, Route, listed
from gateway.admin.errors import NotFound
from gateway.admin.services import Services
from gateway.domain.hub_clients import ClientInfo
from gateway.domain.timestamps import to_text


class HubClientCalls:
    """`/partners/{id}/clients`."""

    def __init__(self, services: Services) -> None:
        self._partners = services.partners
        self._clients = services.hub_clients

    async def listing(self, call: Call) -> Answer:
        """The clients of a hub, by party; nobody of a partner that is none."""
        partner = self._partners.get(call.path["id"])
        if partner is None:
            raise NotFound("There is no such partner")
        waiting = await self._clients.parked(partner.id)
        found = [
            _shown(client) | {"waiting": waiting.get(client.party, 0)}
            for client in self._clients.of(partner.id)
        ]
        return listed(found, len(found))

    def routes(self) -> list[Route]:
        """The call."""
        return [
            Route(
                "GET",
                "/partners/{id}/clients",
                "The parties behind a hub: role, connection, how many objects wait for them",
                self.listing,
                answers={200: "ClientInfo objects, with `waiting`", 404: "unknown partner"},
            )
        ]


def _shown(client: ClientInfo) -> dict[str, Any]:
    return {
        "country_code": client.party.country_code,
        "party_id": client.party.party_id,
        "role": client.role,
        "status": client.status.value,
        "last_updated": to_text(client.last_updated),
    }
