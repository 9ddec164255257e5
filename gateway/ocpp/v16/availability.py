"""StatusNotification, and what takes a charge point in and out of service."""

from collections.abc import Mapping
from functools import partial

from gateway.domain.availability import (
    ChangeAvailability,
    Reset,
    ResetKind,
    TriggerMessage,
    UnlockConnector,
)
from gateway.domain.commands import CommandOutcome
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Asked, Block, Handler, Payload
from gateway.ocpp.handlers import by_status
from gateway.ocpp.v16 import translate
from gateway.services.stations.station_state import StationState
from gateway.services.stations.status import StatusService

# AvailabilityStatus (7.3)
AVAILABILITY_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Scheduled": CommandOutcome.ACCEPTED,  # after the transaction that runs
    "Rejected": CommandOutcome.REJECTED,
}

# UnlockStatus (7.47)
UNLOCK_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Unlocked": CommandOutcome.ACCEPTED,
    "UnlockFailed": CommandOutcome.FAILED,  # it tried, the cable is still held
    "NotSupported": CommandOutcome.NOT_SUPPORTED,  # it has no lock
}

# ResetStatus (7.42)
RESET_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Rejected": CommandOutcome.REJECTED,
}

# TriggerMessageStatus (7.45)
TRIGGER_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Rejected": CommandOutcome.REJECTED,
    "NotImplemented": CommandOutcome.NOT_SUPPORTED,
}

# MessageTrigger (7.35); what else there is the white paper's ExtendedTriggerMessage asks for.
TRIGGERS = frozenset(
    {
        "BootNotification",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "MeterValues",
        "StatusNotification",
    }
)

RESET_TYPES: Mapping[ResetKind, str] = {ResetKind.NOW: "Hard", ResetKind.GENTLY: "Soft"}


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a charge point sends of it."""
    return {"StatusNotification": partial(status_notification, services.status)}


async def status_notification(
    status: StatusService, state: StationState, payload: Payload
) -> Payload:
    """StatusNotification.req."""
    await status.reported(state, translate.status(payload))
    return {}


def change_availability(command: ChangeAvailability) -> Asked:
    """ChangeAvailability.req; connectorId 0 is the charge point and all its connectors (5.2)."""
    payload: Payload = {
        "connectorId": command.evse_id or 0,
        "type": "Operative" if command.operative else "Inoperative",
    }
    return Asked("ChangeAvailability", payload, by_status(AVAILABILITY_OUTCOMES))


def reset(command: Reset) -> Asked | None:
    """Reset.req; a single EVSE cannot be reset."""
    if command.evse_id is not None:
        return None
    return Asked("Reset", {"type": RESET_TYPES[command.kind]}, by_status(RESET_OUTCOMES))


def unlock_connector(command: UnlockConnector) -> Asked:
    """UnlockConnector.req."""
    return Asked("UnlockConnector", {"connectorId": command.evse_id}, by_status(UNLOCK_OUTCOMES))


def trigger_message(command: TriggerMessage) -> Asked:
    """TriggerMessage.req, or for the messages of the white paper ExtendedTriggerMessage.req."""
    payload: Payload = {"requestedMessage": command.message}
    if command.evse_id is not None:
        payload["connectorId"] = command.evse_id
    action = "TriggerMessage" if command.message in TRIGGERS else "ExtendedTriggerMessage"
    return Asked(action, payload, by_status(TRIGGER_OUTCOMES))


BLOCK = Block(
    routes,
    {
        ChangeAvailability: change_availability,
        Reset: reset,
        UnlockConnector: unlock_connector,
        TriggerMessage: trigger_message,
    },
)
