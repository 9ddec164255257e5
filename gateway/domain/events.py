"""What charge points tell us, in our own words: the middle of the two-hop translation.

The OCPP edges make these from frames of any version; the services act on them. All times are
UTC; energy is in Wh.
"""

from dataclasses import field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from gateway.domain.metering.meter import Reading
from gateway.domain.tokens import TokenRef
from gateway.domain.values import dataclass


class ConnectorState(StrEnum):
    """A connector's state, the union of what OCPP 1.6 and 2.x can say."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    FINISHING = "Finishing"
    OCCUPIED = "Occupied"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class ChargingState(StrEnum):
    """OCPP 2.x TransactionInfo.chargingState; 1.6 edges derive it from the connector's status."""

    CHARGING = "Charging"
    EV_CONNECTED = "EVConnected"
    SUSPENDED_EV = "SuspendedEV"
    SUSPENDED_EVSE = "SuspendedEVSE"
    IDLE = "Idle"


@dataclass(frozen=True, slots=True)
class Booted:
    """BootNotification of any version."""

    vendor: str
    model: str
    serial_number: str | None = None
    firmware_version: str | None = None
    reason: str | None = None
    meter_serial_number: str | None = None  # 1.6: of "the main electrical meter"


@dataclass(frozen=True, slots=True)
class ConnectorStatusReported:
    """StatusNotification. `evse_id` 0 is the station itself; in 1.6 it is the connectorId.

    `connector_id` is 1 for 1.6, where one connector is one EVSE. `at` is None when the station
    gave no time.
    """

    evse_id: int
    connector_id: int
    state: ConnectorState
    at: datetime | None
    error_code: str | None = None
    info: str | None = None


@dataclass(frozen=True, slots=True)
class TransactionStarted:
    """StartTransaction (1.6). A 2.x Started event is a `TransactionReported`."""

    evse_id: int
    token: TokenRef
    at: datetime
    meter_start_wh: Decimal
    reservation_id: int | None = None


@dataclass(frozen=True, slots=True)
class TransactionStopped:
    """StopTransaction (1.6); `readings` is its transactionData."""

    transaction_id: str
    at: datetime
    meter_stop_wh: Decimal
    reason: str | None = None
    token: TokenRef | None = None
    readings: tuple[Reading, ...] = ()


@dataclass(frozen=True, slots=True)
class MeterReported:
    """MeterValues of any version; `transaction_id` only where the station named it."""

    evse_id: int
    readings: tuple[Reading, ...]
    transaction_id: str | None = None


class TransactionPhase(StrEnum):
    """TransactionEventRequest.eventType."""

    STARTED = "Started"
    UPDATED = "Updated"
    ENDED = "Ended"


@dataclass(frozen=True, slots=True)
class TransactionReported:
    """TransactionEvent (2.x). Everything but the first four may be absent in any event."""

    phase: TransactionPhase
    transaction_id: str
    seq_no: int
    at: datetime
    trigger: str
    evse_id: int | None = None
    connector_id: int | None = None
    token: TokenRef | None = None
    charging_state: ChargingState | None = None
    remote_start_id: int | None = None
    reservation_id: int | None = None
    stopped_reason: str | None = None
    offline: bool = False
    readings: tuple[Reading, ...] = field(default=())
