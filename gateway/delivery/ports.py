"""What deliveries need from others: a way to the partner, and who the partners are."""

from typing import Protocol

from gateway.domain.delivery import ObjectRef, Verdict
from gateway.domain.partners import Partner
from gateway.domain.party import Party


class Transport(Protocol):
    """How an object reaches a partner."""

    async def deliver(self, partner: Partner, party: Party, ref: ObjectRef) -> Verdict:
        """Bring the partner up to date with one object; bounded in time."""
        ...


class Partners(Protocol):
    """The partners as known now."""

    def get(self, partner_id: str) -> Partner | None:
        """One partner, from memory."""
        ...

    def all(self) -> list[Partner]:
        """All of them, from memory."""
        ...

    async def save(self, partner: Partner) -> None:
        """Replace one."""
        ...
