"""Reservations at charge points: made, cancelled, used, expired.

The record is written before the station is asked, so that a start which comes faster than the
answer finds it. What the station says is what counts; it is asked whatever we believe of it.
"""

import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import structlog

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
from gateway.services.stations.registered import registered
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.store import Change, Conflict, Fence, Store, StoreError

log = structlog.get_logger(__name__)

KEPT = 200  # ended ones per charge point
_STATION_TIMEOUT = 25.0  # seconds
_ATTEMPTS = 10


class UnknownReservation(LookupError):
    """The charge point has no such reservation."""


class Reservations:
    """The reservations of all charge points."""

    def __init__(self, store: Store, router: StationRouter, now: Callable[[], datetime]) -> None:
        self._store = store
        self._router = router
        self._now = now

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
            id=secrets.randbelow(2**31 - 1) + 1,
            evse_id=evse_id,
            id_token=id_token,
            token_type=token_type,
            requested_at=self._now(),
            expires_at=expires_at,
            group_id=group_id,
        )
        await self._add(party, identity, reservation)
        command = ReserveNow(reservation.id, id_token, token_type, expires_at, evse_id, group_id)
        reply = await self._router.execute(identity, command, _STATION_TIMEOUT)
        status = ReservationStatus.ACTIVE if reply.accepted else ReservationStatus.REJECTED
        if reply.outcome is CommandOutcome.TIMEOUT:
            await self._router.execute(
                identity, CancelReservation(reservation.id), _STATION_TIMEOUT
            )
        word = reply.status or reply.outcome.value
        return await self._settle(party, identity, reservation.id, status, word), reply

    async def cancel(self, identity: str, reservation_id: int) -> tuple[Reservation, CommandReply]:
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
            known = await self._settle(party, identity, reservation_id, cancelled, reply.status)
        return known.as_of(self._now()), reply

    async def all(self, identity: str) -> list[Reservation]:
        """Those that the station has answered, newest first. Raises `UnknownChargePoint`."""
        party = (await registered(self._store, identity)).party
        now = self._now()
        stored = await self._store.party(party).reservations.all(identity)
        found = [_read(document).as_of(now) for document in stored]
        answered = [one for one in found if one.status is not None]
        return sorted(answered, key=lambda one: one.requested_at, reverse=True)

    async def ended(self, state: StationState, event: ReservationEnded) -> None:
        """The station let one go of its own accord."""
        status = STATUS_OF_END[event.end]
        await self._reported(state, event.reservation_id, status, event.end.value)

    async def used(self, state: StationState, reservation_id: int) -> None:
        """A transaction began that names it."""
        await self._reported(state, reservation_id, ReservationStatus.USED, None)

    async def started(self, state: StationState, start: ReservedStart) -> None:
        """A transaction began that names none: one for its token, or the token's group, is used.

        Not every station names it; "when the idTag matches" it is used all the same (1.6, 5.13).
        """
        now = self._now()
        stored = await self._store.party(state.party).reservations.all(state.identity)
        known = [_read(document).as_of(now) for document in stored]
        fitting = [one for one in known if one.may_be_used_by(start)]
        if fitting:
            used = min(fitting, key=lambda one: (one.evse_id is None, one.requested_at))
            await self._reported(state, used.id, ReservationStatus.USED, None)

    # --- inside ---------------------------------------------------------------------------

    async def _reported(
        self, state: StationState, reservation_id: int, status: ReservationStatus, word: str | None
    ) -> None:
        try:
            await self._settle(
                state.party, state.identity, reservation_id, status, word, state.fence
            )
        except UnknownReservation:
            log.info("reservation of nobody", charge_point=state.identity, id=reservation_id)

    async def _settle(
        self,
        party: Party,
        identity: str,
        reservation_id: int,
        status: ReservationStatus,
        word: str | None,
        fence: Fence | None = None,
    ) -> Reservation:
        """Write a new status; again if a start or an update of the station came in between.

        Raises `UnknownReservation`, and `StoreError` when there is no end to that.
        """
        reservations = self._store.party(party).reservations
        for _ in range(_ATTEMPTS):
            before = await reservations.get(identity, reservation_id)
            if before is None:
                raise UnknownReservation(str(reservation_id))
            known = _read(before)
            if known.ended_at is not None and status is ReservationStatus.ACTIVE:
                return known  # it was used or let go before the station's answer was here
            settled = known.settled(status, self._now(), word)
            change = self._store.party(party).change(fence)
            after = msgspec.to_builtins(settled)
            reservations.replace(change, identity, reservation_id, before, after)
            try:
                await self._store.commit(change)
            except Conflict:
                continue
            return settled
        raise StoreError(f"reservation {reservation_id} of {identity!r} changes all the time")

    async def _get(self, party: Party, identity: str, reservation_id: int) -> Reservation | None:
        document = await self._store.party(party).reservations.get(identity, reservation_id)
        return None if document is None else _read(document)

    async def _add(self, party: Party, identity: str, reservation: Reservation) -> None:
        change = self._store.party(party).change()
        await self._forget_oldest(change, party, identity)
        document = msgspec.to_builtins(reservation)
        self._store.party(party).reservations.add(change, identity, reservation.id, document)
        await self._store.commit(change)

    async def _forget_oldest(self, change: Change, party: Party, identity: str) -> None:
        reservations = self._store.party(party).reservations
        now = self._now()
        found = [_read(document).as_of(now) for document in await reservations.all(identity)]
        over = [one for one in found if one.ended_at is not None or one.expires_at <= now]
        over.sort(key=lambda one: one.requested_at)
        for reservation in over[: max(0, len(over) - KEPT)]:
            reservations.remove(change, identity, reservation.id)


def _read(document: dict[str, Any]) -> Reservation:
    return msgspec.convert(document, Reservation)
