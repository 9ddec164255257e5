"""The signed meter values of a transaction, found again when its CDR is made.

They are kept where everything that was said is kept, in the transaction's log. A key that no value
brought along is the one that the station tells of.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import msgspec
import structlog

from gateway.domain import flags
from gateway.domain.metering.meter import Reading
from gateway.domain.metering.public_keys import public_key
from gateway.domain.metering.signed_values import NOTHING_SIGNED, Evidence, evidence
from gateway.domain.transactions import Transaction
from gateway.services.billing.metering_points import MeteringPoints
from gateway.services.stations.station_state import RunningTransaction, StationState
from gateway.services.transaction_log import Entry, Told, readings_of
from gateway.store import Store

log = structlog.get_logger(__name__)

_COMPARED = (flags.SIGNED_DIFFERS, flags.SIGNED_CONTRADICTS)


class SignedMeterValues:
    """Collects what was signed."""

    def __init__(self, store: Store, points: MeteringPoints) -> None:
        self._store = store
        self._points = points

    async def of(
        self, state: StationState, run: RunningTransaction, entries: Sequence[Entry]
    ) -> Evidence:
        """Of a transaction, its log and what is said now."""
        transactions = self._store.party(state.party).transactions
        kept = await transactions.signed(state.identity, run.transaction.id)
        logged = [msgspec.convert(raw, Reading) for entry in kept for raw in readings_of(entry)]
        readings = [one for one in (*logged, *_readings(entries)) if _is_signed(one)]
        if not readings:
            return NOTHING_SIGNED
        boot = await self._points.boot(state)
        found = evidence(readings, vendor=boot.get("vendor") or "")
        if found.left_out:
            log.warning(
                "signed values left out of the CDR",
                charge_point=state.identity,
                transaction=run.transaction.id,
                values=found.left_out,
            )
        return await self._with_key(state, run, found)

    async def _with_key(
        self, state: StationState, run: RunningTransaction, found: Evidence
    ) -> Evidence:
        if found.signed_data is None or not found.needs_key:
            return found
        key = public_key(await self._points.public_key(state, run.transaction.evse_id))
        if key is None:
            return found
        return replace(found, signed_data=found.signed_data | {"public_key": key})


def judged(transaction: Transaction, evidence: Evidence) -> Transaction:
    """With what the signed values say against its bill, unless an operator has corrected that."""
    if transaction.corrected:
        return transaction
    again = transaction.unflagged(flags.METER_ERROR, *_COMPARED)
    if not evidence.usable:
        again = again.flagged(flags.METER_ERROR)
    delivered_wh = transaction.energy.delivered_wh
    if evidence.contradicts(delivered_wh):
        excluded = evidence.excludes(delivered_wh)
        flag = flags.SIGNED_CONTRADICTS if excluded else flags.SIGNED_DIFFERS
        again = again.flagged(flag)
        if flag not in transaction.flags:
            log.warning(
                flags.SIGNED_DIFFERS,
                charge_point=transaction.identity,
                transaction=transaction.id,
                signed_wh=[str(one.wh) for one in evidence.energies],
                billed_wh=str(delivered_wh),
            )
    return again


def _readings(entries: Iterable[Entry]) -> Iterable[Reading]:
    for entry in entries:
        if isinstance(entry, Reading):
            yield entry
        elif isinstance(entry, Told):
            yield from entry.event.readings


def _is_signed(reading: Reading) -> bool:
    return any(one.signed is not None for one in reading.samples)
