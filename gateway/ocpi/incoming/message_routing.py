"""The OCPI-to and OCPI-from headers of requests to us (transport_and_format 4.2; ocpi-rules 25).

The receiver is one of our parties that the partner is to know of; without one the request is about
all of those (an Open Routing Request: "the OCPI-to headers can be omitted"), so a list then has
the objects of all of them, and a command finds its party by the location. An unknown receiver is a
wrong parameter, 2001: the codes 4000 to 4003 are "for errors that a Hub encounters while routing
messages", and this platform routes for nobody, so it never answers them.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.ocpi.incoming.errors import InvalidParameters

_TO = ("OCPI-to-country-code", "OCPI-to-party-id")
_FROM = ("OCPI-from-country-code", "OCPI-from-party-id")


@dataclass(frozen=True, slots=True)
class MessageRouting:
    """From whom to whom; each None when the caller left it out."""

    sender: Party | None = None
    receiver: Party | None = None

    def answer_headers(self) -> dict[str, str]:
        """Direct response: TO is the requesting party, FROM the receiving party."""
        headers: dict[str, str] = {}
        for names, party in ((_TO, self.sender), (_FROM, self.receiver)):
            if party is not None:
                headers[names[0]] = party.country_code
                headers[names[1]] = party.party_id
        return headers


def read(headers: Mapping[str, str], partner: Partner, ours: Collection[Party]) -> MessageRouting:
    """Read and check the headers. Raises `InvalidParameters`.

    The sender must be one of the partner's parties, or one that a hub passes on for, and none of
    `ours`; the receiver one of those that the partner sees.
    """
    sender = _party(headers, _FROM)
    receiver = _party(headers, _TO)
    if sender is not None and (sender in ours or not may_act_for(partner, sender)):
        raise InvalidParameters(f"OCPI-from {sender} is none of your parties")
    if receiver is not None and not (receiver in ours and partner.sees(receiver)):
        raise InvalidParameters(f"OCPI-to {receiver} is not a party of this platform")
    return MessageRouting(sender, receiver)


def may_act_for(partner: Partner, party: Party) -> bool:
    """Whether data of this party may come from this partner, and go to it.

    A 2.2.1 hub does not list the parties behind it; a 2.3.0 hub does, and then they are all.
    """
    if partner.acts_for(party) or party == partner.hub:
        return True
    return partner.is_hub and not partner.names_its_clients


def speaks_as(partner: Partner, routing: MessageRouting, party: Party) -> bool:
    """Whether the sender of this very message may read and change what is this party's.

    A hub carries the messages of many: what one of them asks through it (OCPI-from) is about its
    own objects only, though to the hub's connection all of them belong. The hub itself, which
    names itself or nobody, is asking for all.
    """
    if not may_act_for(partner, party):
        return False
    return not partner.is_hub or routing.sender in (None, partner.hub, party)


def receiving_party(partner: Partner) -> Party | None:
    """Whom to address where no token says it: a hub, the first eMSP, else whoever is not a CPO."""
    others = [role for role in partner.roles if role.role != "CPO"]
    emsps = [role for role in others if role.role == "EMSP"]
    return partner.hub or next((role.party for role in (*emsps, *others)), None)


def _party(headers: Mapping[str, str], names: tuple[str, str]) -> Party | None:
    country_code, party_id = (headers.get(name) for name in names)
    if not country_code and not party_id:
        return None
    try:
        return Party((country_code or "").strip(), (party_id or "").strip())
    except ValueError:
        raise InvalidParameters(f"{names[0]} and {names[1]} are not a party") from None
