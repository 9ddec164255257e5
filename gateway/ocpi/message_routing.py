"""The OCPI-to and OCPI-from headers (2.2.1 transport_and_format, message routing; rule 25)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.ocpi.errors import InvalidParameters

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

    The sender must be one of the partner's roles, unless it is a hub: a 2.2.1 hub does not list
    the parties behind it ("A Hub SHALL only reports itself as role: Hub"). The receiver must be
    one of our parties.
    """
    sender = _party(headers, _FROM)
    receiver = _party(headers, _TO)
    if sender is not None and not may_act_for(partner, sender):
        raise InvalidParameters(f"OCPI-from {sender} is none of your parties")
    if receiver is not None and receiver not in ours:
        raise InvalidParameters(f"OCPI-to {receiver} is not a party of this platform")
    return MessageRouting(sender, receiver)


def may_act_for(partner: Partner, party: Party) -> bool:
    """Whether data of this party may come from this partner."""
    return partner.acts_for(party) or any(role.role == "HUB" for role in partner.roles)


def _party(headers: Mapping[str, str], names: tuple[str, str]) -> Party | None:
    country_code, party_id = (headers.get(name) for name in names)
    if not country_code and not party_id:
        return None
    try:
        return Party((country_code or "").strip(), (party_id or "").strip())
    except ValueError:
        raise InvalidParameters(f"{names[0]} and {names[1]} are not a party") from None
