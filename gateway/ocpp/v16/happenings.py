"""A charge point's message, in the words of those who may wait for it."""

from collections.abc import Callable, Mapping

from gateway.domain.happenings import Event, Happening
from gateway.ocpp import wire
from gateway.ocpp.dialect import Payload
from gateway.ocpp.v16 import translate

EVENTS: Mapping[str, Callable[[Payload], Event]] = {
    "BootNotification": translate.booted,
    "StartTransaction": translate.started,
    "StatusNotification": translate.status,
    "StopTransaction": translate.stopped,
}


def happening(action: str, payload: Payload, answer: Payload) -> Happening:
    """Of a message that was taken, and its answer."""
    read = EVENTS.get(action)
    transaction_id = answer.get("transactionId")
    return Happening(
        action,
        () if read is None else (read(payload),),
        evse_id=wire.optional_integer(payload, "connectorId"),
        transaction_id=None if transaction_id is None else str(transaction_id),
    )
