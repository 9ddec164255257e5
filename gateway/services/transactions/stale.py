"""Acts on transactions from outside: by the operator's hand, or when a wait is over.

Whichever node holds the charge point's socket does it; if none does, this one.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from gateway import exact_json
from gateway.domain.bills.decisions import ANY, Correction, Meant
from gateway.domain.charge_points import ChargePointRecord
from gateway.domain.transactions import Transaction, UnknownTransaction
from gateway.services.billing.credits import NotPossible
from gateway.services.ports import CallTimeout, UnknownChargePoint
from gateway.services.stations.charge_points import ChargePoints
from gateway.services.stations.registered import registered
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.services.transactions.service import TransactionService
from gateway.store import BusTimeout, Store

_TOPIC = "close-transaction"
_TIMEOUT = 10.0

Document = dict[str, Any]
_Work = Callable[[StationState, str, Mapping[str, Any]], Awaitable[Transaction]]


class StaleTransactions:
    """Acts on transactions, whether or not their charge point is connected.

    Everything raises `UnknownChargePoint`, `UnknownTransaction`, `CallTimeout`, `StoreError`; what
    decides about a bill `NotPossible` too. What is returned is the record as stored.
    """

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
        self._work: dict[str, _Work] = {
            "close": self._close,
            "settle": self._settle,
            "release": self._release,
            "correct": self._correct,
            "void": self._void,
        }
        store.bus.serve(_TOPIC, self._serve)

    async def close(self, identity: str, transaction_id: str) -> Document:
        """End a transaction at its last meter reading."""
        return await self._act("close", identity, transaction_id, {})

    async def settle(self, identity: str, transaction_id: str) -> None:
        """What was waited for has not come."""
        await self._act("settle", identity, transaction_id, {})

    async def release(
        self,
        identity: str,
        transaction_id: str,
        remark: str | None,
        meant: Meant = ANY,
    ) -> Document:
        """Bill a held transaction by what the station has said.

        What is not `meant`, here and below, is unknown.
        """
        given = {"remark": remark, "meant": meant}
        return await self._act("release", identity, transaction_id, _plain(given))

    async def correct(
        self,
        identity: str,
        transaction_id: str,
        correction: Correction,
        remark: str | None,
        cdr_id: str | None = None,
        meant: Meant = ANY,
    ) -> Document:
        """Bill a transaction by what the operator says: a held one, or with `cdr_id` that CDR."""
        given = {
            "correction": correction,
            "remark": remark,
            "cdr_id": cdr_id,
            "meant": meant,
        }
        return await self._act("correct", identity, transaction_id, _plain(given))

    async def void(
        self,
        identity: str,
        transaction_id: str,
        remark: str | None,
        meant: Meant = ANY,
    ) -> Document:
        """Decide that nobody will be billed for a held transaction."""
        given = {"remark": remark, "meant": meant}
        return await self._act("void", identity, transaction_id, _plain(given))

    async def draft(self, identity: str, transaction_id: str) -> Document | None:
        """The CDR of a held transaction as it would be; None if there could be none."""
        state = await self._charge_points.as_stored(await registered(self._store, identity))
        return await self._transactions.decisions.draft(state, transaction_id)

    def reasons(self, transaction: Transaction) -> tuple[str, ...]:
        """The flags that hold a transaction's CDR."""
        return self._transactions.decisions.reasons(transaction)

    # --- wherever the charge point is -----------------------------------------------------

    async def _act(
        self, act: str, identity: str, transaction_id: str, given: Mapping[str, Any]
    ) -> Document:
        record = await registered(self._store, identity)
        here = self._router.local(identity)
        if here is not None:
            return _plain(await self._work[act](here[0], transaction_id, given))
        route = await self._store.party(record.party).stations.route(identity)
        if route is not None and route.node_id != self._node_id:
            request = {
                "act": act,
                "identity": identity,
                "transaction_id": transaction_id,
                "given": given,
            }
            return await self._elsewhere(route.node_id, request)
        return await self._offline(act, record, transaction_id, given)

    async def _offline(
        self, act: str, record: ChargePointRecord, transaction_id: str, given: Mapping[str, Any]
    ) -> Document:
        async with self._charge_points.in_hand(record) as state:
            return _plain(await self._work[act](state, transaction_id, given))

    async def _elsewhere(self, node_id: str, request: Document) -> Document:
        try:
            answer = await self._store.bus.request(node_id, _TOPIC, request, _TIMEOUT)
        except BusTimeout:
            raise CallTimeout(request["identity"]) from None
        if answer is None:
            raise UnknownTransaction(request["transaction_id"])
        if "not_possible" in answer:
            raise NotPossible(answer["not_possible"])
        return dict(answer)

    async def _serve(self, request: Document) -> Document | None:
        act, given = str(request.get("act", "close")), request.get("given") or {}
        try:
            return await self._act(act, request["identity"], request["transaction_id"], given)
        except (UnknownChargePoint, UnknownTransaction):
            return None
        except NotPossible as error:
            return {"not_possible": str(error)}

    # --- what is done there ---------------------------------------------------------------

    async def _close(self, state: StationState, id_: str, given: Mapping[str, Any]) -> Transaction:
        return await self._transactions.close(state, id_)

    async def _settle(self, state: StationState, id_: str, given: Mapping[str, Any]) -> Transaction:
        return await self._transactions.settle(state, id_)

    async def _release(
        self, state: StationState, id_: str, given: Mapping[str, Any]
    ) -> Transaction:
        return await self._transactions.decisions.release(
            state, id_, given["remark"], _meant(given)
        )

    async def _correct(
        self, state: StationState, id_: str, given: Mapping[str, Any]
    ) -> Transaction:
        correction = msgspec.convert(given["correction"], Correction)
        return await self._transactions.decisions.correct(
            state, id_, correction, given["remark"], given["cdr_id"], _meant(given)
        )

    async def _void(self, state: StationState, id_: str, given: Mapping[str, Any]) -> Transaction:
        return await self._transactions.decisions.void(state, id_, given["remark"], _meant(given))


def _meant(given: Mapping[str, Any]) -> Meant:
    return msgspec.convert(given.get("meant") or {}, Meant)


def _plain(value: object) -> Document:
    document: Document = exact_json.loads(exact_json.dumps(value))
    return document
