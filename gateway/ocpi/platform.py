"""Our side of every connection: our parties, our URLs, our credentials."""

from collections.abc import Sequence
from typing import Any

from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.ocpi.incoming.message_routing import MessageRouting
from gateway.ocpi.versions import Version, credentials
from gateway.services.roaming.parties import PartyBook, PartyInfo


class Platform:
    """`public_url` is where partners reach this server, without `/ocpi`."""

    def __init__(self, parties: PartyBook, public_url: str) -> None:
        self._parties = parties
        self.public_url = public_url.rstrip("/")

    @property
    def versions_url(self) -> str:
        """What partners are given to start with."""
        return f"{self.public_url}/ocpi/versions"

    def version_url(self, version: str) -> str:
        """The version details; every module's URL begins with it."""
        return f"{self.public_url}/ocpi/{version}"

    def parties(self) -> list[Party]:
        """Our parties."""
        return [own.party for own in self._parties.all()]

    def shown_to(self, partner: Partner) -> list[PartyInfo]:
        """Those of our parties that a partner knows of."""
        return [own for own in self._parties.all() if partner.sees(own.party)]

    def addressed(self, partner: Partner, routing: MessageRouting) -> Sequence[Party]:
        """Whose objects a call is about: the OCPI-to party's, or all that the partner may see."""
        if routing.receiver is not None:
            return (routing.receiver,)
        return [own.party for own in self.shown_to(partner)]

    def billed(self, partner: Partner, routing: MessageRouting) -> Sequence[Party]:
        """Whose Sessions and CDRs a call is about: also a hidden party's that it was told of."""
        if routing.receiver is not None:
            return (routing.receiver,)
        return [own for own in self.parties() if partner.has_been_told_of(own)]

    def credentials(self, partner: Partner, version: Version, token: str) -> dict[str, Any]:
        """The Credentials object that lets a partner call us with this token."""
        return credentials.write(version, token, self.versions_url, self.told(partner, version))

    def told(self, partner: Partner, version: Version) -> list[PartyInfo]:
        """Those of our parties that our Credentials name to a partner."""
        identity = self.identity(partner, version)
        return [
            own
            for own in self._parties.all()
            if (partner.may_see(own.party) if identity is None else own.party == identity)
        ]

    def identity(self, partner: Partner, version: Version) -> Party | None:
        """The party that we are for a partner where Credentials have no roles (2.1.1), else None.

        The first of those that the partner is to know of; the default party, if that is one.
        """
        if version.has_roles:
            return None
        allowed = [own.party for own in self._parties.all() if partner.may_see(own.party)]
        default = self._parties.default
        return default if default in allowed or not allowed else allowed[0]
