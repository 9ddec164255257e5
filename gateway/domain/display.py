"""Messages on a station's display (2.x)."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from gateway.domain.commands import Command


class MessagePriority(StrEnum):
    """How a message takes its place among others."""

    ALWAYS_FRONT = "AlwaysFront"
    IN_FRONT = "InFront"
    NORMAL_CYCLE = "NormalCycle"


class MessageState(StrEnum):
    """In which state of the station a message is shown."""

    CHARGING = "Charging"
    FAULTED = "Faulted"
    IDLE = "Idle"
    UNAVAILABLE = "Unavailable"


class MessageFormat(StrEnum):
    """How the content is written."""

    ASCII = "ASCII"
    HTML = "HTML"
    URI = "URI"
    UTF8 = "UTF8"


@dataclass(frozen=True, slots=True)
class DisplayMessage:
    """One message; at most 512 characters of content. `state` None: in every state."""

    id: int
    content: str
    priority: MessagePriority = MessagePriority.NORMAL_CYCLE
    format: MessageFormat = MessageFormat.UTF8
    language: str | None = None
    state: MessageState | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class SetDisplayMessage(Command):
    """Show a message, or replace the one with its id."""

    message: DisplayMessage


@dataclass(frozen=True, slots=True)
class GetDisplayMessages(Command):
    """Have the messages reported: parts follow under `request_id`."""

    request_id: int
    ids: tuple[int, ...] = field(default=())
    priority: MessagePriority | None = None
    state: MessageState | None = None


@dataclass(frozen=True, slots=True)
class ClearDisplayMessage(Command):
    """Take a message away. The reply's status may be `Unknown`."""

    message_id: int
