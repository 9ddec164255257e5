"""Puts what a driver wants to a running session, and prices it by the tariff of that profile.

Whichever node holds the charge point's socket does it, since it alone prices what runs there; if
none does, this one. The preferences are kept in the same change as the Session that they price:
either both are there or neither.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

from gateway.domain.transactions import UnknownTransaction
from gateway.services.billing.billing import Billing
from gateway.services.stations.charge_points import ChargePoints
from gateway.services.stations.registered import registered
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import RunningTransaction, StationState
from gateway.store import Store

PREFERENCES_TOPIC = "charging-preferences"
_TOPIC = "price-by-preferences"
_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Preferred:
    """Which session, and the ChargingPreferences for it as they are stored."""

    identity: str
    transaction_id: str
    session_id: str
    document: dict[str, Any]


class PreferredTariffs:
    """Acts on running transactions, whether or not their charge point is connected."""

    def __init__(
        self,
        store: Store,
        charge_points: ChargePoints,
        router: StationRouter,
        billing: Billing,
        node_id: str,
    ) -> None:
        self._store = store
        self._charge_points = charge_points
        self._router = router
        self._billing = billing
        self._node_id = node_id
        store.bus.serve(_TOPIC, self._serve)

    async def keep(self, preferred: Preferred) -> None:
        """Keep the preferences and write the Session anew.

        Raises `UnknownChargePoint`, `UnknownTransaction` when it does not run (any more), and
        `StoreError`, also if the other node does not answer.
        """
        identity = preferred.identity
        record = await registered(self._store, identity)
        here = self._router.local(identity)
        if here is not None:
            await self._kept(here[0], preferred)
            return
        route = await self._store.party(record.party).stations.route(identity)
        if route is not None and route.node_id != self._node_id:
            await self._elsewhere(route.node_id, preferred)
            return
        async with self._charge_points.in_hand(record) as state:
            await self._kept(state, preferred)

    async def _elsewhere(self, node_id: str, preferred: Preferred) -> None:
        request = {
            "identity": preferred.identity,
            "transaction_id": preferred.transaction_id,
            "session_id": preferred.session_id,
            "document": preferred.document,
        }
        answer = await self._store.bus.request(node_id, _TOPIC, request, _TIMEOUT)
        if answer is None:
            raise UnknownTransaction(preferred.transaction_id)

    async def _serve(self, request: dict[str, Any]) -> dict[str, Any] | None:
        try:
            await self.keep(Preferred(**request))
        except LookupError:  # no such charge point, or it runs no more
            return None
        return {}

    async def _kept(self, state: StationState, preferred: Preferred) -> None:
        async with state.steps:
            run = state.open.get(preferred.transaction_id)
            if run is None or not _is_session(run, preferred.session_id):
                raise UnknownTransaction(preferred.transaction_id)
            before = run.transaction, run.site, run.tariff
            try:
                await self._repriced(state, run, preferred)
            except BaseException:  # not durable: it is priced as it was
                run.transaction, run.site, run.tariff = before
                run.forget_use()
                raise

    async def _repriced(
        self, state: StationState, run: RunningTransaction, preferred: Preferred
    ) -> None:
        if run.site is not None and run.site.offer is not None:
            wanted = preferred.session_id, str(preferred.document["profile_type"])
            run.site = replace(run.site, offer=replace(run.site.offer, preference=wanted))
        party = self._store.party(state.party)
        change = party.change(state.fence)
        party.preferences.put(change, preferred.session_id, preferred.document)
        change.publish(
            PREFERENCES_TOPIC,
            {"party": str(state.party), "session_id": preferred.session_id, **preferred.document},
        )
        await self._billing.caught_up(state, run)
        self._billing.sites.snapshot(change, state, run)
        party.transactions.update(change, state.identity, run.transaction.id, run.transaction)
        run.owed_at = -math.inf  # its price changes at once, whatever was told last
        self._billing.session(change, state.party, run)
        await self._store.commit(change)


def _is_session(run: RunningTransaction, session_id: str) -> bool:
    transaction = run.transaction
    return transaction.is_open and transaction.session_id.lower() == session_id.lower()
