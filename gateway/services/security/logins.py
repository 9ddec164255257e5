"""Who may connect: decided before the upgrade, by the one security profile that is set.

Every refusal costs the same work, whether the charge point is unknown, disabled, of another
profile or shows a wrong password, so that the time it takes tells nothing. What it is refused for
goes to the log, and to the security events of the charge point if there is one.
"""

import asyncio
from dataclasses import dataclass, field

import structlog

from gateway.domain.charge_points import ChargePointRecord, PresentedCertificate, SecurityProfile
from gateway.domain.credentials import (
    accepted_profiles,
    canonical,
    is_valid,
    password_used,
    profile_used,
)
from gateway.domain.security_events import OwnEvent
from gateway.services.security.near_misses import NearMisses
from gateway.services.security.passwords import PasswordVerifier
from gateway.services.security.presented_certificates import (
    CertificateRefused,
    PresentedCertificates,
)
from gateway.services.security.security_events import SecurityEvents
from gateway.store import Store

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a charge point shows when it wants to connect.

    `certificate` is a client certificate (DER) whose path the TLS listener has verified;
    `legacy_tls` says that the listener's TLS is older than 1.2, `well_formed` that the user name
    is the identity to the letter (A00.FR.204 and .207) and the rest is as it should be.
    """

    identity: str
    password: bytes | None = field(default=None, repr=False)
    secure: bool = False
    legacy_tls: bool = False
    certificate: bytes | None = field(default=None, repr=False)
    well_formed: bool = True


@dataclass(frozen=True, slots=True)
class Login:
    """A charge point that may connect, and the certificate that it has proved itself with."""

    record: ChargePointRecord
    certificate: PresentedCertificate | None = None


class ConnectionRefused(Exception):
    """A charge point may not connect; `reason` is for the operator, the peer learns nothing."""

    def __init__(self, reason: str, event: OwnEvent = OwnEvent.LOGIN_FAILED) -> None:
        super().__init__(reason)
        self.reason = reason
        self.event = event


class Logins:
    """Decides about attempts to connect."""

    def __init__(
        self,
        store: Store,
        certificates: PresentedCertificates,
        events: SecurityEvents,
        near_misses: NearMisses,
    ) -> None:
        self._registry = store.charge_points
        self._certificates = certificates
        self._events = events
        self._near_misses = near_misses
        self._verifier = PasswordVerifier()
        self._tasks: set[asyncio.Task[None]] = set()

    async def authenticate(self, attempt: Attempt) -> Login:
        """Raises `ConnectionRefused`, and `StoreUnavailable`."""
        record = await self._registry.get(attempt.identity)
        try:
            return await self._admitted(record, attempt)
        except ConnectionRefused as refused:
            if record is None:
                self._near_misses.missed(attempt.identity)
            else:
                self._note(record, refused)
            raise

    def refresh(self) -> None:
        """Take what has changed in files."""
        self._certificates.refresh()

    async def close(self) -> None:
        """Stop what runs in the background."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._near_misses.close()

    async def _admitted(self, record: ChargePointRecord | None, attempt: Attempt) -> Login:
        if record is None or not record.enabled:
            await self._waste(attempt)
            raise ConnectionRefused("disabled" if record else "unknown charge point")
        if not attempt.well_formed:
            await self._waste(attempt)
            raise ConnectionRefused("the credentials are malformed or another's")
        profile = _shown(record, attempt)
        if profile is None or profile not in accepted_profiles(record):
            await self._waste(attempt)
            came = "nothing that fits one" if profile is None else f"{int(profile)}"
            raise ConnectionRefused(
                f"security profile {int(record.security_profile)} is set, {came} was shown",
                OwnEvent.SECURITY_PROFILE_REFUSED,
            )
        if attempt.legacy_tls and not record.allow_legacy_tls:
            await self._waste(attempt)
            raise ConnectionRefused("TLS below 1.2 is not expected of it", OwnEvent.TLS_REFUSED)
        shown = certificate = None
        if profile is SecurityProfile.TLS_CLIENT_CERTIFICATE:
            certificate = await self._checked(record, attempt)
        elif profile is not SecurityProfile.UNSECURED:
            shown = await self._matching(record, attempt)
        return Login(await self._settled(record, profile, shown), certificate)

    async def _checked(self, record: ChargePointRecord, attempt: Attempt) -> PresentedCertificate:
        try:
            return await self._certificates.check(record, attempt.certificate or b"")
        except CertificateRefused as refused:
            await self._waste(attempt)
            raise ConnectionRefused(str(refused), OwnEvent.CLIENT_CERTIFICATE_REFUSED) from None

    async def _matching(self, record: ChargePointRecord, attempt: Attempt) -> str:
        """The hash of the valid password that was shown."""
        password = canonical(attempt.password or b"")
        pending = [one.hash for one in record.pending_passwords]
        for stored in (record.password_hash, *pending):
            if await self._verifier.verify(password, stored) and stored is not None:
                return stored
        raise ConnectionRefused("wrong password")

    async def _settled(
        self, record: ChargePointRecord, profile: SecurityProfile, hash: str | None
    ) -> ChargePointRecord:
        """What a login proves about changes that were open is durable before it counts.

        It counts for nothing if what was shown has ceased to be valid meanwhile: a login with the
        old password must not bring that one back.
        """

        def used(one: ChargePointRecord) -> ChargePointRecord:
            known = hash is None or is_valid(one, hash)
            if not (one.enabled and known and profile in accepted_profiles(one)):
                raise ConnectionRefused("its credentials were changed just now")
            after = profile_used(one, profile)
            return after if hash is None else password_used(after, hash)

        if used(record) == record:
            return record
        settled = await self._registry.update(record.identity, used)
        if settled is None:
            raise ConnectionRefused("removed just now")
        log.info(
            "new credentials in use",
            charge_point=record.identity,
            security_profile=int(settled.security_profile),
        )
        return settled

    async def _waste(self, attempt: Attempt) -> None:
        """Take as long as verifying a password does."""
        await self._verifier.verify(canonical(attempt.password or b""), None)

    def _note(self, record: ChargePointRecord, refused: ConnectionRefused) -> None:
        """Keep it after the answer: writing must not make known charge points slower."""
        noting = self._events.noted(record.identity, record.party, refused.event, refused.reason)
        task = asyncio.create_task(noting)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _shown(record: ChargePointRecord, attempt: Attempt) -> SecurityProfile | None:
    """The profile that the transport and the proofs amount to; None for what no profile has.

    Over TLS a password is profile 2, and a station may show the certificate that it has been
    given for later beside it. Where 2 is not accepted, the certificate counts.
    """
    with_password = attempt.password is not None
    if not attempt.secure:
        return SecurityProfile.BASIC_AUTH if with_password else SecurityProfile.UNSECURED
    if with_password and (
        attempt.certificate is None or SecurityProfile.TLS_BASIC_AUTH in accepted_profiles(record)
    ):
        return SecurityProfile.TLS_BASIC_AUTH
    return SecurityProfile.TLS_CLIENT_CERTIFICATE if attempt.certificate is not None else None
