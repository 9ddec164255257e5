"""The services that the charge-point edge uses, and what of each it uses.

Every method may raise `StoreUnavailable` (the station gets no answer and is sent away) or
`Fenced` (a newer connection has taken over; this one ends quietly).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from gateway.domain.charge_points import ChargePointRecord
from gateway.domain.events import (
    Booted,
    ConnectorStatusReported,
    MeterReported,
    TransactionReported,
    TransactionStarted,
    TransactionStopped,
)
from gateway.domain.tokens import Authorization, TokenRef
from gateway.services.ports import Station
from gateway.services.station_state import StationState


class ChargePoints(Protocol):
    """Who may connect, and who is connected."""

    async def authenticate(
        self, identity: str, password: bytes | None, *, secure: bool
    ) -> ChargePointRecord:
        """The record, or `ConnectionRefused`."""
        ...

    async def connect(
        self, record: ChargePointRecord, *, protocol: str, remote: str, station: Station
    ) -> StationState:
        """Take a new epoch; any older socket of the same identity is superseded."""
        ...

    async def disconnect(self, state: StationState) -> None:
        """The socket is gone and its last call handled."""
        ...

    def seen(self, state: StationState) -> None:
        """Some frame has come."""
        ...


class BootDecision(Protocol):
    """What a BootNotification is answered."""

    @property
    def status(self) -> str:
        """Accepted, Pending or Rejected."""
        ...

    @property
    def interval(self) -> int:
        """Seconds: the heartbeat interval, or the wait before the next boot."""
        ...

    @property
    def now(self) -> datetime:
        """The time that the station is to take over."""
        ...


class Provisioning(Protocol):
    """Boots, and whatever a station tells that is only kept."""

    async def booted(self, state: StationState, event: Booted) -> BootDecision:
        """BootNotification."""
        ...

    async def keep(self, state: StationState, action: str, payload: dict[str, Any]) -> None:
        """Keep a message for the operator."""
        ...


class Status(Protocol):
    """Connector states."""

    async def reported(self, state: StationState, event: ConnectorStatusReported) -> None:
        """StatusNotification."""
        ...


class Authorizing(Protocol):
    """Tokens."""

    async def authorize(
        self, state: StationState, token: TokenRef, evse_id: int | None = None
    ) -> Authorization:
        """Authorize."""
        ...


class StartAnswer(Protocol):
    """What StartTransaction is answered."""

    @property
    def transaction_id(self) -> str:
        """Digits that fit 31 bits."""
        ...

    @property
    def authorization(self) -> Authorization:
        """The decision about the token."""
        ...


class TransactionAnswer(Protocol):
    """What TransactionEvent is answered."""

    @property
    def authorization(self) -> Authorization | None:
        """The decision about the token, if the event carried one."""
        ...

    @property
    def total_cost(self) -> Decimal | None:
        """The running or final total including taxes."""
        ...


class Transactions(Protocol):
    """Transactions and meter values."""

    async def started(self, state: StationState, event: TransactionStarted) -> StartAnswer:
        """StartTransaction."""
        ...

    async def stopped(self, state: StationState, event: TransactionStopped) -> Authorization | None:
        """StopTransaction; the decision about its token, if it has one."""
        ...

    async def metered(self, state: StationState, event: MeterReported) -> None:
        """MeterValues."""
        ...

    async def reported(self, state: StationState, event: TransactionReported) -> TransactionAnswer:
        """TransactionEvent."""
        ...


@dataclass(frozen=True)
class ChargePointServices:
    """All of them, as `app` hands them to the edge. `now` is the clock that stations are told."""

    charge_points: ChargePoints
    provisioning: Provisioning
    status: Status
    authorization: Authorizing
    transactions: Transactions
    now: Callable[[], datetime]
