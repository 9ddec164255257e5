"""Roaming partners: the platforms (eMSPs, hubs) that are registered over OCPI credentials."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gateway.domain.party import Party


class PartnerState(StrEnum):
    """Where a partner stands in the registration of OCPI credentials 7.1."""

    INVITED = "INVITED"  # holds a registration token (token A) of ours, has not used it yet
    REGISTERED = "REGISTERED"
    SUSPENDED = "SUSPENDED"  # answered 401: nothing is sent until it calls us or is re-registered
    UNREGISTERED = "UNREGISTERED"


@dataclass(frozen=True, slots=True)
class PartnerRole:
    """One CredentialsRole of the partner's platform."""

    role: str
    party: Party
    business_name: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint of the partner's version details; `role` is SENDER or RECEIVER."""

    identifier: str
    role: str
    url: str


@dataclass(frozen=True, slots=True)
class Partner:
    """One partner platform as the gateway knows it.

    `inbound_token_hash` is the SHA-256 (hex) of the token it must present to us: token A while
    INVITED, then the credentials token. `outbound_token` is what we present to it, in clear in
    memory only.
    """

    id: str
    name: str
    state: PartnerState
    created_at: datetime
    inbound_token_hash: str | None = None
    outbound_token: str | None = field(default=None, repr=False)
    versions_url: str | None = None
    version: str | None = None
    roles: tuple[PartnerRole, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    quirks: frozenset[str] = frozenset()
    last_error: str | None = None

    def endpoint(self, identifier: str, role: str) -> str | None:
        """The URL of a module's interface at the partner, or None if it has none."""
        for endpoint in self.endpoints:
            if endpoint.identifier == identifier and endpoint.role == role:
                return endpoint.url
        return None

    def acts_for(self, party: Party) -> bool:
        """Whether one of the partner's roles is this party."""
        return any(role.party == party for role in self.roles)
