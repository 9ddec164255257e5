"""A transaction's record made anew from everything that was said of it, in turn."""

from collections.abc import Sequence as Entries
from dataclasses import replace

from gateway.domain import flags
from gateway.domain.events import TransactionPhase, TransactionReported, TransactionStopped
from gateway.domain.metering.energy import EnergyMeter
from gateway.domain.metering.meter import Reading
from gateway.domain.metering.plausibility import contradict
from gateway.domain.sequence import Sequence
from gateway.domain.tokens import AuthMethod
from gateway.domain.transactions import Transaction, TransactionState
from gateway.services.transaction_log import (
    Entry,
    Switched,
    Told,
    put_in_turn,
    unhurried,
)
from gateway.services.transactions.story import begun, ended, metered, stopped, told, turned


async def retold(
    transaction: Transaction, log: Entries[Entry], *, whole: bool = False
) -> Transaction:
    """The record made anew from everything that was said, in turn.

    Only what is not part of the story stays: its ids, its place, what was flagged from outside.
    """
    entries = await put_in_turn(log)
    blank = _blank(transaction)
    if transaction.sequence is None:
        again, is_over = await _calls_retold(blank, entries)
    else:
        again, is_over = await _events_retold(blank, entries, whole=whole)
    if is_over:
        return again.unflagged(flags.END_MISSING)
    if not transaction.is_open:  # closed without an end of its own
        return ended(again, again.energy.read_at or again.started_at, None)
    return again


async def _calls_retold(transaction: Transaction, entries: list[Entry]) -> tuple[Transaction, bool]:
    transaction = begun(transaction, transaction.started_at)
    stop: TransactionStopped | None = None
    async for entry in unhurried(entries):
        if isinstance(entry, Reading):
            transaction = metered(transaction, (entry,))
        elif isinstance(entry, Switched):
            transaction = turned(transaction, entry.charging, entry.at)
        elif isinstance(entry, TransactionStopped):
            stop = stop or entry
    return (transaction, False) if stop is None else (stopped(transaction, stop), True)


async def _events_retold(
    transaction: Transaction, entries: list[Entry], *, whole: bool
) -> tuple[Transaction, bool]:
    story = [entry for entry in entries if isinstance(entry, Told)]
    sequence = Sequence()
    async for entry in unhurried(story):
        sequence = sequence.hearing(entry.event.seq_no, entry.event.at, entry.event.phase)
    whole = whole or sequence.settled or flags.EVENTS_MISSING in transaction.flags
    first = story[0].event.at
    transaction = begun(replace(transaction, started_at=first), first)
    transaction = replace(transaction, sequence=Sequence())
    last: TransactionReported | None = None
    async for entry in unhurried(story):
        transaction = told(transaction, entry.event, entry.authorization, whole=whole)
        if entry.event.phase is TransactionPhase.ENDED:
            last = entry.event
    if sequence.settled:
        transaction = transaction.unflagged(flags.EVENTS_MISSING)
    if sequence.counts and contradict((one.event.seq_no, one.event.at) for one in story):
        transaction = transaction.flagged(flags.CLOCK_JUMPED)
    if last is None:
        return transaction, False
    return ended(transaction, last.at, last.stopped_reason), True


def _blank(transaction: Transaction) -> Transaction:
    """Without what the log will say.

    The log of 1.6 has neither its start nor statuses that begin no period: their words stay.
    """
    blank = replace(
        transaction.unflagged(*flags.TOLD),
        state=TransactionState.ACTIVE,
        stopped_at=None,
        stop_reason=None,
        meter_stop_wh=None,
        energy=EnergyMeter(),
        phase=None,
        in_order=True,
    )
    if transaction.sequence is None:
        return blank
    return replace(
        blank.unflagged(flags.TOKEN_REFUSED),
        charging_state=None,
        flow=None,
        evse_id=0,
        connector_id=None,
        token=None,
        holder=None,
        authorization=None,
        auth_method=AuthMethod.WHITELIST,
        authorization_reference=None,
        meter_start_wh=None,
        remote_start_id=None,
        reservation_id=None,
    )
