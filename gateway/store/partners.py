"""The roaming partners. What they present to us is known by its hash only; what we present to
them is sealed with the gateway's secret key.
"""

from typing import Any

from gateway import exact_json
from gateway.domain.partners import Endpoint, Partner, PartnerRole, PartnerState
from gateway.domain.party import Party
from gateway.domain.timestamps import from_text
from gateway.store.bus import Bus
from gateway.store.keys import PARTNERS
from gateway.store.sealing import Sealer
from gateway.store.server import Server

PARTNERS_TOPIC = "partners"


class PartnerRecords:
    """Partners by id. Every change is announced on the bus: `{"id": ...}` on topic "partners"."""

    def __init__(self, server: Server, bus: Bus, sealer: Sealer) -> None:
        self._server = server
        self._bus = bus
        self._sealer = sealer

    async def get(self, id: str) -> Partner | None:
        """One partner, or None."""
        value = await self._server.command("HGET", PARTNERS, id)
        return None if value is None else self._partner(exact_json.loads(value))

    async def put(self, partner: Partner) -> None:
        """Store a partner, new or not."""
        value = exact_json.dumps(self._document(partner))
        await self._server.command("HSET", PARTNERS, partner.id, value)
        await self._bus.publish(PARTNERS_TOPIC, {"id": partner.id})

    async def delete(self, id: str) -> bool:
        """Remove a partner; False if there was none."""
        existed = bool(await self._server.command("HDEL", PARTNERS, id))
        await self._bus.publish(PARTNERS_TOPIC, {"id": id})
        return existed

    async def all(self) -> list[Partner]:
        """Every partner, the oldest first."""
        found = await self._server.command("HVALS", PARTNERS)
        partners = [self._partner(exact_json.loads(value)) for value in found]
        return sorted(partners, key=lambda partner: (partner.created_at, partner.id))

    def _document(self, partner: Partner) -> dict[str, Any]:
        token = partner.outbound_token
        return {
            "id": partner.id,
            "name": partner.name,
            "state": partner.state.value,
            "created_at": partner.created_at.isoformat(),
            "inbound_token_hash": partner.inbound_token_hash,
            "outbound_token": None if token is None else self._sealer.seal(token, partner.id),
            "versions_url": partner.versions_url,
            "version": partner.version,
            "roles": [[role.role, str(role.party), role.business_name] for role in partner.roles],
            "endpoints": [[one.identifier, one.role, one.url] for one in partner.endpoints],
            "quirks": sorted(partner.quirks),
            "last_error": partner.last_error,
        }

    def _partner(self, document: dict[str, Any]) -> Partner:
        sealed = document["outbound_token"]
        return Partner(
            id=document["id"],
            name=document["name"],
            state=PartnerState(document["state"]),
            created_at=from_text(document["created_at"]),
            inbound_token_hash=document["inbound_token_hash"],
            outbound_token=None if sealed is None else self._sealer.unseal(sealed, document["id"]),
            versions_url=document["versions_url"],
            version=document["version"],
            roles=tuple(
                PartnerRole(role, Party.parse(party), name)
                for role, party, name in document["roles"]
            ),
            endpoints=tuple(Endpoint(*endpoint) for endpoint in document["endpoints"]),
            quirks=frozenset(document["quirks"]),
            last_error=document["last_error"],
        )
