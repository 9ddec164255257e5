"""The parties behind hubs: known to all nodes, and quiet while they are not connected.

"Connection to party is not available: No requests can be sent. Do not queue Push messages."
(mod_hub_client_info 14.1.2; ocpi-rules 15). What changes for such a party meanwhile is put aside as
a dirty key; when it is CONNECTED again, each object is owed once, and its current state is sent
(docs/adr/0020).
"""

from collections.abc import Callable, Iterable
from datetime import datetime

import structlog

from gateway.domain.delivery import ObjectRef
from gateway.domain.hub_clients import ClientInfo, ConnectionStatus
from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.services.roaming.freshness import REREAD_SECONDS, Freshness
from gateway.services.roaming.parties import PartyBook
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import Store

_log = structlog.get_logger(__name__)

_TOPIC = "hub-clients"
_PIECE = 500

Known = dict[Party, list[ClientInfo]]


class HubClients:
    """What hubs have told us of their clients."""

    def __init__(
        self,
        store: Store,
        partners: PartnerDirectory,
        parties: PartyBook,
        now: Callable[[], datetime],
        *,
        reread_seconds: float = REREAD_SECONDS,
    ) -> None:
        self._store = store
        self._partners = partners
        self._parties = parties
        self._now = now
        self._known: dict[str, Known] = {}
        self._freshness = Freshness(store, _TOPIC, self._reread, seconds=reread_seconds)

    async def load(self) -> None:
        """Read them and stay up to date until `close`. Raises `StoreError`."""
        await self._freshness.start()

    async def close(self) -> None:
        """Stop following changes."""
        await self._freshness.close()

    def of(self, partner_id: str) -> list[ClientInfo]:
        """The clients of one hub, by party."""
        known = self._known.get(partner_id, {})
        return [client for party in sorted(known) for client in known[party]]

    def find(self, partner_id: str, party: Party) -> ClientInfo | None:
        """What a hub says of a party; of several roles, what it is as an issuer of tokens."""
        clients = self._known.get(partner_id, {}).get(party, [])
        return min(clients, key=lambda client: client.role == "CPO", default=None)

    def connected(self, partner: Partner, party: Party) -> bool:
        """Whether a party can be reached through this partner; yes, unless its hub denies it."""
        if not partner.is_hub or party == partner.hub:
            return True
        client = self.find(partner.id, party)
        return client is None or client.status is ConnectionStatus.CONNECTED

    async def put(self, partner_id: str, client: ClientInfo) -> bool:
        """Keep what a hub pushes; True if the client is new. Raises `StoreError`.

        What is older than what we know is not kept: messages may overtake each other.
        """
        known = self._known.get(partner_id, {}).get(client.party, [])
        before = next((one for one in known if one.role == client.role), None)
        if before is not None and client.last_updated < before.last_updated:
            _log.info("an older ClientInfo came late", partner=partner_id, party=str(client.party))
            return False
        await self._store.hub_clients.put(partner_id, [client])
        await self._learn(partner_id)
        return before is None

    async def replace(self, partner_id: str, clients: Iterable[ClientInfo], asked: datetime) -> int:
        """Take over a hub's whole list, asked for at `asked`; returns how many it has.

        "Any older information that is not specified in the response is considered as no longer
        valid" (14.3.2.1). What the hub has pushed since we asked stays.
        """
        told = {(client.party, client.role): client for client in clients}
        pushed = {(one.party, one.role) for one in self.of(partner_id) if one.received >= asked}
        gone = [
            one
            for one in self.of(partner_id)
            if (one.party, one.role) not in told and (one.party, one.role) not in pushed
        ]
        kept = [client for key, client in told.items() if key not in pushed]
        await self._store.hub_clients.delete(partner_id, gone)
        await self._store.hub_clients.put(partner_id, kept)
        await self._learn(partner_id)
        return len(told)

    async def park(self, partner: Partner, party: Party, ref: ObjectRef, owner: Party) -> None:
        """Put an object of our `party` aside until its owner can be told of it."""
        await self.put_aside(partner, party, ref, owner)
        current = self._partners.get(partner.id) or partner
        if current.has_been_told_of(party) and self.connected(current, owner):  # meanwhile
            await self.release(current)

    async def put_aside(self, partner: Partner, party: Party, ref: ObjectRef, owner: Party) -> None:
        """The same for one that the hub calls connected and still did not reach.

        It is tried again with the hub's next news of any client, after an hour at the latest.
        """
        await self._store.party(party).parked.put(partner.id, ref, owner)

    async def parked(self, partner_id: str) -> dict[Party, int]:
        """How many objects wait for each party behind a hub."""
        counts: dict[Party, int] = {}
        for own in self._parties.all():
            for _, owner in await self._store.party(own.party).parked.all(partner_id):
                counts[owner] = counts.get(owner, 0) + 1
        return counts

    async def _learn(self, partner_id: str) -> None:
        self._known[partner_id] = _by_party(await self._store.hub_clients.of(partner_id))
        partner = self._partners.get(partner_id)
        if partner is not None:
            await self.release(partner)

    async def release(self, partner: Partner) -> None:
        """Owe what waits for parties that are connected now."""
        for own in self._parties.all():
            if not partner.has_been_told_of(own.party):
                continue
            books = self._store.party(own.party)
            waiting = await books.parked.all(partner.id)
            ready = [ref for ref, owner in waiting if self.connected(partner, owner)]
            for first in range(0, len(ready), _PIECE):
                change = books.change()
                for ref in ready[first : first + _PIECE]:
                    books.parked.take(change, partner.id, ref)
                await self._store.commit(change)

    async def _reread(self) -> None:
        hubs = [partner for partner in self._partners.all() if partner.is_hub]
        before, self._known = (
            self._known,
            {hub.id: _by_party(await self._store.hub_clients.of(hub.id)) for hub in hubs},
        )
        for hub in hubs:
            if self._known[hub.id] != before.get(hub.id, {}):
                await self.release(hub)


def _by_party(clients: Iterable[ClientInfo]) -> Known:
    known: Known = {}
    for client in clients:
        known.setdefault(client.party, []).append(client)
    return known
