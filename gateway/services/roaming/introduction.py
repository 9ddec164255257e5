"""Owing a partner all that it is to know of a party of ours.

Which parties that are stands in its record (`to_introduce`) from the moment of its registration,
or of a change of what it may see. So nothing is left out when the node that was at it dies: the
one that delivers to the partner takes over.
"""

from collections.abc import Callable
from dataclasses import replace

import structlog

from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.domain.tariffs.choice import is_shown_to
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import Lease, PageQuery, PartyStore, Store

_log = structlog.get_logger(__name__)

_PIECE = 500
_LEASE_SECONDS = 300.0


async def introduce(store: Store, partners: PartnerDirectory, partner: Partner) -> Partner:
    """Owe a partner every location and tariff of the parties that it is to be introduced to.

    Returns it as it is then. It is known to hold nothing of them. Done by one node at a time.
    Raises `StoreError`.
    """
    lease = await one_at_a_time(store, partner.id)
    if lease is None:
        return partner
    try:
        # somebody may have done it between the caller's look and the lease
        partner = await partners.change(partner.id, lambda stored: stored) or partner
        for party in sorted(partner.to_introduce):
            await store.party(party).owed.forget_known(partner.id)
            count = await _owe_everything(store, party, partner)
            await _owe_what_waited(store, party, partner)
            partner = await partners.change(partner.id, _introduced(party)) or partner
            _log.info("party introduced", partner=partner.id, party=str(party), owed=count)
    finally:
        await lease.release()
    return partner


async def one_at_a_time(store: Store, partner_id: str) -> Lease | None:
    """What whoever owes a partner everything has to hold; None: another is at it."""
    return await store.bus.lease(f"introduction:{partner_id}", _LEASE_SECONDS)


def _introduced(party: Party) -> Callable[[Partner], Partner]:
    return lambda partner: replace(partner, to_introduce=partner.to_introduce - {party})


async def _owe_what_waited(store: Store, party: Party, partner: Partner) -> None:
    """Sessions and CDRs of before, put aside when the partner was not told of the party."""
    books = store.party(party)
    waiting = [ref for ref, _ in await books.parked.all(partner.id)]
    for first in range(0, len(waiting), _PIECE):
        change = books.change()
        for ref in waiting[first : first + _PIECE]:
            books.parked.take(change, partner.id, ref)
        await store.commit(change)


async def _owe_everything(store: Store, party: Party, partner: Partner) -> int:
    """Every location and tariff; returns how many.

    Sessions and CDRs belong to the tokens of one partner; it can GET what it may have missed.
    """
    books = store.party(party)
    return sum(
        [
            await owe_list(store, books, partner, kind, PageQuery())
            for kind in (ObjectKind.LOCATION, ObjectKind.TARIFF)
        ]
    )


async def owe_list(
    store: Store, books: PartyStore, partner: Partner, kind: ObjectKind, query: PageQuery
) -> int:
    """Owe a partner all objects of a kind that a query finds, if it takes them; how many."""
    module, documents = {
        ObjectKind.LOCATION: ("locations", books.locations),
        ObjectKind.TARIFF: ("tariffs", books.tariffs),
        ObjectKind.SESSION: ("sessions", books.sessions),
        ObjectKind.CDR: ("cdrs", books.cdrs),
    }[kind]
    if partner.endpoint(module, "RECEIVER") is None:
        return 0
    count = 0
    page = await documents.page(replace(query, limit=_PIECE))
    while page.last is not None:
        change = books.change()
        shown = [
            one
            for one in page.items
            if kind is not ObjectKind.TARIFF or is_shown_to(one, partner.id)
        ]
        for document in shown:
            ref = ObjectRef(kind, document["id"])
            # a CDR that was acknowledged would not be sent again
            books.owed.forget(change, partner.id, ref)
            books.owed.mark(change, (partner.id,), ref)
        await store.commit(change)
        count += len(shown)
        # not by offset, which a tariff that is deleted meanwhile would shift
        page = await documents.page(replace(query, after=page.last, limit=_PIECE))
    return count
