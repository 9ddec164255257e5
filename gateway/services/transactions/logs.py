"""What was said of transactions, as it is kept; and the records that are made of it anew."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from gateway.domain import flags
from gateway.domain.transactions import Transaction
from gateway.services.billing.billing import Billing
from gateway.services.stations.station_state import RunningTransaction, StationState
from gateway.services.transaction_log import Entry, decoded, encoded, unhurried
from gateway.services.transactions.heard import HeardEvents
from gateway.services.transactions.retelling import retold
from gateway.store import Change, Fence, Store, Transactions

log = structlog.get_logger(__name__)

MOST_ENTRIES = 20_000  # in the log of one transaction
_RETOLD = 10_000  # transactions of which is known when they were retold


class TransactionLogs:
    """Reads them, and tells a transaction again at most once per `GATEWAY_SESSION_INTERVAL`."""

    def __init__(self, store: Store, billing: Billing, now: Callable[[], datetime]) -> None:
        self._store = store
        self._billing = billing
        self._now = now
        self._retold: OrderedDict[tuple[Fence, str], float] = OrderedDict()
        self.heard = HeardEvents(self.log)

    async def log(self, state: StationState, transaction_id: str) -> list[Entry]:
        """Everything that was said of a transaction, as it came."""
        party = self._store.party(state.party)
        kept = await party.transactions.readings(state.identity, transaction_id)
        return [decoded(one) async for one in unhurried(kept)]

    async def retold(
        self, state: StationState, run: RunningTransaction, *more: Entry, whole: bool = False
    ) -> Transaction:
        """The record made anew from the log and what comes now."""
        said = await self.log(state, run.transaction.id)
        again = await retold(run.transaction, [*said, *more], whole=whole)
        run.forget_use()
        key = (state.fence, run.transaction.session_id)
        self._retold[key] = self._billing.elapsed()
        self._retold.move_to_end(key)
        if len(self._retold) > _RETOLD:
            self._retold.popitem(last=False)
        return again

    def retelling_due(self, state: StationState, run: RunningTransaction) -> bool:
        """Whether to tell it again now: a backlog out of turn must not cost its square."""
        at = self._retold.get((state.fence, run.transaction.session_id))
        return at is None or self._billing.elapsed() - at >= self._billing.session_interval

    def retelling_at(self) -> datetime:
        """When one that was retold just now may be retold again."""
        return self._now() + timedelta(seconds=self._billing.session_interval)


def is_full(run: RunningTransaction) -> bool:
    """Whether its log takes nothing more."""
    return run.entries >= MOST_ENTRIES


def bounded(run: RunningTransaction) -> Transaction:
    """The record of a transaction whose log is full: what comes is only added to the record.

    It is held, because nobody can tell it again.
    """
    transaction = run.transaction
    if not transaction.logged or not is_full(run):
        return transaction
    log.warning("too many events", charge_point=transaction.identity, transaction=transaction.id)
    return replace(transaction.flagged(flags.TOO_MANY_EVENTS), logged=False, in_order=True)


def keep(
    transactions: Transactions,
    change: Change,
    run: RunningTransaction,
    entries: Sequence[Entry],
) -> None:
    """Add what was said to a transaction's log, unless that is full."""
    transaction = run.transaction
    if flags.TOO_MANY_EVENTS in transaction.flags:
        return
    kept = [encoded(entry) for entry in entries]
    transactions.add_readings(change, transaction.identity, transaction.id, kept)
    run.entries += len(kept)
