"""What a station's words make of a transaction: from record to record, nothing else.

A record is a function of the set of what was said, taken in turn (`transaction_log.in_turn`):
what comes in turn is added to it, and after anything else the whole story is told again. Nothing
here waits or writes; `book` makes the results durable.
"""

import uuid
from dataclasses import replace
from datetime import UTC, datetime

from gateway.domain import flags
from gateway.domain.events import (
    ChargingState,
    TransactionPhase,
    TransactionReported,
    TransactionStarted,
    TransactionStopped,
)
from gateway.domain.metering.energy import EnergyMeter
from gateway.domain.metering.meter import Measurand, Reading
from gateway.domain.metering.phases import Phase
from gateway.domain.metering.plausibility import (
    JUMP,
    Flow,
    is_unread_at_end,
    is_unread_at_start,
)
from gateway.domain.sequence import Sequence
from gateway.domain.tokens import Authorization
from gateway.domain.transactions import Transaction, TransactionState
from gateway.services.transaction_log import in_turn
from gateway.services.transactions.clocks import believable, read_after
from gateway.services.transactions.holders import authorized, same_token, vouched

# TransactionEvents that only report a meter (2.0.1 TriggerReasonEnumType).
_QUIET_TRIGGERS = frozenset({"MeterValuePeriodic", "MeterValueClock"})

_ENERGY = frozenset({Measurand.ENERGY_IMPORT_REGISTER, Measurand.ENERGY_IMPORT_INTERVAL})
_BEGINNING = datetime.min.replace(tzinfo=UTC)


def natural_key(event: TransactionStarted) -> str:
    """What makes two StartTransaction the same, whatever message or socket carried them."""
    uid = event.token.uid.casefold()
    return f"{event.evse_id}|{uid}|{event.at.isoformat()}|{event.meter_start_wh}"


def stop_key(event: TransactionStopped) -> str:
    """The same of two StopTransaction that belong to nothing yet."""
    uid = event.token.uid.casefold() if event.token else ""
    return f"{event.transaction_id}|{uid}|{event.at.isoformat()}|{event.meter_stop_wh}"


# --- OCPP 1.6 -----------------------------------------------------------------------------


def started(
    identity: str, transaction_id: str, event: TransactionStarted, authorization: Authorization
) -> Transaction:
    """A transaction as StartTransaction tells it."""
    transaction = replace(
        _new(identity, transaction_id, event.at),
        evse_id=event.evse_id,
        meter_start_wh=event.meter_start_wh,
        reservation_id=event.reservation_id,
    )
    return authorized(begun(transaction, event.at), event.token, authorization)


def metered(transaction: Transaction, readings: tuple[Reading, ...]) -> Transaction:
    """Take readings in their own order of time."""
    if transaction.sequence is None and any(
        transaction.started_at - one.at > JUMP for one in readings
    ):
        transaction = transaction.flagged(flags.CLOCK_JUMPED)
    energy = transaction.energy
    for reading in readings if len(readings) == 1 else in_turn(readings):
        energy = energy.read(reading)  # type: ignore[arg-type]  # entries that are all readings
    if energy is transaction.energy:
        return transaction
    return _flagged_by(transaction, energy).metered(energy)


def switched(transaction: Transaction, charging: ChargingState, at: datetime) -> Transaction:
    """Note what the transaction does from now on."""
    return replace(turned(transaction, charging, at), charging_state=charging)


def turned(transaction: Transaction, charging: ChargingState, at: datetime) -> Transaction:
    """With what its vehicle does from now on, if that is something else."""
    phase = transaction.phase or Phase(transaction.started_at)
    next_ = phase.switch(charging, at)
    return transaction if next_ is phase else replace(transaction, phase=next_)


def stopped(transaction: Transaction, event: TransactionStopped) -> Transaction:
    """Take the meter's last word and the readings that came with it."""
    transaction = read_after(metered(transaction, event.readings), event.at)
    energy = transaction.energy.stopped(event.meter_stop_wh, event.at)
    last = replace(
        _flagged_by(transaction, energy), energy=energy, meter_stop_wh=event.meter_stop_wh
    )
    return ended(last, event.at, event.reason)


def readings_in_turn(transaction: Transaction, readings: tuple[Reading, ...]) -> bool:
    """Whether these come after everything that the record has taken."""
    if not transaction.in_order:
        return False
    if len(readings) == 1 and _comes_after(transaction, readings[0].at):
        return True
    since = _taken_until(transaction)
    return all(one.at > since or _says_nothing_new(transaction, one, since) for one in readings)


def _comes_after(transaction: Transaction, at: datetime) -> bool:
    """Whether a moment is after `_taken_until`: spelled out, because every MeterValues asks."""
    energy, phase = transaction.energy, transaction.phase
    if energy.last_at is not None and at <= energy.last_at:
        return False
    if energy.interval_until is not None and at <= energy.interval_until:
        return False
    return phase is None or at > phase.since


def switch_in_turn(transaction: Transaction, at: datetime) -> bool:
    """Whether a connector's status comes after everything that the record has taken."""
    if not transaction.in_order:
        return False
    phase = transaction.phase
    again = phase is not None and phase.switched and at == phase.since
    return at >= _taken_until(transaction) and not again


def _taken_until(transaction: Transaction) -> datetime:
    energy, phase = transaction.energy, transaction.phase
    moments = (energy.last_at, energy.interval_until, phase.since if phase else None)
    return max((one for one in moments if one is not None), default=_BEGINNING)


def _says_nothing_new(transaction: Transaction, reading: Reading, since: datetime) -> bool:
    """Whether an older reading can be taken all the same: without energy, repeated, or first."""
    if not any(one.measurand in _ENERGY and one.value is not None for one in reading.samples):
        return True
    energy, phase = transaction.energy, transaction.phase
    if reading.at == since and energy.repeats(reading):
        return True
    untouched = energy.interval_until is None and not (phase is not None and phase.switched)
    stated = energy.seen_from is None and energy.last_wh is not None
    return stated and untouched and reading.at == since == transaction.started_at


# --- OCPP 2.x -----------------------------------------------------------------------------


def opened(identity: str, event: TransactionReported) -> Transaction:
    """A transaction of which this is the first word; `told` takes what it says."""
    transaction = _new(identity, event.transaction_id, event.at)
    return replace(begun(transaction, event.at), sequence=Sequence())


def told(
    transaction: Transaction,
    event: TransactionReported,
    authorization: Authorization | None,
    *,
    whole: bool = False,
) -> Transaction:
    """Add what an event tells; what it leaves out stays (ocpp-rules 22).

    `whole`: nothing else will be heard of this transaction.
    """
    first = transaction.sequence is not None and not transaction.sequence.seen
    starts = event.phase is TransactionPhase.STARTED
    if first and not starts:
        transaction = transaction.flagged(flags.START_MISSING)
    if starts and flags.START_MISSING in transaction.flags:
        transaction = replace(
            transaction.unflagged(flags.START_MISSING),
            started_at=event.at,
            phase=transaction.phase.begun_at(event.at) if transaction.phase else None,
        )
    transaction = vouched(transaction, event, authorization, whole=whole)
    transaction = metered(transaction, event.readings)
    if event.charging_state is not None:
        flow = (transaction.flow or Flow()).told(
            event.charging_state, event.at, after=_quiet_since(transaction, event)
        )
        transaction = replace(switched(transaction, event.charging_state, event.at), flow=flow)
    sequence = transaction.sequence
    if sequence is not None:
        sequence = sequence.hearing(event.seq_no, event.at, event.phase)
    transaction = replace(
        transaction,
        evse_id=transaction.evse_id or event.evse_id or 0,
        connector_id=transaction.connector_id or event.connector_id,
        sequence=sequence,
        remote_start_id=transaction.remote_start_id or event.remote_start_id,
        reservation_id=transaction.reservation_id or event.reservation_id,
        meter_start_wh=transaction.energy.start_wh,
    )
    if sequence is not None and not sequence.counts:
        return transaction.flagged(flags.NOT_COUNTING)
    return transaction


def _quiet_since(transaction: Transaction, event: TransactionReported) -> datetime | None:
    """When the event before was, if this one only reports a meter, and what there is by the way."""
    if event.trigger not in _QUIET_TRIGGERS or transaction.sequence is None:
        return None
    return transaction.sequence.latest


def told_in_turn(transaction: Transaction, event: TransactionReported) -> bool:
    """Whether an event can be added to the record: it comes after all others by time and seqNo.

    One whose time and number contradict each other is for `retold` to judge.
    """
    sequence = transaction.sequence
    if sequence is None or not transaction.logged:
        return True  # of an earlier release: there is no log to tell it again from
    next_ = sequence.is_next(event.at, event.seq_no)
    return next_ and transaction.in_order and transaction.is_open


def set_aside(transaction: Transaction, event: TransactionReported) -> Transaction:
    """Only note that an event was heard; what it says is found when the story is told again."""
    assert transaction.sequence is not None  # noqa: S101 - only events that are counted
    heard = transaction.sequence.hearing(event.seq_no, event.at, event.phase)
    return replace(transaction, sequence=heard, in_order=False)


def reuses_id(known: Transaction | None, event: TransactionReported) -> bool:
    """Whether a Started is that of another transaction with the same id (R19)."""
    if known is None or known.sequence is None or event.phase is not TransactionPhase.STARTED:
        return False
    return known.sequence.started is not None and event.at != known.started_at


# --- both ---------------------------------------------------------------------------------


def ended(transaction: Transaction, at: datetime, reason: str | None) -> Transaction:
    """The record of a transaction that is over, before it is billed."""
    transaction = read_after(transaction, at)
    energy = transaction.energy
    if is_unread_at_start(energy, transaction.started_at, transaction.flow):
        transaction = transaction.flagged(flags.START_UNREAD)
    if transaction.meter_stop_wh is None and is_unread_at_end(energy, at, transaction.flow):
        transaction = transaction.flagged(flags.STOP_UNREAD)
    if energy.unread:
        transaction = transaction.flagged(flags.NO_METER_VALUE)
    if not believable(transaction.started_at, at):
        transaction = transaction.flagged(flags.CLOCK_WRONG)
    refused = flags.TOKEN_REFUSED in transaction.flags and not transaction.billable
    if refused and energy.delivered_wh:
        transaction = transaction.flagged(flags.ENERGY_UNPAID)
    stopped_at = max(at, transaction.started_at)
    stop_wh = transaction.meter_stop_wh
    return replace(
        transaction,
        state=TransactionState.ENDED,
        stopped_at=stopped_at,
        stop_reason=reason,
        meter_stop_wh=energy.last_wh if stop_wh is None else stop_wh,
    )


def closed(transaction: Transaction, why: str) -> Transaction:
    """End one whose own end was never heard, at the last that the meter said."""
    at = transaction.energy.read_at or transaction.started_at
    return ended(transaction.flagged(why), at, None)


def _new(identity: str, transaction_id: str, at: datetime) -> Transaction:
    session_id = str(uuid.uuid4())
    return Transaction(
        identity=identity,
        id=transaction_id,
        evse_id=0,
        started_at=at,
        session_id=session_id,
        cdr_id=session_id,  # as `in_session` has it
        logged=True,
    )


def begun(transaction: Transaction, at: datetime) -> Transaction:
    """Charging, and in 1.6 with what the meter showed at the start."""
    energy = transaction.energy
    if transaction.meter_start_wh is not None:
        energy = energy.starting(transaction.meter_start_wh, at)
    return replace(transaction, energy=energy, phase=transaction.phase or Phase(at))


def only_metered(before: Transaction | None, event: TransactionReported) -> bool:
    """Whether an event changes nothing but what meter readings change."""
    return (
        before is not None
        and event.phase is TransactionPhase.UPDATED
        and event.trigger in _QUIET_TRIGGERS
        and event.token is None
        and event.remote_start_id is None
        and event.connector_id in (None, before.connector_id)
        and event.charging_state in (None, before.charging_state)
    )


def is_stop_of(transaction: Transaction, event: TransactionStopped) -> bool:
    """Whether a stop without an id that we know can be that of this transaction (1.6)."""
    if event.token is None or not same_token(transaction, event.token):
        return False
    started_wh = transaction.meter_start_wh or 0
    return transaction.started_at <= event.at and started_wh <= event.meter_stop_wh


def _flagged_by(transaction: Transaction, energy: EnergyMeter) -> Transaction:
    """With what is odd about its energy."""
    for flag in energy.flags:
        transaction = transaction.flagged(flag)
    return transaction
