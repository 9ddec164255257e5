"""Tokens: who may charge, by whose word (OCPI mod_tokens; OCPP idTag and IdToken)."""

import base64
import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from gateway.domain.display_text import DisplayText

# How long a station may hold on to an answer that must not outlive the visit: from the card at
# the reader to the start of the transaction.
VISIT = timedelta(minutes=5)


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

    `partner_id` is None for the operator's own tokens. The rest is what stations are told of the
    holder with every answer, also with one that is told again: the group, whose members may stop
    each other's transactions; the language; the end of the token; and whether its owner leaves
    the decision to others when it cannot be asked (`offline`).
    """

    uid: str
    type: TokenType
    country_code: str
    party_id: str
    contract_id: str
    partner_id: str | None
    group_id: str | None = None
    language: str | None = None
    expires_at: datetime | None = None
    offline: bool = False


@dataclass(frozen=True, slots=True)
class Authorization:
    """The decision about one presented token. `holder` is None when nobody knows the token.

    `expires_at` is until when a station may hold on to it. `evse_uids` is where the owner lets
    the token charge, None: wherever; `evse_ids` is that in the numbers of the station, empty: at
    all of its EVSEs. `concurrent` is the word of an own token on several transactions at once,
    None: it has none. `session_id` is the Session that a reservation has begun for it. `info` is
    "additional information to the EV driver" from the token's owner.
    """

    status: AuthorizationStatus
    holder: TokenHolder | None = None
    method: AuthMethod = AuthMethod.WHITELIST
    reference: str | None = None
    group_id: str | None = None
    expires_at: datetime | None = None
    evse_uids: tuple[str, ...] | None = None
    evse_ids: tuple[int, ...] = ()
    concurrent: bool | None = None
    session_id: str | None = None
    info: DisplayText | None = None

    @property
    def accepted(self) -> bool:
        """True when charging may go ahead."""
        return self.status is AuthorizationStatus.ACCEPTED

    @property
    def group(self) -> str | None:
        """The group of the token, also in a decision that is told again from a record."""
        return self.group_id or (self.holder.group_id if self.holder else None)

    @property
    def language(self) -> str | None:
        """The language of the token's holder (ISO 639-1)."""
        return self.holder.language if self.holder else None

    def refused(self, status: AuthorizationStatus) -> "Authorization":
        """The same token, refused after all."""
        return replace(self, status=status, expires_at=None)


def held_for(authorization: Authorization, now: datetime, lifetime: timedelta) -> Authorization:
    """The decision with the moment until which a station's cache may hold it.

    A token whose owner always wants to be asked (NEVER), and one that came with a remote start,
    is good for this visit only; every other one for `lifetime`, but not beyond its own end. What
    is refused has no end: a station asks again for it anyway (1.6 3.5.1).
    """
    if not authorization.accepted:
        return authorization
    holder = authorization.holder
    offline = holder is not None and holder.offline
    lasting = offline and authorization.method is not AuthMethod.COMMAND
    ends = [now + (lifetime if lasting else min(VISIT, lifetime))]
    if holder is not None and holder.expires_at is not None:
        ends.append(holder.expires_at)
    return replace(authorization, expires_at=min(ends))


def fitted(text: str, length: int) -> str:
    """An identifier, or a stand-in for one that is too long: the same one every time.

    An app user's uid is often a UUID of 36 characters, a group's id as well; OCPP 1.6 carries 20.
    What is compared without regard to case gets the same stand-in in any case.
    """
    if len(text) <= length:
        return text
    digest = hashlib.sha256(text.lower().encode()).digest()
    return base64.b32encode(digest).decode()[:length]
