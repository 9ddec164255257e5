"""Who may charge: START_SESSION promises, the operator's tokens, partners' tokens, in that order.

A partner's token is decided by its whitelist type (mod_tokens 12.4.5): ALWAYS and ALLOWED here,
NEVER at its owner, ALLOWED_OFFLINE at its owner or, if that does not answer in time, here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from gateway.domain.bills.sessions import SessionStatus
from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.domain.timestamps import from_text
from gateway.domain.tokens import (
    VISIT,
    AuthMethod,
    Authorization,
    AuthorizationStatus,
    TokenHolder,
    TokenRef,
    TokenType,
    WhitelistType,
    held_for,
)
from gateway.services.access.tokens_in_use import TokensInUse
from gateway.services.ports import TokenAuthorizer
from gateway.services.roaming.partners import PartnerDirectory
from gateway.services.stations.station_state import StationState
from gateway.store import KnownToken, Store

log = structlog.get_logger(__name__)

# A start follows its Authorize within moments; asking the owner twice for one plug-in is waste.
REMEMBER_FOR = VISIT
_REMEMBERED_PER_STATION = 32

INVALID = Authorization(AuthorizationStatus.INVALID)


@dataclass(frozen=True, slots=True)
class AuthorizationPolicy:
    """What the standards leave to the operator.

    `concurrent`: one token may charge at several places at once. `master_pass_group`: the group
    whose members may stop any transaction and start none (2.x C16). `cache`: how long a station
    may hold on to a decision.
    """

    concurrent: bool = True
    master_pass_group: str | None = None
    cache: timedelta = timedelta(days=1)


class AuthorizationService:
    """Decides about presented tokens."""

    def __init__(
        self,
        store: Store,
        partners: PartnerDirectory,
        authorizer: TokenAuthorizer,
        now: Callable[[], datetime],
        policy: AuthorizationPolicy | None = None,
    ) -> None:
        self._store = store
        self._partners = partners
        self._authorizer = authorizer
        self._now = now
        self._policy = policy or AuthorizationPolicy()
        self._in_use = TokensInUse(store)

    async def authorize(
        self, state: StationState, token: TokenRef, evse_id: int | None = None
    ) -> Authorization:
        """Decide about a token at a charge point; the wait for a partner is bounded."""
        decision = await self._promise(state, token, evse_id, None)
        if decision is None:
            decision = await self._decide(state, token, evse_id)
            if decision.accepted and decision.method is AuthMethod.AUTH_REQUEST:
                self._remember(state, token, decision)
        return self.told(decision)

    async def for_start(
        self,
        state: StationState,
        token: TokenRef,
        evse_id: int | None,
        remote_start_id: int | None = None,
    ) -> Authorization:
        """Decide again for a start, as the standards demand even after an Authorize.

        The owner is not asked twice for one plug-in: its word of the last minutes holds, and so
        the reference that it gave for this session. A master pass starts nothing.
        """
        decision = await self._promise(state, token, evse_id, remote_start_id)
        if decision is None:
            decision = self._remembered(state, token, evse_id)
            decision = decision or await self._decide(state, token, evse_id)
            decision = await self._allowed_to_start(state, decision, evse_id)
        if not decision.accepted:
            log.warning(
                "start with a token that may not charge",
                charge_point=state.identity,
                status=decision.status.value,
            )
        return self.told(decision)

    async def promised(self, state: StationState, remote_start_id: int) -> Authorization | None:
        """Who a remote start was for; some stations never repeat its token (2.x)."""
        for _, promise in await self._store.party(state.party).remote_starts.list(state.identity):
            if _begins(promise, remote_start_id):
                return await self._kept(state, promise)
        return None

    def told(self, decision: Authorization, since: datetime | None = None) -> Authorization:
        """The decision as the station is told it: with the time for which it may be cached.

        That counts from `since`, else from now.
        """
        return held_for(decision, since or self._now(), self._policy.cache)

    def is_master(self, decision: Authorization) -> bool:
        """Whether it is about an own token of the master pass group."""
        master, holder = self._policy.master_pass_group, decision.holder
        if master is None or holder is None or holder.partner_id is not None:
            return False
        return (holder.group_id or "").lower() == master.lower()

    async def _allowed_to_start(
        self, state: StationState, decision: Authorization, evse_id: int | None
    ) -> Authorization:
        if not decision.accepted or decision.holder is None:
            return decision
        if self.is_master(decision):
            return decision.refused(AuthorizationStatus.INVALID)
        concurrent = decision.concurrent
        if concurrent if concurrent is not None else self._policy.concurrent:
            return decision
        if await self._in_use.elsewhere(state, decision.holder, evse_id):
            return decision.refused(AuthorizationStatus.CONCURRENT_TX)
        return decision

    def _remember(self, state: StationState, token: TokenRef, decision: Authorization) -> None:
        if len(state.authorizations) >= _REMEMBERED_PER_STATION:
            state.authorizations.pop(next(iter(state.authorizations)))
        state.authorizations[token.uid.casefold()] = (decision, self._now())

    def _remembered(
        self, state: StationState, token: TokenRef, evse_id: int | None
    ) -> Authorization | None:
        """The owner's word of this visit, used once; it may not hold for every EVSE."""
        found = state.authorizations.pop(token.uid.casefold(), None)
        if found is None or self._now() - found[1] >= REMEMBER_FOR:
            return None
        decision = found[0]
        if evse_id is not None and decision.evse_ids and evse_id not in decision.evse_ids:
            return decision.refused(AuthorizationStatus.NOT_ALLOWED_AT_LOCATION)
        return decision

    async def _promise(
        self,
        state: StationState,
        token: TokenRef,
        evse_id: int | None,
        remote_start_id: int | None,
    ) -> Authorization | None:
        """The promise that fits best; what it says of the token is not validated again.

        (ocpi-rules 17.) The one whose number the start has; else START_SESSION before a reservation
        and the last one before the others: "the last given value SHALL be used" of the reference.
        """
        promises = await self._store.party(state.party).remote_starts.list(state.identity)
        fitting = [
            promise
            for _, promise in promises
            if _begins(promise, remote_start_id) or _fits(promise, token, evse_id)
        ]
        if not fitting:
            return None
        best = min(
            fitting, key=lambda one: (not _begins(one, remote_start_id), "reservation_id" in one)
        )
        return await self._kept(state, best)

    async def _kept(self, state: StationState, promise: Mapping[str, Any]) -> Authorization:
        """With the reservation's Session, unless that is over: "no more modifications"."""
        session_id = promise.get("session_id")
        if session_id is not None:
            session = await self._store.party(state.party).sessions.get(session_id)
            if session is not None and session["status"] != SessionStatus.RESERVATION:
                session_id = None
        return Authorization(
            AuthorizationStatus.ACCEPTED,
            holder_of(promise["token"], promise["partner_id"]),
            AuthMethod.COMMAND,
            promise["authorization_reference"],
            session_id=session_id,
        )

    async def _decide(
        self, state: StationState, token: TokenRef, evse_id: int | None
    ) -> Authorization:
        known = await self._store.tokens.find(token.uid)
        known.sort(key=lambda candidate: _rank(candidate, token.types))
        for candidate in known:
            if candidate.partner_id is None:
                return self._own(candidate.document, token, state.party)
        decision = INVALID
        for candidate in known:
            decision = await self._partners_word(state, candidate, evse_id)
            if decision.accepted:
                return decision
        return decision

    def _own(self, document: Mapping[str, Any], token: TokenRef, party: Party) -> Authorization:
        expires = document.get("expires_at")
        expires_at = from_text(expires) if expires else None
        status = AuthorizationStatus.ACCEPTED
        if document.get("status") == "Blocked":
            status = AuthorizationStatus.BLOCKED
        elif expires_at is not None and expires_at <= self._now():
            status = AuthorizationStatus.EXPIRED
        holder = TokenHolder(
            token.uid,
            TokenType(document["type"]),
            party.country_code,
            party.party_id,
            token.uid,
            partner_id=None,
            group_id=document.get("group_id"),
            language=document.get("language"),
            expires_at=expires_at,
            offline=True,
        )
        return Authorization(
            status, holder, expires_at=expires_at, concurrent=document.get("concurrent")
        )

    async def _partners_word(
        self, state: StationState, known: KnownToken, evse_id: int | None
    ) -> Authorization:
        """Decide about a partner's token: here, or by asking its owner."""
        document = known.document
        partner = self._partners.get(known.partner_id or "")
        if partner is None or not partner.pays_at(state.party):
            # whatever was whitelisted once
            return Authorization(AuthorizationStatus.INVALID, holder_of(document, known.partner_id))
        whitelist = WhitelistType(document.get("whitelist", WhitelistType.NEVER))
        if whitelist in (WhitelistType.ALWAYS, WhitelistType.ALLOWED):
            return local_decision(known)
        asked = await self._ask_owner(state, partner, known, evse_id)
        if asked is not None:
            return _within_reach(state, asked)
        if whitelist is WhitelistType.ALLOWED_OFFLINE:
            return local_decision(known)
        return Authorization(AuthorizationStatus.INVALID, holder_of(document, known.partner_id))

    async def _ask_owner(
        self, state: StationState, partner: Partner, known: KnownToken, evse_id: int | None
    ) -> Authorization | None:
        answer = await self._authorizer.authorize(
            partner,
            state.party,
            known.document["uid"],
            TokenType(known.document["type"]),
            _whereabouts(state, evse_id),
            Party(known.document["country_code"], known.document["party_id"]),
        )
        if answer is None:
            return None
        pushed = holder_of(known.document, known.partner_id)
        if answer.holder is None:
            return replace(answer, holder=pushed, method=AuthMethod.AUTH_REQUEST)
        return replace(answer, holder=replace(answer.holder, offline=pushed.offline))


def _within_reach(state: StationState, decision: Authorization) -> Authorization:
    """The owner's EVSEs in the numbers of this station; none of them here: not at this place."""
    if not decision.accepted or decision.evse_uids is None:
        return decision
    wanted = {uid.lower() for uid in decision.evse_uids}
    here = [id_ for id_, one in state.bindings.items() if one.evse_uid.lower() in wanted]
    if not here:
        return decision.refused(AuthorizationStatus.NOT_ALLOWED_AT_LOCATION)
    everywhere = len(here) == len(state.bindings)
    return decision if everywhere else replace(decision, evse_ids=tuple(sorted(here)))


def _begins(promise: Mapping[str, Any], remote_start_id: int | None) -> bool:
    return remote_start_id is not None and promise["remote_start_id"] == remote_start_id


def _fits(promise: Mapping[str, Any], token: TokenRef, evse_id: int | None) -> bool:
    same_evse = evse_id is None or promise["evse_id"] in (None, evse_id)
    return same_evse and token.uid.casefold() == promise["id_token"].casefold()


def _whereabouts(state: StationState, evse_id: int | None) -> tuple[str, str | None] | None:
    """The LocationReferences of a request: the EVSE if it is known, else the location."""
    binding = state.bindings.get(evse_id) if evse_id is not None else None
    if binding is not None:
        return binding.location_id, binding.evse_uid
    somewhere = next(iter(state.bindings.values()), None)
    return None if somewhere is None else (somewhere.location_id, None)


def local_decision(known: KnownToken) -> Authorization:
    """What the pushed token itself says: valid is Accepted, not valid is Blocked."""
    valid = bool(known.document.get("valid"))
    return Authorization(
        AuthorizationStatus.ACCEPTED if valid else AuthorizationStatus.BLOCKED,
        holder_of(known.document, known.partner_id),
        AuthMethod.WHITELIST,
    )


def holder_of(document: Mapping[str, Any], partner_id: str | None) -> TokenHolder:
    """Whom a session with this OCPI Token is billed to."""
    return TokenHolder(
        uid=document["uid"],
        type=TokenType(document["type"]),
        country_code=document["country_code"],
        party_id=document["party_id"],
        contract_id=document["contract_id"],
        partner_id=partner_id,
        group_id=document.get("group_id"),
        language=document.get("language"),
        offline=document.get("whitelist", WhitelistType.NEVER) != WhitelistType.NEVER,
    )


def _rank(known: KnownToken, types: tuple[TokenType, ...]) -> int:
    type_ = TokenType(known.document["type"])
    return types.index(type_) if type_ in types else len(types)
