"""The Token of OCPI 2.3.0 as a partner hands it in."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from gateway.canonical.types import (
    CiString36,
    CountryCode,
    DateTime,
    OcpiObject,
    OpenEnum,
    OrNothing,
    PartyId,
    String2,
    String64,
    Truth,
    folded,
)
from gateway.domain.tokens import TokenType, WhitelistType

_TYPES = frozenset(type_.value for type_ in TokenType)
_WHITELISTS = frozenset(word.value for word in WhitelistType)


def _known_type(text: str) -> str:
    # OpenEnum: a type of the partner's own making is one of the "Other type of token"
    return folded(text, _TYPES) or TokenType.OTHER.value


def _known_whitelist(text: str) -> str:
    # a word that we do not know must not open a charger: NEVER always asks the owner
    return folded(text, _WHITELISTS) or WhitelistType.NEVER.value


def _language(value: Any) -> Any:
    # ISO 639-1, which some send with a region: en-GB
    return value[:2].lower() if isinstance(value, str) and value[:2].isalpha() else None


TokenTypeName = Annotated[OpenEnum, AfterValidator(_known_type)]


class EnergyContract(OcpiObject):
    """mod_tokens 1.4.2."""

    supplier_name: String64
    contract_id: String64 | None = None


class Token(OcpiObject):
    """mod_tokens 1.3.2.

    Strict about what decides who may charge. What only informs is left out where it breaks the
    standard: a token must not be lost for the number that is printed on it.
    """

    country_code: CountryCode
    party_id: PartyId
    uid: CiString36
    type: TokenTypeName
    contract_id: CiString36
    visual_number: Annotated[String64 | None, OrNothing] = None
    issuer: String64
    group_id: Annotated[CiString36 | None, OrNothing] = None
    valid: Truth
    whitelist: Annotated[OpenEnum, AfterValidator(_known_whitelist)]
    language: Annotated[String2 | None, BeforeValidator(_language), OrNothing] = None
    default_profile_type: Annotated[OpenEnum | None, OrNothing] = None
    energy_contract: Annotated[EnergyContract | None, OrNothing] = None
    last_updated: DateTime


def token_type(text: str) -> str:
    """The stored TokenType for the name that a partner uses."""
    return _known_type(text)
