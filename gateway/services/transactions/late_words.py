"""What stations say of no transaction, or of one that is billed: kept for the operator's eye."""

import structlog

from gateway.domain import flags
from gateway.services.stations.station_state import RunningTransaction, StationState
from gateway.store import Store

log = structlog.get_logger(__name__)

KEPT = 1_000  # per station, of each kind


class LateWords:
    """Keeps them. A CDR is never changed by what comes after it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def stray(self, state: StationState, stream: str, event: object) -> None:
        """Keep what belongs to no transaction."""
        party = self._store.party(state.party)
        change = party.change(state.fence)
        party.stations.keep(change, state.identity, stream, event, cap=KEPT)
        await self._store.commit(change)

    async def keep(self, state: StationState, run: RunningTransaction, event: object) -> None:
        """Keep what came after a transaction was billed, and flag the transaction."""
        party = self._store.party(state.party)
        change = party.change(state.fence)
        party.stations.keep(change, state.identity, "late_events", event, cap=KEPT)
        flagged = run.transaction.flagged(flags.LATE)
        if flagged is not run.transaction:
            party.transactions.update(change, state.identity, flagged.id, flagged)
        await self._store.commit(change)
        run.transaction = flagged
        log.warning(
            "came after the bill", charge_point=state.identity, transaction=run.transaction.id
        )
