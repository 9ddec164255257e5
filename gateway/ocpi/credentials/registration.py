"""The credentials handshake, both ways (credentials 7.1; ocpi-rules 3 and 4).

They register with us: A (ours, handed over) -> POST with B (theirs) -> C (ours) in the answer.
We register with them: A (theirs, given to the operator) -> POST with B (ours) -> C (theirs).
In the end each side holds one token that it presents and one that it accepts, and A is dead.
PUT does the same between two that are registered; the URL that it goes to says in which version.
"""

import asyncio
import contextlib
import hmac
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from gateway.domain.partner_quirks import PINNED_VERSION, parameter
from gateway.domain.partners import Partner, PartnerState
from gateway.ocpi import quirks
from gateway.ocpi.credentials.enrolment import ALIVE, Enrolment
from gateway.ocpi.credentials.handshake import Discovery, discover
from gateway.ocpi.credentials.turns import turn
from gateway.ocpi.incoming.errors import (
    MethodNotAllowed,
    OcpiError,
    Unauthorized,
    UnsupportedVersion,
)
from gateway.ocpi.outgoing import client
from gateway.ocpi.outgoing.client import OcpiClient, PartnerError
from gateway.ocpi.platform import Platform
from gateway.ocpi.versions import BY_NUMBER, VERSIONS, Version
from gateway.ocpi.versions import credentials as credentials_object
from gateway.ocpi.versions.credentials import Credentials
from gateway.services.roaming.partners import (
    PartnerDirectory,
    RegistrationFailed,
    new_token,
    token_hash,
)
from gateway.store import Store

_log = structlog.get_logger(__name__)

_SETTLE_SECONDS = 5.0


class Registration:
    """Makes, renews and ends registrations; for `registered` see `Enrolment`.

    `settle_seconds`: how long a partner's call waits for its own answer, see `settled`.
    """

    versions = tuple(version.number for version in VERSIONS)

    def __init__(
        self,
        client: OcpiClient,
        directory: PartnerDirectory,
        platform: Platform,
        store: Store,
        now: Callable[[], datetime],
        registered: Callable[[str], None],
        *,
        settle_seconds: float = _SETTLE_SECONDS,
    ) -> None:
        self._client = client
        self._directory = directory
        self._platform = platform
        self._store = store
        self._now = now
        self._enrolment = Enrolment(directory, platform, store, now, registered)
        self.settle_seconds = settle_seconds

    # --- they with us -----------------------------------------------------------------------

    async def accept(
        self, partner: Partner, token: str, credentials: Credentials, version: Version
    ) -> str:
        """POST: register a partner that was invited; returns token C.

        Raises `MethodNotAllowed` if it is registered, and what `discover` raises; then nothing
        has changed and token A can be used again.
        """
        async with turn(self._store, partner.id):
            partner = await self._unchanged(partner, token)
            if partner.state is not PartnerState.INVITED:
                raise MethodNotAllowed("Already registered: use PUT")
            return await self._exchange(partner, credentials, version)

    def holder(self, token: str) -> Partner | None:
        """Whose token it is that was just made: who is invited anew goes on as who it was."""
        return self._directory.by_token(token)

    async def renew(
        self, partner: Partner, token: str, credentials: Credentials, version: Version
    ) -> str:
        """PUT: new credentials, endpoints and version of a registered partner; a new token C."""
        async with turn(self._store, partner.id):
            partner = await self._unchanged(partner, token)
            if partner.state is PartnerState.INVITED:
                raise MethodNotAllowed("Not registered: use POST")
            return await self._exchange(partner, credentials, version)

    async def end(self, partner: Partner, token: str) -> None:
        """DELETE: "Both parties must end any automated communication"."""
        async with turn(self._store, partner.id):
            partner = await self._unchanged(partner, token)
            if partner.state is PartnerState.INVITED:
                raise MethodNotAllowed("Not registered")
            await self._enrolment.forget(partner.id, "the partner unregistered")

    async def _exchange(self, partner: Partner, credentials: Credentials, version: Version) -> str:
        if version not in quirks.versions_for(partner):
            raise UnsupportedVersion(f"OCPI {version.number} is not spoken with you")
        # "The server must also fetch the client's endpoints for this version"
        found = await discover(self._client, partner, credentials.url, credentials.token, [version])
        token = new_token()
        await self._enrolment.complete(partner, credentials, found, token_hash(token))
        return token

    async def _unchanged(self, partner: Partner, token: str) -> Partner:
        """The partner as it is now that its turn has come; its token may have died meanwhile.

        Read from the store: another node may have been quicker.
        """
        current, presented = await self._store.partners.get(partner.id), token_hash(token)
        if current is not None:
            for known in (current.inbound_token_hash, current.offered_token_hash):
                if known is not None and hmac.compare_digest(known, presented):
                    return current
        raise Unauthorized("The credentials token is no longer valid")

    async def settled(self, partner: Partner, token: str) -> Partner | None:
        """The partner once what we are asking of it is answered; None if the token died with it.

        "The Receiver stores CREDENTIALS_TOKEN_B and uses it for any requests to the Sender": it may
        push its first objects while its answer to our POST or PUT is still on its way here, or
        never comes. Then a PUT is settled by this use of the new token: the old one dies. Of a
        POST nothing is left, as the token for our own requests was in its answer.
        """
        hashed = token_hash(token)
        current: Partner | None = partner
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.settle_seconds):
                while current is not None and current.offered_token_hash == hashed:
                    await self._directory.changed()
                    current = self._directory.by_token(token)
        if current is None or current.offered_token_hash != hashed or current.state not in ALIVE:
            return current
        _log.warning("the new token is used, so the answer to our PUT was lost", partner=partner.id)
        return await self._directory.change(
            partner.id,
            lambda one: (
                replace(one, inbound_token_hash=hashed, offered_token_hash=None)
                if one.offered_token_hash == hashed
                else one
            ),
        )

    # --- we with them -----------------------------------------------------------------------

    async def register(
        self,
        partner_id: str | None,
        versions_url: str,
        token_a: str,
        name: str,
        version: str | None = None,
    ) -> Partner:
        """Register with a platform that gave us its token A. Raises `RegistrationFailed`.

        In the best mutual version, or in the one that is named. A failure leaves an existing
        partner as it was, and a new one is not kept.
        """
        if partner_id is not None:
            return await self._register(partner_id, versions_url, token_a, version)
        new = Partner(
            id=uuid.uuid4().hex[:12],
            name=name,
            state=PartnerState.INVITED,
            created_at=self._now(),
        )
        await self._directory.save(new)
        try:
            return await self._register(new.id, versions_url, token_a, version)
        except RegistrationFailed:
            await self._directory.remove(new.id)
            raise

    async def _register(
        self, partner_id: str, versions_url: str, token_a: str, version: str | None
    ) -> Partner:
        async with turn(self._store, partner_id):
            partner = await self._store.partners.get(partner_id)
            if partner is None:
                raise RegistrationFailed("there is no such partner")
            # SUSPENDED is who lost our token: registered anew, it keeps its id and what it is owed
            if partner.state is PartnerState.REGISTERED:
                raise RegistrationFailed("the partner is registered already")
            wanted = quirks.versions_for(partner) if version is None else _named(version)
            try:
                return await self._post(partner, versions_url, token_a, wanted)
            except (OcpiError, PartnerError, RegistrationFailed) as error:
                _log.warning("registration failed", partner=partner.id, error=str(error))
                before = {"state": partner.state, "endpoints": partner.endpoints}
                undone = {} if partner.state in ALIVE else before
                await self._offer(partner, None, last_error=str(error), **undone)
                raise RegistrationFailed(str(error)) from error

    async def _post(
        self, partner: Partner, versions_url: str, token_a: str, wanted: Sequence[Version]
    ) -> Partner:
        found = await discover(self._client, partner, versions_url, token_a, wanted)
        url, token_b = _credentials_url(found), new_token()
        # from here on they may call us with B: our versions are fetched during the POST, and what
        # our details list depends on their endpoints
        new = {"state": PartnerState.INVITED, "endpoints": found.endpoints}
        await self._offer(partner, token_hash(token_b), **({} if partner.state in ALIVE else new))
        credentials = await self._hand_over("POST", url, partner, found, token_a, token_b)
        return await self._enrolment.complete(
            partner, credentials, found, token_hash(token_b), anew=True
        )

    async def update(self, partner_id: str, version: str | None = None) -> Partner:
        """PUT our credentials: both tokens are renewed and the endpoints read again.

        In the version spoken so far, or in the one that is named: "one platform has to send a PUT
        request to the credentials endpoint of the other" to use a newer one (7.1.2). It tells them
        our parties as well. Raises `RegistrationFailed`. Where the partner gave no answer, both of
        its tokens are taken until it uses the new one.
        """
        async with turn(self._store, partner_id):
            partner = await self._registered_partner(partner_id)
            pinned = parameter(partner.quirks, PINNED_VERSION)
            wanted = _named(version or pinned or partner.version or "")
            try:
                return await self._put(partner, wanted)
            except (OcpiError, PartnerError) as error:
                if isinstance(error, client.Refused | client.Unauthorized):
                    await self._offer(partner, partner.offered_token_hash)
                raise RegistrationFailed(str(error)) from error

    async def _put(self, partner: Partner, wanted: Sequence[Version]) -> Partner:
        token, token_c = partner.outbound_token or "", new_token()
        found = await discover(self._client, partner, partner.versions_url or "", token, wanted)
        url = _credentials_url(found)
        # during the PUT the partner reads our versions with the new token, and may still use the
        # old one for everything else
        await self._offer(partner, token_hash(token_c))
        credentials = await self._hand_over("PUT", url, partner, found, token, token_c)
        return await self._enrolment.complete(partner, credentials, found, token_hash(token_c))

    async def unregister(self, partner_id: str) -> None:
        """DELETE our credentials at the partner, and end it here whatever it answers."""
        async with turn(self._store, partner_id):
            partner = await self._registered_partner(partner_id)
            # the role "is not relevant" for credentials
            url = partner.endpoint("credentials", "SENDER") or partner.endpoint(
                "credentials", "RECEIVER"
            )
            try:
                if url is not None:
                    await self._client.request_partner(
                        partner, "DELETE", quirks.object_url(partner, url)
                    )
            except PartnerError as error:
                _log.warning("unregister", partner=partner_id, error=str(error))
            await self._enrolment.forget(partner_id, None)

    async def _offer(self, partner: Partner, hashed: str | None, **members: Any) -> None:
        """Take another token of a partner too, or, with None, no longer."""
        await self._directory.change(
            partner.id, lambda one: replace(one, offered_token_hash=hashed, **members)
        )

    async def _hand_over(
        self, method: str, url: str, partner: Partner, found: Discovery, token: str, ours: str
    ) -> Credentials:
        reply = await self._client.request(
            method,
            found.as_wanted(url),
            token=token,
            raw_token=found.raw_token,
            body=self._platform.credentials(partner, found.version, ours),
            timeout=30,
        )
        return credentials_object.read(found.version, reply.one() or {})

    async def _registered_partner(self, partner_id: str) -> Partner:
        partner = await self._store.partners.get(partner_id)
        if partner is None or partner.state not in ALIVE:
            raise RegistrationFailed("there is no such registered partner")
        return partner


def _named(number: str) -> list[Version]:
    version = BY_NUMBER.get(number)
    if version is None:
        raise RegistrationFailed(f"OCPI {number} is not spoken here")
    return [version]


def _credentials_url(found: Discovery) -> str:
    if found.credentials_url is None:
        raise RegistrationFailed("the partner has no credentials endpoint")
    return found.credentials_url
