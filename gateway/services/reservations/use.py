"""Which reservation led to a transaction, and what was there when that began.

"A reservation [...] ends when the driver starts charging on the reserved EVSE/Location"
(mod_tariffs TariffRestrictions), and the transaction goes on with its Session, its time and its
tariff: the CDR's are those of "the moment in time the underlying session was started" (mod_cdrs),
which with a reservation is the start of that. It leads to one transaction, and only whoever it was
made for pays for its time. Not every station names it: "when the incoming idTag or the parent idTag
match" it is used all the same (1.6, 5.13).
"""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
import structlog

from gateway.domain import flags
from gateway.domain.bills.sessions import Site
from gateway.domain.reservations import (
    Reservation,
    ReservationStatus,
    Reserved,
    ReservedStart,
    is_same,
)
from gateway.domain.transactions import Transaction
from gateway.services.billing.sites import Choice, Sites, running
from gateway.services.charging.remote_starts import GRACE
from gateway.services.reservations.settling import read
from gateway.services.stations.station_state import RunningTransaction, StationState
from gateway.store import Conflict, Store, StoreError

log = structlog.get_logger(__name__)

_ATTEMPTS = 10


class ReservationUse:
    """Finds them and has them used."""

    def __init__(self, store: Store, sites: Sites, now: Callable[[], datetime]) -> None:
        self._store = store
        self._sites = sites
        self._now = now

    async def begin(self, state: StationState, run: RunningTransaction) -> None:
        """Have a transaction begin with its reservation, if it has one that it may pay for.

        That it is used is written at once: nobody else ends or bills it from then on. The rest
        goes with the transaction's own change. If it has ended and was billed just now, its Session
        is not the transaction's: "no more modifications".
        """
        if run.reserved is not None or not run.transaction.billable:
            return
        known = await self._all(state)
        for one in _fitting(known, run.transaction):
            used = await self._taken(state, run.transaction, one.id)
            if used is not None:
                run.reserved = Reserved(used.id, used.begun_at, used.expires_at, used.evse_id)
                await self.placed(state, run)
                return
        if any(_is_continued(one, run.transaction) for one in known):
            run.transaction = run.transaction.in_session(str(uuid.uuid4()))

    async def placed(self, state: StationState, run: RunningTransaction) -> bool:
        """Fix where it takes place, with what was there at its start; True if that is known."""
        site = await self._site(state, run)
        if site is None:
            return False
        placed = running(run.transaction.unflagged(flags.NO_LOCATION), site)
        run.transaction, run.site, run.tariff = placed.transaction, placed.site, placed.tariff
        run.site_kept = False
        run.forget_use()
        return True

    async def _site(self, state: StationState, run: RunningTransaction) -> Site | None:
        transaction, reserved = run.transaction, run.reserved
        evse_id, connector_id = transaction.evse_id, transaction.connector_id
        if reserved is None:
            return await self._sites.find(state, evse_id, connector_id, transaction.started_at)
        kept = await self._store.party(state.party).reservations.site(state.identity, reserved.id)
        if kept is not None and reserved.evse_id == evse_id:
            there = msgspec.convert(kept, Choice)
            return await self._sites.at(state, there, evse_id, connector_id)
        return await self._sites.find(state, evse_id, connector_id, reserved.begun_at)

    async def _all(self, state: StationState) -> list[Reservation]:
        stored = await self._store.party(state.party).reservations.all(state.identity)
        return [read(document) for document in stored]

    async def _taken(
        self, state: StationState, transaction: Transaction, reservation_id: int
    ) -> Reservation | None:
        """Write that it is used; None if it is not to be had any more."""
        store = self._store.party(state.party)
        for _ in range(_ATTEMPTS):
            before = await store.reservations.get(state.identity, reservation_id)
            if before is None or not _fitting([read(before)], transaction):
                return None
            used = read(before).used(transaction.started_at, self._now())
            change = store.change(state.fence)
            after = msgspec.to_builtins(used)
            store.reservations.replace(change, state.identity, reservation_id, before, after)
            try:
                await self._store.commit(change)
            except Conflict:
                continue
            return used
        raise StoreError(f"reservation {reservation_id} of {state.identity!r} changes all the time")


def _fitting(known: Sequence[Reservation], transaction: Transaction) -> list[Reservation]:
    """Those that a transaction can have begun with, the likeliest first."""
    fitting = [one for one in known if _is_payer(one, transaction) and _is_its(one, transaction)]
    return sorted(
        fitting,
        key=lambda one: (one.id != transaction.reservation_id, one.evse_id is None, one.begun_at),
    )


def _is_payer(reservation: Reservation, transaction: Transaction) -> bool:
    """Whether it was made for whoever pays for the transaction."""
    holder, ordered = transaction.holder, reservation.ordered
    if holder is None or transaction.token is None:
        return False
    if ordered is None:
        same_token = is_same(reservation.id_token, transaction.token.uid)
        return same_token or is_same(reservation.group_id, holder.group_id)
    owner = ordered.token["country_code"], ordered.token["party_id"]
    return holder.partner_id == ordered.partner_id and owner == (
        holder.country_code,
        holder.party_id,
    )


def _is_continued(reservation: Reservation, transaction: Transaction) -> bool:
    """Whether the transaction was promised to go on with its Session."""
    ordered = reservation.ordered
    return ordered is not None and ordered.session_id == transaction.session_id


def _is_its(reservation: Reservation, transaction: Transaction) -> bool:
    """Whether it is the one: by its number, by its Session, else by token and time."""
    if reservation.used_at is not None:  # told again, after a crash in between
        return reservation.used_at == transaction.started_at
    named = reservation.id == transaction.reservation_id
    continued = _is_continued(reservation, transaction)
    if reservation.status is ReservationStatus.USED:
        return named or continued
    if reservation.is_over:
        return False
    if named or continued:
        return True
    if transaction.reservation_id is not None or transaction.token is None:
        return False
    if reservation.evse_id is None and reservation.begun_at > transaction.started_at + GRACE:
        return False  # made for another EVSE while this one was in use
    holder = transaction.holder
    start = ReservedStart(
        transaction.evse_id,
        transaction.token.uid,
        transaction.started_at,
        None if holder is None else holder.group_id,
    )
    return reservation.as_of(start.at).may_be_used_by(start)
