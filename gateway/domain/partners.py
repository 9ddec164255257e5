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
    """One endpoint of the partner's version details.

    `role` is SENDER or RECEIVER; empty where the version has no roles (2.1.1).
    """

    identifier: str
    role: str
    url: str


@dataclass(frozen=True, slots=True)
class QuirkSeen:
    """A quirk that the partner showed: its name, by what, and when."""

    name: str
    how: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Partner:
    """One partner platform as the gateway knows it.

    `inbound_token_hash` is the SHA-256 (hex) of the token it must present to us: token A while
    INVITED, then the credentials token. `offered_token_hash` is of one that we have handed over in
    a POST or PUT of ours: it counts as well, until the answer or its use settles which of the two
    it is. `outbound_token` is what we present to it, in clear in memory only. `parties` are those
    of ours that it is to know of; None: all of them.
    `hub_party` is the `hub_party_id` of its 2.3.0 credentials, or its 2.2.1 role HUB.
    `told` are those of ours that our Credentials named when they were exchanged last: a partner
    refuses objects of any other; None: not noted, so all that it is to know of. `to_introduce`
    are those whose locations and tariffs have yet to be owed to it.
    `known_as` is the one party of ours that it knows, where its version's Credentials can name
    only one (2.1.1). `quirks` are in effect; `quirks_seen` is what the last handshake noticed.
    `session_interval` is how many seconds lie between two updates of one running session that it
    is sent; None: as for everybody.
    """

    id: str
    name: str
    state: PartnerState
    created_at: datetime
    inbound_token_hash: str | None = None
    offered_token_hash: str | None = None
    outbound_token: str | None = field(default=None, repr=False)
    versions_url: str | None = None
    version: str | None = None
    roles: tuple[PartnerRole, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    quirks: frozenset[str] = frozenset()
    last_error: str | None = None
    parties: frozenset[Party] | None = None
    hub_party: Party | None = None
    known_as: Party | None = None
    told: frozenset[Party] | None = None
    to_introduce: frozenset[Party] = frozenset()
    quirks_seen: tuple[QuirkSeen, ...] = ()
    session_interval: float | None = None

    @property
    def is_hub(self) -> bool:
        """Whether it passes on messages of other platforms."""
        return self.hub is not None

    @property
    def hub(self) -> Party | None:
        """The hub's own party, by which it is addressed itself; None: it is no hub."""
        named = (role.party for role in self.roles if role.role == "HUB")
        return self.hub_party or next(named, None)

    @property
    def names_its_clients(self) -> bool:
        """Whether its roles are all that a hub passes on for.

        A 2.2.1 hub "SHALL only reports itself as role: Hub"; of a 2.3.0 hub "platforms are
        expected to include the parties that are reachable through the Roaming Hub".
        """
        others = any(role.party != self.hub_party for role in self.roles)
        return self.hub_party is not None and others and not self._has_hub_role

    def sees(self, party: Party) -> bool:
        """Whether this party of ours is one that the partner is to know of."""
        return self.may_see(party) and self.has_been_told_of(party)

    def has_been_told_of(self, party: Party) -> bool:
        """Whether our Credentials named it, so that the partner takes what comes in its name.

        It stays so where the operator hides a party, until Credentials are exchanged anew.
        """
        if self.known_as not in (None, party):
            return False
        return self.may_see(party) if self.told is None else party in self.told

    def may_see(self, party: Party) -> bool:
        """Whether the operator lets it know of this party of ours, whatever its version can say."""
        return self.parties is None or party in self.parties

    def session_interval_or(self, default: float) -> float:
        """Seconds between two updates of one running session."""
        return default if self.session_interval is None else self.session_interval

    def pays_at(self, party: Party) -> bool:
        """Whether a session at this party's stations can reach the partner at all."""
        return self.state is not PartnerState.UNREGISTERED and self.sees(party)

    def endpoint(self, identifier: str, role: str) -> str | None:
        """The URL of a module's interface at the partner, or None if it has none.

        Endpoints of OCPI 2.1.1 name no role: there is one per module.
        """
        for endpoint in self.endpoints:
            if endpoint.identifier == identifier and endpoint.role in (role, ""):
                return endpoint.url
        return None

    @property
    def _has_hub_role(self) -> bool:
        return any(role.role == "HUB" for role in self.roles)

    def acts_for(self, party: Party) -> bool:
        """Whether one of the partner's roles is this party."""
        return any(role.party == party for role in self.roles)
