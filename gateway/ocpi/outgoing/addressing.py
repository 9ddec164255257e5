"""Whom our own requests are addressed to: OCPI-from and OCPI-to (transport_and_format 4.2).

Three kinds, and one that does not exist here. What concerns one party goes to that party, directly
or through its hub ("Direct request: Receiving-party"). What is meant for everybody goes to a hub
as a Broadcast Push, with "the party-id and country-code of the Hub in the OCPI-to headers". A list
is fetched from a hub by GET All via Hubs, which names the hub too. "GET SHALL NOT be used in
combination with Broadcast Push". OCPI 2.1.1 has no message routing: None there.
"""

from collections.abc import Mapping
from typing import Any

from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.domain.token_owner import token_owner
from gateway.ocpi.incoming.message_routing import may_act_for, receiving_party
from gateway.ocpi.outgoing.client import Routing
from gateway.ocpi.versions import spoken_with


def concerned_party(partner: Partner, document: Mapping[str, Any]) -> Party | None:
    """The owner of a Session's or CDR's token, if this partner speaks for it.

    Sessions and CDRs "are specific to only one party and are possibly even protected by GDPR"
    (4.2.4): nobody else may be sent them.
    """
    owner = token_owner(document)
    return owner if owner is not None and may_act_for(partner, owner) else None


def direct_routing(partner: Partner, ours: Party, theirs: Party | None) -> Routing | None:
    """To one party: sessions, CDRs, authorizations, results of commands.

    Without `theirs`, to whoever answers for the partner.
    """
    return _routing(partner, ours, theirs or receiving_party(partner))


def broad_routing(partner: Partner, ours: Party) -> Routing | None:
    """To everybody there: locations and tariffs. Through a hub, a Broadcast Push."""
    return _routing(partner, ours, partner.hub or receiving_party(partner))


def list_routings(partner: Partner, ours: Party) -> list[Routing | None]:
    """One per list to be fetched so that nobody's tokens are missing.

    From a hub one list of all ("GET All via Hubs"), else one of each party that issues tokens.
    """
    if partner.hub is not None:
        return [_routing(partner, ours, partner.hub)]
    issuers = [role.party for role in partner.roles if role.role == "EMSP"]
    theirs = issuers or [role.party for role in partner.roles]
    routings = [_routing(partner, ours, party) for party in dict.fromkeys(theirs)]
    return routings if any(routings) else [None]


def _routing(partner: Partner, ours: Party, theirs: Party | None) -> Routing | None:
    if theirs is None or not spoken_with(partner).has_routing:
        return None
    return Routing(ours, theirs)
