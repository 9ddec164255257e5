"""What operators do about bills: release, correct or void a held one, correct one that was sent.

A CDR is made only with its transaction's record, in one change, fenced like everything else about
a charge point; so a decision told twice, or to two nodes, is carried out once. A CDR that exists
"cannot be changed or replaced once sent": it is credited and another one follows it (mod_cdrs,
Credit CDRs), both in that one change. The Session is written together with the first CDR; after
that it is COMPLETED, and "no more modifications will be made" to it (mod_sessions SessionStatus).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from gateway.domain import flags
from gateway.domain.bills.cdr_series import CdrPlace, place_of
from gateway.domain.bills.credit_cdrs import credit_object
from gateway.domain.bills.decisions import Act, Correction, Decision, Measured
from gateway.domain.bills.holding import NAME_OF, UNRELEASABLE
from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.metering.energy import EnergyMeter
from gateway.domain.party import Party
from gateway.domain.transactions import Transaction, UnknownTransaction
from gateway.services.billing.billing import Billing
from gateway.services.billing.running_use import make_anew
from gateway.services.stations.station_state import RunningTransaction, StationState
from gateway.services.transactions.book import TransactionBook
from gateway.store import Change, Conflict, Store

log = structlog.get_logger(__name__)

_AHEAD = timedelta(days=1)  # of our clock, by which no clock can be right

Document = dict[str, Any]


class NotPossible(Exception):
    """The bill is not in the state that the decision needs; the text says why, for a person."""


class BillDecisions:
    """Carries them out where the charge point's state is.

    Everything raises `UnknownTransaction`, `NotPossible` and the store's errors.
    """

    def __init__(
        self,
        store: Store,
        billing: Billing,
        book: TransactionBook,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._billing = billing
        self._book = book
        self._now = now

    async def draft(self, state: StationState, transaction_id: str) -> Document | None:
        """The CDR as it would be if it were released now; None if there could be none."""
        run = await self._found(state, transaction_id)
        return await self._drafted(state, run)

    def reasons(self, transaction: Transaction) -> tuple[str, ...]:
        """The flags that hold its CDR."""
        return self._billing.held_by(transaction)

    async def release(
        self, state: StationState, transaction_id: str, remark: str | None
    ) -> Transaction:
        """Bill a held transaction by what the station has said."""
        async with state.steps:
            run = await self._held(state, transaction_id)
            decision = Decision(
                Act.RELEASED, self._now(), remark, self._billing.held_by(run.transaction)
            )
            await self._bill(state, run, decision)
        return run.transaction

    async def correct(
        self,
        state: StationState,
        transaction_id: str,
        correction: Correction,
        remark: str | None,
        cdr_id: str | None = None,
    ) -> Transaction:
        """Bill a transaction by what an operator says.

        Of one that is billed `cdr_id` is the CDR that is meant, which must not be corrected yet.
        """
        async with state.steps:
            if cdr_id is None:
                run = await self._held(state, transaction_id)
            else:
                run = await self._found(state, transaction_id)
            before = measured(run.transaction)
            after = self._sensible(correction, before)
            reasons = self._billing.held_by(run.transaction) if cdr_id is None else ()
            decision = Decision(Act.CORRECTED, self._now(), remark, reasons, before)
            run.transaction = corrected(run.transaction, after)
            if cdr_id is None:
                await self._bill(state, run, decision)
            else:
                await self._bill_again(state, run, decision, cdr_id)
        return run.transaction

    async def void(
        self, state: StationState, transaction_id: str, remark: str | None
    ) -> Transaction:
        """Decide that nobody will be billed. The Session becomes INVALID."""
        async with state.steps:
            run = await self._held(state, transaction_id)
            decision = Decision(
                Act.VOIDED, self._now(), remark, self._billing.held_by(run.transaction)
            )
            run.transaction = _decided(run.transaction, decision)
            change = self._store.party(state.party).change(state.fence)
            self._billing.withdraw(change, state.party, run)
            await self._commit(state, change, run.transaction)
        return run.transaction

    def _sensible(self, correction: Correction, before: Measured) -> Measured:
        try:
            after = correction.of(before)
        except ValueError as error:
            raise NotPossible(str(error)) from None
        if after.end > self._now() + _AHEAD:
            raise NotPossible("It cannot have ended yet")
        return after

    # --- inside ---------------------------------------------------------------------------

    async def _found(self, state: StationState, transaction_id: str) -> RunningTransaction:
        run = await self._book.find(state, transaction_id)
        if run is None:
            raise UnknownTransaction(transaction_id)
        return run

    async def _held(self, state: StationState, transaction_id: str) -> RunningTransaction:
        run = await self._found(state, transaction_id)
        if not run.transaction.is_held:
            raise NotPossible(_why_not_held(run.transaction))
        return run

    async def _drafted(self, state: StationState, run: RunningTransaction) -> Document | None:
        """The CDR of a transaction as it stands, whatever holds it."""
        unplaced = run.site is None or flags.NO_TARIFF in run.transaction.flags
        if unplaced and not await self._book.placed(state, run):
            return None
        await self._billing.caught_up(state, run)
        if self._billing.bill(run) is None and run.transaction.corrected:
            # what the meter said cannot be brought into the operator's bounds: leave it out
            await make_anew(run, ())
        return self._billing.draft(run)

    async def _bill(self, state: StationState, run: RunningTransaction, decision: Decision) -> None:
        run.transaction = _decided(run.transaction, decision)
        cdr = await self._drafted(state, run)
        lacking = UNRELEASABLE.intersection(run.transaction.flags) - {flags.NOT_PRICED}
        if cdr is None or lacking:
            named = ", ".join(NAME_OF[one] for one in sorted(lacking or {flags.NOT_PRICED}))
            raise NotPossible(f"There can be no bill: {named}")
        transaction = run.transaction.unflagged(flags.NOT_PRICED)
        run.transaction = replace(transaction, billed=True)
        change = self._store.party(state.party).change(state.fence)
        if not run.site_kept:
            self._billing.sites.snapshot(change, state, run)
        self._billing.session(change, state.party, run)
        self._billing.put_cdr(change, state.party, run, cdr)
        await self._commit(state, change, run.transaction)

    async def _bill_again(
        self, state: StationState, run: RunningTransaction, decision: Decision, cdr_id: str
    ) -> None:
        """Credit a CDR, unless that was done before, and make the one that follows it."""
        cdrs = self._store.party(state.party).cdrs
        original = await cdrs.get(cdr_id)
        place = place_of(cdr_id)
        credit, follows = place.credited_by, place.corrected_by
        if original is None or run.transaction.cdr_id.lower() != cdr_id.lower():
            raise NotPossible(f"It was corrected already: the CDR is {run.transaction.cdr_id} now")
        if credit is None or follows is None:
            raise NotPossible("It cannot be corrected once more")
        run.transaction = replace(_decided(run.transaction, decision), cdr_id=follows.id)
        cdr = await self._drafted(state, run)
        if cdr is None:
            raise NotPossible("There can be no bill")
        change = self._store.party(state.party).change(state.fence)
        if await cdrs.get(credit.id) is None:
            credited = credit_object(original, credit.id, decision.at, decision.remark)
            cdrs.expect(change, credit.id, None)
            self._billing.put_cdr(change, state.party, run, credited)
        cdrs.expect(change, follows.id, None)
        self._billing.put_cdr(change, state.party, run, cdr)
        try:
            await self._commit(state, change, run.transaction)
        except Conflict:
            raise NotPossible("It is being credited or corrected just now") from None

    async def _commit(self, state: StationState, change: Change, transaction: Transaction) -> None:
        transactions = self._store.party(state.party).transactions
        transactions.put(
            change,
            state.identity,
            transaction.id,
            transaction,
            is_open=False,
            started=transaction.started_at,
        )
        transactions.hold(change, state.identity, transaction.id, None)
        await self._store.commit(change)
        decision = transaction.decisions[-1]
        log.info(
            "bill decided by the operator",
            act=decision.act.value,
            charge_point=state.identity,
            transaction=transaction.id,
            session=transaction.session_id,
            cdr=transaction.cdr_id if transaction.billed else None,
            remark=decision.remark,
            reasons=list(decision.reasons),
        )


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

    async def credit_of(self, party: Party, cdr_id: str) -> CdrPlace | None:
        """Where its Credit CDR is, if there is one."""
        place = place_of(cdr_id).credited_by
        if place is None or await self._store.party(party).cdrs.get(place.id) is None:
            return None
        return place


def measured(transaction: Transaction) -> Measured:
    """What an ended transaction would be billed for."""
    return Measured(
        transaction.started_at,
        transaction.latest_at,
        transaction.energy.delivered_wh,
        transaction.meter_start_wh,
        transaction.meter_stop_wh,
    )


def corrected(transaction: Transaction, now: Measured) -> Transaction:
    """The record as an operator says that it was; its log still tells when the energy flowed."""
    start_wh = now.meter_start_wh
    if start_wh is None:
        start_wh = transaction.energy.start_wh or now.energy_wh * 0
    energy = EnergyMeter(start_wh, start_wh + now.energy_wh, now.end)
    return replace(
        transaction,
        started_at=now.start,
        stopped_at=now.end,
        energy=energy,
        meter_start_wh=now.meter_start_wh,
        meter_stop_wh=now.meter_stop_wh,
    )


def _decided(transaction: Transaction, decision: Decision) -> Transaction:
    return replace(transaction, decisions=(*transaction.decisions, decision))


def _why_not_held(transaction: Transaction) -> str:
    if transaction.billed:
        return f"It is not held: it was billed by {transaction.cdr_id}"
    if transaction.voided:
        return "It is not held: it was voided"
    if not transaction.is_settled:
        return "It is not held: it runs, or waits for events that are missing"
    return "It is not held: nobody vouched for its token, so there is nobody to bill"
