"""RESERVE_NOW and CANCEL_RESERVATION: partners' reservations under their own ids.

The station gets a number of ours. "We don't want a Sender (eMSP) to replace or cancel a reservation
of another Sender" (2.2.1 mod_commands 13.3.5): a partner's id means something only together with
the partner and the eMSP. The same id again at the same Location replaces the reservation; at
another Location it is refused, for the id is "unique for this reservation".

A reservation is the operator's offer: an EVSE whose capabilities do not name RESERVABLE has none.
"""

import contextlib
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.domain.bills.sessions import NOT_AVAILABLE
from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.party import Party
from gateway.domain.remote_control import ID_TOKEN_LENGTH, LONGEST_ID_TOKEN
from gateway.domain.reservations import Ordered, Reservation
from gateway.domain.tokens import TokenType, fitted
from gateway.services.charging.in_flight import BUSY, CommandAnswer, InFlight
from gateway.services.charging.targets import (
    NOBODY_THERE,
    RESERVABLE,
    NotOffered,
    Place,
    Target,
    Targets,
)
from gateway.services.ports import CommandResults, ReplyTo, UnknownChargePoint
from gateway.services.reservations.service import Reservations, new_number
from gateway.services.reservations.settling import UnknownReservation
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import Conflict, Store

_ATTEMPTS = 10
_OVER = CommandAnswer("REJECTED", message="expiry_date is in the past")
_ELSEWHERE = CommandAnswer("REJECTED", message="This reservation_id is one at another location")
_NOT_OFFERED = CommandAnswer("NOT_SUPPORTED", message="No EVSE there can be reserved")


@dataclass(frozen=True, slots=True)
class ReserveOrder:
    """OCPI ReserveNow; `token` is a canonical Token document."""

    token: Mapping[str, Any]
    expires_at: datetime
    reservation_id: str
    place: Place
    authorization_reference: str | None = None


class PartnerReservations:
    """Makes and cancels them, and tells partners of those that others cancel."""

    def __init__(
        self,
        store: Store,
        targets: Targets,
        reservations: Reservations,
        results: CommandResults,
        *,
        partners: PartnerDirectory,
        currency: str,
        in_flight: InFlight,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._targets = targets
        self._reservations = reservations
        self._results = results
        self._partners = partners
        self._currency = currency
        self._in_flight = in_flight
        self._now = now
        reservations.withdrawn = self._withdrawn

    async def reserve_now(self, to: ReplyTo, order: ReserveOrder) -> CommandAnswer:
        """RESERVE_NOW. Raises `UnknownLocation`."""
        if order.expires_at <= self._now():
            return _OVER
        for _ in range(_ATTEMPTS):
            # of two with one id that come at once, the later one is to replace the first
            with contextlib.suppress(Conflict):
                return await self._reserve_now(to, order)
        return BUSY

    async def cancel_reservation(self, to: ReplyTo, reservation_id: str) -> CommandAnswer | None:
        """CANCEL_RESERVATION; None if this party knows no such reservation.

        One that has ended is asked for too: it is the station that decides.
        """
        known = await self._known(to, reservation_id)
        if known is None:
            return None
        if self._in_flight.full:
            return BUSY
        identity, number = known[0], known[1].id

        async def report(reply: CommandReply) -> None:
            await self._results.send(to, reply.outcome)

        self._in_flight.begin(
            "CANCEL_RESERVATION", identity, lambda: self._cancelled(identity, number), report
        )
        return CommandAnswer("ACCEPTED")

    # --- inside ---------------------------------------------------------------------------

    async def _reserve_now(self, to: ReplyTo, order: ReserveOrder) -> CommandAnswer:
        named = to.partner.id, str(to.sender or ""), order.reservation_id
        place = await self._reservations.place(to.party, *named)
        known = await self._known(to, order.reservation_id)
        known = None if known is None or known[1].is_over else known
        if known is not None and not _is_at(known[1], order.place):
            return _ELSEWHERE
        try:
            target = await self._target(to.party, order, known[1] if known else None)
        except NotOffered:
            return _NOT_OFFERED
        if target is None:
            return NOBODY_THERE
        if self._in_flight.full:
            return BUSY
        replaced = known[1] if known is not None and known[0] == target.identity else None
        reservation = await self._reservation(to, order, target, replaced)
        if replaced is None:
            await self._reservations.add(to.party, target.identity, reservation, place)
        left = known if replaced is None else None
        self._carry_out(to, target.identity, reservation, left)
        return CommandAnswer("ACCEPTED")

    async def _known(self, to: ReplyTo, reservation_id: str) -> tuple[str, Reservation] | None:
        return await self._reservations.ordered(
            to.party, to.partner.id, str(to.sender or ""), reservation_id
        )

    async def _target(
        self, party: Party, order: ReserveOrder, known: Reservation | None
    ) -> Target | None:
        """Where: what the partner names, else the EVSE that is kept for it already."""
        place = order.place
        if place.evse_uid is None and known is not None and known.ordered is not None:
            place = Place(place.location_id, known.ordered.evse_uid)
        return await self._targets.find(party, place, offering=RESERVABLE)

    async def _reservation(
        self, to: ReplyTo, order: ReserveOrder, target: Target, replaced: Reservation | None
    ) -> Reservation:
        before = replaced.ordered if replaced is not None else None
        connectors = target.evse["connectors"]
        ordered = Ordered(
            partner_id=to.partner.id,
            sender=str(to.sender or ""),
            reservation_id=order.reservation_id,
            response_url=to.url,
            location_id=order.place.location_id,
            evse_uid=target.evse["uid"],
            # "when ... no connector yet assigned" (mod_sessions 9.3.1)
            connector_id=connectors[0]["id"] if len(connectors) == 1 else NOT_AVAILABLE,
            token=dict(order.token),
            session_id=before.session_id if before is not None else str(uuid.uuid4()),
            currency=await self._currency_at(to.party, target),
            authorization_reference=order.authorization_reference,
        )
        longest = ID_TOKEN_LENGTH.get(target.protocol, LONGEST_ID_TOKEN)
        return Reservation(
            id=replaced.id if replaced is not None else new_number(),
            evse_id=target.evse_id,
            id_token=fitted(str(order.token["uid"]), longest),
            token_type=TokenType(order.token["type"]),
            requested_at=replaced.requested_at if replaced is not None else self._now(),
            expires_at=order.expires_at,
            group_id=order.token.get("group_id"),
            ordered=ordered,
            accepted_at=replaced.accepted_at if replaced is not None else None,
        )

    async def _currency_at(self, party: Party, target: Target) -> str:
        ids = [id_ for one in target.evse["connectors"] for id_ in one.get("tariff_ids") or ()]
        for tariff in await self._store.party(party).tariffs.get_many(ids):
            if tariff is not None:
                return str(tariff["currency"])
        return self._currency

    def _carry_out(
        self,
        to: ReplyTo,
        identity: str,
        reservation: Reservation,
        left: tuple[str, Reservation] | None,
    ) -> None:
        """`left` is the reservation of the same id at another charge point of the Location."""

        async def work() -> CommandReply:
            return await self._reservations.ask(to.party, identity, reservation)

        async def settle(reply: CommandReply) -> None:
            await self._reservations.answered(to.party, identity, reservation, reply)
            if not reply.accepted and left is not None:
                await self._reservations.order(to.party, *left)  # the one before stays what it was

        async def report(reply: CommandReply) -> None:
            await self._results.send(to, reply.outcome)

        async def then(reply: CommandReply) -> None:
            await self._reservations.let_go(identity, reservation, reply)
            if reply.accepted and left is not None:
                await self._cancelled(left[0], left[1].id)

        self._in_flight.begin("RESERVE_NOW", identity, work, report, settle=settle, then=then)

    async def _cancelled(self, identity: str, number: int) -> CommandReply:
        try:
            _, reply = await self._reservations.cancel(identity, number, by_partner=True)
        except (UnknownChargePoint, UnknownReservation):
            return CommandReply(CommandOutcome.UNKNOWN_RESERVATION)
        return reply

    def _withdrawn(self, party: Party, reservation: Reservation) -> None:
        """ "To Cancel a reservation the CPO call the Senders interface with the same URL"."""
        ordered = reservation.ordered
        partner = self._partners.get(ordered.partner_id) if ordered is not None else None
        if partner is None or ordered is None:
            return
        sender = Party.parse(ordered.sender) if ordered.sender else None
        to = ReplyTo(partner, party, ordered.response_url, sender)

        async def tell() -> None:
            await self._results.cancelled(to)

        self._in_flight.spawn(tell())


def _is_at(reservation: Reservation, place: Place) -> bool:
    ordered = reservation.ordered
    return ordered is not None and ordered.location_id.lower() == place.location_id.lower()
