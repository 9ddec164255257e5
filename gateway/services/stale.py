"""The operator's hand on transactions whose end got lost."""

from typing import Any

from gateway import exact_json
from gateway.domain.transactions import Transaction, UnknownTransaction
from gateway.services.charge_points import ChargePoints
from gateway.services.ports import CallTimeout, UnknownChargePoint
from gateway.services.routing import StationRouter
from gateway.services.transactions import TransactionService
from gateway.store import BusTimeout, Store

_TOPIC = "close-transaction"
_TIMEOUT = 10.0


class StaleTransactions:
    """Closes transactions by hand, whether or not their charge point is connected."""

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
        record = await self._charge_points.get(identity)
        if record is None:
            raise UnknownChargePoint(identity)
        here = self._router.local(identity)
        if here is not None:
            return _document(await self._transactions.close(here[0], transaction_id))
        route = await self._store.party(record.party).stations.route(identity)
        if route is not None and route.node_id != self._node_id:
            return await self._elsewhere(route.node_id, identity, transaction_id)
        async with self._charge_points.in_hand(record) as state:
            return _document(await self._transactions.close(state, transaction_id))

    async def _elsewhere(self, node_id: str, identity: str, transaction_id: str) -> dict[str, Any]:
        request = {"identity": identity, "transaction_id": transaction_id}
        try:
            answer = await self._store.bus.request(node_id, _TOPIC, request, _TIMEOUT)
        except BusTimeout:
            raise CallTimeout(identity) from None
        if answer is None:
            raise UnknownTransaction(transaction_id)
        return dict(answer)

    async def _serve(self, request: dict[str, Any]) -> dict[str, Any] | None:
        try:
            return await self.close(request["identity"], request["transaction_id"])
        except (UnknownChargePoint, UnknownTransaction):
            return None


def _document(transaction: Transaction) -> dict[str, Any]:
    document: dict[str, Any] = exact_json.loads(exact_json.dumps(transaction))
    return document
