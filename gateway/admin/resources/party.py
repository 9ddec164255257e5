"""Which party a call is about."""

from typing import Any

from gateway.admin.calls import Call
from gateway.admin.errors import BadRequest, Invalid
from gateway.domain.party import Party
from gateway.services.roaming.parties import PartyBook


def asked(call: Call, parties: PartyBook) -> list[Party]:
    """The one that `?party=` names, else all of ours. Raises `BadRequest`."""
    text = call.query.get("party")
    if text is None:
        return [info.party for info in parties.all()]
    try:
        party = Party.parse(text)
    except ValueError as error:
        raise BadRequest(str(error)) from None
    if not parties.knows(party):
        raise BadRequest(f"{party} is no party of this platform")
    return [party]


def named(text: str | None, parties: PartyBook) -> Party:
    """The party that a body names as NL*ABC; without one, the first. Raises `Invalid`."""
    if text is None:
        return parties.default
    try:
        party = Party.parse(text)
    except ValueError as error:
        raise Invalid(str(error)) from None
    return _ours(party, parties)


def owner(call: Call, document: dict[str, Any], parties: PartyBook) -> Party:
    """Whose a document is: its own word, else `?party=`, else the first party."""
    country_code, party_id = document.get("country_code"), document.get("party_id")
    if country_code is None and party_id is None:
        return asked(call, parties)[0] if "party" in call.query else parties.default
    try:
        party = Party(str(country_code), str(party_id))
    except ValueError as error:
        raise Invalid(str(error)) from None
    return _ours(party, parties)


def _ours(party: Party, parties: PartyBook) -> Party:
    if not parties.knows(party):
        raise Invalid(f"{party} is no party of this platform")
    return party
