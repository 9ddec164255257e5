"""Transactions: from the first word of a station to the sealed CDR.

Every step is one atomic change, fenced by the connection's epoch, made before the station is
answered. A step that is told again finds its traces and answers the same.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec
import structlog

from gateway.domain import flags
from gateway.domain.events import (
    ChargingState,
    MeterReported,
    TransactionReported,
    TransactionStarted,
    TransactionStopped,
)
from gateway.domain.tokens import Authorization, TokenRef
from gateway.domain.transactions import Effect, Step, Transaction, UnknownTransaction, effect_on
from gateway.services.access.authorization import INVALID, AuthorizationService
from gateway.services.billing.billing import Billing
from gateway.services.billing.running_use import heard
from gateway.services.billing.sites import running
from gateway.services.stations.evse_publisher import EvsePublisher
from gateway.services.stations.station_state import RunningTransaction, StationState
from gateway.services.transaction_log import Entry, Switched
from gateway.services.transactions import clocks, holders, story
from gateway.services.transactions.book import TransactionBook
from gateway.services.transactions.corrections import BillDecisions
from gateway.services.transactions.events import TransactionAnswer, TransactionEvents
from gateway.services.transactions.late_words import LateWords
from gateway.services.transactions.logs import bounded, is_full
from gateway.services.transactions.undoing import UndoneOnFailure
from gateway.store import Change, Conflict, Store

log = structlog.get_logger(__name__)

_ORPHANS = 100  # stops of one station that still look for their transaction

# 1.6 has no numbers by which a missing meter value shows. Behind a stop that comes from a station's
# queue values that belong to it may still be in that queue.
GRACE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class StartAnswer:
    """What StartTransaction.conf needs. There is always an id (ocpp-rules 9)."""

    transaction_id: str
    authorization: Authorization


class TransactionService:
    """The steps of transactions, for all OCPP versions.

    `completion_wait` is how long, in seconds, missing events of an ended transaction are waited
    for.
    """

    def __init__(
        self,
        store: Store,
        authorization: AuthorizationService,
        billing: Billing,
        publisher: EvsePublisher,
        *,
        now: Callable[[], datetime],
        completion_wait: float,
    ) -> None:
        self._store = store
        self._authorization = authorization
        self._billing = billing
        self._now = now
        self._grace = min(GRACE, timedelta(seconds=completion_wait))
        self._late = LateWords(store)
        self._book = TransactionBook(store, billing, publisher, now, completion_wait)
        self._events = TransactionEvents(store, authorization, billing, self._book, self._late)
        self.decisions = BillDecisions(store, billing, self._book, now)

    # --- OCPP 2.x -------------------------------------------------------------------------

    async def reported(self, state: StationState, event: TransactionReported) -> TransactionAnswer:
        """TransactionEvent: whatever part of the story it tells, in whatever order it comes."""
        return await self._events.reported(state, event)

    # --- OCPP 1.6 -------------------------------------------------------------------------

    async def started(self, state: StationState, event: TransactionStarted) -> StartAnswer:
        """StartTransaction. The same start again is answered the same, and asks nobody again."""
        key = story.natural_key(event)
        party = self._store.party(state.party)
        known = await party.transactions.started_as(state.identity, key)
        if known is not None:
            async with state.steps:
                return await self._started_before(state, known)
        authorization = await self._authorization.for_start(state, event.token, event.evse_id)
        site = await self._billing.sites.find(state, event.evse_id, at=event.at)
        # Never 0, fits 32 bits signed, not guessable (ocpp-rules 13).
        transaction_id = str(secrets.randbelow(2**31 - 1) + 1)
        started = story.started(state.identity, transaction_id, event, authorization)
        seen_ahead = clocks.seen_ahead(event.at, self._now())
        run = running(replace(started, ahead_at_start=seen_ahead), site)
        change = party.change(state.fence)
        party.transactions.claim_start(change, state.identity, key, transaction_id)
        async with state.steps:
            try:
                await self._book.open(state, change, run)
            except Conflict as conflict:
                return await self._started_before(state, (conflict.current or b"").decode())
            await self._reunited(state, run)
        return StartAnswer(transaction_id, authorization)

    async def _started_before(self, state: StationState, transaction_id: str) -> StartAnswer:
        """Told before: by this socket, an older one, or another node before a crash."""
        log.info("start repeated", charge_point=state.identity, transaction=transaction_id)
        run = await self._book.find(state, transaction_id)
        if run is None:
            return StartAnswer(transaction_id, INVALID)
        await self._reunited(state, run)
        known = self._authorization.told(holders.decided(run.transaction))
        return StartAnswer(transaction_id, known)

    async def _reunited(self, state: StationState, run: RunningTransaction) -> None:
        """End a transaction whose stop came first, without an id that we know (R17)."""
        if not run.transaction.is_open:
            return
        kept = await self._store.party(state.party).transactions.orphans(state.identity)
        stops = [(key, msgspec.convert(one, TransactionStopped)) for key, one in kept.items()]
        fitting = [(key, stop) for key, stop in stops if story.is_stop_of(run.transaction, stop)]
        if fitting:
            key, stop = min(fitting, key=lambda pair: pair[1].at)
            await self._end(state, run, stop, orphan=key)

    async def stopped(self, state: StationState, event: TransactionStopped) -> Authorization | None:
        """StopTransaction: always answered, also for a transaction nobody knows (rule 10)."""
        run = await self._book.find(state, event.transaction_id)
        run = run or _unanswered(state, event)
        authorization = None
        if event.token is not None:
            authorization = await self._stopped_by(state, run, event.token, event.at)
        async with state.steps:
            await self._stop(state, event)
        return authorization

    async def _stop(self, state: StationState, event: TransactionStopped) -> None:
        run = await self._book.find(state, event.transaction_id)
        found = None if run is not None else _unanswered(state, event)
        run = run or found
        if run is None:
            await self._orphaned(state, event)
            return
        before = run.transaction
        effect = effect_on(before, Step.END)
        unended = {flags.END_MISSING, flags.CLOSED_BY_OPERATOR} & set(before.flags)
        if effect is Effect.END or (effect is Effect.AMEND and unended):
            await self._end(state, run, event, found=found is not None)
        elif not _same_end(before, event):  # another word than what was billed
            await self._late.keep(state, run, event)

    async def _end(
        self,
        state: StationState,
        run: RunningTransaction,
        event: TransactionStopped,
        *,
        found: bool = False,
        orphan: str | None = None,
    ) -> None:
        before = run.transaction
        with UndoneOnFailure(run, before):
            if found or orphan is not None:
                log.warning(
                    "stop found by its token", charge_point=state.identity, transaction=before.id
                )
                run.transaction = before.flagged(flags.STOP_FOUND)
            if not before.logged or (
                before.is_open and story.readings_in_turn(before, event.readings)
            ):
                run.transaction = story.stopped(run.transaction, event)
            else:
                run.transaction = await self._book.logs.retold(state, run, *event.readings, event)
            if orphan is None:
                seen_ahead = clocks.seen_ahead(event.at, self._now())
                run.transaction = replace(run.transaction, ahead_at_end=seen_ahead)
            until = self._now() + self._grace if self._may_be_incomplete(run, event) else None
            entries: list[Entry] = [*event.readings, event]
            await self._book.end(state, run, entries, wait_until=until, orphan=orphan)

    def _may_be_incomplete(self, run: RunningTransaction, event: TransactionStopped) -> bool:
        """Whether meter values may still come that say how much flowed when, and how fast.

        Stations that were offline do not always queue them before the stop.
        """
        replayed = self._now() - event.at > clocks.REPLAYED
        return replayed and run.transaction.logged and bool(self._grace)

    async def _orphaned(self, state: StationState, event: TransactionStopped) -> None:
        """Keep a stop of nothing, for the operator and for a start that is still to come."""
        transactions = self._store.party(state.party).transactions
        key, known = story.stop_key(event), await transactions.orphans(state.identity)
        if key in known:
            return
        party = self._store.party(state.party)
        change = party.change(state.fence)
        party.stations.keep(change, state.identity, "orphans", event, cap=_ORPHANS)
        if len(known) < _ORPHANS:
            transactions.put_orphan(change, state.identity, key, event)
        await self._store.commit(change)
        log.warning("stop of no known transaction", charge_point=state.identity)

    async def _stopped_by(
        self, state: StationState, run: RunningTransaction | None, token: TokenRef, at: datetime
    ) -> Authorization:
        """Stopping needs no right to charge; the answer tells the station what it may cache.

        That counts from the stop, so that the same stop again has the same answer.

        Of a token that already charges nobody is asked, least of all of one that came in a
        START_SESSION (mod_commands 13.2.3; ocpi-rules 17).
        """
        if (
            run is not None
            and run.transaction.billable
            and holders.same_token(run.transaction, token)
        ):
            return self._authorization.told(holders.decided(run.transaction), at)
        return await self._authorization.authorize(state, token)

    async def metered(self, state: StationState, event: MeterReported) -> None:
        """MeterValues. Without a transaction they are kept, never attached by guess (rule 12)."""
        run = state.open.get(event.transaction_id) if event.transaction_id else None
        async with state.steps:
            if run is None or not run.transaction.is_open:
                await self._metered_late(state, event)
            else:
                await self._metered(state, run, event)

    async def _metered(
        self, state: StationState, run: RunningTransaction, event: MeterReported
    ) -> None:
        before, readings = run.transaction, event.readings
        with UndoneOnFailure(run, before):
            run.transaction = now = bounded(run)
            if not now.logged or story.readings_in_turn(now, readings):
                run.transaction = story.metered(now, readings)
            elif self._book.logs.retelling_due(state, run):
                run.transaction = await self._book.logs.retold(state, run, *readings)
            else:
                run.transaction = replace(before, in_order=False)
            party = self._store.party(state.party)
            change = party.change(state.fence)
            quiet = before.in_order is run.transaction.in_order and before.logged is now.logged
            due = not quiet or self._billing.session_due(run)
            if due:
                await self._billing.caught_up(state, run, readings)
            else:
                heard(run, readings)
            if quiet:
                self._book.progressed(party.transactions, change, run, readings)
                if due:
                    self._billing.session(change, state.party, run)
            else:
                self._book.write(state, change, run, readings)
            await self._store.commit(change)

    async def _metered_late(self, state: StationState, event: MeterReported) -> None:
        """Values of an ended transaction that still waits are part of it; others are kept."""
        run = await self._book.find(state, event.transaction_id) if event.transaction_id else None
        known = run.transaction if run else None
        ended_at = known.stopped_at if known and known.due_at and known.logged else None
        full = run is not None and is_full(run)
        if (
            run is None
            or known is None
            or ended_at is None
            or full
            or any(one.at > ended_at for one in event.readings)
        ):
            await self._late.stray(state, "meter_values", event)
            return
        await self._book.amend(state, run, replace(known, in_order=False), *event.readings)

    # --- the operator's hand, and the end of a wait ---------------------------------------

    async def close(self, state: StationState, transaction_id: str) -> Transaction:
        """End a stale transaction at its last meter reading. Raises `UnknownTransaction`.

        One that has ended and waits for something waits no longer: what is missing holds its CDR.
        """
        async with state.steps:
            run = await self._book.find(state, transaction_id)
            if run is None:
                raise UnknownTransaction(transaction_id)
            await self._close(state, run, flags.CLOSED_BY_OPERATOR)
            return run.transaction

    async def settle(self, state: StationState, transaction_id: str) -> Transaction:
        """What was waited for has not come: bill what there is, or hold it.

        Raises `UnknownTransaction`.
        """
        async with state.steps:
            run = await self._book.find(state, transaction_id)
            if run is None:
                raise UnknownTransaction(transaction_id)
            if run.transaction.due_at is not None:
                await self._close(state, run, flags.END_MISSING)
            return run.transaction

    async def _close(self, state: StationState, run: RunningTransaction, why: str) -> None:
        before = run.transaction
        if before.is_settled:
            return
        with UndoneOnFailure(run, before):
            if before.logged and (not before.in_order or not before.is_open):
                run.transaction = await self._book.logs.retold(state, run, whole=True)
                await self._book.follow(state, run, before)
            sequence = run.transaction.sequence
            if before.is_open:
                run.transaction = story.closed(run.transaction, why)
            elif sequence is not None and not sequence.settled:
                run.transaction = run.transaction.flagged(flags.EVENTS_MISSING)
            await self._book.end(state, run, ())

    # --- shared ---------------------------------------------------------------------------

    def charging_state(
        self,
        state: StationState,
        evse_id: int,
        charging: ChargingState,
        at: datetime,
        change: Change,
    ) -> Callable[[], None]:
        """Note what a connector status says of the transactions on it; returns the undoing."""
        before = [(run, run.transaction) for run in state.running_on(evse_id)]
        for run, transaction in before:
            if transaction.sequence is not None:  # 2.x says it in its events
                continue
            switch = Switched(at, charging)
            now = bounded(run)
            if not now.logged or story.switch_in_turn(now, at):
                run.transaction = story.switched(now, charging, at)
            else:
                run.transaction = replace(now, charging_state=charging, in_order=False)
            if run.transaction.phase is not transaction.phase or not run.transaction.in_order:
                heard(run, (switch,))
                self._book.write(state, change, run, (switch,))

        def undo() -> None:
            for run, transaction in before:
                run.transaction = transaction
                run.forget_use()

        return undo


def _unanswered(state: StationState, event: TransactionStopped) -> RunningTransaction | None:
    """A station whose start was never answered stops transaction 0 or -1: match by token.

    1.6 names no connector in a stop. Only where exactly one open transaction fits it is that one.
    """
    candidates = [run for run in state.open.values() if story.is_stop_of(run.transaction, event)]
    return candidates[0] if len(candidates) == 1 else None


def _same_end(transaction: Transaction, event: TransactionStopped) -> bool:
    """Whether a stop says what is known."""
    return transaction.meter_stop_wh == event.meter_stop_wh
