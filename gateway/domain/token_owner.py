"""Whose token a Session or CDR was charged with, and so who may know of it.

They "are specific to only one party and are possibly even protected by GDPR or other laws"
(OCPI transport_and_format 4.2.4).
"""

from collections.abc import Mapping
from typing import Any

from gateway.domain.bills.cdr_series import is_correction
from gateway.domain.party import Party


def token_owner(document: Mapping[str, Any]) -> Party | None:
    """The party in `cdr_token`; None if the token is no party's."""
    token = document.get("cdr_token")
    if not isinstance(token, Mapping):
        return None
    try:
        return Party(str(token.get("country_code")), str(token.get("party_id")))
    except ValueError:
        return None


def list_behind(partner_id: str, owner: Party) -> str:
    """The name of the list of one party among those that a hub carries."""
    return f"{partner_id}/{owner}"


def credits_of(partner_id: str) -> str:
    """The name of the list of a partner's Credit CDRs and those that follow them.

    OCPI 2.1.1 knows none: without the one, the other would be one more bill.
    """
    return f"{partner_id}/credits"


def parts_of_list(partner_id: str, document: Mapping[str, Any]) -> list[str]:
    """The parts of a partner's list in which a document stands as well."""
    owner = token_owner(document)
    parts = [] if owner is None else [list_behind(partner_id, owner)]
    return [*parts, credits_of(partner_id)] if _corrects(document) else parts


def _corrects(document: Mapping[str, Any]) -> bool:
    if "cdr_location" not in document:  # no CDR
        return False
    return bool(document.get("credit")) or is_correction(str(document["id"]))
