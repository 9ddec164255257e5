"""Who may be sent an object now: asked before every push, whatever is owed.

Two things may have changed since the object was marked: the operator may have taken our party out
of the partner's sight, and the party that a Session or CDR is for may have lost its connection to
the hub: "Do not queue Push messages" (mod_hub_client_info 14.1.2).

A bill is no offer. What the operator takes out of sight are locations, tariffs and new charging;
Sessions, CDRs and Invoices that there are stay the partner's, who owes them. They wait only while
the partner has not been told of our party, in whose name it would refuse them.
"""

from gateway.delivery.ports import Transport
from gateway.domain.delivery import ObjectKind, ObjectRef, Verdict, VerdictKind
from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.domain.token_owner import token_owner
from gateway.services.roaming.hub_clients import HubClients
from gateway.store import Store

_BILLS = frozenset({ObjectKind.SESSION, ObjectKind.CDR, ObjectKind.INVOICE})


class Audience:
    """A `Transport` that passes on what may be sent.

    Locations and tariffs go to a hub itself as a Broadcast Push, which it spreads among those that
    are connected; only what is for one party waits for that party.
    """

    def __init__(self, transport: Transport, store: Store, clients: HubClients) -> None:
        self._transport = transport
        self._store = store
        self._clients = clients

    async def deliver(self, partner: Partner, party: Party, ref: ObjectRef) -> Verdict:
        """Deliver, or say why not. Raises only `StoreError`s."""
        if ref.kind not in _BILLS and not partner.sees(party):
            return Verdict(VerdictKind.NOT_WANTED, f"the partner is not to know of {party}")
        owner = await self._owner(party, ref)
        if not partner.has_been_told_of(party):
            if owner is not None:
                await self._clients.park(partner, party, ref, owner)
            return Verdict(VerdictKind.NOT_WANTED, f"the partner has not been told of {party}")
        if owner is None or not partner.is_hub:
            return await self._transport.deliver(partner, party, ref)
        if self._clients.connected(partner, owner):
            verdict = await self._transport.deliver(partner, party, ref)
            if not verdict.beyond_hub:
                return verdict
            # the hub's trouble with one party must not hold up the others behind it
            await self._clients.put_aside(partner, party, ref, owner)
            return Verdict(VerdictKind.NOT_WANTED, verdict.detail)
        await self._clients.park(partner, party, ref, owner)
        return Verdict(VerdictKind.NOT_WANTED, f"{owner} is not connected to its hub")

    async def _owner(self, party: Party, ref: ObjectRef) -> Party | None:
        """Whom an object is for; None: nobody alone."""
        books = self._store.party(party)
        kinds = {
            ObjectKind.SESSION: books.sessions,
            ObjectKind.CDR: books.cdrs,
            ObjectKind.INVOICE: books.invoices,
        }
        if ref.kind not in kinds:
            return None
        document = await kinds[ref.kind].get(ref.id)
        return None if document is None else token_owner(document)
