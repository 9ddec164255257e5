"""The Token of OCPI 2.3.0 as a partner hands it in."""

from typing import Annotated

from pydantic import AfterValidator

from gateway.canonical.types import (
    CiString36,
    CountryCode,
    DateTime,
    OcpiObject,
    OpenEnum,
    PartyId,
    String2,
    String64,
)
from gateway.domain.tokens import TokenType, WhitelistType

_TYPES = frozenset(type_.value for type_ in TokenType)
_WHITELISTS = frozenset(word.value for word in WhitelistType)


def _known_type(text: str) -> str:
    # OpenEnum: a type of the partner's own making is one of the "Other type of token"
    return text if text in _TYPES else TokenType.OTHER.value


def _known_whitelist(text: str) -> str:
    # a word that we do not know must not open a charger: NEVER always asks the owner
    return text if text in _WHITELISTS else WhitelistType.NEVER.value


TokenTypeName = Annotated[OpenEnum, AfterValidator(_known_type)]


class EnergyContract(OcpiObject):
    """mod_tokens 1.4.2."""

    supplier_name: String64
    contract_id: String64 | None = None


class Token(OcpiObject):
    """mod_tokens 1.3.2."""

    country_code: CountryCode
    party_id: PartyId
    uid: CiString36
    type: TokenTypeName
    contract_id: CiString36
    visual_number: String64 | None = None
    issuer: String64
    group_id: CiString36 | None = None
    valid: bool
    whitelist: Annotated[OpenEnum, AfterValidator(_known_whitelist)]
    language: String2 | None = None
    default_profile_type: OpenEnum | None = None
    energy_contract: EnergyContract | None = None
    last_updated: DateTime


def token_type(text: str) -> str:
    """The stored TokenType for the name that a partner uses."""
    return _known_type(text)
