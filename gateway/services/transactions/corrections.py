"""What operators do about bills: release, correct or void a held one, correct one that was sent.

A CDR is made only with its transaction's record, in one change, fenced like everything else about
a charge point; so a decision told twice, or to two nodes, is carried out once. A CDR that exists
"cannot be changed or replaced once sent": it is credited and another one follows it (mod_cdrs,
Credit CDRs), both in that one change. The Session is written together with the first CDR; after
that it is COMPLETED, and "no more modifications will be made" to it (mod_sessions SessionStatus).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from gateway.domain import flags
from gateway.domain.bills.cdr_series import place_of
from gateway.domain.bills.credit_cdrs import credit_object
from gateway.domain.bills.decisions import ANY, Act, Correction, Decision, Meant, Measured
from gateway.domain.bills.holding import NAME_OF, UNRELEASABLE, held_by
from gateway.domain.metering.energy import EnergyMeter
from gateway.domain.metering.plausibility import ceiling, is_ahead, seconds_between
from gateway.domain.timestamps import FIRST_YEAR, to_text
from gateway.domain.transactions import Transaction, UnknownTransaction
from gateway.services.billing.billing import Billing
from gateway.services.billing.credits import NotPossible
from gateway.services.billing.running_use import make_anew
from gateway.services.stations.station_state import RunningTransaction, StationState
from gateway.services.transactions.book import TransactionBook
from gateway.services.transactions.clocks import believable
from gateway.store import Change, Conflict, Store

log = structlog.get_logger(__name__)

Document = dict[str, Any]


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
        cdr = await self._drafted(state, run)
        return None if _lacking(run.transaction) else cdr

    def reasons(self, transaction: Transaction) -> tuple[str, ...]:
        """The flags that hold its CDR.

        What `GATEWAY_CDR_RELEASE` lets go by now may have held it before it was set: whatever is
        held has waited for a person since then, and has its reasons.
        """
        return self._billing.held_by(transaction) or held_by(transaction.flags)

    async def release(
        self,
        state: StationState,
        transaction_id: str,
        remark: str | None,
        meant: Meant = ANY,
    ) -> Transaction:
        """Bill a held transaction by what the station has said."""
        async with state.steps:
            run = await self._held(state, transaction_id, meant)
            decision = Decision(Act.RELEASED, self._now(), remark, self.reasons(run.transaction))
            await self._bill(state, run, decision, meant)
        return run.transaction

    async def correct(
        self,
        state: StationState,
        transaction_id: str,
        correction: Correction,
        remark: str | None,
        cdr_id: str | None = None,
        meant: Meant = ANY,
    ) -> Transaction:
        """Bill a transaction by what an operator says.

        Of one that is billed `cdr_id` is the CDR that is meant, which must not be corrected yet.
        """
        async with state.steps:
            if cdr_id is None:
                run = await self._held(state, transaction_id, meant)
            else:
                run = await self._found(state, transaction_id, meant)
            before = measured(run.transaction)
            after = self._sensible(correction, before)
            if not correction.beyond_power:
                await self._check_power(state, run, after)
            reasons = self.reasons(run.transaction) if cdr_id is None else ()
            decision = Decision(Act.CORRECTED, self._now(), remark, reasons, before)
            run.transaction = corrected(run.transaction, after)
            if cdr_id is None:
                await self._bill(state, run, decision, meant)
            else:
                await self._bill_again(state, run, decision, meant, cdr_id)
        return run.transaction

    async def void(
        self,
        state: StationState,
        transaction_id: str,
        remark: str | None,
        meant: Meant = ANY,
    ) -> Transaction:
        """Decide that nobody will be billed. The Session becomes INVALID."""
        async with state.steps:
            run = await self._held(state, transaction_id, meant)
            decision = Decision(Act.VOIDED, self._now(), remark, self.reasons(run.transaction))
            run.transaction = _decided(run.transaction, decision)
            change = self._store.party(state.party).change(state.fence)
            self._billing.withdraw(change, state.party, _told(run, meant))
            await self._commit(state, change, run.transaction)
        return run.transaction

    def _sensible(self, correction: Correction, before: Measured) -> Measured:
        try:
            after = correction.of(before)
        except ValueError as error:
            raise NotPossible(str(error)) from None
        if is_ahead(after.end, self._now()):
            raise NotPossible("It cannot have ended yet")
        timed = correction.start is not None or correction.end is not None
        # a session may have been longer than we believe, but none was in a year before OCPP
        if after.start.year < FIRST_YEAR or (timed and not believable(after.start, after.end)):
            raise NotPossible(
                f"No session lasts from {to_text(after.start)} to {to_text(after.end)}"
            )
        return after

    async def _check_power(
        self, state: StationState, run: RunningTransaction, after: Measured
    ) -> None:
        """A person takes Wh for kWh as easily as a station does (R21)."""
        await self._place(state, run)
        if run.site is None:
            return  # then there is no bill either
        most = ceiling(run.site.connector).most_wh(seconds_between(after.start, after.end))
        if after.energy_wh > most:
            raise NotPossible(
                f"{after.energy_wh / 1000:.3f} kWh is more than the connector can deliver in that "
                f"time ({most / 1000:.3f} kWh): say beyond_power if it is right all the same"
            )

    # --- inside ---------------------------------------------------------------------------

    async def _found(
        self, state: StationState, transaction_id: str, meant: Meant = ANY
    ) -> RunningTransaction:
        run = await self._book.find(state, transaction_id)
        if run is None or not meant.fits(run.transaction.session_id):
            raise UnknownTransaction(transaction_id)
        return run

    async def _held(
        self, state: StationState, transaction_id: str, meant: Meant
    ) -> RunningTransaction:
        run = await self._found(state, transaction_id, meant)
        if not run.transaction.is_held:
            raise NotPossible(_why_not_held(run.transaction))
        return run

    async def _drafted(self, state: StationState, run: RunningTransaction) -> Document | None:
        """The CDR of a transaction as it stands, whatever holds it."""
        if not await self._place(state, run):
            return None
        await self._billing.caught_up(state, run)
        if self._billing.bill(run) is None and run.transaction.corrected:
            # what the meter said cannot be brought into the operator's bounds: leave it out
            await make_anew(run, ())
        return self._billing.draft(run)

    async def _place(self, state: StationState, run: RunningTransaction) -> bool:
        """Whether it is known where it was; looked up again where that was what held it."""
        unplaced = run.site is None or flags.NO_TARIFF in run.transaction.flags
        return not unplaced or await self._book.placed(state, run)

    async def _bill(
        self, state: StationState, run: RunningTransaction, decision: Decision, meant: Meant
    ) -> None:
        run.transaction = _decided(run.transaction, decision)
        cdr = await self._drafted(state, run)
        lacking = _lacking(run.transaction)
        if cdr is None or lacking:
            named = ", ".join(NAME_OF[one] for one in sorted(lacking or {flags.NOT_PRICED}))
            raise NotPossible(f"There can be no bill: {named}")
        transaction = run.transaction.unflagged(flags.NOT_PRICED)
        run.transaction = replace(transaction, billed=True)
        change = self._store.party(state.party).change(state.fence)
        if not run.site_kept:
            self._billing.sites.snapshot(change, state, run)
        told = _told(run, meant)
        self._billing.session(change, state.party, told)
        self._billing.put_cdr(change, state.party, told, cdr)
        await self._commit(state, change, run.transaction)

    async def _bill_again(
        self,
        state: StationState,
        run: RunningTransaction,
        decision: Decision,
        meant: Meant,
        cdr_id: str,
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
        if cdr["tariffs"] != original["tariffs"]:
            # the one at the start of the session counts (ADR 0025); by another it is another bill
            raise NotPossible("It would be priced by another tariff now; it can only be credited")
        told = _told(run, meant)
        change = self._store.party(state.party).change(state.fence)
        if await cdrs.get(credit.id) is None:
            credited = credit_object(original, credit.id, decision.at, decision.remark)
            cdrs.expect(change, credit.id, None)
            self._billing.put_cdr(change, state.party, told, credited)
        cdrs.expect(change, follows.id, None)
        self._billing.put_cdr(change, state.party, told, cdr)
        try:
            await self._commit(state, change, run.transaction)
        except Conflict:
            raise NotPossible("It is being credited or corrected just now") from None

    async def _commit(self, state: StationState, change: Change, transaction: Transaction) -> None:
        self._book.put(state, change, transaction)
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


def _lacking(transaction: Transaction) -> frozenset[str]:
    """What there can be no bill without, beside a price: that is seen when one is made."""
    return UNRELEASABLE.intersection(transaction.flags) - {flags.NOT_PRICED}


def _told(run: RunningTransaction, meant: Meant) -> RunningTransaction:
    """As who pays now is told of it. The record keeps the holder, who decides what it costs."""
    holder = run.transaction.holder
    if holder is None or meant.partner_id is None:
        return run
    holder = replace(holder, partner_id=meant.partner_id)
    return replace(run, transaction=replace(run.transaction, holder=holder))


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
