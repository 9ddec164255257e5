"""From a transaction to its OCPI Session and CDR, priced by what was fixed at its start."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from time import monotonic
from typing import Any

import structlog

from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.flags import HOLDING
from gateway.domain.ocpi_cdrs import cdr_object
from gateway.domain.ocpi_objects import SessionStatus, session_object, usage
from gateway.domain.party import Party
from gateway.domain.pricing import Bill, InvalidUsage, Usage, price
from gateway.domain.transactions import Transaction
from gateway.services.charging.sites import Sites
from gateway.services.stations.station_state import RunningTransaction
from gateway.store import Change, Store

log = structlog.get_logger(__name__)


class Billing:
    """Adds sessions and CDRs to a change."""

    def __init__(
        self,
        store: Store,
        currency: str,
        now: Callable[[], datetime],
        session_interval: float = 0.0,
    ) -> None:
        self._store = store
        self._now = now
        self.sites = Sites(store, currency, now)
        self.session_interval = session_interval

    def session_due(self, run: RunningTransaction) -> bool:
        """Whether a running Session may be written again.

        Meter values are kept with every message; the Session that is made of them, priced and
        pushed, follows at most once per interval, and always when something else changes.
        """
        return self.elapsed() - run.session_at >= self.session_interval

    def elapsed(self) -> float:
        """Seconds, of no meaning but for their differences."""
        return monotonic()

    def bill(self, run: RunningTransaction) -> Bill | None:
        """What a transaction costs as it stands; None while nobody is to be billed."""
        if run.site is None or not run.transaction.billable:
            return None
        priced = self._priced(run)
        return None if priced is None else priced[1]

    def session(self, change: Change, party: Party, run: RunningTransaction) -> Bill | None:
        """Write the Session as it stands; None while nobody is to be billed."""
        transaction, site = run.transaction, run.site
        if site is None or not transaction.billable:
            return None
        priced = self._priced(run)
        if priced is None:
            if transaction.is_settled:  # no Session runs for good
                self.withdraw(change, party, run)
            return None
        now, (used, bill) = self._now(), priced
        session = session_object(transaction, site, bill=bill, priced=used, now=now)
        self._put_session(change, party, transaction, session, now)
        run.session_at = self.elapsed()
        return bill

    def withdraw(self, change: Change, party: Party, run: RunningTransaction) -> None:
        """Declare a Session invalid: nobody will be billed for it."""
        transaction, site = run.transaction, run.site
        priced = None if site is None else self._priced(run) or _priced_at_nothing(run)
        if site is None or priced is None:
            return
        now, (used, bill) = self._now(), priced
        session = session_object(transaction, site, bill=bill, priced=used, now=now)
        session |= {"status": SessionStatus.INVALID.value, "kwh": Decimal(0)}
        session |= {"charging_periods": [], "total_cost": None}
        withdrawn = {name: value for name, value in session.items() if value is not None}
        self._put_session(change, party, transaction, withdrawn, now)

    def _put_session(
        self,
        change: Change,
        party: Party,
        transaction: Transaction,
        session: dict[str, Any],
        now: datetime,
    ) -> None:
        store = self._store.party(party)
        partner_id = _partner(transaction)
        store.sessions.put(
            change, transaction.session_id, session, updated=now, partner_id=partner_id
        )
        if partner_id is not None:
            ref = ObjectRef(ObjectKind.SESSION, transaction.session_id)
            store.owed.mark(change, [partner_id], ref)

    def cdr(self, change: Change, party: Party, run: RunningTransaction) -> bool:
        """Write the CDR of an ended transaction; False if it is held or nobody is to be billed."""
        transaction, site = run.transaction, run.site
        if site is None or not transaction.billable or HOLDING.intersection(transaction.flags):
            return False
        priced = self._priced(run)
        if priced is None:
            return False
        now, (used, bill) = self._now(), priced
        if run.tariff is not None and not bill.priced:
            return False
        cdr = cdr_object(transaction, site, bill=bill, priced=used, now=now)
        store = self._store.party(party)
        partner_id = _partner(transaction)
        store.cdrs.put(change, transaction.cdr_id, cdr, updated=now, partner_id=partner_id)
        if partner_id is not None:
            store.owed.mark(change, [partner_id], ObjectRef(ObjectKind.CDR, transaction.cdr_id))
        return True

    def _priced(self, run: RunningTransaction) -> tuple[Usage, Bill] | None:
        """What was used and what it costs; None where it cannot be priced (held, not guessed)."""
        assert run.site is not None  # noqa: S101 - both callers have looked
        try:
            used = usage(run.transaction, run.site)
        except InvalidUsage as error:
            log.warning("not priced", session=run.transaction.session_id, error=str(error))
            return None
        return used, price(run.tariff, used)


def _priced_at_nothing(run: RunningTransaction) -> tuple[Usage, Bill] | None:
    """Nothing used, at the start; None where even that is no time."""
    assert run.site is not None  # noqa: S101 - the caller has looked
    start = run.transaction.started_at
    try:
        used = Usage(start=start, end=start, periods=(), time_zone=run.site.time_zone)
    except InvalidUsage:
        return None
    return used, price(run.tariff, used)


def _partner(transaction: Transaction) -> str | None:
    return None if transaction.holder is None else transaction.holder.partner_id
