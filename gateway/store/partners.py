"""The roaming partners. What they present to us is known by its hash only; what we present to
them is sealed with the gateway's secret key.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from gateway import exact_json
from gateway.domain.partners import Endpoint, Partner, PartnerRole, PartnerState, QuirkSeen
from gateway.domain.party import Party
from gateway.domain.timestamps import from_text, to_text
from gateway.store import scripts
from gateway.store.bus import Bus
from gateway.store.errors import StoreUnavailable
from gateway.store.keys import PARTNERS, SCHEMA
from gateway.store.schema import WITH_OTHER_OCPI_VERSIONS, is_beyond_the_first_release
from gateway.store.sealing import Sealer
from gateway.store.server import Server

PARTNERS_TOPIC = "partners"

_ATTEMPTS = 20  # at an update that others keep overtaking


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
        await self._raise_schema(partner)
        await self._server.command("HSET", PARTNERS, partner.id, value)
        await self._bus.publish(PARTNERS_TOPIC, {"id": partner.id})

    async def update(self, id: str, change: Callable[[Partner], Partner]) -> Partner | None:
        """Replace a partner by what `change` makes of it, atomically; None if there is none.

        `change` is called again when another node was faster.
        """
        for _ in range(_ATTEMPTS):
            read = await self._server.command("HGET", PARTNERS, id)
            if read is None:
                return None
            partner = self._partner(exact_json.loads(read))
            changed = change(partner)
            if changed == partner:
                return partner
            put = exact_json.dumps(self._document(changed))
            await self._raise_schema(changed)
            if await self._server.script(scripts.RECORD_REPLACE, [PARTNERS], id, read, put):
                await self._bus.publish(PARTNERS_TOPIC, {"id": id})
                return changed
        raise StoreUnavailable("the partner's record is being changed by many at once")

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

    async def _raise_schema(self, partner: Partner) -> None:
        """Before such a partner is there, older releases must not start any more (R27)."""
        if is_beyond_the_first_release(partner):
            await self._server.command("SET", SCHEMA, WITH_OTHER_OCPI_VERSIONS)

    def _document(self, partner: Partner) -> dict[str, Any]:
        token = partner.outbound_token
        return {
            "id": partner.id,
            "name": partner.name,
            "state": partner.state.value,
            "created_at": partner.created_at.isoformat(),
            "inbound_token_hash": partner.inbound_token_hash,
            "offered_token_hash": partner.offered_token_hash,
            "outbound_token": None if token is None else self._sealer.seal(token, partner.id),
            "versions_url": partner.versions_url,
            "version": partner.version,
            "roles": [[role.role, str(role.party), role.business_name] for role in partner.roles],
            "endpoints": [[one.identifier, one.role, one.url] for one in partner.endpoints],
            "quirks": sorted(partner.quirks),
            "last_error": partner.last_error,
            "parties": None if partner.parties is None else sorted(map(str, partner.parties)),
            "hub_party": None if partner.hub_party is None else str(partner.hub_party),
            "told": None if partner.told is None else sorted(map(str, partner.told)),
            "to_introduce": sorted(map(str, partner.to_introduce)),
            "known_as": partner.known_as and str(partner.known_as),
            "quirks_seen": [[one.name, one.how, to_text(one.at)] for one in partner.quirks_seen],
            "session_interval": partner.session_interval,
        }

    def _partner(self, document: dict[str, Any]) -> Partner:
        sealed = document["outbound_token"]
        return Partner(
            id=document["id"],
            name=document["name"],
            state=PartnerState(document["state"]),
            created_at=from_text(document["created_at"]),
            inbound_token_hash=document["inbound_token_hash"],
            offered_token_hash=document.get("offered_token_hash"),
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
            parties=_parties(document.get("parties")),
            hub_party=_party(document.get("hub_party")),
            told=_parties(document.get("told")),
            to_introduce=frozenset(map(Party.parse, document.get("to_introduce", ()))),
            known_as=_party(document.get("known_as")),
            quirks_seen=tuple(
                QuirkSeen(name, how, from_text(at))
                for name, how, at in document.get("quirks_seen", ())
            ),
            session_interval=_seconds(document.get("session_interval")),
        )


def _party(text: str | None) -> Party | None:
    return None if text is None else Party.parse(text)


def _seconds(number: Decimal | int | None) -> float | None:
    return None if number is None else float(number)


def _parties(texts: list[str] | None) -> frozenset[Party] | None:
    return None if texts is None else frozenset(map(Party.parse, texts))
