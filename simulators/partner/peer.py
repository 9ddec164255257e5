"""The platforms on the other side of our OCPI connections, and the registration tokens we gave."""

import asyncio
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from simulators.partner.exact_json import Json
from simulators.partner.owner import Owner
from simulators.partner.version import Version


@dataclass(slots=True)
class Peer:
    """One registered platform, or one that we are just registering with."""

    id: str
    version: Version
    own_token: str
    """What they have to present to us (CREDENTIALS_TOKEN_B when we registered, _C when they did)"""
    token: str
    """What we present to them"""
    versions_url: str
    roles: list[Json] = field(default_factory=list)
    hub: Owner | None = None
    """Their own party, when they are a hub"""
    endpoints: dict[tuple[str, str], str] = field(default_factory=dict)
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set as soon as the handshake is over"""

    def owners(self, *wanted: str) -> Iterator[Owner]:
        for role in self.roles:
            if not wanted or role["role"] in wanted:
                yield Owner(role["country_code"], role["party_id"])

    def speaks_for(self, owner: Owner) -> bool:
        """One of the CredentialsRoles; a hub speaks for whoever is behind it."""
        return self.hub is not None or any(mine.same(owner) for mine in self.owners())

    def party(self) -> Owner:
        """The party we address: their first CPO, else their first role."""
        return next(self.owners("CPO", "HUB"), None) or next(self.owners())

    def endpoint(self, module: str, role: str) -> str | None:
        # "the value of the role property is not relevant" for credentials
        if module == "credentials":
            return next((url for (name, _), url in self.endpoints.items() if name == module), None)
        # in 2.1.1 endpoints have no role
        return self.endpoints.get((module, role)) or self.endpoints.get((module, ""))

    def as_json(self) -> Json:
        return {
            "id": self.id,
            "version": self.version.number,
            "versions_url": self.versions_url,
            "roles": self.roles,
            "endpoints": [
                {"identifier": name, "role": role, "url": url}
                for (name, role), url in self.endpoints.items()
            ],
        }


class Registry:
    """Who may call us: registered peers, and holders of a token A that we handed out."""

    def __init__(self) -> None:
        self.peers: dict[str, Peer] = {}
        self._invitations: set[str] = set()
        self._count = 0

    def invite(self) -> str:
        token = new_token()
        self._invitations.add(token)
        return token

    def add(self, version: Version, own_token: str, token: str, versions_url: str) -> Peer:
        self._count += 1
        peer = Peer(f"peer-{self._count}", version, own_token, token, versions_url)
        self.peers[peer.id] = peer
        return peer

    def remove(self, peer: Peer) -> None:
        self.peers.pop(peer.id, None)

    def replace(self, old: Peer, new: Peer) -> None:
        """The new one takes the old one's place and name."""
        self.remove(old)
        self.remove(new)
        new.id = old.id
        self.peers[new.id] = new

    def settle(self, peer: Peer, credentials: Json, token_a: str | None = None) -> None:
        """The handshake is over; "The CREDENTIALS_TOKEN_A can then be thrown away"."""
        peer.token = credentials["token"]
        peer.versions_url = credentials["url"]
        peer.roles = peer.version.roles(credentials)
        peer.hub = peer.version.hub(credentials)
        if token_a is not None:
            self._invitations.discard(token_a)
        peer.settled.set()

    def is_invitation(self, token: str) -> bool:
        return token in self._invitations

    def by_token(self, token: str) -> Peer | None:
        given = token.encode()
        for peer in self.peers.values():
            if secrets.compare_digest(peer.own_token.encode(), given):
                return peer
        return None

    def registered(self) -> list[Peer]:
        return [peer for peer in self.peers.values() if peer.settled.is_set()]

    def only(self, peer_id: str | None = None) -> Peer:
        """The named peer, or the one and only; raises LookupError."""
        if peer_id is not None:
            return self.peers[peer_id]
        registered = self.registered()
        if len(registered) != 1:
            raise LookupError(f"{len(registered)} platforms are registered, name one")
        return registered[0]


def new_token() -> str:
    """A credentials token: printable ASCII, well below 64 characters."""
    return secrets.token_urlsafe(32)


def endpoints_of(details: Any) -> dict[tuple[str, str], str]:
    """By module and role; 2.1.1 knows no roles."""
    return {
        (endpoint.identifier, getattr(endpoint, "role", "")): endpoint.url
        for endpoint in details.endpoints
    }
