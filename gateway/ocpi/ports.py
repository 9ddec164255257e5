"""What this edge needs of the services, and nothing more of them."""

from collections.abc import Sequence
from typing import Any, Protocol

from gateway.domain.party import Party
from gateway.ocpi.paging import Page
from gateway.store import PageQuery


class OwnParty(Protocol):
    """One party of this platform."""

    @property
    def party(self) -> Party:
        """Its country_code and party_id."""
        ...

    @property
    def business_name(self) -> str:
        """What its CredentialsRole is called."""
        ...


class Parties(Protocol):
    """The parties of this platform, the first one first."""

    def all(self) -> Sequence[OwnParty]:
        """Every party."""
        ...


class Locations(Protocol):
    """Locations as partners may see them, canonical."""

    async def get(self, party: Party, id: str) -> dict[str, Any] | None:  # noqa: A002
        """One location with its live EVSE statuses."""
        ...

    async def page(self, party: Party, query: PageQuery) -> Page:
        """A part of the list."""
        ...


class Tariffs(Protocol):
    """Tariffs as partners may see them, canonical."""

    async def page(self, party: Party, query: PageQuery) -> Page:
        """A part of the list."""
        ...
