"""The Session of a partner's reservation, before and unless there is charging, and its CDR then.

"When a EV driver makes a Reservation for a Charge Point/EVSE, the Sender SHALL create a new Session
object with status = RESERVED" (2.2.1 mod_sessions 9.1.4; the enum's word is RESERVATION). "When a
reservation results in a charging session for the same Token, the Session object status to: ACTIVE":
the transaction takes over its id. "When a reservation does not result in a charging session, the
Session object status SHALL be set to: COMPLETED. A CDR might be created even if no energy was
transferred to the EV, just for the costs of the reservation": it is where there are any.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
import structlog

from gateway.domain.bills.cdrs import cdr_object
from gateway.domain.bills.sessions import SessionStatus, Site, charging_periods, price_object
from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.party import Party
from gateway.domain.pricing import Bill, InvalidUsage, Money, Usage, price
from gateway.domain.reservations import Ordered, Reservation, ReservationStatus, reserved_period
from gateway.domain.timestamps import to_text
from gateway.domain.tokens import AuthMethod, AuthorizationStatus
from gateway.domain.transactions import TokenSeen, Transaction, TransactionState
from gateway.domain.values import dataclass
from gateway.services.access.authorization import holder_of
from gateway.services.billing.sites import Choice, Sites, running
from gateway.store import Change, Store

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Unused:
    """A reservation without charging, as a CDR is made of it."""

    transaction: Transaction
    site: Site
    bill: Bill

    @property
    def costs(self) -> bool:
        return bool(self.bill.total_cost.after_taxes)


class ReservationSessions:
    """Adds the Sessions of reservations to changes, and the CDRs of those that were not used."""

    def __init__(self, store: Store, sites: Sites) -> None:
        self._store = store
        self._sites = sites

    async def begin(
        self,
        change: Change,
        party: Party,
        reservation: Reservation,
        there: Choice | None,
        now: datetime,
    ) -> None:
        """Write it when the station has accepted the reservation; again when it was replaced.

        `there` is what it will be priced by. Not if charging has begun already; a `Conflict` if
        that happens meanwhile.
        """
        ordered = reservation.ordered
        if ordered is None:
            return
        sessions = self._store.party(party).sessions
        known = await sessions.get(ordered.session_id)
        if known is not None and known["status"] != SessionStatus.RESERVATION:
            return
        sessions.expect(change, ordered.session_id, known)
        session: dict[str, Any] = {
            "country_code": party.country_code,
            "party_id": party.party_id,
            "id": ordered.session_id,
            "start_date_time": to_text(reservation.begun_at),
            "kwh": Decimal(0),
            "cdr_token": {
                name: ordered.token[name]
                for name in ("country_code", "party_id", "uid", "type", "contract_id")
            },
            "auth_method": AuthMethod.COMMAND.value,
            "location_id": ordered.location_id,
            "evse_uid": ordered.evse_uid,
            "connector_id": ordered.connector_id,
            "currency": self._currency(party, ordered, there),
            "status": SessionStatus.RESERVATION.value,
            "last_updated": to_text(now),
        }
        if ordered.authorization_reference is not None:
            session["authorization_reference"] = ordered.authorization_reference
        self._put(change, party, ordered, session, now)

    async def end(
        self,
        change: Change,
        party: Party,
        identity: str,
        reservation: Reservation,
        now: datetime,
    ) -> None:
        """Complete it, unless charging has begun; a `Conflict` if that happens meanwhile.

        With its CDR where it costs something: an unused one by the tariff, one that the operator
        or the station has taken back nothing.
        """
        ordered = reservation.ordered
        if ordered is None:
            return
        sessions = self._store.party(party).sessions
        known = await sessions.get(ordered.session_id)
        if known is None or known["status"] != SessionStatus.RESERVATION:
            return
        sessions.expect(change, ordered.session_id, known)
        completed = known | {
            "status": SessionStatus.COMPLETED.value,
            "end_date_time": to_text(reservation.ended_at or now),
            "last_updated": to_text(now),
        }
        unused = await self._unused(party, identity, reservation)
        if unused is not None:
            completed["charging_periods"] = charging_periods(unused.bill.periods)
            completed["currency"] = unused.site.currency
            completed["total_cost"] = price_object(unused.bill.total_cost)
        elif reservation.status is ReservationStatus.CANCELLED:
            completed["total_cost"] = price_object(Money())  # "0.00 means free of charge"
        self._put(change, party, ordered, completed, now)
        if unused is not None and unused.costs:
            self._put_cdr(change, party, ordered, unused, now)

    async def costs(self, party: Party, identity: str, reservation: Reservation) -> bool:
        """Whether an unused one is to be paid."""
        unused = await self._unused(party, identity, reservation)
        return unused is not None and unused.costs

    # --- inside ---------------------------------------------------------------------------

    async def _unused(
        self, party: Party, identity: str, reservation: Reservation
    ) -> _Unused | None:
        """What it costs without charging; None if nothing is due, or nobody knows."""
        ordered, ended_at = reservation.ordered, reservation.ended_at
        if ordered is None or ended_at is None or not reservation.is_due:
            return None
        kept = await self._store.party(party).reservations.site(identity, reservation.id)
        if kept is None:
            return None
        site = self._sites.site(party, msgspec.convert(kept, Choice))
        run = running(_transaction(identity, reservation, ordered, ended_at), site)
        self._sites.choose(run)
        if run.site is None or run.tariff is None:
            return None
        period = reserved_period(reservation.begun_at, ended_at, run.site.tariff_id)
        if period is None:
            return None
        try:
            usage = Usage(
                reservation.begun_at,
                ended_at,
                period[:1],
                run.site.time_zone,
                cancelled=reservation.was_cancelled,
            )
        except InvalidUsage as error:
            log.warning("reservation not priced", session=ordered.session_id, error=str(error))
            return None
        return _Unused(run.transaction, run.site, price(run.tariff, usage))

    def _currency(self, party: Party, ordered: Ordered, there: Choice | None) -> str:
        if there is None:
            return ordered.currency
        site = self._sites.site(party, there)
        return ordered.currency if site.tariff is None else site.currency

    def _put(
        self,
        change: Change,
        party: Party,
        ordered: Ordered,
        session: dict[str, Any],
        now: datetime,
    ) -> None:
        store, id_ = self._store.party(party), ordered.session_id
        store.sessions.put(change, id_, session, updated=now, partner_id=ordered.partner_id)
        store.owed.mark(change, [ordered.partner_id], ObjectRef(ObjectKind.SESSION, id_))

    def _put_cdr(
        self, change: Change, party: Party, ordered: Ordered, unused: _Unused, now: datetime
    ) -> None:
        store, id_ = self._store.party(party), unused.transaction.cdr_id
        cdr = cdr_object(unused.transaction, unused.site, unused.bill, now=now)
        # "#NA when this CDR is created for a reservation that never resulted in a charging session"
        cdr["cdr_location"]["connector_id"] = ordered.connector_id
        store.cdrs.expect(change, id_, None)
        store.cdrs.put(change, id_, cdr, updated=now, partner_id=ordered.partner_id)
        store.owed.mark(change, [ordered.partner_id], ObjectRef(ObjectKind.CDR, id_))
        log.info("reservation billed without charging", session=id_)


def _transaction(
    identity: str, reservation: Reservation, ordered: Ordered, ended_at: datetime
) -> Transaction:
    """The transaction that there was not: of no energy, for as long as the EVSE was kept."""
    return Transaction(
        identity=identity,
        id=f"reservation {reservation.id}",
        evse_id=reservation.evse_id or 0,
        started_at=reservation.begun_at,
        session_id=ordered.session_id,
        cdr_id=ordered.session_id,
        state=TransactionState.ENDED,
        token=TokenSeen(ordered.token["uid"], reservation.token_type),
        holder=holder_of(ordered.token, ordered.partner_id),
        authorization=AuthorizationStatus.ACCEPTED,
        auth_method=AuthMethod.COMMAND,
        authorization_reference=ordered.authorization_reference,
        stopped_at=ended_at,
        reservation_id=reservation.id,
    )
