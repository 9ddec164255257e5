"""A station's message, in the words of those who may wait for it."""

from collections.abc import Callable, Mapping, Sequence

from gateway.domain.happenings import Event, Happening
from gateway.ocpp import wire
from gateway.ocpp.dialect import Payload
from gateway.ocpp.v201 import translate
from gateway.ocpp.v201.availability import reported_states

EVENTS: Mapping[str, Callable[[Payload], Sequence[Event]]] = {
    "BootNotification": lambda payload: [translate.booted(payload)],
    "NotifyEvent": reported_states,
    "StatusNotification": lambda payload: [translate.status(payload)],
    "TransactionEvent": lambda payload: [translate.transaction(payload)],
}


def happening(action: str, payload: Payload, _answer: Payload) -> Happening:
    """Of a message that was taken."""
    read = EVENTS.get(action)
    evse = payload.get("evse")
    if isinstance(evse, dict):
        evse_id = wire.optional_integer(evse, "id")
        connector_id = wire.optional_integer(evse, "connectorId")
    else:
        evse_id = wire.optional_integer(payload, "evseId")
        connector_id = wire.optional_integer(payload, "connectorId")
    return Happening(action, tuple(read(payload)) if read else (), evse_id, connector_id)
