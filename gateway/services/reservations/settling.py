"""What becomes of a reservation, written together with all that follows from it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from gateway.domain.charge_points import EvseBinding
from gateway.domain.party import Party
from gateway.domain.reservations import Ordered, Reservation, ReservationStatus
from gateway.services.billing.sites import Choice, Sites
from gateway.services.charging.remote_starts import GRACE, RemoteStarts
from gateway.services.reservations.sessions import ReservationSessions
from gateway.store import Change, Conflict, Fence, Store, StoreError

_ATTEMPTS = 10


class UnknownReservation(LookupError):
    """The charge point has no such reservation."""


class Settling:
    """Writes new statuses; a partner's promise, Session and tariff go with them."""

    def __init__(self, store: Store, now: Callable[[], datetime], sites: Sites) -> None:
        self._store = store
        self._now = now
        self._sites = sites
        self._promises = RemoteStarts(store)
        self.sessions = ReservationSessions(store, sites)

    async def settle(
        self,
        party: Party,
        identity: str,
        reservation_id: int,
        status: ReservationStatus,
        word: str | None,
        fence: Fence | None = None,
        *,
        becomes: Reservation | None = None,
        given_up: bool = False,
    ) -> Reservation:
        """Write a new status; again if a start or an update of the station came in between.

        `becomes` is what it is from now on, if that is another than before. Raises
        `UnknownReservation`, and `StoreError` when there is no end to that.
        """
        reservations = self._store.party(party).reservations
        for _ in range(_ATTEMPTS):
            before = await reservations.get(identity, reservation_id)
            if before is None:
                raise UnknownReservation(str(reservation_id))
            known = read(before)
            if known.ended_at is not None and status is ReservationStatus.ACTIVE:
                return known  # it was used or let go before the station's answer was here
            settled = (becomes or known).settled(status, self._now(), word, given_up=given_up)
            change = self._store.party(party).change(fence)
            after = msgspec.to_builtins(settled)
            reservations.replace(change, identity, reservation_id, before, after)
            await self._follow(change, party, identity, known, settled)
            try:
                await self._store.commit(change)
            except Conflict:
                continue
            return settled
        raise StoreError(f"reservation {reservation_id} of {identity!r} changes all the time")

    def order(
        self, change: Change, party: Party, identity: str, number: int, ordered: Ordered
    ) -> None:
        """Have a partner's id mean a reservation."""
        reservations = self._store.party(party).reservations
        partner, sender, id_ = ordered.partner_id, ordered.sender, ordered.reservation_id
        reservations.order(change, partner, sender, id_, (identity, number))

    # --- inside ---------------------------------------------------------------------------

    async def _follow(
        self,
        change: Change,
        party: Party,
        identity: str,
        known: Reservation,
        settled: Reservation,
    ) -> None:
        """What a new status means for the partner's Session, promise, and the clock."""
        if settled.status is ReservationStatus.USED:
            return  # its transaction takes the promise, the Session and the tariff
        store, ordered = self._store.party(party).reservations, settled.ordered
        if settled.status is ReservationStatus.ACTIVE:
            store.wait(change, identity, settled.id, settled.expires_at + GRACE)
            there = await self._fixed(change, party, identity, known, settled)
            if ordered is not None:
                # of two that came at once with one id, it means the one that was accepted
                self.order(change, party, identity, settled.id, ordered)
                await self.sessions.begin(change, party, settled, there, self._now())
            return
        store.wait(change, identity, settled.id, None)
        store.drop_site(change, identity, settled.id)
        if ordered is not None:
            self._promises.released(change, party, identity, settled)
            await self.sessions.end(change, party, identity, settled, self._now())

    async def _fixed(
        self,
        change: Change,
        party: Party,
        identity: str,
        known: Reservation,
        settled: Reservation,
    ) -> Choice | None:
        """Fix what it is priced by, as it is at the start: once, unless it is moved elsewhere."""
        store = self._store.party(party)
        kept = await store.reservations.site(identity, settled.id)
        if kept is not None and known.evse_id == settled.evse_id:
            return msgspec.convert(kept, Choice)
        binding = await self._binding(party, identity, settled)
        there = None if binding is None else await self._sites.there(party, binding)
        if there is not None:
            store.reservations.put_site(change, identity, settled.id, there)
        return there

    async def _binding(
        self, party: Party, identity: str, reservation: Reservation
    ) -> EvseBinding | None:
        """Which EVSE it is for; None where the station chooses."""
        ordered = reservation.ordered
        if ordered is not None:
            return EvseBinding(ordered.location_id, ordered.evse_uid)
        bound = await self._store.party(party).stations.load(identity)
        found = bound.get(f"binding:{reservation.evse_id}")
        return None if found is None else msgspec.convert(found, EvseBinding)


def read(document: dict[str, Any]) -> Reservation:
    """One as it is stored."""
    return msgspec.convert(document, Reservation)
