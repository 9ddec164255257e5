"""What the gateway asks of a charge point, in our own words.

The OCPP edges turn these into RemoteStartTransaction or RequestStartTransaction and the like, and
the station's answer back into a `CommandReply`. Commands of other matters stand beside what they
are about; each is a frozen dataclass of plain values, so that it can travel to another node.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar


class CommandOutcome(StrEnum):
    """How a station took a command. The names are OCPI CommandResultType's where they fit."""

    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    EVSE_OCCUPIED = "EVSE_OCCUPIED"
    EVSE_INOPERATIVE = "EVSE_INOPERATIVE"
    FAILED = "FAILED"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    TIMEOUT = "TIMEOUT"
    UNKNOWN_RESERVATION = "UNKNOWN_RESERVATION"


@dataclass(frozen=True, slots=True)
class CommandReply:
    """What a station answered.

    `status` is its own word, None where it gave none (no answer, or an error). `data` is what the
    answer holds beyond that, in the words that the command's docstring fixes for all versions.
    """

    outcome: CommandOutcome
    status: str | None = None
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Whether the station took it."""
        return self.outcome is CommandOutcome.ACCEPTED


class Command:
    """A thing to ask of a station. Subclasses are known by their names on every node."""

    __slots__ = ()

    kinds: ClassVar[dict[str, type["Command"]]] = {}

    def __init_subclass__(cls) -> None:
        """Enter the kind; `dataclass(slots=True)` makes each class twice, the last one counts."""
        Command.kinds[cls.__name__] = cls
