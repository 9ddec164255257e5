"""Credit CDRs: a CDR that was made is taken back (mod_cdrs, Credit CDRs)."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog

from gateway.domain.bills.cdr_series import place_of
from gateway.domain.bills.credit_cdrs import credit_object
from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.party import Party
from gateway.store import Conflict, Store

log = structlog.get_logger(__name__)

Document = dict[str, Any]


class NotPossible(Exception):
    """The bill is not in the state that the decision needs; the text says why, for a person."""


class CreditCdrs:
    """Takes CDRs back. Of what they are made does not matter: the whole CDR is credited."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    async def credit(
        self, party: Party, cdr: Document, partner_id: str | None, remark: str | None
    ) -> Document:
        """Make the Credit CDR of a stored CDR, once. Raises `NotPossible`, and `StoreError`."""
        if cdr.get("credit"):
            raise NotPossible("It is a Credit CDR itself")
        place = place_of(cdr["id"]).credited_by
        if place is None:
            raise NotPossible("Its id is too long for a Credit CDR's")
        books, now = self._store.party(party), self._now()
        credited = credit_object(cdr, place.id, now, remark)
        change = books.change()
        books.cdrs.expect(change, place.id, None)
        books.cdrs.put(change, place.id, credited, updated=now, partner_id=partner_id)
        if partner_id is not None:
            books.owed.mark(change, [partner_id], ObjectRef(ObjectKind.CDR, place.id))
        try:
            await self._store.commit(change)
        except Conflict:
            raise NotPossible(f"It was credited already, by {place.id}") from None
        log.info("cdr credited by the operator", cdr=cdr["id"], credit=place.id, remark=remark)
        return credited
