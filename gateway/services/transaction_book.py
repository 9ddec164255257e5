"""The transactions of charge points as they are kept: found, opened, written, ended.

Opening and ending are one atomic change each, fenced by the connection's epoch; the cache of the
connection follows only when it was committed.
"""

from dataclasses import replace
from datetime import datetime

import msgspec
import structlog

from gateway.domain.events import TransactionStopped
from gateway.domain.meter import Reading
from gateway.domain.pricing import Bill
from gateway.domain.transactions import Transaction
from gateway.services.billing import NO_LOCATION, Billing, running
from gateway.services.evse_publisher import EvsePublisher
from gateway.services.station_state import (
    STATION,
    SUPERSEDED,
    RunningTransaction,
    StationState,
)
from gateway.services.transaction_story import ended, led_to
from gateway.store import Change, Store

log = structlog.get_logger(__name__)

# The members of a transaction that meter readings change.
_PROGRESS = ("energy", "periods", "flags", "meter_start_wh", "last_seq_no")


class TransactionBook:
    """Keeps transactions, with the Session and CDR that are made of them."""

    def __init__(self, store: Store, billing: Billing, publisher: EvsePublisher) -> None:
        self._store = store
        self._billing = billing
        self._publisher = publisher

    async def find(self, state: StationState, transaction_id: str) -> RunningTransaction | None:
        """From the cache, else an ended one from the store; only this charge point's (S5)."""
        run = state.open.get(transaction_id)
        if run is not None:
            return run
        party = self._store.party(state.party)
        document = await party.transactions.get(state.identity, transaction_id)
        if document is None:
            return None
        return await self._billing.restore(state, msgspec.convert(document, Transaction))

    def unanswered(
        self, state: StationState, event: TransactionStopped
    ) -> RunningTransaction | None:
        """A station whose start was never answered stops transaction 0 or -1: match by token."""
        if event.transaction_id not in ("0", "-1") or event.token is None:
            return None
        uid = event.token.uid.casefold()
        candidates = [
            run
            for run in state.open.values()
            if run.transaction.token is not None
            and run.transaction.token.uid.casefold() == uid
            and (run.transaction.meter_start_wh or 0) <= event.meter_stop_wh
        ]
        return candidates[0] if len(candidates) == 1 else None

    async def open(
        self,
        state: StationState,
        change: Change,
        run: RunningTransaction,
        readings: tuple[Reading, ...] = (),
    ) -> None:
        """Commit the first record of a transaction, or of its place, and take it into the cache."""
        await self.take_promise(state, change, run.transaction)
        if run.site is None:
            run.transaction = run.transaction.flagged(NO_LOCATION)
        known = run.transaction.id in state.open
        superseded = _superseded_by(run, state)
        before = [(old, old.transaction) for old in superseded]
        for old in superseded:
            old.transaction = old.transaction.flagged(SUPERSEDED)
            self.write(state, change, old, ())
            log.warning(
                "transaction superseded by a new start",
                charge_point=state.identity,
                transaction=old.transaction.id,
            )
        state.open[run.transaction.id] = run
        self._billing.snapshot(change, state, run)
        self._put(state, change, run.transaction, readings)
        self._billing.session(change, state.party, run)
        published = dict(state.published)
        self._publisher.refresh(state, (run.transaction.evse_id,), change)
        try:
            await self._store.commit(change)
        except BaseException:
            state.published = published
            if not known:
                del state.open[run.transaction.id]
            for old, transaction in before:
                old.transaction = transaction
            raise

    async def placed(self, state: StationState, run: RunningTransaction, evse_id: int) -> bool:
        """The EVSE was named late: fix the site now. True if that is news."""
        transaction = run.transaction
        site = await self._billing.site(state, evse_id, transaction.connector_id)
        if site is None:
            run.transaction = replace(transaction, evse_id=evse_id)
            return transaction.evse_id != evse_id
        flags = tuple(flag for flag in transaction.flags if flag != NO_LOCATION)
        placed = running(replace(transaction, evse_id=evse_id, flags=flags), site)
        run.transaction, run.site, run.tariff = placed.transaction, placed.site, placed.tariff
        return True

    def write(
        self,
        state: StationState,
        change: Change,
        run: RunningTransaction,
        readings: tuple[Reading, ...],
    ) -> Bill | None:
        """Add the transaction's record, its readings and its Session to a change."""
        transaction = run.transaction
        transactions = self._store.party(state.party).transactions
        transactions.update(change, state.identity, transaction.id, transaction)
        transactions.add_readings(change, state.identity, transaction.id, readings)
        return self._billing.session(change, state.party, run)

    def progressed(
        self,
        state: StationState,
        change: Change,
        run: RunningTransaction,
        readings: tuple[Reading, ...],
    ) -> None:
        """Add what meter readings change, and the readings: the hot path."""
        transaction = run.transaction
        transactions = self._store.party(state.party).transactions
        progress = {name: getattr(transaction, name) for name in _PROGRESS}
        transactions.progress(change, state.identity, transaction.id, progress)
        transactions.add_readings(change, state.identity, transaction.id, readings)

    async def end(
        self,
        state: StationState,
        run: RunningTransaction,
        at: datetime,
        reason: str | None,
        readings: tuple[Reading, ...],
    ) -> Bill | None:
        """End a transaction: final Session, CDR, EVSE, all in one commit."""
        is_kept = run.site is not None and run.transaction.id in state.open
        if run.site is None and not await self.placed(state, run, run.transaction.evse_id):
            run.transaction = run.transaction.flagged(NO_LOCATION)
        run.transaction = transaction = ended(run.transaction, at, reason)
        change = self._store.party(state.party).change(state.fence)
        if not is_kept:
            self._billing.snapshot(change, state, run)
        # what is marked first goes out first: a CDR follows its COMPLETED session
        bill = self._billing.session(change, state.party, run)
        billed = self._billing.cdr(change, state.party, run)
        run.transaction = replace(run.transaction, billed=billed)
        self._put(state, change, run.transaction, readings)
        was_open = state.open.pop(transaction.id, None)
        published, evses = dict(state.published), dict(state.evses)
        self._vacate(state, change, run.transaction)
        self._publisher.refresh(state, (transaction.evse_id,), change)
        try:
            await self._store.commit(change)
        except BaseException:
            state.published, state.evses = published, evses
            if was_open is not None:
                state.open[transaction.id] = was_open
            raise
        if run.transaction.billable and not billed:
            log.warning(
                "cdr held",
                charge_point=state.identity,
                transaction=transaction.id,
                reasons=list(run.transaction.flags),
            )
        return bill

    async def take_promise(
        self, state: StationState, change: Change, transaction: Transaction
    ) -> None:
        """A START_SESSION promise is kept once: it goes with the transaction that it led to."""
        if transaction.token is None:
            return
        remote_starts = self._store.party(state.party).remote_starts
        for key, promise in await remote_starts.list(state.identity):
            if led_to(promise, transaction):
                remote_starts.take(change, state.identity, key)

    def _vacate(self, state: StationState, change: Change, transaction: Transaction) -> None:
        """Charging was the last word on this EVSE's connectors: with the transaction it is over.

        Some 1.6 stations never say so themselves, or only when the cable is pulled.
        """
        evse_id, ended_at = transaction.evse_id, transaction.latest_at
        reports = state.evses.get(evse_id)
        after = None if reports is None else reports.after_transaction(ended_at)
        if after is None or state.running_on(evse_id):
            return
        state.evses[evse_id] = after
        stations = self._store.party(state.party).stations
        stations.put(change, state.identity, f"evse:{evse_id}", after)

    def _put(
        self,
        state: StationState,
        change: Change,
        transaction: Transaction,
        readings: tuple[Reading, ...],
    ) -> None:
        """Record a transaction and give it its place in the lists: at its start and its end."""
        transactions = self._store.party(state.party).transactions
        transactions.put(
            change,
            state.identity,
            transaction.id,
            transaction,
            is_open=transaction.is_open,
            started=transaction.started_at,
        )
        transactions.put_session(change, transaction.session_id, state.identity, transaction.id)
        transactions.add_readings(change, state.identity, transaction.id, readings)


def _superseded_by(run: RunningTransaction, state: StationState) -> list[RunningTransaction]:
    """The open transactions that a start on their EVSE proves to be over."""
    evse_id = run.transaction.evse_id
    if evse_id == STATION:
        return []  # the station did not say where: it may be any EVSE
    return [old for old in state.running_on(evse_id) if old.transaction.id != run.transaction.id]
