"""The promises behind remote starts and partners' reservations.

A promise says whom the transaction is for that a station was asked to begin, or whom it keeps an
EVSE free for. It waits at the charge point, is used up by that transaction, and expires by itself.
What it says of the token is not validated again.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.domain.commands import CommandReply
from gateway.domain.party import Party
from gateway.domain.reservations import Reservation
from gateway.store import Change, Conflict, Store

GRACE = timedelta(seconds=5)  # in which a station's start may still be on its way


@dataclass(frozen=True, slots=True)
class Promise:
    """Who is to be billed: `token` is an OCPI Token, `partner_id` None for the operator's own.

    `id_token` is what the station is told, `remote_start_id` the number of the request, None where
    the promise is a reservation's. `session_id` is the Session that the reservation began.
    """

    remote_start_id: int | None
    id_token: str
    evse_id: int | None
    token: Mapping[str, Any]
    partner_id: str | None = None
    authorization_reference: str | None = None
    session_id: str | None = None


class RemoteStarts:
    """Makes promises, and takes back what a station refuses."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def promise(self, party: Party, identity: str, promise: Promise, ttl: float) -> None:
        """Keep one for `ttl` seconds, before the station is asked."""
        remote_starts = self._store.party(party).remote_starts
        await remote_starts.put(identity, str(promise.remote_start_id), _document(promise), ttl)

    async def reserved(
        self, party: Party, identity: str, reservation: Reservation, now: datetime
    ) -> None:
        """Keep one for a partner's reservation, until that ends: its token is vouched for."""
        ordered = reservation.ordered
        if ordered is None:
            return
        promise = Promise(
            None,
            reservation.id_token,
            reservation.evse_id,
            ordered.token,
            ordered.partner_id,
            ordered.authorization_reference,
            ordered.session_id,
        )
        document = _document(promise) | {"reservation_id": reservation.id}
        ttl = (reservation.expires_at + GRACE - now).total_seconds()
        remote_starts = self._store.party(party).remote_starts
        await remote_starts.put(identity, _key(reservation), document, ttl)

    def released(
        self, change: Change, party: Party, identity: str, reservation: Reservation
    ) -> None:
        """A reservation that is over promises nothing."""
        self._store.party(party).remote_starts.take(change, identity, _key(reservation))

    async def answered(
        self, party: Party, identity: str, remote_start_id: int, reply: CommandReply
    ) -> None:
        """A refused start promises nothing; a begun one is known by its transaction (2.x)."""
        remote_starts = self._store.party(party).remote_starts
        change, key = self._store.party(party).change(), str(remote_start_id)
        transaction_id = reply.data.get("transaction_id")
        if not reply.accepted:
            remote_starts.take(change, identity, key)
        elif transaction_id is None:
            return
        else:
            members = {"transaction_id": str(transaction_id)}
            if not await remote_starts.complete(change, identity, key, members):
                return
        with contextlib.suppress(Conflict):  # its transaction was faster
            await self._store.commit(change)


def _document(promise: Promise) -> dict[str, Any]:
    return asdict(promise) | {"token": dict(promise.token)}


def _key(reservation: Reservation) -> str:
    return f"reservation:{reservation.id}"
