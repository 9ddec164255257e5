"""The use of a running transaction: it keeps up with what is said, or is made anew from the log.

What comes in turn is added. After a restart, after words out of turn, and where a record has taken
another course than its readings (a stop below the last one, the operator's correction), the whole
log is gone through again, within the limits that the record sets: a bill is always for what the
record says was delivered until its end.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

import structlog

from gateway.domain.bills.sessions import Site
from gateway.domain.events import ChargingState
from gateway.domain.metering.meter import Reading
from gateway.domain.metering.plausibility import ceiling, seconds_between
from gateway.domain.metering.use import Limits, MeteredUse
from gateway.domain.pricing import InvalidUsage, Reckoning
from gateway.services.stations.station_state import RunningTransaction
from gateway.services.transaction_log import Entry, Switched, Told, unhurried

log = structlog.get_logger(__name__)

_MOST_UNREAD = 32


def heard(run: RunningTransaction, entries: Iterable[Entry]) -> None:
    """Note what was said; it is gone through when there is to be a bill, or when it is much."""
    if run.use is None:
        return
    run.unread.extend(entries)
    if len(run.unread) >= _MOST_UNREAD:
        read_up(run)


def kept_up(run: RunningTransaction) -> bool:
    """Whether the use is as the record has it; if not, it is to be made anew."""
    use, transaction = run.use, run.transaction
    if use is None or use.limited or not transaction.in_order:
        return False
    if use.start != transaction.started_at:
        return False
    read_up(run)
    return run.use is not None and use.fits(transaction.latest_at, transaction.energy.delivered_wh)


def read_up(run: RunningTransaction) -> None:
    """Go through what was said since."""
    if run.use is None or not run.unread:
        return
    try:
        _tell(run.use, _moments(run.unread))
    except InvalidUsage as error:
        not_priced(run, error)
    run.unread.clear()


def is_beyond_power(run: RunningTransaction) -> bool:
    """Whether the meter told of more energy than the connector can deliver (R21)."""
    use, transaction = run.use, run.transaction
    delivered_wh = transaction.energy.delivered_wh
    return use is not None and use.is_beyond(transaction.latest_at, delivered_wh)


def believable_wh(run: RunningTransaction, site: Site) -> Decimal:
    """What was delivered, but no more than the connector can deliver in that time (R21)."""
    transaction = run.transaction
    seconds = seconds_between(transaction.started_at, transaction.latest_at)
    return min(transaction.energy.delivered_wh, ceiling(site.connector).rated_wh(seconds))


async def make_anew(run: RunningTransaction, in_turn: Sequence[Entry]) -> None:
    """From everything that was said, in turn. Leaves none where no use can be made of it."""
    transaction, site = run.transaction, run.site
    assert site is not None  # noqa: S101 - without a site there is no bill
    run.forget_use()
    try:
        use = MeteredUse(
            _reckoning(run, site),
            transaction.started_at,
            tariff_id=site.tariff_id,
            one_price=run.tariff is None or run.tariff.has_one_price,
            start_wh=transaction.meter_start_wh if transaction.sequence is None else None,
            ceiling=ceiling(site.connector),
            limits=Limits(transaction.latest_at, transaction.energy.delivered_wh),
        )
        async for moment in unhurried(_moments(in_turn)):
            # an operator may have said that it began later than its first readings
            if not transaction.corrected or _at(moment) >= transaction.started_at:
                _tell(use, (moment,))
    except InvalidUsage as error:
        not_priced(run, error)
        return
    use.lift_limits()
    run.use = use


def _reckoning(run: RunningTransaction, site: Site) -> Reckoning:
    """With the time of the reservation that led to the transaction, if there was one."""
    started_at, reserved = run.transaction.started_at, run.reserved
    if reserved is None:
        return Reckoning(run.tariff, started_at, site.time_zone)
    reckoning = Reckoning(run.tariff, reserved.start(started_at), site.time_zone)
    period = reserved.period(started_at, site.tariff_id)
    if period is not None:
        reckoning.add(*period)
    return reckoning


_Moment = Reading | tuple[ChargingState, datetime]


def _moments(entries: Sequence[Entry]) -> list[_Moment]:
    """Readings and switches by the station's time; of one moment the readings first."""
    if len(entries) == 1 and isinstance(entries[0], Reading):
        return [entries[0]]
    found: list[tuple[datetime, int, _Moment]] = []
    for entry in entries:
        if isinstance(entry, Reading):
            found.append((entry.at, 0, entry))
        elif isinstance(entry, Switched):
            found.append((entry.at, 1, (entry.charging, entry.at)))
        elif isinstance(entry, Told):
            event = entry.event
            found.extend((one.at, 0, one) for one in event.readings)
            if event.charging_state is not None:
                found.append((event.at, 1, (event.charging_state, event.at)))
    found.sort(key=lambda one: one[:2])
    return [moment for _, _, moment in found]


def _at(moment: _Moment) -> datetime:
    return moment.at if isinstance(moment, Reading) else moment[1]


def _tell(use: MeteredUse, moments: Iterable[_Moment]) -> None:
    for moment in moments:
        if isinstance(moment, Reading):
            use.read(moment)
        else:
            use.switch(*moment)


def not_priced(run: RunningTransaction, error: InvalidUsage) -> None:
    """Say why there is no bill."""
    log.warning("not priced", session=run.transaction.session_id, error=str(error))
    run.forget_use()
