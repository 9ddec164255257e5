"""What a station's clock shows of itself while it tells of a transaction (R20)."""

from dataclasses import replace
from datetime import datetime, timedelta

from gateway.domain import flags
from gateway.domain.events import TransactionPhase, TransactionReported
from gateway.domain.metering.plausibility import JUMP, has_jumped
from gateway.domain.timestamps import FIRST_YEAR
from gateway.domain.transactions import Transaction

_LONGEST = timedelta(days=31)
REPLAYED = timedelta(minutes=1)
"""What is older than this when it is told comes from a station's queue."""


def seen_ahead(at: datetime, now: datetime) -> int | None:
    """By how many whole seconds a station's clock shows more than ours, when it tells of `at`.

    None: it is not seen. What is told later than it happened does not show the clock.
    """
    return max(0, (at - now) // timedelta(seconds=1)) if now - at <= REPLAYED else None


def timed(transaction: Transaction, event: TransactionReported, now: datetime) -> Transaction:
    """With what the station's clock shows as it tells of the start and the end."""
    if event.offline:
        return transaction
    ahead = seen_ahead(event.at, now)
    if event.phase is TransactionPhase.STARTED and transaction.ahead_at_start is None:
        return replace(transaction, ahead_at_start=ahead)
    if event.phase is TransactionPhase.ENDED and transaction.ahead_at_end is None:
        return replace(transaction, ahead_at_end=ahead)
    return transaction


def jumped(transaction: Transaction) -> bool:
    """Whether the clock was ahead of ours at one of start and end, and at the other was not so."""
    start, end = transaction.ahead_at_start, transaction.ahead_at_end
    return start is not None and end is not None and has_jumped(start, end)


def read_after(transaction: Transaction, stopped_at: datetime) -> Transaction:
    """Flagged if the meter was read after the end: its clock, or the station's, has jumped."""
    read_at = transaction.energy.read_at
    if read_at is None or read_at - stopped_at <= JUMP:
        return transaction
    return transaction.flagged(flags.CLOCK_JUMPED)


def believable(start: datetime, end: datetime) -> bool:
    """Whether a station's clock, or who corrects it, can have been right."""
    return start.year >= FIRST_YEAR and timedelta(0) <= end - start <= _LONGEST
