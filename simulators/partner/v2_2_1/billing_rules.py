"""The rules of OCPI 2.2.1 mod_sessions and mod_cdrs between the fields of one object.

What needs earlier messages is in `simulators.partner.earlier`.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from simulators.partner.finding import Finding, advice, below, violation
from simulators.partner.repricing import HALF_OF_LAST_DIGIT
from simulators.partner.v2_2_1.cdrs import SESSION_ONLY
from simulators.partner.v2_2_1.tariff_rules import tariff_rules

NOT_AVAILABLE = "#NA"

# above this a session's kwh was most likely sent in Wh
IMPLAUSIBLE_KWH = Decimal(2000)

# totals in hours are written with up to four decimals; the standard's own example has three
HOURS_TOLERANCE = Decimal("0.001")

_TIMES = ("TIME", "PARKING_TIME", "RESERVATION_TIME")

# cost components may each have been rounded to a cent
COST_TOLERANCE = Decimal("0.05")

# "the start_date_time and/or end_date_time are set to: 1970-1-1T00:00:00Z" when unknown
UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)

MAX_NORMAL_CDR_ID = 36

_MICROSECOND = timedelta(microseconds=1)
_MICROSECONDS_PER_HOUR = Decimal(3_600_000_000)


def session_rules(session: Any) -> Iterator[Finding]:
    """mod_sessions, Session object, and the ChargingPeriods in it."""
    clause, start, end = session.clause, session.start_date_time, session.end_date_time
    yield from ending_rules(session, start, end, name="end_date_time")
    yield from kwh_rules(clause, "kwh", session.kwh)
    if session.status in {"ACTIVE", "PENDING"}:
        for name in ("evse_uid", "connector_id"):
            if getattr(session, name) == NOT_AVAILABLE:
                yield violation(clause, "#NA is only allowed for a reservation", name)
    periods = session.charging_periods or []
    yield from period_rules(periods, start, end)
    yield from energy_rules(periods, session.kwh, "kwh", final=session.status == "COMPLETED")


def ending_rules(
    session: Any, start: datetime, end: datetime | None, *, name: str
) -> Iterator[Finding]:
    if end is not None and end < start:
        yield violation(session.clause, "ends before it starts", name)
    if session.status == "COMPLETED" and end is None:
        yield advice(session.clause, f"COMPLETED without {name}", name)


def energy_rules(
    periods: Iterable[Any], kwh: Decimal, name: str, *, final: bool
) -> Iterator[Finding]:
    """The ENERGY of all periods is the object's, or not more while it still goes on."""
    energy = _energy(periods)
    if energy is None or energy == kwh or (energy < kwh and not final):
        return
    yield violation(
        "2.2.1 mod_cdrs, CdrDimensionType ENERGY (kWh)",
        f"the ENERGY of the charging_periods is not {name}",
        "charging_periods",
        f"{energy} != {kwh}",
    )


def cdr_rules(cdr: Any) -> Iterator[Finding]:
    """mod_cdrs, CDR object: times, sums, Credit CDRs."""
    clause = cdr.clause
    start, end = _known(cdr.start_date_time), _known(cdr.end_date_time)
    yield from cdr_time_rules(cdr, start, end, name="end_date_time")
    yield from kwh_rules(clause, "total_energy", cdr.total_energy)
    yield from period_rules(cdr.charging_periods, start, end)
    yield from energy_rules(cdr.charging_periods, cdr.total_energy, "total_energy", final=True)
    yield from _cdr_dimension_rules(cdr)
    yield from _credit_rules(cdr)
    yield from _cost_rules(cdr)
    for index, tariff in enumerate(cdr.tariffs or ()):
        yield from below(f"tariffs.{index}", tariff_rules(tariff))
    known = {tariff.id.lower() for tariff in cdr.tariffs or ()}
    for index, period in enumerate(cdr.charging_periods):
        if period.tariff_id is not None and period.tariff_id.lower() not in known:
            yield violation(
                clause,
                "tariffs lists the relevant Tariffs, and this one is not among them",
                f"charging_periods.{index}.tariff_id",
                period.tariff_id,
            )


def cdr_time_rules(
    cdr: Any, start: datetime | None, end: datetime | None, *, name: str
) -> Iterator[Finding]:
    clause = cdr.clause
    if start is not None and end is not None:
        if end < start:
            yield violation(clause, "ends before it starts", name)
        hours = Decimal((end - start) // _MICROSECOND) / _MICROSECONDS_PER_HOUR
        session_hours = hours - _reserved_hours(cdr)
        if abs(cdr.total_time - session_hours) > HOURS_TOLERANCE:
            yield violation(
                clause,
                "total_time is not the duration of the session in hours",
                "total_time",
                f"{cdr.total_time} != {session_hours:.4f}",
            )
        yield from _spent_rules(cdr, hours)
    if cdr.total_parking_time is not None and cdr.total_parking_time > cdr.total_time:
        yield violation(clause, "total_parking_time is more than total_time", "total_parking_time")
    for duration in ("total_time", "total_parking_time"):
        if (getattr(cdr, duration) or 0) < 0:
            yield violation(clause, "a duration is not negative", duration)


def _reserved_hours(cdr: Any) -> Decimal:
    """What lies between `start_date_time`, "the start of the reservation", and the session."""
    times = [one for period in cdr.charging_periods for one in period.dimensions]
    return sum((one.volume for one in times if one.type == "RESERVATION_TIME"), Decimal(0))


def _spent_rules(cdr: Any, hours: Decimal) -> Iterator[Finding]:
    """The times of the periods add up to the whole, where every period says how it was spent."""
    spent = [
        {one.type: one.volume for one in period.dimensions if one.type in _TIMES}
        for period in cdr.charging_periods
    ]
    if not all(spent):
        return
    parked = sum((one.get("PARKING_TIME", Decimal(0)) for one in spent), Decimal(0))
    sums = [("total_time", sum((sum(one.values()) for one in spent), Decimal(0)), hours)]
    if cdr.total_parking_time is not None:
        sums.append(("total_parking_time", parked, cdr.total_parking_time))
    for name, total, wanted in sums:
        if abs(total - wanted) > HOURS_TOLERANCE + HALF_OF_LAST_DIGIT * len(spent):
            yield violation(
                "2.2.1 mod_cdrs, CdrDimensionType",
                f"the times of the charging_periods are not {name}",
                "charging_periods",
                f"{total} != {wanted:.4f}",
            )


def _cdr_dimension_rules(cdr: Any) -> Iterator[Finding]:
    for index, period in enumerate(cdr.charging_periods):
        for dimension in period.dimensions:
            if dimension.type in SESSION_ONLY:
                yield violation(
                    "2.2.1 mod_cdrs, CdrDimensionType",
                    "this dimension SHALL only be used in Sessions",
                    f"charging_periods.{index}.dimensions",
                    dimension.type,
                )


def _credit_rules(cdr: Any) -> Iterator[Finding]:
    clause = "2.2.1 mod_cdrs, Credit CDRs"
    if cdr.credit and cdr.credit_reference_id is None:
        yield violation(clause, "a Credit CDR names its original", "credit_reference_id")
    if not cdr.credit and cdr.credit_reference_id is not None:
        yield violation(
            clause, "credit_reference_id without credit", "credit", cdr.credit_reference_id
        )
    if not cdr.credit and len(cdr.id) > MAX_NORMAL_CDR_ID:
        yield violation(cdr.clause, "only a Credit CDR's id has more than 36 characters", "id")
    if not cdr.credit and any(amount < 0 for amount in cdr.total_cost.parts().values()):
        yield violation(clause, "only a Credit CDR is negative", "total_cost")


def _cost_rules(cdr: Any) -> Iterator[Finding]:
    """total_cost is the "total sum of all the costs", unless a price limit of the tariff cut it."""
    costs = [
        cost.parts()
        for cost in (
            cdr.total_fixed_cost,
            cdr.total_energy_cost,
            cdr.total_time_cost,
            cdr.total_parking_cost,
            cdr.total_reservation_cost,
        )
        if cost is not None
    ]
    limited = any(tariff.min_price or tariff.max_price for tariff in cdr.tariffs or ())
    if not costs or limited:
        return
    for name, wanted in cdr.total_cost.parts().items():
        if all(name in parts for parts in costs):
            total = sum((parts[name] for parts in costs), Decimal(0))
            yield from _sum_rules(cdr.clause, name, total, -wanted if cdr.credit else wanted)


def _sum_rules(clause: str, name: str, total: Decimal, wanted: Decimal) -> Iterator[Finding]:
    if total == wanted:
        return
    found = violation if abs(total - wanted) > COST_TOLERANCE else advice
    yield found(
        clause,
        "total_cost is not the sum of all the costs",
        f"total_cost.{name}",
        f"{total} != {wanted}",
    )


def kwh_rules(clause: str, name: str, kwh: Decimal) -> Iterator[Finding]:
    if abs(kwh) > IMPLAUSIBLE_KWH:
        yield violation(clause, "energy is in kWh, this looks like Wh", name, str(kwh))


def period_rules(
    periods: Sequence[Any], start: datetime | None, end: datetime | None
) -> Iterator[Finding]:
    clause = "2.2.1 mod_cdrs, ChargingPeriod"
    previous: datetime | None = None
    for index, period in enumerate(periods):
        where = f"charging_periods.{index}.start_date_time"
        begins = period.start_date_time
        if previous is not None and begins < previous:
            yield violation(clause, "a period ends when the next one starts", where, str(begins))
        reserved = any(one.type == "RESERVATION_TIME" for one in period.dimensions)
        # a Session starts when it "became ACTIVE", its reservation before that
        if start is not None and begins < start and not reserved:
            yield violation(clause, "starts before its session", where, str(begins))
        if end is not None and begins > end:
            yield violation(clause, "starts after its session", where, str(begins))
        for dimension in period.dimensions:
            if dimension.type == "STATE_OF_CHARGE" and not 0 <= dimension.volume <= 100:
                yield violation(
                    "2.2.1 mod_cdrs, CdrDimensionType",
                    "STATE_OF_CHARGE is a percentage, 0 to 100",
                    where,
                    str(dimension.volume),
                )
        previous = begins


def _energy(periods: Iterable[Any]) -> Decimal | None:
    """The sum of all ENERGY volumes; None when no period has one."""
    volumes = [
        dimension.volume
        for period in periods
        for dimension in period.dimensions
        if dimension.type == "ENERGY"
    ]
    return sum(volumes, Decimal(0)) if volumes else None


def _known(moment: datetime) -> datetime | None:
    return None if moment == UNKNOWN_TIME else moment
