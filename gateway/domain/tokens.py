"""Tokens: who may charge, by whose word (OCPI mod_tokens; OCPP idTag and IdToken)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class TokenType(StrEnum):
    """OCPI TokenType (2.3.0 superset)."""

    AD_HOC_USER = "AD_HOC_USER"
    APP_USER = "APP_USER"
    EMAID = "EMAID"
    OTHER = "OTHER"
    RFID = "RFID"


class WhitelistType(StrEnum):
    """OCPI WhitelistType: when the gateway may decide without asking the token's owner."""

    ALWAYS = "ALWAYS"
    ALLOWED = "ALLOWED"
    ALLOWED_OFFLINE = "ALLOWED_OFFLINE"
    NEVER = "NEVER"


class AuthorizationStatus(StrEnum):
    """The answer to a presented token, in one vocabulary for all OCPP versions."""

    ACCEPTED = "Accepted"
    BLOCKED = "Blocked"
    EXPIRED = "Expired"
    INVALID = "Invalid"
    CONCURRENT_TX = "ConcurrentTx"
    NO_CREDIT = "NoCredit"
    NOT_ALLOWED_AT_LOCATION = "NotAtThisLocation"


class AuthMethod(StrEnum):
    """OCPI AuthMethod, as it goes into sessions and CDRs."""

    AUTH_REQUEST = "AUTH_REQUEST"
    COMMAND = "COMMAND"
    WHITELIST = "WHITELIST"


@dataclass(frozen=True, slots=True)
class TokenRef:
    """A token as a charge point presents it.

    `uid` is a CiString; `types` holds the OCPI types that it may have: OCPP 1.6 does not say, a
    2.x IdToken narrows it down.
    """

    uid: str
    types: tuple[TokenType, ...] = (TokenType.RFID, TokenType.APP_USER, TokenType.OTHER)


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """Whom a session is billed to: OCPI CdrToken, plus the partner that vouches for it.

    `partner_id` is None for the operator's own tokens.
    """

    uid: str
    type: TokenType
    country_code: str
    party_id: str
    contract_id: str
    partner_id: str | None


@dataclass(frozen=True, slots=True)
class Authorization:
    """The decision about one presented token. `holder` is None when nobody knows the token."""

    status: AuthorizationStatus
    holder: TokenHolder | None = None
    method: AuthMethod = AuthMethod.WHITELIST
    reference: str | None = None
    group_id: str | None = None
    expires_at: datetime | None = None

    @property
    def accepted(self) -> bool:
        """True when charging may go ahead."""
        return self.status is AuthorizationStatus.ACCEPTED
