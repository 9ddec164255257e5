"""The parties behind each hub: its ClientInfo objects (OCPI mod_hub_client_info)."""

from collections.abc import Iterable
from typing import Any

from gateway import exact_json
from gateway.domain.hub_clients import ClientInfo, ConnectionStatus
from gateway.domain.party import Party
from gateway.domain.timestamps import from_text
from gateway.store.bus import Bus
from gateway.store.keys import hub_clients
from gateway.store.server import Server

HUB_CLIENTS_TOPIC = "hub-clients"


class HubClientRecords:
    """ClientInfo by hub, party and role. Changes are announced: `{"partner": ...}`."""

    def __init__(self, server: Server, bus: Bus) -> None:
        self._server = server
        self._bus = bus

    async def put(self, partner_id: str, clients: Iterable[ClientInfo]) -> None:
        """Store some clients of a hub."""
        key = hub_clients(partner_id)
        pairs: list[str | bytes] = []
        for client in clients:
            pairs += (_field(client.party, client.role), exact_json.dumps(_document(client)))
        if pairs:
            await self._server.command("HSET", key, *pairs)
        await self._bus.publish(HUB_CLIENTS_TOPIC, {"partner": partner_id})

    async def delete(self, partner_id: str, clients: Iterable[ClientInfo]) -> None:
        """Forget some clients of a hub."""
        fields = [_field(client.party, client.role) for client in clients]
        if fields:
            await self._server.command("HDEL", hub_clients(partner_id), *fields)
            await self._bus.publish(HUB_CLIENTS_TOPIC, {"partner": partner_id})

    async def drop_partner(self, partner_id: str) -> None:
        """Forget all of a hub."""
        await self._server.command("DEL", hub_clients(partner_id))
        await self._bus.publish(HUB_CLIENTS_TOPIC, {"partner": partner_id})

    async def of(self, partner_id: str) -> list[ClientInfo]:
        """A hub's clients, by party and role."""
        found = await self._server.command("HVALS", hub_clients(partner_id))
        clients = [_client(exact_json.loads(value)) for value in found]
        return sorted(clients, key=lambda client: (client.party, client.role))


def _field(party: Party, role: str) -> str:
    return f"{party}/{role}"


def _document(client: ClientInfo) -> dict[str, Any]:
    return {
        "party": str(client.party),
        "role": client.role,
        "status": client.status.value,
        "last_updated": client.last_updated.isoformat(),
        "received": client.received.isoformat(),
    }


def _client(document: dict[str, Any]) -> ClientInfo:
    return ClientInfo(
        Party.parse(document["party"]),
        document["role"],
        ConnectionStatus(document["status"]),
        from_text(document["last_updated"]),
        from_text(document["received"]),
    )
