"""Which of our parties a partner is to know of, and what follows when that changes.

A partner knows our parties from the roles in our credentials, and refuses what comes in the name
of any other. So one that it has not been told of becomes visible when the operator sends it our
credentials, and only then is owed: every location and tariff. What is no longer visible is not
sent any more and not found by a GET, at once; the partner keeps what it has, as OCPI knows no
recall.
"""

from collections.abc import Collection
from dataclasses import replace

from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.services.roaming.introduction import introduce
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import Store


async def show(
    store: Store,
    partners: PartnerDirectory,
    partner_id: str,
    visible: frozenset[Party] | None,
    ours: Collection[Party],
) -> Partner | None:
    """Let a partner know of these parties, of all of them if None; raises `StoreError`.

    None if there is no such partner.
    """
    partner = await partners.change(
        partner_id, lambda before: seeing(before, replace(before, parties=visible), ours)
    )
    return None if partner is None else await introduce(store, partners, partner)


def seeing(before: Partner, after: Partner, ours: Collection[Party]) -> Partner:
    """The partner as it is after a change, to be introduced to the parties that are new to it."""
    new = {
        party
        for party in ours
        if after.sees(party) and (party in before.to_introduce or not before.sees(party))
    }
    return replace(after, to_introduce=frozenset(new))
