"""Real-time authorization at the token's owner (OCPI mod_tokens 12.2.2, POST authorize)."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from gateway.domain.display_text import DisplayText
from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.domain.tokens import (
    AuthMethod,
    Authorization,
    AuthorizationStatus,
    TokenHolder,
    TokenType,
)
from gateway.ocpi.incoming.message_routing import may_act_for
from gateway.ocpi.outgoing.addressing import direct_routing
from gateway.ocpi.outgoing.client import OcpiClient, PartnerError, Refused, Unreachable
from gateway.ocpi.outgoing.safe_http import HttpFailure
from gateway.ocpi.quirks import object_url

ALLOWED: dict[str, AuthorizationStatus] = {
    "ALLOWED": AuthorizationStatus.ACCEPTED,
    "BLOCKED": AuthorizationStatus.BLOCKED,
    "EXPIRED": AuthorizationStatus.EXPIRED,
    "NO_CREDIT": AuthorizationStatus.NO_CREDIT,
    "NOT_ALLOWED": AuthorizationStatus.NOT_ALLOWED_AT_LOCATION,
}
"""AllowedType (mod_tokens 12.4.1) in our words."""

_SECONDS = 5.0
_LONGEST_TEXT = 512  # DisplayText.text

_log = structlog.get_logger(__name__)


class RealTimeAuthorizer:
    """The `TokenAuthorizer` of gateway.services over OCPI.

    `connected` says of a party whether its platform can be reached through this partner; of one
    behind a hub that is not CONNECTED "no requests can be sent" (mod_hub_client_info 14.1).
    """

    def __init__(
        self,
        client: OcpiClient,
        *,
        seconds: float = _SECONDS,
        connected: Callable[[Partner, Party], bool] = lambda _partner, _party: True,
    ) -> None:
        self._client = client
        self._seconds = seconds
        self._connected = connected

    async def authorize(
        self,
        partner: Partner,
        party: Party,
        uid: str,
        type: TokenType,
        location: tuple[str, str | None] | None,
        owner: Party | None = None,
    ) -> Authorization | None:
        """Ask the partner whether the token may charge (there), within 5 seconds in all.

        `owner` is whose token it is; through a hub, that party is asked. None when no decision
        came: not reachable, no such interface, or an answer that cannot be understood. A token
        that the partner does not know is INVALID ("HTTP status code: 404", with OCPI 2004;
        ocpi-rules 11).
        """
        endpoint = partner.endpoint("tokens", "SENDER")
        if endpoint is None or (owner is not None and not self._connected(partner, owner)):
            return None
        try:
            async with asyncio.timeout(self._seconds):
                information = await self._ask(partner, party, endpoint, uid, type, location, owner)
        except Refused as refusal:
            if refusal.unknown_object:
                return Authorization(AuthorizationStatus.INVALID, method=AuthMethod.AUTH_REQUEST)
            _log.warning("authorization refused", partner=partner.id, why=str(refusal))
            return None
        except (PartnerError, TimeoutError) as error:
            _log.warning("authorization not answered", partner=partner.id, why=str(error))
            return None
        return _decision(partner, information or {}, uid, type, location)

    async def _ask(
        self,
        partner: Partner,
        party: Party,
        endpoint: str,
        uid: str,
        type: TokenType,
        location: tuple[str, str | None] | None,
        owner: Party | None,
    ) -> dict[str, Any] | None:
        url = f"{object_url(partner, endpoint, uid, 'authorize')}?type={type.value}"
        options = {
            "routing": direct_routing(partner, party, owner),
            "body": _location_references(location),
            "timeout": self._seconds,
        }
        try:
            reply = await self._client.request_partner(partner, "POST", url, **options)
        except Unreachable as error:
            if not isinstance(error.__cause__, HttpFailure):
                raise
            # A question may be asked twice, and a pooled connection that the partner was just
            # closing shall not cost a driver the session. The caller's bound still holds.
            reply = await self._client.request_partner(partner, "POST", url, fresh=True, **options)
        return reply.one()


def _location_references(location: tuple[str, str | None] | None) -> dict[str, Any] | None:
    if location is None:
        return None
    location_id, evse_uid = location
    return {"location_id": location_id} | ({"evse_uids": [evse_uid]} if evse_uid else {})


def _decision(
    partner: Partner,
    information: Mapping[str, Any],
    uid: str,
    type: TokenType,
    location: tuple[str, str | None] | None,
) -> Authorization | None:
    """Read an AuthorizationInfo; None when it decides nothing that we understand."""
    status = ALLOWED.get(str(information.get("allowed")))
    if status is None:
        _log.warning("no such AllowedType", partner=partner.id, allowed=information.get("allowed"))
        return None
    token = information.get("token")
    holder = _holder(partner, token, uid, type) if isinstance(token, Mapping) else None
    if isinstance(token, Mapping) and holder is None:
        _log.warning("authorized a token of another party", partner=partner.id)
        return None
    evse_uids = _evse_uids(information)
    if status is AuthorizationStatus.ACCEPTED and not _covers(evse_uids, location):
        status = AuthorizationStatus.NOT_ALLOWED_AT_LOCATION
    group_id = token.get("group_id") if isinstance(token, Mapping) else None
    return Authorization(
        status,
        holder=holder,
        method=AuthMethod.AUTH_REQUEST,
        reference=_text(information.get("authorization_reference")),
        group_id=_text(group_id),
        evse_uids=evse_uids,
        info=_info(information.get("info")),
    )


def _holder(
    partner: Partner,
    token: Mapping[str, Any],
    uid: str,
    type: TokenType,
) -> TokenHolder | None:
    """Whom the session is billed to: a party that the partner speaks for, or nobody."""
    try:
        owner = Party(str(token.get("country_code")), str(token.get("party_id")))
    except ValueError:
        return None
    if not may_act_for(partner, owner):
        return None
    return TokenHolder(
        uid=uid,
        type=type,
        country_code=owner.country_code,
        party_id=owner.party_id,
        contract_id=_text(token.get("contract_id")) or uid,
        partner_id=partner.id,
        group_id=_text(token.get("group_id")),
        language=_text(token.get("language")),
    )


def _info(told: Any) -> DisplayText | None:
    """The DisplayText for the driver: at most 512 characters, in no markup."""
    text = _text(told.get("text")) if isinstance(told, Mapping) else None
    if text is None or not text.isprintable():
        return None
    return DisplayText(_text(told.get("language")) or "en", text[:_LONGEST_TEXT])


def _evse_uids(information: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Where the owner lets the token charge, None: anywhere at the location.

    "Only the EVSEs the EV driver is allowed to charge at are returned" (12.3.1).
    """
    answered = information.get("location")
    uids = answered.get("evse_uids") if isinstance(answered, Mapping) else None
    if not isinstance(uids, list) or not uids:
        return None
    return tuple(uid for uid in uids if isinstance(uid, str))


def _covers(evse_uids: tuple[str, ...] | None, location: tuple[str, str | None] | None) -> bool:
    """Whether the EVSE that was asked about, if one was, is among those of the answer."""
    if evse_uids is None or location is None or location[1] is None:
        return True
    return location[1].lower() in {uid.lower() for uid in evse_uids}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
