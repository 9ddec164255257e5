"""TransactionEvent (2.x): whatever part of a transaction's story it tells, in whatever order.

What comes in turn is added to the record. After anything else the record is made anew from all
that was said, so that the same events lead to the same Session and CDR in any order. The CDR waits
until every number from Started to Ended was heard (ocpp-rules 23), or until nobody can know, or
for so long as the operator has set.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

import structlog

from gateway.domain import flags
from gateway.domain.events import TransactionPhase, TransactionReported
from gateway.domain.pricing import Bill
from gateway.domain.tokens import Authorization
from gateway.domain.transactions import Effect, Step, Transaction, effect_on
from gateway.services.access.authorization import AuthorizationService
from gateway.services.billing.billing import Billing
from gateway.services.billing.running_use import heard
from gateway.services.stations.station_state import RunningTransaction, StationState
from gateway.services.transaction_log import Told
from gateway.services.transactions import holders, story
from gateway.services.transactions.book import TransactionBook
from gateway.services.transactions.late_words import LateWords
from gateway.services.transactions.logs import bounded, is_full
from gateway.services.transactions.undoing import UndoneOnFailure
from gateway.store import Store

log = structlog.get_logger(__name__)

STEP_OF_PHASE: dict[TransactionPhase, Step] = {
    TransactionPhase.STARTED: Step.START,
    TransactionPhase.UPDATED: Step.UPDATE,
    TransactionPhase.ENDED: Step.END,
}

# Nothing more is waited for, but what comes all the same is taken until there is a CDR.
_GIVEN_UP = frozenset({flags.EVENTS_MISSING, flags.END_MISSING, flags.CLOSED_BY_OPERATOR})


@dataclass(frozen=True, slots=True)
class TransactionAnswer:
    """What TransactionEventResponse needs; `total_cost` includes taxes (ocpp-rules 31)."""

    authorization: Authorization | None
    total_cost: Decimal | None


class TransactionEvents:
    """The steps of 2.x transactions."""

    def __init__(
        self,
        store: Store,
        authorization: AuthorizationService,
        billing: Billing,
        book: TransactionBook,
        late: LateWords,
    ) -> None:
        self._store = store
        self._authorization = authorization
        self._billing = billing
        self._book = book
        self._late = late

    async def reported(self, state: StationState, event: TransactionReported) -> TransactionAnswer:
        """Take one event. The same one again is answered the same, and changes nothing."""
        run = await self._book.find(state, event.transaction_id)
        if run is not None:
            before = await self._told_before(state, run.transaction, event)
            if before is not None:
                async with state.steps:
                    await self._billing.caught_up(state, run)
                return self._answered(run, event, before.authorization, self._billing.bill(run))
        authorization = await self._authorized_by(state, event, run.transaction if run else None)
        async with state.steps:
            return await self._taken(state, Told(event, authorization))

    async def _told_before(
        self, state: StationState, known: Transaction, event: TransactionReported
    ) -> Told | None:
        """The same event, if it is in the log; looked up only where it can be."""
        sequence = known.sequence
        if sequence is None or not sequence.knows(event.seq_no):
            return None
        if not sequence.counts and sequence.is_newer(event.at, event.seq_no):
            return None
        async with state.steps:
            return await self._book.logs.heard.told(state, known, event)

    async def _authorized_by(
        self, state: StationState, event: TransactionReported, known: Transaction | None
    ) -> Authorization | None:
        """Who an event says is charging; a token that already charges is not asked for again."""
        billable = known is not None and known.billable
        if event.token is None:
            if billable or story.only_metered(known, event):
                return None
            promised = await self._promised(state, event)
            return None if promised is None else await self._authorization.promised(state, promised)
        if known is not None and billable and holders.same_token(known, event.token):
            return self._authorization.told(holders.decided(known))
        if known is not None and known.token is not None and holders.stops(event):
            return await self._authorization.authorize(state, event.token, event.evse_id)
        return await self._authorization.for_start(
            state, event.token, event.evse_id, await self._promised(state, event)
        )

    async def _promised(self, state: StationState, event: TransactionReported) -> int | None:
        """The remote start that an event belongs to: by its number, else by the transaction id
        that the station gave when it was asked to start (F02, ocpp-rules 26)."""
        if event.remote_start_id is not None:
            return event.remote_start_id
        for _, promise in await self._store.party(state.party).remote_starts.list(state.identity):
            if promise.get("transaction_id") == event.transaction_id:
                return int(promise["remote_start_id"])
        return None

    async def _taken(self, state: StationState, told: Told) -> TransactionAnswer:
        event = told.event
        # read again after the wait for a token's owner: it may have been closed meanwhile
        run = await self._book.find(state, event.transaction_id)
        if run is not None and story.reuses_id(run.transaction, event):
            await self._book.make_room(state, run)
            again = story.opened(state.identity, event).flagged(flags.ID_REUSED)
            run, before = RunningTransaction(again), None
        else:
            before = run.transaction if run else None
            run = run or RunningTransaction(story.opened(state.identity, event))
        if effect_on(before, STEP_OF_PHASE[event.phase]) is Effect.KEEP:
            await self._late.keep(state, run, event)
            return self._answered(run, event, told.authorization, None)
        if before is not None and self._can_wait(state, run, event):
            aside = story.set_aside(before, event)
            due_at = aside.due_at or self._book.logs.retelling_at()
            await self._book.amend(state, run, replace(aside, due_at=due_at), told)
            self._book.logs.heard.note(state, aside, told)
            return self._answered(run, event, told.authorization, None)
        with UndoneOnFailure(run, before):
            run.transaction = self._book.timed(bounded(run), event)
            run.transaction = await self._next(state, run, told)
            placed = await self._book.follow(state, run, before)
            bill = await self._kept(state, run, before, told, placed=placed)
        self._book.logs.heard.note(state, run.transaction, told)
        return self._answered(run, event, told.authorization, bill)

    def _can_wait(
        self, state: StationState, run: RunningTransaction, event: TransactionReported
    ) -> bool:
        """Whether an event of an ended transaction need not be told before the last one is here.

        With the last one it is told at once. Of one that is held more may come without end: that
        is told now and then.
        """
        known = run.transaction
        if known.is_open or known.sequence is None or not known.logged or is_full(run):
            return False
        settled = known.sequence.hearing(event.seq_no, event.at, event.phase).settled
        if settled and not known.sequence.settled:
            return False
        if not self._book.logs.retelling_due(state, run):
            return True
        return known.due_at is not None and not settled and story.only_metered(known, event)

    async def _next(self, state: StationState, run: RunningTransaction, told: Told) -> Transaction:
        """The record with this event."""
        transaction, event = run.transaction, told.event
        if story.told_in_turn(transaction, event):
            return self._added(transaction, told)
        ends = event.phase is TransactionPhase.ENDED
        if transaction.is_open and not ends and not self._book.logs.retelling_due(state, run):
            return story.set_aside(transaction, event)
        return await self._book.logs.retold(state, run, told)

    def _added(self, transaction: Transaction, told: Told) -> Transaction:
        event = told.event
        added = story.told(transaction, event, told.authorization)
        if event.phase is not TransactionPhase.ENDED:
            return added
        if added.sequence is not None and added.sequence.settled:
            added = story.told(transaction, event, told.authorization, whole=True)
        return story.ended(added, event.at, event.stopped_reason)

    async def _kept(
        self,
        state: StationState,
        run: RunningTransaction,
        before: Transaction | None,
        told: Told,
        *,
        placed: bool,
    ) -> Bill | None:
        told = await self._reserved(state, run, told)
        transaction = run.transaction
        if not transaction.is_open:
            return await self._ended(state, run, before, told)
        if placed or before is None or before.evse_id != transaction.evse_id:
            change = self._store.party(state.party).change(state.fence)
            await self._book.open(state, change, run, (told,))
            return None
        return await self._updated(state, run, before, told)

    async def _updated(
        self, state: StationState, run: RunningTransaction, before: Transaction, told: Told
    ) -> Bill | None:
        transaction, event = run.transaction, told.event
        identified = event.token is not None or event.remote_start_id is not None
        if not transaction.in_order and not identified and not self._billing.session_due(run):
            # it is told again before there is anything new to bill
            await self._book.amend(state, run, transaction, told)
            return None
        party = self._store.party(state.party)
        change = party.change(state.fence)
        filled_up = before.logged is not transaction.logged
        quiet = story.only_metered(before, event) and not filled_up
        if quiet and not self._billing.session_due(run):
            heard(run, (told,))
            self._book.progressed(party.transactions, change, run, (told,))
            await self._store.commit(change)
            return None
        await self._billing.caught_up(state, run, (told,))
        bill = self._book.write(state, change, run, (told,))
        if not run.site_kept:
            self._billing.sites.snapshot(change, state, run)
        if identified:
            await self._book.take_promise(state, change, run.transaction)
            # it may be the Session of a reservation from now on
            session_id = run.transaction.session_id
            party.transactions.put_session(change, session_id, state.identity, transaction.id)
        await self._store.commit(change)
        return bill

    async def _reserved(self, state: StationState, run: RunningTransaction, told: Told) -> Told:
        """Have the transaction begin with its reservation; what is said may name that no more."""
        event, session_id = told.event, run.transaction.session_id
        ids = (event.token, event.remote_start_id, event.reservation_id)
        if all(one is None for one in ids):
            return told
        await self._book.reserved(state, run)
        if told.authorization is None or run.transaction.session_id == session_id:
            return told
        return replace(told, authorization=replace(told.authorization, session_id=None))

    async def _ended(
        self,
        state: StationState,
        run: RunningTransaction,
        before: Transaction | None,
        told: Told,
    ) -> Bill | None:
        """Bill it, or wait for what is missing."""
        transaction = run.transaction
        sequence = transaction.sequence
        settled = sequence is None or not transaction.logged or sequence.settled
        if settled or _GIVEN_UP.intersection(transaction.flags):
            return await self._book.end(state, run, (told,))
        waiting = before.due_at if before is not None and not before.is_open else None
        until = waiting or self._book.due_at()
        return await self._book.end(state, run, (told,), wait_until=until)

    def _answered(
        self,
        run: RunningTransaction,
        event: TransactionReported,
        authorization: Authorization | None,
        bill: Bill | None,
    ) -> TransactionAnswer:
        """A driver is told no price that is not sure."""
        cost = self._billing.sure_cost(run, bill)
        return TransactionAnswer(authorization if event.token is not None else None, cost)
