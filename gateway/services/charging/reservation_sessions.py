"""The Session of a partner's reservation, before and unless there is charging.

"When a EV driver makes a Reservation for a Charge Point/EVSE, the Sender SHALL create a new Session
object with status = RESERVED" (2.2.1 mod_sessions 9.1.4; the enum's word is RESERVATION). "When a
reservation results in a charging session for the same Token, the Session object status to: ACTIVE":
the transaction takes over its id. "When a reservation does not result in a charging session, the
Session object status SHALL be set to: COMPLETED."
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.ocpi_objects import SessionStatus
from gateway.domain.party import Party
from gateway.domain.reservations import Ordered, Reservation
from gateway.domain.timestamps import to_text
from gateway.domain.tokens import AuthMethod
from gateway.store import Change, Store


class ReservationSessions:
    """Adds the Sessions of reservations to changes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def begin(
        self, change: Change, party: Party, reservation: Reservation, now: datetime
    ) -> None:
        """Write it when the station has accepted the reservation; again when it was replaced.

        Not if charging has begun already; a `Conflict` if that happens meanwhile.
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
            "start_date_time": to_text(reservation.requested_at),
            "kwh": Decimal(0),
            "cdr_token": {
                name: ordered.token[name]
                for name in ("country_code", "party_id", "uid", "type", "contract_id")
            },
            "auth_method": AuthMethod.COMMAND.value,
            "location_id": ordered.location_id,
            "evse_uid": ordered.evse_uid,
            "connector_id": ordered.connector_id,
            "currency": ordered.currency,
            "status": SessionStatus.RESERVATION.value,
            "last_updated": to_text(now),
        }
        if ordered.authorization_reference is not None:
            session["authorization_reference"] = ordered.authorization_reference
        self._put(change, party, ordered, session, now)

    async def end(
        self, change: Change, party: Party, reservation: Reservation, now: datetime
    ) -> None:
        """Complete it, unless charging has begun; a `Conflict` if that happens meanwhile."""
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
            "end_date_time": to_text(now),
            "last_updated": to_text(now),
        }
        self._put(change, party, ordered, completed, now)

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
