"""What a station knows to be true about its transactions, whatever the CSMS made of it.

Test runs compare this ledger with what the CSMS, its store and its partners hold.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from simulators.charge_point.clock import wire_time

# An endless fleet forgets its oldest transactions rather than grow for ever.
KEPT_TRANSACTIONS = 10_000


# What a reader of cards reads.
DEFAULT_TYPE = "ISO14443"


@dataclass(frozen=True)
class Token:
    """`type` is a 2.0.1 IdTokenEnumType; 1.6 sends the uid alone."""

    uid: str
    type: str = DEFAULT_TYPE

    def same_as(self, other: "Token") -> bool:
        # 1.6 IdToken is a CiString20, 2.0.1 an identifierString: case does not matter.
        return self.uid.casefold() == other.uid.casefold()


@dataclass(frozen=True)
class Reading:
    """The meter at one moment; `context` is an OCPP ReadingContext."""

    at: datetime
    register_wh: int
    power_w: int
    soc_percent: int
    context: str


@dataclass(eq=False)
class Transaction:
    connector: int
    token: Token
    meter_start_wh: int
    started_at: datetime
    transaction_id: str | None = None
    """OCPP 1.6: unknown until StartTransaction was answered"""
    group: str | None = None
    remote_start_id: int | None = None
    reservation_id: int | None = None
    meter_stop_wh: int | None = None
    stopped_at: datetime | None = None
    stop_reason: str | None = None
    start_answered: bool = False
    stop_answered: bool = False
    token_status: str | None = None
    """the CSMS's word on the token in its answer to the start"""
    discarded: int = 0
    """messages given up after the CSMS kept refusing them"""
    readings: list[Reading] = field(default_factory=list)

    @property
    def acknowledged(self) -> bool:
        """The CSMS has answered for its start and for its end."""
        return self.start_answered and self.stop_answered

    @property
    def running(self) -> bool:
        return self.stopped_at is None

    @property
    def energy_wh(self) -> Decimal | None:
        if self.meter_stop_wh is None:
            return None
        return Decimal(self.meter_stop_wh) - Decimal(self.meter_start_wh)

    def as_fields(self) -> dict[str, Any]:
        """JSON-ready; amounts as decimal strings."""
        return {
            "connector": self.connector,
            "transaction_id": self.transaction_id,
            "token": self.token.uid,
            "meter_start_wh": str(self.meter_start_wh),
            "meter_stop_wh": _text(self.meter_stop_wh),
            "energy_wh": _text(self.energy_wh),
            "started_at": wire_time(self.started_at),
            "stopped_at": wire_time(self.stopped_at) if self.stopped_at else None,
            "reason": self.stop_reason,
            "start_acknowledged": self.start_answered,
            "stop_acknowledged": self.stop_answered,
            "readings": len(self.readings),
        }


def _text(amount: Decimal | int | None) -> str | None:
    return None if amount is None else str(amount)


class Ledger:
    """Every transaction of one station, oldest first."""

    def __init__(self, kept: int = KEPT_TRANSACTIONS) -> None:
        self._transactions: deque[Transaction] = deque(maxlen=kept)

    def add(self, transaction: Transaction) -> None:
        self._transactions.append(transaction)

    def __iter__(self) -> Iterator[Transaction]:
        return iter(tuple(self._transactions))

    def __len__(self) -> int:
        return len(self._transactions)

    def running(self) -> list[Transaction]:
        return [transaction for transaction in self if transaction.running]

    def unacknowledged(self) -> list[Transaction]:
        return [transaction for transaction in self if not transaction.acknowledged]

    def by_id(self, transaction_id: str) -> Transaction | None:
        for transaction in reversed(tuple(self._transactions)):
            if transaction.transaction_id == transaction_id:
                return transaction
        return None
