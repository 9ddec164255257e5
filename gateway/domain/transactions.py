"""One charging transaction: what it is, and which events may change it how.

Versions of OCPP meet here: 1.6 calls and 2.x events both become steps of the same table.
"""

from dataclasses import field, fields, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter

from gateway.domain.energy import EnergyMeter
from gateway.domain.events import ChargingState
from gateway.domain.periods import Periods
from gateway.domain.tokens import AuthMethod, AuthorizationStatus, TokenHolder, TokenType
from gateway.domain.values import dataclass


class TransactionState(StrEnum):
    """Where a transaction stands."""

    ACTIVE = "ACTIVE"
    ENDED = "ENDED"


class Step(StrEnum):
    """What can happen to a transaction."""

    START = "start"
    UPDATE = "update"
    END = "end"
    CLOSE = "close"  # by the operator's hand


class Effect(StrEnum):
    """What a step does to the record."""

    OPEN = "open"
    OPEN_LATE = "open without its start"
    MERGE = "merge"
    END = "end"
    END_LATE = "end without its start"
    KEEP = "keep only"


# A missing entry is a step that must not happen: `UnknownTransaction` for the operator's close.
TRANSITIONS: dict[tuple[TransactionState | None, Step], tuple[Effect, TransactionState]] = {
    (None, Step.START): (Effect.OPEN, TransactionState.ACTIVE),
    # The start was lost or is late: the transaction exists all the same (ocpp-rules 22, 23).
    (None, Step.UPDATE): (Effect.OPEN_LATE, TransactionState.ACTIVE),
    (None, Step.END): (Effect.END_LATE, TransactionState.ENDED),
    # A start told twice, or after its first update: adds what is not yet known.
    (TransactionState.ACTIVE, Step.START): (Effect.MERGE, TransactionState.ACTIVE),
    (TransactionState.ACTIVE, Step.UPDATE): (Effect.MERGE, TransactionState.ACTIVE),
    (TransactionState.ACTIVE, Step.END): (Effect.END, TransactionState.ENDED),
    (TransactionState.ACTIVE, Step.CLOSE): (Effect.END, TransactionState.ENDED),
    # After the end nothing reopens it: the bill is made. What comes is kept beside it.
    (TransactionState.ENDED, Step.START): (Effect.KEEP, TransactionState.ENDED),
    (TransactionState.ENDED, Step.UPDATE): (Effect.KEEP, TransactionState.ENDED),
    (TransactionState.ENDED, Step.END): (Effect.KEEP, TransactionState.ENDED),
    (TransactionState.ENDED, Step.CLOSE): (Effect.KEEP, TransactionState.ENDED),
}


class UnknownTransaction(LookupError):
    """The charge point has no such transaction."""


def transition(state: TransactionState | None, step: Step) -> tuple[Effect, TransactionState]:
    """Look up what `step` does. Raises `UnknownTransaction` where the table has no entry."""
    try:
        return TRANSITIONS[state, step]
    except KeyError:
        raise UnknownTransaction(f"{step.value} of no transaction") from None


@dataclass(frozen=True, slots=True)
class TokenSeen:
    """The token as the station presented it."""

    uid: str
    type: TokenType


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction of one charge point. Times are the station's, UTC; energy is in Wh.

    `id` is the OCPP transaction id as text, unique only together with `identity`. `session_id`
    and `cdr_id` are made at the start, so that every retry and every restart leads to the same
    OCPI objects. `flags` name what an operator should look at.
    """

    identity: str
    id: str
    evse_id: int
    started_at: datetime
    session_id: str
    cdr_id: str
    connector_id: int | None = None
    state: TransactionState = TransactionState.ACTIVE
    token: TokenSeen | None = None
    holder: TokenHolder | None = None
    authorization: AuthorizationStatus | None = None
    auth_method: AuthMethod = AuthMethod.WHITELIST
    authorization_reference: str | None = None
    stopped_at: datetime | None = None
    stop_reason: str | None = None
    meter_start_wh: Decimal | None = None
    meter_stop_wh: Decimal | None = None
    energy: EnergyMeter = field(default_factory=EnergyMeter)
    periods: Periods = field(default_factory=Periods)
    charging_state: ChargingState | None = None
    last_seq_no: int | None = None
    remote_start_id: int | None = None
    reservation_id: int | None = None
    billed: bool = False
    flags: tuple[str, ...] = ()

    def metered(self, energy: EnergyMeter, periods: Periods) -> "Transaction":
        """The same with new meter readings: `replace`, at a quarter of its price.

        This is the one change that every MeterValues makes.
        """
        values = list(_VALUES(self))
        values[_ENERGY], values[_PERIODS] = energy, periods
        return Transaction(*values)

    def flagged(self, flag: str) -> "Transaction":
        """Note `flag` once."""
        return self if flag in self.flags else replace(self, flags=(*self.flags, flag))

    @property
    def latest_at(self) -> datetime:
        """Its end or, while it runs, the last moment that the station has told us of."""
        if self.stopped_at is not None:
            return max(self.stopped_at, self.started_at)
        period = self.periods.running
        moments = (self.started_at, self.energy.last_at, period.start if period else None)
        return max(moment for moment in moments if moment is not None)

    @property
    def is_open(self) -> bool:
        """Whether it still runs."""
        return self.state is TransactionState.ACTIVE

    @property
    def billable(self) -> bool:
        """Whether somebody vouched for it: only then is there an OCPI session and a CDR."""
        return self.holder is not None and self.authorization is AuthorizationStatus.ACCEPTED


_FIELDS = tuple(one.name for one in fields(Transaction))
_VALUES = attrgetter(*_FIELDS)
_ENERGY, _PERIODS = _FIELDS.index("energy"), _FIELDS.index("periods")
