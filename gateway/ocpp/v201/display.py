"""Block O, Display Message."""

from collections.abc import Mapping

from gateway.domain import timestamps
from gateway.domain.commands import CommandOutcome
from gateway.domain.device_operations import DISPLAY_MESSAGES
from gateway.domain.display import ClearDisplayMessage, GetDisplayMessages, SetDisplayMessage
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Asked, Block, Handler, Payload
from gateway.ocpp.handlers import by_status
from gateway.ocpp.operation_messages import by_part
from gateway.ocpp.v201 import reports

# DisplayMessageStatusEnumType
SET_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "NotSupportedMessageFormat": CommandOutcome.NOT_SUPPORTED,
    "Rejected": CommandOutcome.REJECTED,
    "NotSupportedPriority": CommandOutcome.NOT_SUPPORTED,
    "NotSupportedState": CommandOutcome.NOT_SUPPORTED,
    "UnknownTransaction": CommandOutcome.REJECTED,
    "LanguageNotSupported": CommandOutcome.NOT_SUPPORTED,  # 2.1
}

# GetDisplayMessagesStatusEnumType
GET_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,  # parts will follow
    "Unknown": CommandOutcome.ACCEPTED,  # nothing matches, nothing follows
}

# ClearMessageStatusEnumType
CLEAR_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Unknown": CommandOutcome.REJECTED,  # there is no such message
    "Rejected": CommandOutcome.REJECTED,  # 2.1
}


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a station sends of it."""
    report = by_part(services, DISPLAY_MESSAGES, reports.notify_display_messages)
    return {"NotifyDisplayMessages": report}


def set_display_message(command: SetDisplayMessage) -> Asked:
    """SetDisplayMessageRequest."""
    message = command.message
    content: Payload = {"format": message.format.value, "content": message.content}
    if message.language is not None:
        content["language"] = message.language
    info: Payload = {"id": message.id, "priority": message.priority.value, "message": content}
    if message.state is not None:
        info["state"] = message.state.value
    if message.starts_at is not None:
        info["startDateTime"] = timestamps.to_text(message.starts_at)
    if message.ends_at is not None:
        info["endDateTime"] = timestamps.to_text(message.ends_at)
    if message.transaction_id is not None:
        info["transactionId"] = message.transaction_id
    return Asked("SetDisplayMessage", {"message": info}, by_status(SET_OUTCOMES))


def get_display_messages(command: GetDisplayMessages) -> Asked:
    """GetDisplayMessagesRequest; NotifyDisplayMessages follow."""
    payload: Payload = {"requestId": command.request_id}
    if command.ids:
        payload["id"] = list(command.ids)
    if command.priority is not None:
        payload["priority"] = command.priority.value
    if command.state is not None:
        payload["state"] = command.state.value
    return Asked("GetDisplayMessages", payload, by_status(GET_OUTCOMES))


def clear_display_message(command: ClearDisplayMessage) -> Asked:
    """ClearDisplayMessageRequest."""
    return Asked("ClearDisplayMessage", {"id": command.message_id}, by_status(CLEAR_OUTCOMES))


BLOCK = Block(
    routes,
    {
        SetDisplayMessage: set_display_message,
        GetDisplayMessages: get_display_messages,
        ClearDisplayMessage: clear_display_message,
    },
)
