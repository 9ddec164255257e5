"""What a Session or a CDR says, in words that no version of OCPI has to itself.

The versions name the same things differently; what is held against the wallet, and a CDR against
its Session, is held in these words.
"""

from dataclasses import dataclass
from decimal import Decimal

from simulators.partner.exact_json import Json
from simulators.partner.owner import Owner


@dataclass(frozen=True, slots=True)
class Facts:
    """Values as they stood on the wire; None for what the version, or the object, does not say."""

    id: str | None
    start: str | None
    end: str | None
    contract_id: str | None
    auth_method: str | None
    location_id: str | None
    evse_uid: str | None
    connector_id: str | None
    kwh: Decimal | None
    currency: str | None
    cost: dict[str, Decimal] | None
    status: str | None = None
    session_id: str | None = None
    token_owner: Owner | None = None
    token_uid: str | None = None
    token_type: str | None = None
    authorization_reference: str | None = None
    credit: bool = False
    periods: list[Json] | None = None
    """without the dimensions that only a Session has"""
