"""What the end of a handshake changes here: a partner is registered, moved, or forgotten.

A partner whose receivers moved, or whose version changed, is owed everything again, whole: who
has its new endpoints has nothing of what was sent before, or has it in other shapes.

A platform that lost its tokens and was invited anew goes on in its old record: what it is owed,
its lists of Sessions and CDRs and the charging that goes on belong to that.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

import structlog

from gateway.domain import partner_quirks
from gateway.domain.partners import Endpoint, Partner, PartnerState, QuirkSeen
from gateway.domain.party import Party
from gateway.ocpi.credentials.handshake import Discovery
from gateway.ocpi.credentials.turns import turn
from gateway.ocpi.incoming.errors import InvalidParameters, Unauthorized
from gateway.ocpi.platform import Platform
from gateway.ocpi.versions.credentials import Credentials
from gateway.services.roaming.introduction import introduce
from gateway.services.roaming.partners import PartnerDirectory
from gateway.services.roaming.visibility import seeing
from gateway.store import Store

ALIVE = (PartnerState.REGISTERED, PartnerState.SUSPENDED)

_log = structlog.get_logger(__name__)


class Enrolment:
    """Keeps what a handshake came to.

    `registered` is called with the partner's id when there is something to begin: pulling its
    tokens, delivering what it is owed.
    """

    def __init__(
        self,
        directory: PartnerDirectory,
        platform: Platform,
        store: Store,
        now: Callable[[], datetime],
        registered: Callable[[str], None],
    ) -> None:
        self._directory = directory
        self._platform = platform
        self._store = store
        self._now = now
        self._registered = registered

    async def complete(
        self,
        partner: Partner,
        credentials: Credentials,
        found: Discovery,
        inbound_token_hash: str,
        *,
        anew: bool = False,
    ) -> Partner:
        """The partner is registered, with these tokens, in this version, at these endpoints.

        With `anew` it has nothing of ours any more, whatever its state is by now: a push that
        is refused meanwhile suspends it. It may have another id: that of its earlier registration.

        Raises `InvalidParameters` for a party that is ours or another platform's, and
        `Unauthorized` if the operator has removed the partner meanwhile; then nothing has changed.
        """
        # two platforms that register the same party at the same time must not both have it
        async with turn(self._store, "everybody"):
            invited = await self._store.partners.get(partner.id)
            if invited is None:
                raise Unauthorized("The credentials token is no longer valid")
            earlier = await self._replaced_by(partner, credentials)
            goes_on = bool(earlier) and partner.state not in ALIVE
            if goes_on:
                partner, anew = earlier.pop(), True
            for other in earlier:
                await self.forget(other.id, f"replaced by {partner.id}")
            await self._drop_lost_parties(partner, credentials)
            registered = await self._directory.change(
                partner.id,
                lambda before: self._registered_as(
                    _gone_on(before, invited) if goes_on else before,
                    credentials,
                    found,
                    inbound_token_hash,
                    anew,
                ),
            )
            if goes_on and registered is not None:
                # last: a crash in between leaves a dead invitation over, and nothing undone
                await self._remove(invited.id)
                _log.info("partner goes on", partner=partner.id, invited_as=invited.id)
        if registered is None:
            raise Unauthorized("The credentials token is no longer valid")
        _log.info("partner registered", partner=registered.id, version=registered.version)
        registered = await introduce(self._store, self._directory, registered)
        self._registered(registered.id)
        return registered

    async def _replaced_by(self, partner: Partner, credentials: Credentials) -> list[Partner]:
        """Earlier registrations of the same platform. Raises `InvalidParameters`.

        A party registers twice when a platform has lost its tokens and is invited anew: it is
        the same platform if its versions, which we have fetched with its token, are at the same
        origin.
        """
        claimed = _claimed(credentials)
        ours = claimed.intersection(self._platform.parties())
        if ours:
            raise InvalidParameters(f"roles: {min(ours)} is a party of this platform")
        replaced = []
        for other in await self._store.partners.all():
            if other.id == partner.id or other.state not in ALIVE:
                continue
            shared = claimed.intersection(_own_parties(other))
            if not shared:
                continue
            if _origin(other.versions_url) != _origin(credentials.url):
                raise InvalidParameters(f"roles: {min(shared)} is registered by another platform")
            replaced.append(other)
        return replaced

    async def _remove(self, partner_id: str) -> None:
        for party in self._platform.parties():
            await self._store.party(party).owed.drop_partner(partner_id)
        await self._directory.remove(partner_id)

    def _registered_as(
        self,
        before: Partner,
        credentials: Credentials,
        found: Discovery,
        inbound_token_hash: str,
        anew: bool,
    ) -> Partner:
        version, ours = found.version, self._platform.parties()
        after = replace(
            before,
            state=PartnerState.REGISTERED,
            inbound_token_hash=inbound_token_hash,
            offered_token_hash=None,
            outbound_token=credentials.token,
            versions_url=credentials.url,
            version=version.number,
            # a hub may list everybody that it connects, ourselves included
            roles=tuple(role for role in credentials.roles if role.party not in ours),
            hub_party=credentials.hub_party,
            known_as=self._platform.identity(before, version),
            told=frozenset(own.party for own in self._platform.told(before, version)),
            endpoints=found.endpoints,
            quirks=_quirks(before.quirks, found),
            quirks_seen=tuple(QuirkSeen(name, how, self._now()) for name, how in found.seen),
            last_error=None,
        )
        if anew or _moved(before, after):
            return replace(after, to_introduce=frozenset(filter(after.sees, ours)))
        return seeing(before, after, ours)

    async def _drop_lost_parties(self, before: Partner, credentials: Credentials) -> None:
        """Tokens of a party that it does not speak for any more: nobody is left who would pay."""
        after = replace(before, roles=credentials.roles, hub_party=credentials.hub_party)
        if after.is_hub and not after.names_its_clients:
            return
        now = {role.party for role in after.roles}
        for party in {role.party for role in before.roles} - now:
            dropped = await self._store.tokens.drop_party(after.id, party)
            _log.info("party left partner", partner=after.id, party=str(party), tokens=dropped)

    async def forget(self, partner_id: str, reason: str | None) -> None:
        """End all communication with it; what it gave us is not used any more."""
        await self._directory.change(
            partner_id,
            lambda before: replace(
                before,
                state=PartnerState.UNREGISTERED,
                inbound_token_hash=None,
                offered_token_hash=None,
                outbound_token=None,
                endpoints=(),
                to_introduce=frozenset(),
                last_error=reason,
            ),
        )
        await self._store.tokens.drop_partner(partner_id)
        await self._store.hub_clients.drop_partner(partner_id)
        for party in self._platform.parties():
            await self._store.party(party).owed.drop_partner(partner_id)
        _log.info("partner unregistered", partner=partner_id, reason=reason)


def _gone_on(before: Partner, invited: Partner) -> Partner:
    """An earlier registration with what the operator has set for it anew, at its invitation."""
    return replace(
        before,
        quirks=invited.quirks or before.quirks,
        parties=before.parties if invited.parties is None else invited.parties,
    )


def _quirks(before: frozenset[str], found: Discovery) -> frozenset[str]:
    """What the operator set, and what was proven; the form of the token is proven each time."""
    shown = {name for name, _ in found.seen}
    return before - partner_quirks.TOKEN_FORMS | (shown & partner_quirks.PROVEN)


def _claimed(credentials: Credentials) -> set[Party]:
    """The parties that a platform says it is; the clients of a hub are others'."""
    if credentials.hub_party is not None:
        return {credentials.hub_party}
    return {role.party for role in credentials.roles}


def _own_parties(partner: Partner) -> set[Party]:
    return {partner.hub} if partner.hub is not None else {role.party for role in partner.roles}


def _moved(before: Partner, after: Partner) -> bool:
    """Whether what was sent before went elsewhere, or in other shapes, or as another party's."""
    return before.state not in ALIVE or (
        _receivers(before.endpoints) != _receivers(after.endpoints)
        or before.version != after.version
        or before.known_as != after.known_as
    )


def _origin(url: str | None) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url or "")
    return parts.scheme, parts.hostname, parts.port


def _receivers(endpoints: tuple[Endpoint, ...]) -> set[tuple[str, str]]:
    """Where objects are pushed to; endpoints of OCPI 2.1.1 have no role."""
    return {(one.identifier, one.url) for one in endpoints if one.role in ("RECEIVER", "")}
