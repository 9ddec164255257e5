"""Transactions: from the first word of a station to the sealed CDR.

Every step is one atomic change, fenced by the connection's epoch, made before the station is
answered. A step that is told again finds its traces and answers the same.
"""

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import structlog

from gateway.domain.energy import EnergyMeter
from gateway.domain.events import (
    ChargingState,
    MeterReported,
    TransactionPhase,
    TransactionReported,
    TransactionStarted,
    TransactionStopped,
)
from gateway.domain.meter import Reading
from gateway.domain.pricing import Bill
from gateway.domain.tokens import Authorization, AuthorizationStatus, TokenRef
from gateway.domain.transactions import (
    Effect,
    Step,
    TokenSeen,
    Transaction,
    TransactionState,
    UnknownTransaction,
    transition,
)
from gateway.services.authorization import INVALID, AuthorizationService
from gateway.services.billing import (
    HOLDING,
    NO_LOCATION,
    START_MISSING,
    Billing,
    running,
)
from gateway.services.evse_publisher import EvsePublisher
from gateway.services.station_state import (
    STATION,
    SUPERSEDED,
    RunningTransaction,
    StationState,
)
from gateway.store import Change, Conflict, Store

log = structlog.get_logger(__name__)

KEPT = 1_000  # stray meter values and orphaned stops kept per station
CLOSED_BY_OPERATOR = "closed by the operator"
START_UNREAD = "energy counted from the first reading, after the start"

# TransactionEvents that only report a meter (2.0.1 TriggerReasonEnumType).
_QUIET_TRIGGERS = frozenset({"MeterValuePeriodic", "MeterValueClock"})

# The members of a transaction that meter readings change.
_PROGRESS = ("energy", "periods", "flags", "meter_start_wh", "last_seq_no")

# The token of such an event is the one that was presented to stop.
_STOPPING_TRIGGERS = frozenset({"StopAuthorized"})

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
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._authorization = authorization
        self._billing = billing
        self._publisher = publisher
        self._now = now

    # --- OCPP 1.6 -------------------------------------------------------------------------

    async def started(self, state: StationState, event: TransactionStarted) -> StartAnswer:
        """StartTransaction. The same start again is answered the same, and asks nobody again."""
        key = _natural_key(event)
        party = self._store.party(state.party)
        known = await party.transactions.started_as(state.identity, key)
        if known is not None:
            return await self._started_before(state, known)
        authorization = await self._authorization.for_start(state, event.token, event.evse_id)
        run = running(
            self._opened(
                state,
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
            await self._open(state, change, run)
        except Conflict as conflict:
            return await self._started_before(state, (conflict.current or b"").decode())
        return StartAnswer(transaction.id, authorization)

    async def _started_before(self, state: StationState, transaction_id: str) -> StartAnswer:
        """Told before: by this socket, an older one, or another node before a crash."""
        log.info("start repeated", charge_point=state.identity, transaction=transaction_id)
        run = await self._find(state, transaction_id)
        return StartAnswer(transaction_id, INVALID if run is None else _decided(run.transaction))

    async def stopped(self, state: StationState, event: TransactionStopped) -> Authorization | None:
        """StopTransaction: always answered, also for a transaction nobody knows (rule 10)."""
        run = await self._find(state, event.transaction_id) or self._unanswered(state, event)
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
        transaction = self._metered(before, event.readings)
        energy = transaction.energy.stopped(event.meter_stop_wh, event.at)
        run.transaction = replace(
            _flagged_by(transaction, energy), energy=energy, meter_stop_wh=event.meter_stop_wh
        )
        with _UndoneOnFailure(run, before):
            await self._end(state, run, event.at, event.reason, event.readings)
        return authorization

    async def _stopped_by(
        self, state: StationState, run: RunningTransaction | None, token: TokenRef
    ) -> Authorization:
        """Stopping needs no right to charge; the answer tells the station what it may cache.

        Of a token that already charges nobody is asked, least of all of one that came in a
        START_SESSION (mod_commands 13.2.3; ocpi-rules 17).
        """
        if run is not None and run.transaction.billable and _same_token(run.transaction, token):
            return _decided(run.transaction)
        return await self._authorization.authorize(state, token)

    async def metered(self, state: StationState, event: MeterReported) -> None:
        """MeterValues. Without a transaction they are kept, never attached by guess (rule 12)."""
        run = state.open.get(event.transaction_id) if event.transaction_id else None
        if run is None:
            await self.keep(state, "meter_values", event)
            return
        before = run.transaction
        run.transaction = self._metered(before, event.readings)
        with _UndoneOnFailure(run, before):
            change = self._store.party(state.party).change(state.fence)
            self._progressed(state, change, run, event.readings)
            if self._billing.session_due(run):
                self._billing.session(change, state.party, run)
            await self._store.commit(change)

    # --- OCPP 2.x -------------------------------------------------------------------------

    async def reported(self, state: StationState, event: TransactionReported) -> TransactionAnswer:
        """TransactionEvent: whatever part of the story it tells, in whatever order it comes."""
        run = await self._find(state, event.transaction_id)
        authorization = await self._authorized_by(state, event, run.transaction if run else None)
        # read after the wait for a token's owner: the operator may have closed it meanwhile
        before = run.transaction if run else None
        answer = authorization if event.token is not None else None
        if _only_stops(before, event):
            authorization = None
        effect, _ = transition(before.state if before else None, STEP_OF_PHASE[event.phase])
        if effect is Effect.KEEP:
            await self.keep(state, "late_events", event)
            return TransactionAnswer(answer, None)
        opening = run is None
        if run is None:
            run = await self._first_heard(state, event, effect)
        with _UndoneOnFailure(run, before):
            run.transaction = self._told(run.transaction, event, authorization)
            if not opening and run.site is None and event.evse_id is not None:
                opening = await self._placed(state, run, event.evse_id)
            bill = await self._commit_event(
                state, run, event, opening=opening, only_metered=_only_metered(before, event)
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
        if known is not None and billable and _same_token(known, event.token):
            return _decided(known)
        if _only_stops(known, event):
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
            return await self._end(state, run, event.at, event.stopped_reason, event.readings)
        change = self._store.party(state.party).change(state.fence)
        if opening:
            await self._open(state, change, run, event.readings)
            return None
        bill = self._update(state, change, run, event, only_metered=only_metered)
        if event.token is not None or event.remote_start_id is not None:
            await self._take_promise(state, change, run.transaction)
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
            self._progressed(state, change, run, event.readings)
            return None
        return self._write(state, change, run, event.readings)

    async def _first_heard(
        self, state: StationState, event: TransactionReported, effect: Effect
    ) -> RunningTransaction:
        transaction = self._opened(
            state,
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

    async def _placed(self, state: StationState, run: RunningTransaction, evse_id: int) -> bool:
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

    def _told(
        self,
        transaction: Transaction,
        event: TransactionReported,
        authorization: Authorization | None,
    ) -> Transaction:
        """Add what an event tells; what it leaves out stays (ocpp-rules 22)."""
        if event.phase is TransactionPhase.STARTED and START_MISSING in transaction.flags:
            flags = tuple(flag for flag in transaction.flags if flag != START_MISSING)
            transaction = replace(
                transaction,
                flags=flags,
                started_at=event.at,
                periods=transaction.periods.begun_at(event.at),
            )
        if authorization is not None:
            transaction = _authorized(transaction, event.token, authorization)
        transaction = self._metered(transaction, event.readings)
        if event.charging_state is not None:
            periods = transaction.periods.switch(event.charging_state, event.at)
            transaction = replace(transaction, periods=periods, charging_state=event.charging_state)
        return replace(
            transaction,
            connector_id=event.connector_id or transaction.connector_id,
            last_seq_no=max(event.seq_no, transaction.last_seq_no or 0),
            remote_start_id=event.remote_start_id or transaction.remote_start_id,
            meter_start_wh=transaction.energy.start_wh,
        )

    # --- the operator's hand --------------------------------------------------------------

    async def close(self, state: StationState, transaction_id: str) -> Transaction:
        """End a stale transaction at its last meter reading. Raises `UnknownTransaction`."""
        run = await self._find(state, transaction_id)
        if run is None:
            raise UnknownTransaction(transaction_id)
        before = run.transaction
        effect, _ = transition(before.state, Step.CLOSE)
        if effect is Effect.KEEP:
            return before
        at = before.energy.last_at or before.started_at
        run.transaction = before.flagged(CLOSED_BY_OPERATOR)
        with _UndoneOnFailure(run, before):
            await self._end(state, run, at, None, ())
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
                self._write(state, change, run, ())

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

    def _opened(
        self,
        state: StationState,
        *,
        transaction_id: str,
        evse_id: int,
        at: datetime,
        token: TokenRef | None,
        authorization: Authorization | None,
        reservation_id: int | None,
    ) -> Transaction:
        session_id = str(uuid.uuid4())
        transaction = Transaction(
            identity=state.identity,
            id=transaction_id,
            evse_id=evse_id,
            started_at=at,
            session_id=session_id,
            cdr_id=session_id,  # one id for both: deliveries to a partner keep their order by it
            reservation_id=reservation_id,
        )
        transaction = replace(transaction, periods=transaction.periods.begin(at))
        if token is not None and authorization is not None:
            transaction = _authorized(transaction, token, authorization)
        return transaction

    async def _open(
        self,
        state: StationState,
        change: Change,
        run: RunningTransaction,
        readings: tuple[Reading, ...] = (),
    ) -> None:
        """Commit the first record of a transaction, or of its place, and take it into the cache."""
        await self._take_promise(state, change, run.transaction)
        if run.site is None:
            run.transaction = run.transaction.flagged(NO_LOCATION)
        known = run.transaction.id in state.open
        superseded = _superseded_by(run, state)
        before = [(old, old.transaction) for old in superseded]
        for old in superseded:
            old.transaction = old.transaction.flagged(SUPERSEDED)
            self._write(state, change, old, ())
            log.warning(
                "transaction superseded by a new start",
                charge_point=state.identity,
                transaction=old.transaction.id,
            )
        state.open[run.transaction.id] = run
        self._billing.snapshot(change, state, run)
        self._list(state, change, run.transaction)
        self._write(state, change, run, readings)
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

    async def _end(
        self,
        state: StationState,
        run: RunningTransaction,
        at: datetime,
        reason: str | None,
        readings: tuple[Reading, ...],
    ) -> Bill | None:
        """End a transaction: final Session, CDR, EVSE, all in one commit."""
        is_kept = run.site is not None and run.transaction.id in state.open
        if run.site is None and not await self._placed(state, run, run.transaction.evse_id):
            run.transaction = run.transaction.flagged(NO_LOCATION)
        transaction = run.transaction
        seen_from = transaction.energy.seen_from
        if seen_from is not None and seen_from > transaction.started_at:
            transaction = transaction.flagged(START_UNREAD)
        stopped_at = max(at, transaction.started_at)
        run.transaction = replace(
            transaction,
            state=TransactionState.ENDED,
            stopped_at=stopped_at,
            stop_reason=reason,
            meter_stop_wh=(
                transaction.energy.last_wh
                if transaction.meter_stop_wh is None
                else transaction.meter_stop_wh
            ),
            periods=transaction.periods.advance(transaction.energy.delivered_wh).finish(stopped_at),
        )
        change = self._store.party(state.party).change(state.fence)
        if not is_kept:
            self._billing.snapshot(change, state, run)
        # what is marked first goes out first: a CDR follows its COMPLETED session
        bill = self._billing.session(change, state.party, run)
        billed = self._billing.cdr(change, state.party, run)
        run.transaction = replace(run.transaction, billed=billed)
        self._list(state, change, run.transaction)
        self._record(state, change, run, readings)
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

    def _list(self, state: StationState, change: Change, transaction: Transaction) -> None:
        """Give a transaction its place in the lists: at its start, and again at its end."""
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

    def _write(
        self,
        state: StationState,
        change: Change,
        run: RunningTransaction,
        readings: tuple[Reading, ...],
    ) -> Bill | None:
        """Add the transaction's record, its readings and its Session to a change."""
        self._record(state, change, run, readings)
        return self._billing.session(change, state.party, run)

    def _record(
        self,
        state: StationState,
        change: Change,
        run: RunningTransaction,
        readings: tuple[Reading, ...],
    ) -> None:
        transaction = run.transaction
        transactions = self._store.party(state.party).transactions
        transactions.update(change, state.identity, transaction.id, transaction)
        transactions.add_readings(change, state.identity, transaction.id, readings)

    def _progressed(
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

    def _metered(self, transaction: Transaction, readings: tuple[Reading, ...]) -> Transaction:
        """Take readings in their own order of time."""
        energy = transaction.energy
        in_order = readings if len(readings) == 1 else sorted(readings, key=_moment)
        for reading in in_order:
            energy = energy.read(reading)
        if energy is transaction.energy:
            return transaction
        periods = transaction.periods.advance(energy.delivered_wh)
        return _flagged_by(transaction, energy).metered(energy, periods)

    async def _find(self, state: StationState, transaction_id: str) -> RunningTransaction | None:
        """From the cache, else an ended one from the store; only this charge point's (S5)."""
        run = state.open.get(transaction_id)
        if run is not None:
            return run
        party = self._store.party(state.party)
        document = await party.transactions.get(state.identity, transaction_id)
        if document is None:
            return None
        return await self._billing.restore(state, msgspec.convert(document, Transaction))

    def _unanswered(
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

    async def _take_promise(
        self, state: StationState, change: Change, transaction: Transaction
    ) -> None:
        """A START_SESSION promise is kept once: it goes with the transaction that it led to."""
        if transaction.token is None:
            return
        remote_starts = self._store.party(state.party).remote_starts
        for key, promise in await remote_starts.list(state.identity):
            if _led_to(promise, transaction):
                remote_starts.take(change, state.identity, key)


def _led_to(promise: dict[str, Any], transaction: Transaction) -> bool:
    if transaction.remote_start_id is not None:
        return bool(promise["remote_start_id"] == transaction.remote_start_id)
    seen = transaction.token
    same_evse = promise["evse_id"] in (None, transaction.evse_id)
    return seen is not None and same_evse and promise["id_token"].casefold() == seen.uid.casefold()


def _authorized(
    transaction: Transaction, token: TokenRef | None, authorization: Authorization
) -> Transaction:
    """Note who charges. A transaction that was accepted keeps its holder whatever comes later.

    Without a token from the station it is the holder's own.
    """
    if transaction.billable:
        return transaction
    seen = transaction.token
    if token is not None:
        seen = TokenSeen(token.uid, token.types[0])
    elif authorization.holder is not None:
        seen = TokenSeen(authorization.holder.uid, authorization.holder.type)
    return replace(
        transaction,
        token=seen,
        holder=authorization.holder,
        authorization=authorization.status,
        auth_method=authorization.method,
        authorization_reference=authorization.reference,
    )


def _decided(transaction: Transaction) -> Authorization:
    """What was decided about the token that charges."""
    return Authorization(
        transaction.authorization or AuthorizationStatus.INVALID,
        transaction.holder,
        transaction.auth_method,
        transaction.authorization_reference,
    )


def _only_metered(before: Transaction | None, event: TransactionReported) -> bool:
    """Whether an event changes nothing but what `_PROGRESS` holds."""
    return (
        before is not None
        and event.trigger in _QUIET_TRIGGERS
        and event.token is None
        and event.remote_start_id is None
        and event.connector_id in (None, before.connector_id)
        and event.charging_state in (None, before.charging_state)
    )


def _moment(reading: Reading) -> datetime:
    return reading.at


def _only_stops(known: Transaction | None, event: TransactionReported) -> bool:
    """Whether an event's token ends what another one began: whoever stops is not billed."""
    stopping = event.phase is TransactionPhase.ENDED or event.trigger in _STOPPING_TRIGGERS
    if not stopping or known is None or known.token is None or event.token is None:
        return False
    return not _same_token(known, event.token)


def _superseded_by(run: RunningTransaction, state: StationState) -> list[RunningTransaction]:
    """The open transactions that a start on their EVSE proves to be over."""
    evse_id = run.transaction.evse_id
    if evse_id == STATION:
        return []  # the station did not say where: it may be any EVSE
    return [old for old in state.running_on(evse_id) if old.transaction.id != run.transaction.id]


def _same_token(transaction: Transaction, token: TokenRef) -> bool:
    seen = transaction.token
    return seen is not None and seen.uid.casefold() == token.uid.casefold()


def _flagged_by(transaction: Transaction, energy: EnergyMeter) -> Transaction:
    for flag in energy.flags:
        transaction = transaction.flagged(flag)
    return transaction


def _natural_key(event: TransactionStarted) -> str:
    """What makes two StartTransaction the same, whatever message or socket carried them."""
    uid = event.token.uid.casefold()
    return f"{event.evse_id}|{uid}|{event.at.isoformat()}|{event.meter_start_wh}"


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
