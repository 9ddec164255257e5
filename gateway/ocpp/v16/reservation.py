"""Reservation profile: ReserveNow, CancelReservation. Stations report nothing of it."""

from collections.abc import Mapping

from gateway.domain import timestamps
from gateway.domain.commands import CommandOutcome
from gateway.domain.reservations import CancelReservation, ReserveNow
from gateway.domain.tokens import fitted
from gateway.ocpp.dialect import Asked, Block, Payload
from gateway.ocpp.handlers import by_status
from gateway.ocpp.v16.translate import MAX_ID_TAG

# ReservationStatus (7.41)
RESERVATION_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Faulted": CommandOutcome.EVSE_INOPERATIVE,  # the connector, or the station, is in error
    "Occupied": CommandOutcome.EVSE_OCCUPIED,  # in use, or reserved already
    "Rejected": CommandOutcome.REJECTED,  # the station does not reserve
    "Unavailable": CommandOutcome.EVSE_INOPERATIVE,  # taken out of service
}

# CancelReservationStatus (7.5): Rejected says that there is no such reservation.
CANCEL_OUTCOMES: Mapping[str, CommandOutcome] = {
    "Accepted": CommandOutcome.ACCEPTED,
    "Rejected": CommandOutcome.UNKNOWN_RESERVATION,
}


def reserve_now(command: ReserveNow) -> Asked | None:
    """ReserveNow.req; connectorId 0 leaves the choice to the station (5.13)."""
    if len(command.id_token) > MAX_ID_TAG:
        return None
    payload: Payload = {
        "connectorId": command.evse_id or 0,
        "expiryDate": timestamps.to_text(command.expires_at),
        "idTag": command.id_token,
        "reservationId": command.reservation_id,
    }
    if command.group_id is not None:
        # the same stand-in for a long group that Authorize is answered with
        payload["parentIdTag"] = fitted(command.group_id, MAX_ID_TAG)
    return Asked("ReserveNow", payload, by_status(RESERVATION_OUTCOMES))


def cancel_reservation(command: CancelReservation) -> Asked:
    """CancelReservation.req."""
    payload: Payload = {"reservationId": command.reservation_id}
    return Asked("CancelReservation", payload, by_status(CANCEL_OUTCOMES))


BLOCK = Block(asks={ReserveNow: reserve_now, CancelReservation: cancel_reservation})
