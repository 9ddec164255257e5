"""What a station says of itself, as far as somebody may wait for it.

The OCPP edges make a `Happening` of a message only while an operation of that station waits for
such a message.
"""

from dataclasses import dataclass

from gateway.domain.events import (
    Booted,
    ConnectorStatusReported,
    TransactionReported,
    TransactionStarted,
    TransactionStopped,
)

Event = (
    Booted | ConnectorStatusReported | TransactionStarted | TransactionStopped | TransactionReported
)


@dataclass(frozen=True, slots=True)
class Happening:
    """A message that a station sent and that was taken.

    `message` is the OCPP action's name; `evse_id` and `connector_id` are None where it names no
    place. `transaction_id` is what the answer to a start gave it (1.6).
    """

    message: str
    events: tuple[Event, ...] = ()
    evse_id: int | None = None
    connector_id: int | None = None
    transaction_id: str | None = None
