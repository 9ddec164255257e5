"""Block G, Availability, with what blocks B and F do to a station as a device."""

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
from gateway.domain.events import ConnectorStatusReported
from gateway.ocpp import wire
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Asked, Block, Handler, Payload
from gateway.ocpp.handlers import by_status
from gateway.ocpp.v201 import translate
from gateway.services.stations.provisioning import Provisioning
from gateway.services.stations.station_state import StationState
from gateway.services.stations.status import StatusService

# ChangeAvailabilityStatusEnumType
AVAILABILITY_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Scheduled": CommandOutcome.ACCEPTED,  # after the transaction that runs
    "Rejected": CommandOutcome.REJECTED,
}

# UnlockStatusEnumType
UNLOCK_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Unlocked": CommandOutcome.ACCEPTED,
    "UnlockFailed": CommandOutcome.FAILED,  # it tried, the cable is still held
    "OngoingAuthorizedTransaction": CommandOutcome.REJECTED,  # stop that one first
    "UnknownConnector": CommandOutcome.REJECTED,
}

# ResetStatusEnumType
RESET_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Scheduled": CommandOutcome.ACCEPTED,  # when it is idle
    "Rejected": CommandOutcome.REJECTED,
}

# TriggerMessageStatusEnumType
TRIGGER_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Rejected": CommandOutcome.REJECTED,
    "NotImplemented": CommandOutcome.NOT_SUPPORTED,
}

RESET_TYPES: Mapping[ResetKind, str] = {ResetKind.NOW: "Immediate", ResetKind.GENTLY: "OnIdle"}


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a station sends of it."""
    return {
        "NotifyEvent": partial(notify_event, services.provisioning, services.status),
        "StatusNotification": partial(status_notification, services.status),
    }


async def status_notification(
    status: StatusService, state: StationState, payload: Payload
) -> Payload:
    """StatusNotificationRequest."""
    await status.reported(state, translate.status(payload))
    return {}


async def notify_event(
    provisioning: Provisioning, status: StatusService, state: StationState, payload: Payload
) -> Payload:
    """NotifyEventRequest: kept, and read for the states of connectors.

    A station may report those as events instead of StatusNotifications (part 6, the reusable
    states: "Message: StatusNotificationRequest" or "NotifyEventRequest").
    """
    for report in reported_states(payload):
        await status.reported(state, report)
    await provisioning.keep(state, "NotifyEvent", payload)
    return {}


def reported_states(payload: Payload) -> list[ConnectorStatusReported]:
    """What a NotifyEvent says of the AvailabilityState of connectors, or of the whole station.

    An EVSE's own state follows from its connectors', so it says nothing new.
    """
    found = []
    for event in payload["eventData"]:
        component = event["component"]
        state = translate.CONNECTOR_STATES.get(event["actualValue"])
        if event["variable"]["name"] != "AvailabilityState" or state is None:
            continue
        evse = component.get("evse") or {}
        if component["name"] == "ChargingStation":
            evse = {"id": 0, "connectorId": 0}
        elif component["name"] != "Connector" or "connectorId" not in evse:
            continue
        evse_id = wire.evse_number(evse["id"], "evse/id")
        connector_id = wire.evse_number(evse["connectorId"], "evse/connectorId")
        at = wire.optional_time(event)
        found.append(ConnectorStatusReported(evse_id, connector_id, state, at))
    return found


def change_availability(command: ChangeAvailability) -> Asked:
    """ChangeAvailabilityRequest; without evse it is about the whole station (G04)."""
    payload: Payload = {"operationalStatus": "Operative" if command.operative else "Inoperative"}
    payload |= _evse(command.evse_id, command.connector_id)
    return Asked("ChangeAvailability", payload, by_status(AVAILABILITY_OUTCOMES))


def reset(command: Reset) -> Asked:
    """ResetRequest."""
    payload: Payload = {"type": RESET_TYPES[command.kind]}
    if command.evse_id is not None:
        payload["evseId"] = command.evse_id
    return Asked("Reset", payload, by_status(RESET_OUTCOMES))


def unlock_connector(command: UnlockConnector) -> Asked:
    """UnlockConnectorRequest."""
    payload: Payload = {"evseId": command.evse_id, "connectorId": command.connector_id}
    return Asked("UnlockConnector", payload, by_status(UNLOCK_OUTCOMES))


def trigger_message(command: TriggerMessage) -> Asked:
    """TriggerMessageRequest."""
    payload: Payload = {"requestedMessage": command.message}
    payload |= _evse(command.evse_id, command.connector_id)
    return Asked("TriggerMessage", payload, by_status(TRIGGER_OUTCOMES))


def _evse(evse_id: int | None, connector_id: int | None) -> Payload:
    if evse_id is None:
        return {}
    evse: Payload = {"id": evse_id}
    if connector_id is not None:
        evse["connectorId"] = connector_id
    return {"evse": evse}


BLOCK = Block(
    routes,
    {
        ChangeAvailability: change_availability,
        Reset: reset,
        UnlockConnector: unlock_connector,
        TriggerMessage: trigger_message,
    },
)
