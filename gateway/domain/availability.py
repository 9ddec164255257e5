"""What an operator does to a station as a device: availability, reset, unlock, trigger."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.commands import Command


@dataclass(frozen=True, slots=True)
class ChangeAvailability(Command):
    """Take into service or out of it: a connector, an EVSE, or (both None) the whole station.

    The reply's status may be `Scheduled`: a transaction runs, the change follows its end.
    """

    operative: bool
    evse_id: int | None = None
    connector_id: int | None = None


class ResetKind(StrEnum):
    """How gently a station is restarted."""

    NOW = "now"  # 1.6 Hard, 2.x Immediate: transactions are ended
    GENTLY = "gently"  # 1.6 Soft (ends transactions properly first), 2.x OnIdle


@dataclass(frozen=True, slots=True)
class Reset(Command):
    """Restart the station, or (2.x) one EVSE."""

    kind: ResetKind
    evse_id: int | None = None


@dataclass(frozen=True, slots=True)
class UnlockConnector(Command):
    """Free a jammed cable. In 1.6, where one connector is one EVSE, `connector_id` is not said."""

    evse_id: int
    connector_id: int = 1


@dataclass(frozen=True, slots=True)
class TriggerMessage(Command):
    """Have the station send a message now. `message` is the OCPP action's name."""

    message: str
    evse_id: int | None = None
    connector_id: int | None = None
