"""Everything about certificates, built together, because it leans on each other."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from gateway.domain.party import Party
from gateway.services.access import vehicle_certificates
from gateway.services.access.vehicle_certificates import VehicleCertificates
from gateway.services.security import certificate_authority
from gateway.services.security.certificate_authority import (
    BuiltInAuthority,
    CertificateAuthority,
    HookAuthority,
    NoAuthority,
)
from gateway.services.security.certificate_renewal import CertificateRenewal
from gateway.services.security.certificate_signing import CertificateSigning
from gateway.services.security.certificates import InstalledCertificates
from gateway.services.security.ocsp import LOGIN_SECONDS, Fetch, Issuers, Responders, nobody
from gateway.services.security.revocation import Revocation
from gateway.services.security.security_events import SecurityEvents
from gateway.services.stations.initiative import Initiative
from gateway.services.stations.routing import StationRouter
from gateway.store import Store


@dataclass(frozen=True, slots=True)
class CertificatePolicy:
    """What the operator has set. `organization` is the O that a party's certificates carry.

    `authority_hook` set: an external authority signs; else, with `built_in`, our own; else none.
    """

    organization: Callable[[Party], str]
    authority_name: str
    built_in: bool = False
    authority_hook: certificate_authority.Hook | None = None
    vehicle_hook: vehicle_certificates.Hook | None = None
    validity: timedelta = timedelta(days=365)
    renew_before: timedelta = timedelta(days=30)
    issuers: Issuers = nobody
    revocation_answer_required: bool = False


class CertificateServices:
    """The services, wired; `start` and `close` are for the composition root."""

    def __init__(
        self,
        store: Store,
        router: StationRouter,
        initiative: Initiative,
        fetch: Fetch,
        policy: CertificatePolicy,
        now: Callable[[], datetime],
    ) -> None:
        built_in = (
            BuiltInAuthority(store, policy.authority_name, policy.validity, now)
            if policy.built_in
            else None
        )
        authority: CertificateAuthority = built_in or NoAuthority()
        if policy.authority_hook is not None:
            authority = HookAuthority(policy.authority_hook)
        # apart from each other: what stations ask about keeps no login waiting
        for_logins = Responders(fetch, now, policy.issuers, seconds=LOGIN_SECONDS, trusted=True)
        for_stations = Responders(fetch, now, policy.issuers)
        self.security_events = SecurityEvents(store, now)
        self.installed = InstalledCertificates(router, now)
        self.built_in = built_in
        self.revocation = Revocation(
            store,
            router,
            built_in,
            for_logins,
            policy.issuers,
            answer_required=policy.revocation_answer_required,
            now=now,
        )
        self.vehicles = VehicleCertificates(for_stations, policy.vehicle_hook)
        self.signing = CertificateSigning(
            store, router, authority, self.security_events, policy.organization, now
        )
        self.renewal = CertificateRenewal(
            store, router, self.security_events, policy.renew_before, now
        )
        initiative.add(self.signing.resume)
        initiative.add(self.renewal.routine)

    async def start(self) -> None:
        """Make or load the built-in authority, and begin to watch what expires."""
        if self.built_in is not None:
            await self.built_in.keys()
        self.renewal.start()

    def authorities(self) -> list[x509.Certificate]:
        """What the built-in authority adds to those whom the TLS listener trusts."""
        return [] if self.built_in is None else self.built_in.authorities()

    async def close(self) -> None:
        """Stop what runs in the background."""
        await self.renewal.close()
        await self.revocation.close()
        await self.signing.close()
