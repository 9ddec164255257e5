"""What a station's words make of a transaction: from record to record, nothing else.

Nothing here waits or writes; `transaction_book` makes the results durable.
"""

import uuid
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from gateway.domain.energy import EnergyMeter
from gateway.domain.events import (
    TransactionPhase,
    TransactionReported,
    TransactionStarted,
    TransactionStopped,
)
from gateway.domain.meter import Reading
from gateway.domain.timestamps import FIRST_YEAR
from gateway.domain.tokens import Authorization, AuthorizationStatus, TokenRef
from gateway.domain.transactions import TokenSeen, Transaction, TransactionState
from gateway.services.billing import CLOCK_WRONG, START_MISSING

START_UNREAD = "energy counted from the first reading, after the start"

# TransactionEvents that only report a meter (2.0.1 TriggerReasonEnumType).
_QUIET_TRIGGERS = frozenset({"MeterValuePeriodic", "MeterValueClock"})

# The token of such an event is the one that was presented to stop.
_STOPPING_TRIGGERS = frozenset({"StopAuthorized"})

_LONGEST = timedelta(days=31)


def natural_key(event: TransactionStarted) -> str:
    """What makes two StartTransaction the same, whatever message or socket carried them."""
    uid = event.token.uid.casefold()
    return f"{event.evse_id}|{uid}|{event.at.isoformat()}|{event.meter_start_wh}"


def opened(
    identity: str,
    *,
    transaction_id: str,
    evse_id: int,
    at: datetime,
    token: TokenRef | None,
    authorization: Authorization | None,
    reservation_id: int | None,
) -> Transaction:
    """A transaction of which this is the first word."""
    session_id = str(uuid.uuid4())
    transaction = Transaction(
        identity=identity,
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


def metered(transaction: Transaction, readings: tuple[Reading, ...]) -> Transaction:
    """Take readings in their own order of time."""
    energy = transaction.energy
    in_order = readings if len(readings) == 1 else sorted(readings, key=_moment)
    for reading in in_order:
        energy = energy.read(reading)
    if energy is transaction.energy:
        return transaction
    periods = transaction.periods.advance(energy.delivered_wh)
    return _flagged_by(transaction, energy).metered(energy, periods)


def stopped(transaction: Transaction, event: TransactionStopped) -> Transaction:
    """Take the meter's last word and the readings that came with it (1.6)."""
    transaction = metered(transaction, event.readings)
    energy = transaction.energy.stopped(event.meter_stop_wh, event.at)
    return replace(
        _flagged_by(transaction, energy), energy=energy, meter_stop_wh=event.meter_stop_wh
    )


def told(
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
    transaction = metered(transaction, event.readings)
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


def ended(transaction: Transaction, at: datetime, reason: str | None) -> Transaction:
    """The record of a transaction that is over, before it is billed."""
    energy = transaction.energy
    if energy.seen_from is not None and energy.seen_from > transaction.started_at:
        transaction = transaction.flagged(START_UNREAD)
    if not _believable(transaction.started_at, at):
        transaction = transaction.flagged(CLOCK_WRONG)
    stopped_at = max(at, transaction.started_at)
    stop_wh = transaction.meter_stop_wh
    return replace(
        transaction,
        state=TransactionState.ENDED,
        stopped_at=stopped_at,
        stop_reason=reason,
        meter_stop_wh=energy.last_wh if stop_wh is None else stop_wh,
        periods=transaction.periods.advance(energy.delivered_wh).finish(stopped_at),
    )


def _believable(start: datetime, end: datetime) -> bool:
    """Whether a station's clock can have been right."""
    return start.year >= FIRST_YEAR and timedelta(0) <= end - start <= _LONGEST


def decided(transaction: Transaction) -> Authorization:
    """What was decided about the token that charges."""
    return Authorization(
        transaction.authorization or AuthorizationStatus.INVALID,
        transaction.holder,
        transaction.auth_method,
        transaction.authorization_reference,
    )


def only_metered(before: Transaction | None, event: TransactionReported) -> bool:
    """Whether an event changes nothing but what meter readings change."""
    return (
        before is not None
        and event.trigger in _QUIET_TRIGGERS
        and event.token is None
        and event.remote_start_id is None
        and event.connector_id in (None, before.connector_id)
        and event.charging_state in (None, before.charging_state)
    )


def only_stops(known: Transaction | None, event: TransactionReported) -> bool:
    """Whether an event's token ends what another one began: whoever stops is not billed."""
    stopping = event.phase is TransactionPhase.ENDED or event.trigger in _STOPPING_TRIGGERS
    if not stopping or known is None or known.token is None or event.token is None:
        return False
    return not same_token(known, event.token)


def same_token(transaction: Transaction, token: TokenRef) -> bool:
    """Whether this token is the one that charges."""
    seen = transaction.token
    return seen is not None and seen.uid.casefold() == token.uid.casefold()


def led_to(promise: dict[str, Any], transaction: Transaction) -> bool:
    """Whether a transaction is the one that a START_SESSION promised."""
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


def _flagged_by(transaction: Transaction, energy: EnergyMeter) -> Transaction:
    """With what is odd about its energy."""
    for flag in energy.flags:
        transaction = transaction.flagged(flag)
    return transaction


def _moment(reading: Reading) -> datetime:
    return reading.at
