"""Reservations at charge points: made and let go by the operator's hand."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, ConfigDict, Field

from gateway.admin.bodies import Body
from gateway.admin.calls import Answer, Call, Route, listed
from gateway.admin.errors import NotFound
from gateway.admin.services import Services
from gateway.admin.stations import outcome
from gateway.domain.reservations import Ordered, Reservation
from gateway.domain.timestamps import to_text
from gateway.domain.tokens import TokenType
from gateway.services.ports import UnknownChargePoint
from gateway.services.reservations.settling import UnknownReservation

_UNKNOWN = {404: "unknown charge point"}


class ReservationBody(Body):
    """What to reserve, for whom, until when."""

    model_config = ConfigDict(strict=True)

    evse_id: Annotated[int, Field(ge=1)] | None = Field(
        None, description="in 1.6 the connector; without it the station chooses"
    )
    token: Annotated[str, Field(min_length=1, max_length=36)]
    token_type: Annotated[TokenType, Field(strict=False)] = TokenType.RFID
    group_id: str | None = None
    expires_at: Annotated[AwareDatetime, Field(strict=False)]


class ReservationCalls:
    """`/charge-points/{identity}/reservations`."""

    def __init__(self, services: Services) -> None:
        self._reservations = services.reservations

    async def listing(self, call: Call) -> Answer:
        """All that the station has answered, newest first."""
        found = await self._reservations.all(call.path["identity"])
        return listed([_shown(one) for one in found], len(found))

    async def make(self, call: Call) -> Answer:
        """Reserve; the answer says how the station took it."""
        body = call.read(ReservationBody)
        reservation, reply = await self._reservations.reserve(
            call.path["identity"],
            evse_id=body.evse_id,
            id_token=body.token,
            token_type=body.token_type,
            expires_at=body.expires_at,
            group_id=body.group_id,
        )
        return Answer(_shown(reservation) | outcome(reply), 201)

    async def cancel(self, call: Call) -> Answer:
        """Let one go; the answer says how the station took it."""
        number = call.path["reservation_id"]
        if not number.isdecimal():
            raise NotFound("There is no such reservation")
        try:
            reservation, reply = await self._reservations.cancel(call.path["identity"], int(number))
        except (UnknownChargePoint, UnknownReservation):
            raise NotFound("There is no such reservation") from None
        return Answer(_shown(reservation) | outcome(reply))

    def routes(self) -> list[Route]:
        """The calls."""
        base = "/charge-points/{identity}/reservations"
        return [
            Route(
                "GET",
                base,
                "Reservations, newest first: id, status; those of partners with their id",
                self.listing,
                answers={200: "the reservations", **_UNKNOWN},
            ),
            Route(
                "POST",
                base,
                "Reserve for a token",
                self.make,
                body=ReservationBody,
                answers={201: "the reservation, ACTIVE or REJECTED, with the outcome", **_UNKNOWN},
                timeout=60.0,
            ),
            Route(
                "DELETE",
                base + "/{reservation_id}",
                "Cancel a reservation",
                self.cancel,
                answers={200: "the reservation, with the outcome", 404: "unknown reservation"},
                timeout=60.0,
            ),
        ]


def _shown(reservation: Reservation) -> dict[str, Any]:
    return {
        "id": reservation.id,
        "status": reservation.status,
        "evse_id": reservation.evse_id,
        "token": {"uid": reservation.id_token, "type": reservation.token_type},
        "group_id": reservation.group_id,
        "requested_at": to_text(reservation.requested_at),
        "expires_at": to_text(reservation.expires_at),
        "accepted_at": _text(reservation.accepted_at),
        "used_at": _text(reservation.used_at),
        "ended_at": _text(reservation.ended_at),
        "word": reservation.word,
        "partner": _partner(reservation.ordered),
    }


def _partner(ordered: Ordered | None) -> dict[str, Any] | None:
    """Who has ordered it and by what id; None for the operator's own."""
    if ordered is None:
        return None
    return {"id": ordered.partner_id, "reservation_id": ordered.reservation_id}


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else to_text(moment)
