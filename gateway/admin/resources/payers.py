"""Who is told of a bill: the partner that vouched for the token, or its party's of now.

Who has left is not told: its party may be here again, under a registration of its own.
"""

from collections.abc import Mapping
from typing import Any

from gateway.domain.partners import Partner, PartnerState
from gateway.domain.party import Party
from gateway.services.roaming.partners import PartnerDirectory


def payer_of(
    partners: PartnerDirectory, holder: Mapping[str, Any] | None, owner: Party
) -> str | None:
    """The id of the partner, of a transaction's holder and the token's party.

    None where no registered one is concerned, as with the operator's own tokens.
    """
    if holder is not None:
        partner_id: str | None = holder["partner_id"]
        if not partner_id or _is_here(partners.get(partner_id)):
            return partner_id or None
    speaking = [one for one in partners.all() if one.acts_for(owner) and _is_here(one)]
    # one that is behind a hub and here itself is told here
    speaking.sort(key=lambda one: one.is_hub)
    return speaking[0].id if speaking else None


def _is_here(partner: Partner | None) -> bool:
    return partner is not None and partner.state is not PartnerState.UNREGISTERED
