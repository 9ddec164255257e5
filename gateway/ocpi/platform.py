"""Our side of every connection: our parties, our URLs, our credentials."""

from collections.abc import Sequence
from typing import Any

from gateway.domain.party import Party
from gateway.ocpi.message_routing import MessageRouting
from gateway.services.roaming.parties import PartyBook


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

    def addressed(self, routing: MessageRouting) -> Sequence[Party]:
        """Whose objects a call is about: the OCPI-to party's, or all of ours."""
        return (routing.receiver,) if routing.receiver is not None else self.parties()

    def credentials(self, token: str) -> dict[str, Any]:
        """The Credentials object that lets somebody call us with this token."""
        return {
            "token": token,
            "url": self.versions_url,
            "roles": [
                {
                    "role": "CPO",
                    "party_id": own.party.party_id,
                    "country_code": own.party.country_code,
                    "business_details": {"name": own.business_name[:100]},
                }
                for own in self._parties.all()
            ],
        }
