"""The transactions of charge points as they are kept: found, opened, written, ended, billed.

Each of these is one atomic change, fenced by the connection's epoch; the cache of the connection
follows only when it was committed.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec
import structlog

from gateway.domain import flags
from gateway.domain.events import TransactionReported
from gateway.domain.metering.plausibility import is_ahead
from gateway.domain.pricing import Bill
from gateway.domain.transactions import Transaction
from gateway.services.access.tokens_in_use import TokensInUse
from gateway.services.billing.billing import Billing
from gateway.services.billing.running_use import is_beyond_power
from gateway.services.reservations.use import ReservationUse
from gateway.services.stations.evse_publisher import EvsePublisher
from gateway.services.stations.station_state import STATION, RunningTransaction, StationState
from gateway.services.transaction_log import Entry
from gateway.services.transactions import clocks, holders
from gateway.services.transactions.logs import TransactionLogs, keep
from gateway.store import Change, Store, Transactions

log = structlog.get_logger(__name__)

# The members of a transaction that events change (2.x) beside those that meter readings do.
_EVENTS_CHANGE = ("meter_start_wh", "sequence", "in_order")
MOST_PLACELESS = 50  # open transactions of one station that has not said where
_ID_LENGTH = 8  # of what tells two transactions with one id apart


class TransactionBook:
    """Keeps transactions, with the Session and CDR that are made of them.

    `wait` is how long a missing event is waited for.
    """

    def __init__(
        self,
        store: Store,
        billing: Billing,
        publisher: EvsePublisher,
        now: Callable[[], datetime],
        wait: float,
    ) -> None:
        self._store = store
        self._billing = billing
        self._publisher = publisher
        self._reservations = ReservationUse(store, billing.sites, now)
        self._tokens_in_use = TokensInUse(store)
        self._now = now
        self._wait = timedelta(seconds=wait)
        self.logs = TransactionLogs(store, billing, now)

    async def find(self, state: StationState, transaction_id: str) -> RunningTransaction | None:
        """From the cache, else an ended one from the store; only this charge point's (S5)."""
        run = state.open.get(transaction_id)
        if run is not None:
            return run
        party = self._store.party(state.party)
        document = await party.transactions.get(state.identity, transaction_id)
        if document is None:
            return None
        return await self._billing.sites.restore(state, msgspec.convert(document, Transaction))

    def timed(self, transaction: Transaction, event: TransactionReported) -> Transaction:
        """With what the station's clock shows as it tells of its start or end."""
        return clocks.timed(transaction, event, self._now())

    def due_at(self) -> datetime:
        """When what is missing from now on is given up."""
        return self._now() + self._wait

    def put(self, state: StationState, change: Change, transaction: Transaction) -> None:
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
        transactions.wait(change, state.identity, transaction.id, transaction.due_at)
        held_since = self._now() if transaction.is_held else None
        transactions.hold(change, state.identity, transaction.id, held_since)
        transactions.put_session(change, transaction.session_id, state.identity, transaction.id)
        self._tokens_in_use.note(state, change, transaction)

    # --- a running one --------------------------------------------------------------------

    async def open(
        self,
        state: StationState,
        change: Change,
        run: RunningTransaction,
        entries: Sequence[Entry] = (),
    ) -> None:
        """Commit the first record of a transaction, or of its place, and take it into the cache."""
        await self.take_promise(state, change, run.transaction)
        await self.reserved(state, run)
        if run.site is None:
            run.transaction = run.transaction.flagged(flags.NO_LOCATION)
        await self._billing.caught_up(state, run, entries)
        known = run.transaction.id in state.open
        before = self._superseded(state, change, run)
        state.open[run.transaction.id] = run
        self._billing.sites.snapshot(change, state, run)
        self.put(state, change, run.transaction)
        keep(self._store.party(state.party).transactions, change, run, entries)
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

    async def placed(self, state: StationState, run: RunningTransaction) -> bool:
        """Fix the site of a transaction whose EVSE or connector is now known; True if there is."""
        return await self._reservations.placed(state, run)

    async def reserved(self, state: StationState, run: RunningTransaction) -> None:
        """Have it begin with the reservation that led to it, if there was one."""
        await self._reservations.begin(state, run)

    def write(
        self,
        state: StationState,
        change: Change,
        run: RunningTransaction,
        entries: Sequence[Entry],
    ) -> Bill | None:
        """Add the transaction's record, what was said, and its Session to a change.

        Its use knows what was said, or is to be made anew.
        """
        transaction = run.transaction
        transactions = self._store.party(state.party).transactions
        transactions.update(change, state.identity, transaction.id, transaction)
        self._tokens_in_use.note(state, change, transaction)
        keep(transactions, change, run, entries)
        return self._billing.session(change, state.party, run)

    def progressed(
        self,
        transactions: Transactions,
        change: Change,
        run: RunningTransaction,
        entries: Sequence[Entry],
    ) -> None:
        """Add what meter readings change, and the readings: the hot path."""
        transaction = run.transaction
        progress = {
            "energy": transaction.energy,
            "flags": transaction.flags,
        }
        if transaction.sequence is not None or not transaction.in_order:
            progress |= {name: getattr(transaction, name) for name in _EVENTS_CHANGE}
        transactions.progress(change, transaction.identity, transaction.id, progress)
        keep(transactions, change, run, entries)

    async def follow(
        self, state: StationState, run: RunningTransaction, before: Transaction | None
    ) -> bool:
        """See to a holder or a place that is another than before; True if it has a new site."""
        if before is not None and holders.changed_hands(before, run.transaction):
            await self._withdraw(state, run, before)
        if before is None or _place(before) != _place(run.transaction):
            return await self.placed(state, run)
        return False

    async def _withdraw(
        self, state: StationState, run: RunningTransaction, before: Transaction
    ) -> None:
        """Tell the partner who was thought to pay that it is not its session (S8)."""
        party = self._store.party(state.party)
        change = party.change(state.fence)
        self._billing.withdraw(
            change, state.party, RunningTransaction(before, run.site, run.tariff)
        )
        run.transaction = run.transaction.in_session(str(uuid.uuid4()))
        run.reserved, run.site_kept = None, False  # nor was the reservation made for who pays now
        run.forget_use()
        session_id = run.transaction.session_id
        party.transactions.put_session(change, session_id, state.identity, before.id)
        await self._store.commit(change)

    async def make_room(self, state: StationState, run: RunningTransaction) -> None:
        """The station uses a transaction's id again: the older one gets another (R19)."""
        old = run.transaction
        moved = replace(old.flagged(flags.ID_REUSED), id=f"{old.id}~{old.session_id[:_ID_LENGTH]}")
        if old.is_open:
            moved = replace(moved.flagged(flags.SUPERSEDED), due_at=self.due_at())
        party = self._store.party(state.party)
        change = party.change(state.fence)
        await party.transactions.make_room(change, state.identity, old.id, moved.id)
        self.put(state, change, moved)
        await self._store.commit(change)
        log.warning("transaction id used again", charge_point=state.identity, transaction=old.id)
        if state.open.pop(old.id, None) is not None:
            run.transaction = moved
            state.open[moved.id] = run

    # --- an ended one ---------------------------------------------------------------------

    async def end(
        self,
        state: StationState,
        run: RunningTransaction,
        entries: Sequence[Entry],
        *,
        wait_until: datetime | None = None,
        orphan: str | None = None,
    ) -> Bill | None:
        """Keep an ended transaction: Session and EVSE, and its CDR unless something is missing.

        `orphan` is the key under which its stop was kept until now.
        """
        await self.reserved(state, run)
        if run.site is None and not await self.placed(state, run):
            run.transaction = run.transaction.flagged(flags.NO_LOCATION)
        if is_ahead(run.transaction.latest_at, self._now()):
            run.transaction = run.transaction.flagged(flags.CLOCK_WRONG)
        if clocks.jumped(run.transaction):
            run.transaction = run.transaction.flagged(flags.CLOCK_JUMPED)
        run.transaction = replace(run.transaction, due_at=wait_until)
        await self._billing.caught_up(state, run, entries)
        if is_beyond_power(run):
            run.transaction = run.transaction.flagged(flags.BEYOND_POWER)
        transaction = run.transaction
        change = self._store.party(state.party).change(state.fence)
        if not run.site_kept:
            self._billing.sites.snapshot(change, state, run)
        cdr = self._billing.cdr(run) if wait_until is None else None
        run.transaction = self._judged(run.transaction, billed=cdr is not None)
        # what is marked first goes out first: a CDR follows its COMPLETED session
        bill = self._billing.session(change, state.party, run)
        if cdr is not None:
            self._billing.put_cdr(change, state.party, run, cdr)
        self.put(state, change, run.transaction)
        transactions = self._store.party(state.party).transactions
        keep(transactions, change, run, entries)
        if orphan is not None:
            transactions.take_orphan(change, state.identity, orphan)
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
        self._tell(state, run.transaction)
        return bill

    async def amend(
        self,
        state: StationState,
        run: RunningTransaction,
        transaction: Transaction,
        *entries: Entry,
    ) -> None:
        """Keep what was said of a transaction that waits to be told again; nothing is billed."""
        change = self._store.party(state.party).change(state.fence)
        transactions = self._store.party(state.party).transactions
        transactions.update(change, state.identity, transaction.id, transaction)
        transactions.wait(change, state.identity, transaction.id, transaction.due_at)
        if transaction.due_at is not None:  # it was held perhaps; when it is told again it may be
            transactions.hold(change, state.identity, transaction.id, None)
        keep(transactions, change, run, entries)
        await self._store.commit(change)

    async def take_promise(
        self, state: StationState, change: Change, transaction: Transaction
    ) -> None:
        """A promise is kept once: it goes with the transaction that it led to."""
        if transaction.token is None:
            return
        remote_starts = self._store.party(state.party).remote_starts
        for key, promise in await remote_starts.list(state.identity):
            if holders.led_to(promise, transaction):
                remote_starts.take(change, state.identity, key)

    # --- inside ---------------------------------------------------------------------------

    def _superseded(
        self, state: StationState, change: Change, run: RunningTransaction
    ) -> list[tuple[RunningTransaction, Transaction]]:
        """Flag what a start on the same EVSE proves to be over; returns those as they were.

        Their end may still come. If it does not, they are held once the wait is over. The one
        that is over is the one that began first, whichever was heard of first.
        """
        before = []
        for old in _over(run, state):
            was = old.transaction
            old.transaction = replace(was.flagged(flags.SUPERSEDED), due_at=self.due_at())
            if old is run:
                continue
            before.append((old, was))
            self.write(state, change, old, ())
            transactions = self._store.party(state.party).transactions
            transactions.wait(change, state.identity, old.transaction.id, old.transaction.due_at)
            log.warning(
                "transaction superseded by a new start",
                charge_point=state.identity,
                transaction=old.transaction.id,
            )
        return before

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

    def _judged(self, transaction: Transaction, *, billed: bool) -> Transaction:
        """With whether it is billed. One that is held is never without a reason."""
        transaction = replace(transaction.unflagged(flags.NOT_PRICED), billed=billed)
        held = transaction.billable and transaction.due_at is None and not billed
        if held and not self._billing.held_by(transaction):
            return transaction.flagged(flags.NOT_PRICED)
        return transaction

    def _tell(self, state: StationState, transaction: Transaction) -> None:
        """Log what an operator may have to see to."""
        about = {"charge_point": state.identity, "transaction": transaction.id}
        if transaction.due_at is not None:
            log.info("waiting for what is missing", **about)
        elif transaction.billable and not transaction.billed:
            log.warning("cdr held", **about, reasons=list(transaction.flags))
        elif transaction.billed and flags.EVENTS_MISSING in transaction.flags:
            log.warning("billed with events missing", **about)


def _over(run: RunningTransaction, state: StationState) -> list[RunningTransaction]:
    """The transactions that began first on an EVSE, where only one can be.

    Where the station did not say where it may be any EVSE, and there are not so many of them.
    """
    evse_id, id_ = run.transaction.evse_id, run.transaction.id
    others = [one for one in state.running_on(evse_id) if one.transaction.id != id_]
    most = MOST_PLACELESS if evse_id == STATION else 1
    begun = sorted([*others, run], key=lambda one: one.transaction.started_at)
    return begun[:-most]


def _place(transaction: Transaction) -> tuple[int, int | None]:
    return transaction.evse_id, transaction.connector_id
