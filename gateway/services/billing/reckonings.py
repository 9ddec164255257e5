"""What 2.1 stations reckon themselves that transactions cost, beside what we bill."""

from decimal import Decimal
from typing import Any

import msgspec
import structlog

from gateway.domain import flags
from gateway.domain.bills.cost import StationCost
from gateway.domain.charge_points import ChargePointRecord
from gateway.domain.pricing.currencies import decimals_of
from gateway.domain.transactions import Transaction
from gateway.services.stations.station_state import StationState
from gateway.store import Change, Store

log = structlog.get_logger(__name__)

_STREAM = "station_costs"
_KEPT = 1_000
_SHOWN = 10


class Reckonings:
    """Keeps the station's total and flags a transaction where it is another than ours."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def keep(
        self, state: StationState, cost: StationCost, ours: Decimal | None, *, comparable: bool
    ) -> None:
        """`ours` is None while our own price is in doubt; `comparable`: by the same tariff."""
        kept = {
            "transaction_id": cost.transaction_id,
            "currency": cost.currency,
            "station": cost.total,
            "gateway": ours,
            "failed": cost.failed,
            "differs": comparable and _differs(cost, ours),
        }
        party = self._store.party(state.party)
        if kept in await party.stations.kept(state.identity, _STREAM, 1):
            return  # the station said it again
        async with state.steps:
            change = party.change(state.fence)
            party.stations.keep(change, state.identity, _STREAM, kept, cap=_KEPT)
            if kept["differs"]:
                await self._flag(state, cost.transaction_id, change)
            await self._store.commit(change)
        if kept["differs"]:
            log.warning(
                "station's own cost differs",
                charge_point=state.identity,
                transaction=cost.transaction_id,
                station=str(cost.total),
                gateway=str(ours),
            )

    async def of(self, record: ChargePointRecord) -> list[Any]:
        """The last ones of a charge point, newest first."""
        stations = self._store.party(record.party).stations
        return (await stations.kept(record.identity, _STREAM, _SHOWN))[::-1]

    async def _flag(self, state: StationState, transaction_id: str, change: Change) -> None:
        transactions = self._store.party(state.party).transactions
        document = await transactions.get(state.identity, transaction_id)
        if document is None:
            return
        flagged = msgspec.convert(document, Transaction).flagged(flags.STATION_COST_DIFFERS)
        transactions.update(change, state.identity, transaction_id, flagged)


def _differs(cost: StationCost, ours: Decimal | None) -> bool:
    """By more than one unit of the currency, which is rounding."""
    if cost.failed or cost.total is None or ours is None:
        return False
    unit = Decimal(1).scaleb(-decimals_of(cost.currency))
    return abs(cost.total - ours) > unit
