"""Hub Client Info, Receiver interface (mod_hub_client_info 14.3.1), in 2.2.1 and 2.3.0.

A hub tells us who is behind it and connected. It is a configuration module, "between eMSP/CPO and
Hub": its requests carry no routing headers, and only a hub may make them.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from gateway.domain.hub_clients import ClientInfo, ConnectionStatus
from gateway.domain.party import Party
from gateway.domain.timestamps import from_text, to_text
from gateway.ocpi.incoming.calls import Call, Route
from gateway.ocpi.incoming.envelope import Answer
from gateway.ocpi.incoming.errors import InvalidParameters, UnknownResource
from gateway.services.roaming.hub_clients import HubClients

_PATH = "/hubclientinfo/{country_code}/{party_id}"
_LONGEST_ROLE = 20


class HubClientInfoReceiver:
    """GET and PUT; "ClientInfo objects cannot be removed"."""

    def __init__(self, clients: HubClients, now: Callable[[], datetime]) -> None:
        self._clients = clients
        self._now = now

    def routes(self) -> list[Route]:
        """Its URLs."""
        return [
            Route("GET", _PATH, self.get, routed=False),
            Route("PUT", _PATH, self.put, routed=False),
        ]

    async def get(self, call: Call) -> Answer:
        """A ClientInfo as we hold it; one hub does not see another's."""
        client = self._clients.find(call.partner.id, _party_of_url(call))
        if client is None:
            raise UnknownResource("Unknown ClientInfo")
        return Answer(client_info(client))

    async def put(self, call: Call) -> Answer:
        """A new or updated ClientInfo."""
        if not call.partner.is_hub:
            raise InvalidParameters("ClientInfo comes from a hub, and you are registered as none")
        client = read_client_info(call.object(), self._now())
        if client.party != _party_of_url(call):
            raise InvalidParameters("The URL names another party than the body")
        created = await self._clients.put(call.partner.id, client)
        return Answer(http_status=201 if created else 200)


def read_client_info(body: dict[str, Any], now: datetime) -> ClientInfo:
    """A ClientInfo. Raises `InvalidParameters`.

    The specification's own example has no last_updated: then it is what it was when it came.
    """
    try:
        party = Party(str(body["country_code"]), str(body["party_id"]))
        role = str(body["role"]).upper()
        status = ConnectionStatus(str(body["status"]).upper())
        updated = body.get("last_updated")
        moment = now if updated is None else from_text(str(updated))
    except KeyError as error:
        raise InvalidParameters(f"{error.args[0]} is missing") from None
    except ValueError as error:
        raise InvalidParameters(f"ClientInfo: {error}") from None
    if not 0 < len(role) <= _LONGEST_ROLE or not role.isprintable():
        raise InvalidParameters("role is not a Role")
    return ClientInfo(party, role, status, moment, now)


def client_info(client: ClientInfo) -> dict[str, Any]:
    """The ClientInfo object (14.4.1)."""
    return {
        "party_id": client.party.party_id,
        "country_code": client.party.country_code,
        "role": client.role,
        "status": client.status.value,
        "last_updated": to_text(client.last_updated),
    }


def _party_of_url(call: Call) -> Party:
    try:
        return Party(call.path["country_code"], call.path["party_id"])
    except ValueError:
        raise UnknownResource("The URL names no party") from None
