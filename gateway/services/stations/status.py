"""What a StatusNotification does: connector -> EVSE -> Location, in one commit."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from gateway.domain.events import ChargingState, ConnectorState, ConnectorStatusReported
from gateway.domain.evse_status import ConnectorReport, EvseReports
from gateway.domain.timestamps import FIRST_YEAR
from gateway.services.stations.evse_publisher import EvsePublisher
from gateway.services.stations.station_state import STATION, StationState
from gateway.services.transactions.service import TransactionService
from gateway.store import Store

log = structlog.get_logger(__name__)

# A 1.6 station tells through its connector what 2.x says in transactionInfo.chargingState.
CHARGING_STATE_OF_CONNECTOR: dict[ConnectorState, ChargingState | None] = {
    ConnectorState.AVAILABLE: None,  # nothing about a transaction
    ConnectorState.PREPARING: None,  # none yet
    ConnectorState.CHARGING: ChargingState.CHARGING,
    ConnectorState.SUSPENDED_EV: ChargingState.SUSPENDED_EV,
    ConnectorState.SUSPENDED_EVSE: ChargingState.SUSPENDED_EVSE,
    # "The transaction has stopped": the vehicle takes nothing any more, however late the
    # StopTransaction itself comes.
    ConnectorState.FINISHING: ChargingState.IDLE,
    ConnectorState.OCCUPIED: None,  # 2.x: chargingState says it
    ConnectorState.RESERVED: None,
    ConnectorState.UNAVAILABLE: None,
    ConnectorState.FAULTED: None,  # may recover within the transaction; its stop will tell
}


_AHEAD = timedelta(hours=1)
MOST_CONNECTORS = 1_000  # of one station, whatever numbers it makes up


class StatusService:
    """Takes connector reports."""

    def __init__(
        self,
        store: Store,
        publisher: EvsePublisher,
        transactions: TransactionService,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._transactions = transactions
        self._now = now

    async def reported(self, state: StationState, event: ConnectorStatusReported) -> None:
        """Take one report. Unchanged or outdated ones write nothing.

        Raises `StoreUnavailable` or `Fenced`; the cache is only kept when the commit succeeded.
        """
        async with state.steps:  # it may turn transactions, which others may be ending just now
            await self._taken(state, event)

    async def _taken(self, state: StationState, event: ConnectorStatusReported) -> None:
        at = event.at or self._now()
        known = state.evses.get(event.evse_id)
        before = known.connectors.get(event.connector_id) if known else None
        if before is None and _count(state) >= MOST_CONNECTORS:
            log.warning("status of one connector too many", charge_point=state.identity)
            return
        reports = state.evses.setdefault(event.evse_id, EvseReports())
        report = ConnectorReport(event.state, self._believed(at), event.error_code, event.info)
        if not reports.take(event.connector_id, report):
            return
        published = dict(state.published)
        party = self._store.party(state.party)
        change = party.change(state.fence)
        party.stations.put(change, state.identity, f"evse:{event.evse_id}", reports)
        charging = CHARGING_STATE_OF_CONNECTOR[event.state]
        undo = _nothing
        if charging is not None:
            undo = self._transactions.charging_state(state, event.evse_id, charging, at, change)
        affected = state.bindings if event.evse_id == STATION else (event.evse_id,)
        self._publisher.refresh(state, affected, change)
        try:
            await self._store.commit(change)
        except BaseException:
            state.published = published
            if before is None:
                del reports.connectors[event.connector_id]
            else:
                reports.connectors[event.connector_id] = before
            undo()
            raise

    def _believed(self, at: datetime) -> datetime:
        """When a report was made; our time where the station's clock cannot be right (R20).

        Else a clock that was ahead once would silence the connector, and one that is not yet
        set, at 1970, would make news look old.
        """
        now = self._now()
        return at if at.year >= FIRST_YEAR and at <= now + _AHEAD else now


def _count(state: StationState) -> int:
    return sum(len(reports.connectors) for reports in state.evses.values())


def _nothing() -> None:
    """No transaction was touched."""
