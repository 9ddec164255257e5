"""Ends transactions from outside: by the operator's hand, or when a wait is over.

Whichever node holds the charge point's socket does it; if none does, this one.
"""

from typing import Any

from gateway import exact_json
from gateway.domain.transactions import Transaction, UnknownTransaction
from gateway.services.charging.transactions import TransactionService
from gateway.services.ports import CallTimeout, UnknownChargePoint
from gateway.services.stations.charge_points import ChargePoints
from gateway.services.stations.registered import registered
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.store import BusTimeout, Store

_TOPIC = "close-transaction"
_TIMEOUT = 10.0


class StaleTransactions:
    """Closes transactions, whether or not their charge point is connected."""

    def __init__(
        self,
        store: Store,
        charge_points: ChargePoints,
        router: StationRouter,
        transactions: TransactionService,
        node_id: str,
    ) -> None:
        self._store = store
        self._charge_points = charge_points
        self._router = router
        self._transactions = transactions
        self._node_id = node_id
        store.bus.serve(_TOPIC, self._serve)

    async def close(self, identity: str, transaction_id: str) -> dict[str, Any]:
        """End a transaction at its last meter reading; returns its record as stored.

        Raises `UnknownChargePoint`, `UnknownTransaction`, `CallTimeout`, `StoreError`.
        """
        return await self._act("close", identity, transaction_id)

    async def settle(self, identity: str, transaction_id: str) -> None:
        """What was waited for has not come. Raises like `close`."""
        await self._act("settle", identity, transaction_id)

    async def _act(self, act: str, identity: str, transaction_id: str) -> dict[str, Any]:
        record = await registered(self._store, identity)
        here = self._router.local(identity)
        if here is not None:
            return await self._acted(act, here[0], transaction_id)
        route = await self._store.party(record.party).stations.route(identity)
        if route is not None and route.node_id != self._node_id:
            return await self._elsewhere(route.node_id, act, identity, transaction_id)
        async with self._charge_points.in_hand(record) as state:
            return await self._acted(act, state, transaction_id)

    async def _acted(self, act: str, state: StationState, transaction_id: str) -> dict[str, Any]:
        work = self._transactions.settle if act == "settle" else self._transactions.close
        return _document(await work(state, transaction_id))

    async def _elsewhere(
        self, node_id: str, act: str, identity: str, transaction_id: str
    ) -> dict[str, Any]:
        request = {"act": act, "identity": identity, "transaction_id": transaction_id}
        try:
            answer = await self._store.bus.request(node_id, _TOPIC, request, _TIMEOUT)
        except BusTimeout:
            raise CallTimeout(identity) from None
        if answer is None:
            raise UnknownTransaction(transaction_id)
        return dict(answer)

    async def _serve(self, request: dict[str, Any]) -> dict[str, Any] | None:
        act = str(request.get("act", "close"))
        try:
            return await self._act(act, request["identity"], request["transaction_id"])
        except (UnknownChargePoint, UnknownTransaction):
            return None


def _document(transaction: Transaction) -> dict[str, Any]:
    document: dict[str, Any] = exact_json.loads(exact_json.dumps(transaction))
    return document
