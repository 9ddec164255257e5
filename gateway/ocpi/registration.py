"""The credentials handshake, both ways (credentials 7.1; ocpi-rules 3 and 4).

They register with us: A (ours, handed over) -> POST with B (theirs) -> C (ours) in the answer.
We register with them: A (theirs, given to the operator) -> POST with B (ours) -> C (theirs).
In the end each side holds one token that it presents and one that it accepts, and A is dead.
"""

import asyncio
import hmac
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from urllib.parse import urlsplit

import structlog

from gateway.domain.partners import Endpoint, Partner, PartnerState
from gateway.ocpi.authentication import RAW_TOKEN_QUIRK
from gateway.ocpi.client import OcpiClient, OcpiReply, PartnerError
from gateway.ocpi.errors import (
    InvalidParameters,
    MethodNotAllowed,
    OcpiError,
    TemporarilyUnavailable,
    Unauthorized,
)
from gateway.ocpi.handshake import Credentials, Discovery, discover, read_credentials
from gateway.ocpi.platform import Platform
from gateway.services.roaming.partners import (
    PartnerDirectory,
    RegistrationFailed,
    new_token,
    owe_everything,
    token_hash,
)
from gateway.store import Store

_log = structlog.get_logger(__name__)

_LEASE_SECONDS = 120.0  # longer than every request of a handshake together


class RegistrationBusy(TemporarilyUnavailable, RegistrationFailed):
    """Another node is just changing the same registration."""


class Registration:
    """Makes, renews and ends registrations.

    `registered` is called with the partner's id when there is something to begin: pulling its
    tokens, delivering what it is owed.
    """

    def __init__(
        self,
        client: OcpiClient,
        directory: PartnerDirectory,
        platform: Platform,
        store: Store,
        now: Callable[[], datetime],
        registered: Callable[[str], None],
    ) -> None:
        self._client = client
        self._directory = directory
        self._platform = platform
        self._store = store
        self._now = now
        self._registered = registered
        self._locks: dict[str, asyncio.Lock] = {}

    # --- they with us -----------------------------------------------------------------------

    async def accept(
        self, partner: Partner, token: str, credentials: Credentials, version: str
    ) -> str:
        """POST: register a partner that was invited; returns token C.

        Raises `MethodNotAllowed` if it is registered, and what `discover` raises; then nothing
        has changed and token A can be used again.
        """
        async with self._turn(partner.id):
            partner = await self._unchanged(partner, token)
            if partner.state is not PartnerState.INVITED:
                raise MethodNotAllowed("Already registered: use PUT")
            return await self._exchange(partner, credentials, version)

    async def renew(
        self, partner: Partner, token: str, credentials: Credentials, version: str
    ) -> str:
        """PUT: new credentials, endpoints and version of a registered partner; a new token C."""
        async with self._turn(partner.id):
            partner = await self._unchanged(partner, token)
            if partner.state is PartnerState.INVITED:
                raise MethodNotAllowed("Not registered: use POST")
            return await self._exchange(partner, credentials, version)

    async def end(self, partner: Partner, token: str) -> None:
        """DELETE: "Both parties must end any automated communication"."""
        async with self._turn(partner.id):
            partner = await self._unchanged(partner, token)
            if partner.state is PartnerState.INVITED:
                raise MethodNotAllowed("Not registered")
            await self._forget(partner, "the partner unregistered")

    async def _exchange(self, partner: Partner, credentials: Credentials, version: str) -> str:
        replaced = self._check_roles(partner, credentials)
        found = await discover(self._client, credentials.url, credentials.token, only=version)
        token = new_token()
        for other in replaced:
            await self._forget(other, f"replaced by {partner.id}")
        await self._become_registered(partner, credentials, found, token_hash(token))
        return token

    async def _unchanged(self, partner: Partner, token: str) -> Partner:
        """The partner as it is now that its turn has come; its token may have died meanwhile.

        Read from the store: another node may have been quicker.
        """
        current = await self._store.partners.get(partner.id)
        known = current.inbound_token_hash if current else None
        if current is None or known is None or not hmac.compare_digest(known, token_hash(token)):
            raise Unauthorized("The credentials token is no longer valid")
        return current

    def _check_roles(self, partner: Partner, credentials: Credentials) -> list[Partner]:
        """Refuse a party that is ours or another partner's.

        A party registers twice when a platform has lost its tokens and is invited anew: it is
        the same platform if its versions, which we are about to fetch with its token, are at
        the same origin. Returns those earlier registrations.
        """
        parties = {role.party for role in credentials.roles}
        ours = parties.intersection(self._platform.parties())
        if ours:
            raise InvalidParameters(f"roles: {min(ours)} is a party of this platform")
        replaced = []
        for other in self._directory.all():
            if other.id == partner.id or other.state not in _ALIVE:
                continue
            shared = parties.intersection(role.party for role in other.roles)
            if not shared:
                continue
            if _origin(other.versions_url) != _origin(credentials.url):
                raise InvalidParameters(f"roles: {min(shared)} is registered by another platform")
            replaced.append(other)
        return replaced

    # --- we with them -----------------------------------------------------------------------

    async def register(
        self, partner_id: str | None, versions_url: str, token_a: str, name: str
    ) -> Partner:
        """Register with a platform that gave us its token A. Raises `RegistrationFailed`.

        A failure leaves an existing partner as it was, and a new one is not kept.
        """
        before = self._directory.get(partner_id) if partner_id is not None else None
        if partner_id is not None and before is None:
            raise RegistrationFailed("there is no such partner")
        partner = before or Partner(
            id=uuid.uuid4().hex[:12],
            name=name,
            state=PartnerState.INVITED,
            created_at=self._now(),
        )
        async with self._turn(partner.id):
            if partner.state in _ALIVE:
                raise RegistrationFailed("the partner is registered already")
            return await self._register(partner, before, versions_url, token_a)

    async def _register(
        self, partner: Partner, before: Partner | None, versions_url: str, token_a: str
    ) -> Partner:
        token_b = new_token()
        invited = replace(
            partner, state=PartnerState.INVITED, inbound_token_hash=token_hash(token_b)
        )
        try:
            found = await discover(self._client, versions_url, token_a)
            # from here on they may call us with B: our versions are fetched during the POST
            await self._directory.save(invited)
            credentials = await self._hand_over("POST", found, token_a, token_b)
            replaced = self._check_roles(partner, credentials)
            for other in replaced:
                await self._forget(other, f"replaced by {partner.id}")
            return await self._become_registered(invited, credentials, found, token_hash(token_b))
        except (OcpiError, PartnerError, RegistrationFailed) as error:
            _log.warning("registration failed", partner=partner.id, error=str(error))
            if before is not None:
                await self._directory.save(replace(before, last_error=str(error)))
            elif self._directory.get(partner.id) is not None:
                await self._directory.remove(partner.id)
            raise RegistrationFailed(str(error)) from error

    async def rotate(self, partner_id: str) -> Partner:
        """Renew both tokens and their endpoints by PUT. Raises `RegistrationFailed`."""
        async with self._turn(partner_id):
            partner = self._registered_partner(partner_id)
            token_c = new_token()
            try:
                found = await discover(
                    self._client, partner.versions_url or "", partner.outbound_token or ""
                )
                await self._directory.expect(token_c, partner.id)
                credentials = await self._hand_over(
                    "PUT", found, partner.outbound_token or "", token_c
                )
            except (OcpiError, PartnerError) as error:
                raise RegistrationFailed(str(error)) from error
            return await self._become_registered(partner, credentials, found, token_hash(token_c))

    async def unregister(self, partner_id: str) -> None:
        """DELETE our credentials at the partner, and end it here whatever it answers."""
        async with self._turn(partner_id):
            partner = self._registered_partner(partner_id)
            url = _credentials_url(partner.endpoints)
            try:
                if url is not None:
                    await self._client.request_partner(partner, "DELETE", url)
            except PartnerError as error:
                _log.warning("unregister", partner=partner_id, error=str(error))
            await self._forget(partner, None)

    async def _hand_over(self, method: str, found: Discovery, token: str, ours: str) -> Credentials:
        url = _credentials_url(found.endpoints)
        if url is None:
            raise RegistrationFailed("the partner has no credentials endpoint")
        reply: OcpiReply = await self._client.request(
            method,
            url,
            token=token,
            raw_token=found.raw_token,
            version=found.version,
            body=self._platform.credentials(ours),
            timeout=30,
        )
        return read_credentials(reply.one() or {})

    def _registered_partner(self, partner_id: str) -> Partner:
        partner = self._directory.get(partner_id)
        if partner is None or partner.state not in _ALIVE:
            raise RegistrationFailed("there is no such registered partner")
        return partner

    # --- both -------------------------------------------------------------------------------

    async def _become_registered(
        self,
        partner: Partner,
        credentials: Credentials,
        found: Discovery,
        inbound_token_hash: str,
    ) -> Partner:
        # whoever has its old endpoints still has what was sent there
        elsewhere = _receivers(partner.endpoints) != _receivers(found.endpoints)
        quirks = partner.quirks | ({RAW_TOKEN_QUIRK} if found.raw_token else frozenset())
        partner = replace(
            partner,
            state=PartnerState.REGISTERED,
            inbound_token_hash=inbound_token_hash,
            outbound_token=credentials.token,
            versions_url=credentials.url,
            version=found.version,
            roles=credentials.roles,
            endpoints=found.endpoints,
            quirks=quirks,
            last_error=None,
        )
        await self._directory.save(partner)
        if elsewhere:
            count = await owe_everything(self._store, self._platform.parties(), partner)
            _log.info("partner registered", partner=partner.id, owed=count)
        self._registered(partner.id)
        return partner

    async def _forget(self, partner: Partner, reason: str | None) -> None:
        await self._directory.save(
            replace(
                partner,
                state=PartnerState.UNREGISTERED,
                inbound_token_hash=None,
                outbound_token=None,
                endpoints=(),
                last_error=reason,
            )
        )
        await self._store.tokens.drop_partner(partner.id)
        for party in self._platform.parties():
            await self._store.party(party).owed.drop_partner(partner.id)
        _log.info("partner unregistered", partner=partner.id, reason=reason)

    @asynccontextmanager
    async def _turn(self, partner_id: str) -> AsyncIterator[None]:
        """One change of a registration at a time, on all nodes."""
        async with self._locks.setdefault(partner_id, asyncio.Lock()):
            lease = await self._store.bus.lease(f"registration:{partner_id}", _LEASE_SECONDS)
            if lease is None:
                raise RegistrationBusy("The registration is being changed: try again")
            try:
                yield
            finally:
                await lease.release()


_ALIVE = (PartnerState.REGISTERED, PartnerState.SUSPENDED)


def _origin(url: str | None) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url or "")
    return parts.scheme, parts.hostname, parts.port


def _credentials_url(endpoints: tuple[Endpoint, ...]) -> str | None:
    # the role "is not relevant" for credentials
    return next((one.url for one in endpoints if one.identifier == "credentials"), None)


def _receivers(endpoints: tuple[Endpoint, ...]) -> set[tuple[str, str]]:
    return {(one.identifier, one.url) for one in endpoints if one.role == "RECEIVER"}
