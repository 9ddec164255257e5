"""One charging transaction: what it is, and which events may change it how.

Versions of OCPP meet here: 1.6 calls and 2.x events both become steps of the same table.
"""

from dataclasses import field, fields, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from operator import attrgetter

from gateway.domain.bills.decisions import Act, Decision
from gateway.domain.events import ChargingState
from gateway.domain.metering.energy import EnergyMeter
from gateway.domain.metering.phases import Phase
from gateway.domain.metering.plausibility import Flow
from gateway.domain.sequence import Sequence
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
    AMEND = "tell the whole story again"
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
    # After the end nothing reopens it, but until the bill is made what comes late belongs to it.
    (TransactionState.ENDED, Step.START): (Effect.AMEND, TransactionState.ENDED),
    (TransactionState.ENDED, Step.UPDATE): (Effect.AMEND, TransactionState.ENDED),
    (TransactionState.ENDED, Step.END): (Effect.AMEND, TransactionState.ENDED),
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


def effect_on(transaction: "Transaction | None", step: Step) -> Effect:
    """The same for a record. Once it is billed, or never will be, what comes is only kept."""
    if transaction is not None and (transaction.billed or transaction.voided):
        return Effect.KEEP
    return transition(transaction.state if transaction else None, step)[0]


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

    `sequence` holds the numbers of its 2.x events; 1.6 has none. `due_at` is until when what is
    missing is waited for, by our clock; None: for nothing. `in_order` False: something came out
    of turn, and the record is to be made anew from the log before it is billed. `logged`: the
    log holds everything that is needed for that. `decisions` are the operator's about its bill;
    once it is corrected, the record is what was decided, and the log what was said.

    `flow` is what 2.x says of charging. `ahead_at_start` and `ahead_at_end` are by how many seconds
    the station's clock was seen to be ahead of ours when it told of them; None: not seen.
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
    phase: Phase | None = None
    charging_state: ChargingState | None = None
    sequence: Sequence | None = None
    remote_start_id: int | None = None
    reservation_id: int | None = None
    billed: bool = False
    flags: tuple[str, ...] = ()
    due_at: datetime | None = None
    in_order: bool = True
    logged: bool = False
    decisions: tuple[Decision, ...] = ()
    flow: Flow | None = None
    ahead_at_start: int | None = None
    ahead_at_end: int | None = None

    def metered(self, energy: EnergyMeter) -> "Transaction":
        """The same with new meter readings: `replace`, at a quarter of its price.

        This is the one change that every MeterValues makes.
        """
        values = list(_VALUES(self))
        values[_ENERGY] = energy
        return Transaction(*values)

    def flagged(self, flag: str) -> "Transaction":
        """Note `flag` once."""
        return self if flag in self.flags else replace(self, flags=(*self.flags, flag))

    def in_session(self, session_id: str) -> "Transaction":
        """The same under another Session. One id for both: by it deliveries keep their order."""
        return replace(self, session_id=session_id, cdr_id=session_id)

    def unflagged(self, *flags: str) -> "Transaction":
        """Without these flags."""
        if not set(flags).intersection(self.flags):
            return self
        return replace(self, flags=tuple(flag for flag in self.flags if flag not in flags))

    @property
    def latest_at(self) -> datetime:
        """Its end or, while it runs, the last moment that the station has told us of."""
        if self.stopped_at is not None:
            return max(self.stopped_at, self.started_at)
        since = self.phase.since if self.phase else None
        moments = (self.started_at, self.energy.read_at, since)
        return max(moment for moment in moments if moment is not None)

    @property
    def is_open(self) -> bool:
        """Whether it still runs."""
        return self.state is TransactionState.ACTIVE

    @property
    def is_settled(self) -> bool:
        """Whether it is over and nothing more is waited for."""
        return not self.is_open and self.due_at is None

    @property
    def voided(self) -> bool:
        """Whether an operator has decided that there will be no bill."""
        return any(one.act is Act.VOIDED for one in self.decisions)

    @property
    def corrected(self) -> bool:
        """Whether times and energy are an operator's, not the station's."""
        return any(one.act is Act.CORRECTED for one in self.decisions)

    @property
    def is_held(self) -> bool:
        """Whether a bill waits for an operator."""
        return self.is_settled and self.billable and not self.billed and not self.voided

    @property
    def is_final(self) -> bool:
        """Whether nothing about it will change any more: its Session is COMPLETED or INVALID."""
        return self.is_settled and not self.is_held

    @property
    def billable(self) -> bool:
        """Whether somebody vouched for it: only then is there an OCPI session and a CDR."""
        return self.holder is not None and self.authorization is AuthorizationStatus.ACCEPTED

    @property
    def partner_id(self) -> str | None:
        """The partner that vouched for it, and pays; None: nobody yet, or the operator."""
        return None if self.holder is None else self.holder.partner_id


_FIELDS = tuple(one.name for one in fields(Transaction))
_VALUES = attrgetter(*_FIELDS)
_ENERGY = _FIELDS.index("energy")
