"""What deliveries need from the edge that they do not know: a way to the partner."""

from typing import Protocol

from gateway.domain.delivery import ObjectRef, Verdict
from gateway.domain.partners import Partner
from gateway.domain.party import Party


class Transport(Protocol):
    """How an object reaches a partner."""

    async def deliver(self, partner: Partner, party: Party, ref: ObjectRef) -> Verdict:
        """Bring the partner up to date with one object; bounded in time."""
        ...
