"""From a transaction to its OCPI Session and CDR, priced by what was fixed at its start."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from time import monotonic
from typing import Any

import structlog

from gateway.domain.bills.cdrs import cdr_object
from gateway.domain.bills.cost import sure_cost
from gateway.domain.bills.holding import NOTHING, held_by
from gateway.domain.bills.sessions import SessionStatus, number, session_object
from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.flags import BEYOND_POWER, CLOCK_WRONG, NOT_PRICED
from gateway.domain.metering.plausibility import is_ahead
from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.domain.pricing import Bill, InvalidUsage
from gateway.domain.pricing.model import check_time
from gateway.domain.transactions import Transaction
from gateway.services.billing.running_use import (
    believable_wh,
    heard,
    is_beyond_power,
    kept_up,
    make_anew,
    not_priced,
    read_up,
)
from gateway.services.billing.session_rhythm import SessionRhythm, nobody
from gateway.services.billing.signed_meter_values import SignedMeterValues, judged
from gateway.services.billing.sites import Sites
from gateway.services.stations.station_state import RunningTransaction, StationState
from gateway.services.transaction_log import Entry, decoded, put_in_turn, unhurried
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
        partner: Callable[[str], Partner | None] = nobody,
        released: frozenset[str] = NOTHING,
    ) -> None:
        self._store = store
        self._now = now
        self.sites = Sites(store, currency, now, partner)
        self.session_interval = session_interval
        self._rhythm = SessionRhythm(partner, self.elapsed)
        self._released = released
        self._signed = SignedMeterValues(store, self.sites.metering_points)

    def session_due(self, run: RunningTransaction) -> bool:
        """Whether a running Session may be written again.

        Meter values are kept with every message; the Session that is made of them, priced and
        pushed, follows at most once per interval, and always when something else changes.
        """
        return self._rhythm.write_due(run, self.session_interval)

    def held_by(self, transaction: Transaction) -> tuple[str, ...]:
        """Which flags hold its CDR, but for those that `GATEWAY_CDR_RELEASE` has released."""
        return held_by(transaction.flags, self._released)

    def sure_cost(self, run: RunningTransaction, bill: Bill | None) -> Decimal | None:
        """What a driver may be told that it costs, taxes included; None while that is doubtful."""
        doubtful = bool(self.held_by(run.transaction)) or self._is_unbelievable(run)
        return sure_cost(run.transaction, bill, held=doubtful and not run.transaction.billed)

    def elapsed(self) -> float:
        """Seconds, of no meaning but for their differences."""
        return monotonic()

    async def caught_up(
        self, state: StationState, run: RunningTransaction, entries: Sequence[Entry] = ()
    ) -> None:
        """See to it that a bill can be made, with what has been said just now.

        Whoever changes the transaction calls it, before `session` or `cdr`.
        """
        self.sites.choose(run)
        heard(run, entries)
        if run.transaction.is_settled and run.transaction.billable:
            run.evidence = await self._signed.of(state, run, entries)
            run.transaction = judged(run.transaction, run.evidence)
        if not run.transaction.is_open:
            sessions = self._store.party(state.party).sessions
            run.kept_session = await sessions.get(run.transaction.session_id)
        if run.site is None or not run.transaction.billable or kept_up(run):
            return
        kept: Sequence[Any] = ()
        if run.entries:
            transactions = self._store.party(state.party).transactions
            kept = await transactions.readings(state.identity, run.transaction.id)
        said = [decoded(one) async for one in unhurried(kept)]
        await make_anew(run, await put_in_turn([*said, *entries]))

    def bill(self, run: RunningTransaction) -> Bill | None:
        """What a transaction costs as it stands.

        None while nobody is to be billed, and of one that is running until its use is known.
        """
        if run.site is None or not run.transaction.billable:
            return None
        return self._bill(run)

    def session(self, change: Change, party: Party, run: RunningTransaction) -> Bill | None:
        """Write the Session as it stands; None while nobody is to be billed.

        What cannot have been is told to nobody (R20, R21): until an operator has decided, the
        Session has no cost, and no more energy than the connector can have delivered.
        """
        transaction, site = run.transaction, run.site
        if site is None or not transaction.billable:
            return None
        run.session_at = self.elapsed()  # of one that cannot be priced as well
        bill = self._bill(run)
        if bill is None:
            if transaction.is_final:  # no Session runs for good
                self.withdraw(change, party, run)
            return None
        now = self._now()
        if not transaction.is_final and self._is_unbelievable(run):
            bill = None
        session = session_object(transaction, site, bill, now=now)
        if bill is None:
            session["kwh"] = number(believable_wh(run, site) / 1000)
        self._put_session(change, party, run, session, now)
        return bill

    def withdraw(self, change: Change, party: Party, run: RunningTransaction) -> None:
        """Declare a Session invalid: nobody will be billed for it."""
        transaction, site = run.transaction, run.site
        if site is None:
            return
        try:
            check_time(transaction.started_at)
        except InvalidUsage:
            return  # there never was one
        now = self._now()
        session = session_object(transaction, site, None, now=now)
        session |= {"status": SessionStatus.INVALID.value, "kwh": Decimal(0)}
        self._put_session(change, party, run, session, now)

    def _put_session(
        self,
        change: Change,
        party: Party,
        run: RunningTransaction,
        session: dict[str, Any],
        now: datetime,
    ) -> None:
        if run.kept_session is not None and _says_the_same(run.kept_session, session):
            return
        store, transaction = self._store.party(party), run.transaction
        partner_id = transaction.partner_id
        store.sessions.put(
            change, transaction.session_id, session, updated=now, partner_id=partner_id
        )
        if partner_id is not None and self._rhythm.owing_due(run, session, self.session_interval):
            ref = ObjectRef(ObjectKind.SESSION, transaction.session_id)
            store.owed.mark(change, [partner_id], ref)

    def cdr(self, run: RunningTransaction) -> dict[str, Any] | None:
        """The CDR of an ended transaction; None if it is held or nobody is to be billed."""
        # whether it cannot be priced is found out anew
        if self.held_by(run.transaction.unflagged(NOT_PRICED)):
            return None
        return self.draft(run)

    def draft(self, run: RunningTransaction) -> dict[str, Any] | None:
        """The same, whatever holds it; None if there can be none."""
        transaction, site = run.transaction, run.site
        if site is None or not transaction.billable:
            return None
        bill = self._bill(run)
        if bill is None or (run.tariff is not None and not bill.priced):
            return None
        return cdr_object(transaction, site, bill, run.evidence, now=self._now())

    def put_cdr(
        self, change: Change, party: Party, run: RunningTransaction, cdr: dict[str, Any]
    ) -> None:
        """Write a CDR of a transaction, and owe it to whoever pays.

        There is none with its id: who believes so, because the outcome of a commit was lost, finds
        it out by a `Conflict`. What was sealed is never written over.
        """
        store, partner_id = self._store.party(party), run.transaction.partner_id
        store.cdrs.expect(change, cdr["id"], None)
        store.cdrs.put(change, cdr["id"], cdr, updated=self._now(), partner_id=partner_id)
        if partner_id is not None:
            store.owed.mark(change, [partner_id], ObjectRef(ObjectKind.CDR, cdr["id"]))

    def _is_unbelievable(self, run: RunningTransaction) -> bool:
        """Whether there was more energy than can have been, or it lasts until long after now."""
        if CLOCK_WRONG not in self._released and is_ahead(run.transaction.latest_at, self._now()):
            return True
        return BEYOND_POWER not in self._released and is_beyond_power(run)

    def _bill(self, run: RunningTransaction) -> Bill | None:
        """None where there is no use that could be priced (held, not guessed)."""
        read_up(run)
        if run.use is None:
            return None
        try:
            return run.use.bill(run.transaction.latest_at, run.transaction.energy.delivered_wh)
        except InvalidUsage as error:
            not_priced(run, error)
            return None


def _says_the_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return {**one, "last_updated": None} == {**other, "last_updated": None}
