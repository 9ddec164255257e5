"""Transactions: from the first word of a station to the sealed CDR.

Every step is one atomic change, fenced by the connection's epoch, made before the station is
answered. A step that is told again finds its traces and answers the same.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

import structlog

from gateway.domain.events import (
    ChargingState,
    MeterReported,
    TransactionPhase,
    TransactionReported,
    TransactionStarted,
    TransactionStopped,
)
from gateway.domain.pricing import Bill
from gateway.domain.tokens import Authorization, TokenRef
from gateway.domain.transactions import (
    Effect,
    Step,
    Transaction,
    UnknownTransaction,
    transition,
)
from gateway.services import transaction_story as story
from gateway.services.authorization import INVALID, AuthorizationService
from gateway.services.billing import (
    HOLDING,
    START_MISSING,
    Billing,
    running,
)
from gateway.services.evse_publisher import EvsePublisher
from gateway.services.station_state import (
    RunningTransaction,
    StationState,
)
from gateway.services.transaction_book import TransactionBook
from gateway.store import Change, Conflict, Store

log = structlog.get_logger(__name__)

KEPT = 1_000  # stray meter values and orphaned stops kept per station
CLOSED_BY_OPERATOR = "closed by the operator"

STEP_OF_PHASE: dict[TransactionPhase, Step] = {
    TransactionPhase.STARTED: Step.START,
    TransactionPhase.UPDATED: Step.UPDATE,
    TransactionPhase.ENDED: Step.END,
}


@dataclass(frozen=True, slots=True)
class StartAnswer:
    """What StartTransaction.conf needs. There is always an id (ocpp-rules 9)."""

    transaction_id: str
    authorization: Authorization


@dataclass(frozen=True, slots=True)
class TransactionAnswer:
    """What TransactionEventResponse needs; `total_cost` includes taxes (ocpp-rules 31)."""

    authorization: Authorization | None
    total_cost: Decimal | None


class TransactionService:
    """The steps of transactions, for all OCPP versions."""

    def __init__(
        self,
        store: Store,
        authorization: AuthorizationService,
        billing: Billing,
        publisher: EvsePublisher,
    ) -> None:
        self._store = store
        self._authorization = authorization
        self._billing = billing
        self._book = TransactionBook(store, billing, publisher)

    # --- OCPP 1.6 -------------------------------------------------------------------------

    async def started(self, state: StationState, event: TransactionStarted) -> StartAnswer:
        """StartTransaction. The same start again is answered the same, and asks nobody again."""
        key = story.natural_key(event)
        party = self._store.party(state.party)
        known = await party.transactions.started_as(state.identity, key)
        if known is not None:
            return await self._started_before(state, known)
        authorization = await self._authorization.for_start(state, event.token, event.evse_id)
        run = running(
            story.opened(
                state.identity,
                # Never 0, fits 32 bits signed, not guessable (ocpp-rules 13).
                transaction_id=str(secrets.randbelow(2**31 - 1) + 1),
                evse_id=event.evse_id,
                at=event.at,
                token=event.token,
                authorization=authorization,
                reservation_id=event.reservation_id,
            ),
            await self._billing.site(state, event.evse_id),
        )
        transaction = run.transaction
        energy = transaction.energy.starting(event.meter_start_wh, event.at)
        run.transaction = replace(transaction, meter_start_wh=event.meter_start_wh, energy=energy)
        change = party.change(state.fence)
        party.transactions.claim_start(change, state.identity, key, transaction.id)
        try:
            await self._book.open(state, change, run)
        except Conflict as conflict:
            return await self._started_before(state, (conflict.current or b"").decode())
        return StartAnswer(transaction.id, authorization)

    async def _started_before(self, state: StationState, transaction_id: str) -> StartAnswer:
        """Told before: by this socket, an older one, or another node before a crash."""
        log.info("start repeated", charge_point=state.identity, transaction=transaction_id)
        run = await self._book.find(state, transaction_id)
        return StartAnswer(
            transaction_id, INVALID if run is None else story.decided(run.transaction)
        )

    async def stopped(self, state: StationState, event: TransactionStopped) -> Authorization | None:
        """StopTransaction: always answered, also for a transaction nobody knows (rule 10)."""
        run = await self._book.find(state, event.transaction_id)
        run = run or self._book.unanswered(state, event)
        authorization = None
        if event.token is not None:
            authorization = await self._stopped_by(state, run, event.token)
        if run is None:
            await self.keep(state, "orphans", event)
            log.warning("stop of no known transaction", charge_point=state.identity)
            return authorization
        before = run.transaction
        effect, _ = transition(before.state, Step.END)
        if effect is Effect.KEEP:
            if before.meter_stop_wh != event.meter_stop_wh:  # another word than what was billed
                await self.keep(state, "late_events", event)
            return authorization
        run.transaction = story.stopped(before, event)
        with _UndoneOnFailure(run, before):
            await self._book.end(state, run, event.at, event.reason, event.readings)
        return authorization

    async def _stopped_by(
        self, state: StationState, run: RunningTransaction | None, token: TokenRef
    ) -> Authorization:
        """Stopping needs no right to charge; the answer tells the station what it may cache.

        Of a token that already charges nobody is asked, least of all of one that came in a
        START_SESSION (mod_commands 13.2.3; ocpi-rules 17).
        """
        if (
            run is not None
            and run.transaction.billable
            and story.same_token(run.transaction, token)
        ):
            return story.decided(run.transaction)
        return await self._authorization.authorize(state, token)

    async def metered(self, state: StationState, event: MeterReported) -> None:
        """MeterValues. Without a transaction they are kept, never attached by guess (rule 12)."""
        run = state.open.get(event.transaction_id) if event.transaction_id else None
        if run is None:
            await self.keep(state, "meter_values", event)
            return
        before = run.transaction
        run.transaction = story.metered(before, event.readings)
        with _UndoneOnFailure(run, before):
            change = self._store.party(state.party).change(state.fence)
            self._book.progressed(state, change, run, event.readings)
            if self._billing.session_due(run):
                self._billing.session(change, state.party, run)
            await self._store.commit(change)

    # --- OCPP 2.x -------------------------------------------------------------------------

    async def reported(self, state: StationState, event: TransactionReported) -> TransactionAnswer:
        """TransactionEvent: whatever part of the story it tells, in whatever order it comes."""
        run = await self._book.find(state, event.transaction_id)
        authorization = await self._authorized_by(state, event, run.transaction if run else None)
        # read after the wait for a token's owner: the operator may have closed it meanwhile
        before = run.transaction if run else None
        answer = authorization if event.token is not None else None
        if story.only_stops(before, event):
            authorization = None
        effect, _ = transition(before.state if before else None, STEP_OF_PHASE[event.phase])
        if effect is Effect.KEEP:
            await self.keep(state, "late_events", event)
            return TransactionAnswer(answer, None)
        opening = run is None
        if run is None:
            run = await self._first_heard(state, event, effect)
        with _UndoneOnFailure(run, before):
            run.transaction = story.told(run.transaction, event, authorization)
            if not opening and run.site is None and event.evse_id is not None:
                opening = await self._book.placed(state, run, event.evse_id)
            bill = await self._commit_event(
                state, run, event, opening=opening, only_metered=story.only_metered(before, event)
            )
        sure = HOLDING.isdisjoint(run.transaction.flags)  # a driver is told no doubtful price
        cost = bill.total_cost.after_taxes if bill and run.tariff and sure else None
        return TransactionAnswer(answer, cost)

    async def _authorized_by(
        self, state: StationState, event: TransactionReported, known: Transaction | None
    ) -> Authorization | None:
        """Who an event says is charging; a token that already charges is not asked for again."""
        billable = known is not None and known.billable
        if event.token is None:
            if billable or event.remote_start_id is None:
                return None
            return await self._authorization.promised(state, event.remote_start_id)
        if known is not None and billable and story.same_token(known, event.token):
            return story.decided(known)
        if story.only_stops(known, event):
            return await self._authorization.authorize(state, event.token, event.evse_id)
        return await self._authorization.for_start(
            state, event.token, event.evse_id, event.remote_start_id
        )

    async def _commit_event(
        self,
        state: StationState,
        run: RunningTransaction,
        event: TransactionReported,
        *,
        opening: bool,
        only_metered: bool,
    ) -> Bill | None:
        if event.phase is TransactionPhase.ENDED:
            return await self._book.end(state, run, event.at, event.stopped_reason, event.readings)
        change = self._store.party(state.party).change(state.fence)
        if opening:
            await self._book.open(state, change, run, event.readings)
            return None
        bill = self._update(state, change, run, event, only_metered=only_metered)
        if event.token is not None or event.remote_start_id is not None:
            await self._book.take_promise(state, change, run.transaction)
        await self._store.commit(change)
        return bill

    def _update(
        self,
        state: StationState,
        change: Change,
        run: RunningTransaction,
        event: TransactionReported,
        *,
        only_metered: bool,
    ) -> Bill | None:
        """Record an Updated event; one with nothing but meter values writes no Session too soon."""
        if only_metered and not self._billing.session_due(run):
            self._book.progressed(state, change, run, event.readings)
            return None
        return self._book.write(state, change, run, event.readings)

    async def _first_heard(
        self, state: StationState, event: TransactionReported, effect: Effect
    ) -> RunningTransaction:
        transaction = story.opened(
            state.identity,
            transaction_id=event.transaction_id,
            evse_id=event.evse_id or 0,
            at=event.at,
            token=None,
            authorization=None,
            reservation_id=event.reservation_id,
        )
        if effect in (Effect.OPEN_LATE, Effect.END_LATE):
            transaction = transaction.flagged(START_MISSING)
        site = await self._billing.site(state, event.evse_id or 0, event.connector_id)
        return running(transaction, site)

    # --- the operator's hand --------------------------------------------------------------

    async def close(self, state: StationState, transaction_id: str) -> Transaction:
        """End a stale transaction at its last meter reading. Raises `UnknownTransaction`."""
        run = await self._book.find(state, transaction_id)
        if run is None:
            raise UnknownTransaction(transaction_id)
        before = run.transaction
        effect, _ = transition(before.state, Step.CLOSE)
        if effect is Effect.KEEP:
            return before
        at = before.energy.last_at or before.started_at
        run.transaction = before.flagged(CLOSED_BY_OPERATOR)
        with _UndoneOnFailure(run, before):
            await self._book.end(state, run, at, None, ())
        return run.transaction

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
            periods = transaction.periods.switch(charging, at)
            run.transaction = replace(transaction, periods=periods, charging_state=charging)
            if periods is not transaction.periods:
                self._book.write(state, change, run, ())

        def undo() -> None:
            for run, transaction in before:
                run.transaction = transaction

        return undo

    async def keep(self, state: StationState, stream: str, event: object) -> None:
        """Keep what belongs to no transaction, for the operator."""
        party = self._store.party(state.party)
        change = party.change(state.fence)
        party.stations.keep(change, state.identity, stream, event, cap=KEPT)
        await self._store.commit(change)


class _UndoneOnFailure:
    """Puts the cached record back when the change did not become durable."""

    __slots__ = ("_before", "_run")

    def __init__(self, run: RunningTransaction, before: Transaction | None) -> None:
        self._run = run
        self._before = before

    def __enter__(self) -> None:
        """Nothing yet."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and self._before is not None:
            self._run.transaction = self._before
