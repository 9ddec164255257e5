"""The store goes away while something is delivered: that is not the partner's doing."""

import asyncio
from datetime import UTC, datetime

from structlog.testing import capture_logs

from gateway.delivery import Deliveries
from gateway.domain.delivery import ObjectKind, ObjectRef, Verdict
from gateway.domain.partners import Partner, PartnerState
from gateway.domain.party import Party
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import Store, StoreUnavailable

PARTY = Party("NL", "ABC")
NOW = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
PARTNER = Partner(
    id="ems",
    name="EMS",
    state=PartnerState.REGISTERED,
    created_at=NOW,
    inbound_token_hash="hash",
    outbound_token="token",
    version="2.2.1",
)


class WithoutStore:
    """A transport that cannot read what it is to send."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def deliver(self, partner: Partner, party: Party, ref: ObjectRef) -> Verdict:
        self.asked.set()
        raise StoreUnavailable("away")


async def test_a_partner_is_not_blamed_for_a_store_that_is_away(store: Store) -> None:
    transport = WithoutStore()
    partners = PartnerDirectory(store, lambda: NOW)
    await partners.load()
    await partners.save(PARTNER)
    change = store.party(PARTY).change()
    store.party(PARTY).owed.mark(change, ["ems"], ObjectRef(ObjectKind.TARIFF, "T1"))
    await store.commit(change)
    deliveries = Deliveries(
        store=store, partners=partners, parties=lambda: [PARTY], transport=transport
    )

    with capture_logs() as logs:
        await deliveries.start()
        await asyncio.wait_for(transport.asked.wait(), 10)
        await deliveries.close()
    await partners.close()

    events = [entry["event"] for entry in logs if entry["log_level"] == "warning"]
    assert events == ["deliveries wait for the store"]
