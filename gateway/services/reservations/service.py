"""Reservations at charge points: made, cancelled, used, expired.

The record is written before the station is asked, so that a start which comes faster than the
answer finds it. What the station says is what counts; it is asked whatever we believe of it.

Those that a partner has ordered are promised to its token, and have a Session.
"""

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog

from gateway.domain.charge_points import ChargePointRecord
from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.party import Party
from gateway.domain.reservations import (
    STATUS_OF_END,
    CancelReservation,
    Reservation,
    ReservationEnded,
    ReservationStatus,
    ReservedStart,
    ReserveNow,
)
from gateway.domain.tokens import TokenType
from gateway.services.billing.sites import Sites
from gateway.services.charging.remote_starts import GRACE, RemoteStarts
from gateway.services.ports import ReplyTo
from gateway.services.reservations.settling import Settling, UnknownReservation, read
from gateway.services.stations.registered import registered
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.store import Change, Store

log = structlog.get_logger(__name__)

KEPT = 200  # ended ones per charge point
_STATION_TIMEOUT = 25.0  # seconds
_AGAIN = timedelta(minutes=1)  # between two looks for a station that cannot be heard
_LONGEST_SILENCE = timedelta(days=1)
_UNHEARD = "not heard of"


class Reservations:
    """The reservations of all charge points.

    `withdrawn` hears of partners' reservations that somebody else than the partner has cancelled.
    """

    def __init__(
        self, store: Store, router: StationRouter, now: Callable[[], datetime], sites: Sites
    ) -> None:
        self._store = store
        self._router = router
        self._now = now
        self._promises = RemoteStarts(store)
        self._settling = Settling(store, now, sites)
        self.withdrawn: Callable[[Party, Reservation], None] | None = None

    async def reserve(
        self,
        identity: str,
        *,
        evse_id: int | None,
        id_token: str,
        token_type: TokenType,
        expires_at: datetime,
        group_id: str | None = None,
    ) -> tuple[Reservation, CommandReply]:
        """Reserve for a token. Raises `UnknownChargePoint`.

        A station that does not answer may have reserved all the same: it is told to let go.
        """
        party = (await registered(self._store, identity)).party
        reservation = Reservation(
            id=new_number(),
            evse_id=evse_id,
            id_token=id_token,
            token_type=token_type,
            requested_at=self._now(),
            expires_at=expires_at,
            group_id=group_id,
        )
        await self.add(party, identity, reservation)
        reply = await self.ask(party, identity, reservation)
        settled = await self.answered(party, identity, reservation, reply)
        await self.let_go(identity, reservation, reply)
        return settled, reply

    async def add(
        self,
        party: Party,
        identity: str,
        reservation: Reservation,
        instead_of: tuple[str, int] | None = None,
    ) -> None:
        """Keep a new one: a start that comes before the answer will look for it.

        `instead_of` is what the partner's id has meant until now (`place`); a `Conflict` if that
        is no longer so.
        """
        store = self._store.party(party)
        change = store.change()
        await self._forget_oldest(change, party, identity)
        document = msgspec.to_builtins(reservation)
        store.reservations.add(change, identity, reservation.id, document)
        ordered = reservation.ordered
        if ordered is not None:
            until = reservation.expires_at + GRACE
            store.reservations.wait(change, identity, reservation.id, until)
            named = ordered.partner_id, ordered.sender, ordered.reservation_id
            store.reservations.expect_order(change, *named, instead_of)
            self._settling.order(change, party, identity, reservation.id, ordered)
        await self._store.commit(change)

    async def order(self, party: Party, identity: str, reservation: Reservation) -> None:
        """Have a partner's id mean this reservation again."""
        change = self._store.party(party).change()
        if reservation.ordered is not None:
            self._settling.order(change, party, identity, reservation.id, reservation.ordered)
        await self._store.commit(change)

    async def ask(self, party: Party, identity: str, reservation: Reservation) -> CommandReply:
        """Have the station reserve, or replace the reservation that it has by this number."""
        await self._promises.reserved(party, identity, reservation, self._now())
        command = ReserveNow(
            reservation.id,
            reservation.id_token,
            reservation.token_type,
            reservation.expires_at,
            reservation.evse_id,
            reservation.group_id,
        )
        return await self._router.execute(identity, command, _STATION_TIMEOUT)

    async def answered(
        self, party: Party, identity: str, reservation: Reservation, reply: CommandReply
    ) -> Reservation:
        """What became of it. A replacement that was refused leaves the old one as it was."""
        word = reply.status or reply.outcome.value
        if reply.accepted:
            active = ReservationStatus.ACTIVE
            return await self._settling.settle(
                party, identity, reservation.id, active, word, becomes=reservation
            )
        known = await self._get(party, identity, reservation.id)
        if known is not None and known.status is ReservationStatus.ACTIVE:
            await self._promises.reserved(party, identity, known, self._now())
            return known
        rejected = ReservationStatus.REJECTED
        return await self._settling.settle(party, identity, reservation.id, rejected, word)

    async def let_go(self, identity: str, reservation: Reservation, reply: CommandReply) -> None:
        """A station that did not answer may have reserved all the same."""
        if reply.outcome is CommandOutcome.TIMEOUT:
            await self._router.execute(
                identity, CancelReservation(reservation.id), _STATION_TIMEOUT
            )

    async def cancel(
        self, identity: str, reservation_id: int, *, by_partner: bool = False
    ) -> tuple[Reservation, CommandReply]:
        """Cancel one. Raises `UnknownChargePoint`, `UnknownReservation`.

        The station is asked even about one that has ended; it is the station that decides.
        """
        party = (await registered(self._store, identity)).party
        known = await self._get(party, identity, reservation_id)
        if known is None:
            raise UnknownReservation(str(reservation_id))
        command = CancelReservation(reservation_id)
        reply = await self._router.execute(identity, command, _STATION_TIMEOUT)
        if reply.accepted:
            cancelled = ReservationStatus.CANCELLED
            was_over = known.as_of(self._now()).is_over
            known = await self._settling.settle(
                party, identity, reservation_id, cancelled, reply.status, given_up=by_partner
            )
            if not by_partner and not was_over:
                self._told_withdrawn(party, known)
        return known.as_of(self._now()), reply

    async def all(self, identity: str) -> list[Reservation]:
        """Those that the station has answered, newest first. Raises `UnknownChargePoint`."""
        party = (await registered(self._store, identity)).party
        found = await self._all(party, identity)
        answered = [one for one in found if one.status is not None]
        return sorted(answered, key=lambda one: one.requested_at, reverse=True)

    async def ordered(
        self, party: Party, partner_id: str, sender: str, reservation_id: str
    ) -> tuple[str, Reservation] | None:
        """A partner's own reservation and its charge point, by the partner's id; None: unknown."""
        place = await self.place(party, partner_id, sender, reservation_id)
        known = None if place is None else await self._get(party, *place)
        if place is None or known is None:
            return None
        return place[0], known.as_of(self._now())

    async def place(
        self, party: Party, partner_id: str, sender: str, reservation_id: str
    ) -> tuple[str, int] | None:
        """Charge point and number that a partner's id means, or has meant."""
        store = self._store.party(party).reservations
        return await store.ordered(partner_id, sender, reservation_id)

    async def waiting_for(
        self, to: ReplyTo, identity: str, start: ReservedStart, token: Mapping[str, Any]
    ) -> Reservation | None:
        """The reservation of the partner's own token that a start by its command would use."""
        for one in await self._all(to.party, identity):
            ordered = one.ordered
            if ordered is None or ordered.partner_id != to.partner.id:
                continue
            if _owner(ordered.token) == _owner(token) and one.may_be_used_by(start):
                return one
        return None

    # --- what stations and the clock say --------------------------------------------------

    async def ended(self, state: StationState, event: ReservationEnded) -> None:
        """The station let one go of its own accord."""
        status = STATUS_OF_END[event.end]
        settled = await self._reported(state, event.reservation_id, status, event.end.value)
        if settled is not None and settled.status is ReservationStatus.CANCELLED:
            self._told_withdrawn(state.party, settled)

    async def used(self, state: StationState, reservation_id: int) -> None:
        """A transaction began that names it, whoever pays for that (`use`)."""
        await self._reported(state, reservation_id, ReservationStatus.USED, None)

    async def lapse(self, party: Party, identity: str, reservation_id: int) -> None:
        """Its time is over: so is it, unless it was used, and so is a Session without charging.

        What is to be paid for not charging waits for a station that cannot be heard: it may have
        begun to charge, and nobody is billed by guess. If it is not heard for a day, nobody is.
        """
        known = await self._get(party, identity, reservation_id)
        if known is not None and not known.is_over:
            status, word = ReservationStatus.EXPIRED, None
            if await self._may_have_been_used(party, identity, known):
                if self._now() < known.expires_at + _LONGEST_SILENCE:
                    await self._look_again(party, identity, reservation_id)
                    return
                status, word = ReservationStatus.CANCELLED, _UNHEARD
            await self._settling.settle(party, identity, reservation_id, status, word)
            return
        change = self._store.party(party).change()
        reservations = self._store.party(party).reservations
        reservations.wait(change, identity, reservation_id, None)
        reservations.drop_site(change, identity, reservation_id)
        if known is not None:
            await self._settling.sessions.end(change, party, identity, known, self._now())
        await self._store.commit(change)

    async def abandoned(self, record: ChargePointRecord) -> None:
        """The charge point is removed: whoever has a reservation there is told that it is void."""
        for one in await self._all(record.party, record.identity):
            if one.ordered is not None and not one.is_over:
                cancelled = ReservationStatus.CANCELLED
                settled = await self._settling.settle(
                    record.party, record.identity, one.id, cancelled, None
                )
                self._told_withdrawn(record.party, settled)

    # --- inside ---------------------------------------------------------------------------

    async def _may_have_been_used(
        self, party: Party, identity: str, reservation: Reservation
    ) -> bool:
        """Whether charging may have begun unheard, where it matters."""
        expired = reservation.settled(ReservationStatus.EXPIRED, self._now())
        if not await self._settling.sessions.costs(party, identity, expired):
            return False
        route = await self._store.party(party).stations.route(identity)
        return route is None or not await self._store.bus.reaches(route.node_id)

    async def _look_again(self, party: Party, identity: str, reservation_id: int) -> None:
        change = self._store.party(party).change()
        again = self._now() + _AGAIN
        self._store.party(party).reservations.wait(change, identity, reservation_id, again)
        await self._store.commit(change)

    def _told_withdrawn(self, party: Party, reservation: Reservation) -> None:
        if self.withdrawn is not None and reservation.ordered is not None:
            self.withdrawn(party, reservation)

    async def _reported(
        self, state: StationState, reservation_id: int, status: ReservationStatus, word: str | None
    ) -> Reservation | None:
        try:
            return await self._settling.settle(
                state.party, state.identity, reservation_id, status, word, state.fence
            )
        except UnknownReservation:
            log.info("reservation of nobody", charge_point=state.identity, id=reservation_id)
            return None

    async def _all(self, party: Party, identity: str) -> list[Reservation]:
        now = self._now()
        stored = await self._store.party(party).reservations.all(identity)
        return [read(document).as_of(now) for document in stored]

    async def _get(self, party: Party, identity: str, reservation_id: int) -> Reservation | None:
        document = await self._store.party(party).reservations.get(identity, reservation_id)
        return None if document is None else read(document)

    async def _forget_oldest(self, change: Change, party: Party, identity: str) -> None:
        reservations = self._store.party(party).reservations
        now = self._now()
        over = [
            one
            for one in await self._all(party, identity)
            if one.ended_at is not None or one.expires_at <= now
        ]
        over.sort(key=lambda one: one.requested_at)
        for one in over[: max(0, len(over) - KEPT)]:
            reservations.remove(change, identity, one.id)
            if one.ordered is not None:
                named = one.ordered.partner_id, one.ordered.sender, one.ordered.reservation_id
                if await reservations.ordered(*named) == (identity, one.id):
                    reservations.forget_order(change, *named)


def _owner(token: Mapping[str, Any]) -> tuple[str, str]:
    return token["country_code"], token["party_id"]


def new_number() -> int:
    """A number for a station: not guessable, and no partner's."""
    return secrets.randbelow(2**31 - 1) + 1
