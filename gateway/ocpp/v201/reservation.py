"""Block H, Reservation."""

from collections.abc import Mapping
from functools import partial

from gateway.domain import timestamps
from gateway.domain.commands import CommandOutcome
from gateway.domain.reservations import (
    CancelReservation,
    ReservationEnd,
    ReservationEnded,
    ReserveNow,
)
from gateway.ocpp import wire
from gateway.ocpp.charge_point_services import ChargePointServices
from gateway.ocpp.dialect import Asked, Block, Handler, Payload
from gateway.ocpp.handlers import by_status
from gateway.ocpp.v201.translate import ID_TOKEN_TYPES, MAX_ID_TOKEN
from gateway.services.reservations.service import Reservations
from gateway.services.stations.station_state import StationState

# ReserveNowStatusEnumType
RESERVATION_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Faulted": CommandOutcome.EVSE_INOPERATIVE,  # the EVSE, or the station, is in error
    "Occupied": CommandOutcome.EVSE_OCCUPIED,  # in use, or reserved already
    "Rejected": CommandOutcome.REJECTED,  # the station does not reserve
    "Unavailable": CommandOutcome.EVSE_INOPERATIVE,  # taken out of service
}

# CancelReservationStatusEnumType: Rejected says that there is no such reservation.
CANCEL_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Rejected": CommandOutcome.UNKNOWN_RESERVATION,
}


def routes(services: ChargePointServices) -> Mapping[str, Handler]:
    """What a station sends of it."""
    return {"ReservationStatusUpdate": partial(reservation_status_update, services.reservations)}


async def reservation_status_update(
    reservations: Reservations, state: StationState, payload: Payload
) -> Payload:
    """ReservationStatusUpdateRequest."""
    number = wire.integer(payload, "reservationId")
    end = ReservationEnd(payload["reservationUpdateStatus"])
    await reservations.ended(state, ReservationEnded(number, end))
    return {}


def reserve_now(command: ReserveNow) -> Asked | None:
    """ReserveNowRequest; without evseId the choice is the station's (H01)."""
    if len(command.id_token) > MAX_ID_TOKEN:
        return None
    id_token = {"idToken": command.id_token, "type": ID_TOKEN_TYPES[command.token_type]}
    payload: Payload = {
        "id": command.reservation_id,
        "expiryDateTime": timestamps.to_text(command.expires_at),
        "idToken": id_token,
    }
    if command.evse_id is not None:
        payload["evseId"] = command.evse_id
    if command.group_id is not None and len(command.group_id) <= MAX_ID_TOKEN:
        payload["groupIdToken"] = {"idToken": command.group_id, "type": "Central"}
    return Asked("ReserveNow", payload, by_status(RESERVATION_OUTCOMES))


def cancel_reservation(command: CancelReservation) -> Asked:
    """CancelReservationRequest."""
    payload: Payload = {"reservationId": command.reservation_id}
    return Asked("CancelReservation", payload, by_status(CANCEL_OUTCOMES))


BLOCK = Block(routes, {ReserveNow: reserve_now, CancelReservation: cancel_reservation})
