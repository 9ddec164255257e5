"""The rules of OCPI 2.2.1 between the fields of one object, each with its clause.

Types, lengths and enumerations are in the models; what needs earlier messages is in
`simulators.partner.ledger`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from zoneinfo import available_timezones

from simulators.partner.finding import Finding, advice, violation
from simulators.partner.v2_2_1.cdrs import CDR, SESSION_ONLY, ChargingPeriod
from simulators.partner.v2_2_1.locations import EVSE, Connector, Hours, Location, PublishTokenType
from simulators.partner.v2_2_1.sessions import Session
from simulators.partner.v2_2_1.tariffs import Tariff, TariffElement
from simulators.partner.v2_2_1.types import Price

NOT_AVAILABLE = "#NA"

# eMI3 part 2: country, operator, "E", outlet; the separators are optional
_EVSE_ID = re.compile(r"[A-Z]{2}\*?[A-Z0-9]{3}\*?E[A-Z0-9*]{1,30}", re.IGNORECASE)

# above this a session's kwh was most likely sent in Wh
IMPLAUSIBLE_KWH = Decimal(2000)

# totals in hours are written with up to four decimals; the standard's own example has three
HOURS_TOLERANCE = Decimal("0.001")

# cost components may each have been rounded to a cent
COST_TOLERANCE = Decimal("0.05")

# "the start_date_time and/or end_date_time are set to: 1970-1-1T00:00:00Z" when unknown
UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)

MAX_NORMAL_CDR_ID = 36

_MICROSECOND = timedelta(microseconds=1)
_MICROSECONDS_PER_HOUR = Decimal(3_600_000_000)


@cache
def _time_zones() -> frozenset[str]:
    """Reading them means walking through the whole time zone database."""
    return frozenset(available_timezones())


def connector_rules(connector: Connector) -> Iterator[Finding]:
    """mod_locations, Connector object."""
    for name in ("max_voltage", "max_amperage"):
        if getattr(connector, name) <= 0:
            yield advice(Connector.clause, f"{name} is not positive", name)


def evse_rules(evse: EVSE) -> Iterator[Finding]:
    """mod_locations, EVSE object, and GET List: last_updated is lifted from Connector to EVSE."""
    clause = EVSE.clause
    yield from _unique(clause, "connectors", "id", (c.id for c in evse.connectors))
    if evse.evse_id is not None and not _EVSE_ID.fullmatch(evse.evse_id):
        yield violation(clause, "evse_id does not follow eMI3", "evse_id", evse.evse_id)
    for index, connector in enumerate(evse.connectors):
        if connector.last_updated > evse.last_updated:
            yield violation(
                "2.2.1 mod_locations, GET List",
                "a Connector is newer than its EVSE",
                f"connectors.{index}.last_updated",
                f"{connector.last_updated} > {evse.last_updated}",
            )
        yield from _below(f"connectors.{index}", connector_rules(connector))


def location_rules(location: Location) -> Iterator[Finding]:
    """mod_locations, Location object, and GET List: last_updated is lifted to the Location."""
    clause = Location.clause
    if location.publish and location.publish_allowed_to:
        yield violation(
            clause, "publish_allowed_to may only be used when publish is false", "publish"
        )
    for index, token in enumerate(location.publish_allowed_to or ()):
        yield from _below(f"publish_allowed_to.{index}", _publish_token_rules(token))
    if location.time_zone not in _time_zones():
        yield violation(clause, "time_zone is not of IANA's list", "time_zone", location.time_zone)
    if location.opening_times is not None:
        yield from _below("opening_times", _hours_rules(location.opening_times))
    evses = location.evses or []
    yield from _unique(clause, "evses", "uid", (evse.uid for evse in evses))
    for index, evse in enumerate(evses):
        if evse.last_updated > location.last_updated:
            yield violation(
                "2.2.1 mod_locations, GET List",
                "an EVSE is newer than its Location",
                f"evses.{index}.last_updated",
                f"{evse.last_updated} > {location.last_updated}",
            )
        yield from _below(f"evses.{index}", evse_rules(evse))


def _publish_token_rules(token: PublishTokenType) -> Iterator[Finding]:
    clause = PublishTokenType.clause
    if token.uid is None and token.visual_number is None and token.group_id is None:
        yield violation(clause, "at least one of uid, visual_number and group_id SHALL be set")
    if token.uid is not None and token.type is None:
        yield violation(clause, "when uid is set, type SHALL also be set", "type")
    if token.visual_number is not None and token.issuer is None:
        yield violation(clause, "when visual_number is set, issuer SHALL also be set", "issuer")


def _hours_rules(hours: Hours) -> Iterator[Finding]:
    if hours.twentyfourseven and hours.regular_hours:
        yield violation(
            Hours.clause,
            "regular_hours is only to be used if twentyfourseven is false",
            "regular_hours",
        )
    if not hours.twentyfourseven and not hours.regular_hours:
        yield violation(
            Hours.clause,
            "without twentyfourseven at least one RegularHours is needed",
            "regular_hours",
        )
    for index, regular in enumerate(hours.regular_hours or ()):
        if regular.period_end <= regular.period_begin:
            yield violation(
                "2.2.1 mod_locations, RegularHours",
                "period_end must be later than period_begin",
                f"regular_hours.{index}",
                f"{regular.period_begin} to {regular.period_end}",
            )


def tariff_rules(tariff: Tariff) -> Iterator[Finding]:
    """mod_tariffs, Tariff object and TariffRestrictions."""
    for index, element in enumerate(tariff.elements):
        yield from _below(f"elements.{index}", _element_rules(element))
    if (
        tariff.start_date_time is not None
        and tariff.end_date_time is not None
        and tariff.end_date_time < tariff.start_date_time
    ):
        yield violation(Tariff.clause, "ends before it starts", "end_date_time")


def _element_rules(element: TariffElement) -> Iterator[Finding]:
    kinds = [component.type for component in element.price_components]
    for kind, count in Counter(kinds).items():
        if count > 1:
            yield advice(
                "2.2.1 mod_tariffs, Tariff object",
                "only one Price Component per dimension can be active at any point in time",
                "price_components",
                kind,
            )
    for index, component in enumerate(element.price_components):
        if component.step_size < 1 and component.type != "FLAT":
            yield advice(
                "2.2.1 mod_tariffs, PriceComponent",
                "step_size is the minimum amount to be billed, at least one unit",
                f"price_components.{index}.step_size",
                component.step_size,
            )
    restrictions = element.restrictions
    if restrictions is not None and restrictions.reservation is not None:
        for kind in kinds:
            if kind not in {"FLAT", "TIME"}:
                yield violation(
                    "2.2.1 mod_tariffs, TariffRestrictions",
                    "a reservation can only have FLAT and TIME dimensions",
                    "restrictions.reservation",
                    kind,
                )


def session_rules(session: Session) -> Iterator[Finding]:
    """mod_sessions, Session object, and the ChargingPeriods in it."""
    clause = Session.clause
    if session.end_date_time is not None and session.end_date_time < session.start_date_time:
        yield violation(clause, "ends before it starts", "end_date_time")
    if session.status == "COMPLETED" and session.end_date_time is None:
        yield advice(clause, "COMPLETED without end_date_time", "end_date_time")
    yield from _kwh_rules(clause, "kwh", session.kwh)
    if session.status in {"ACTIVE", "PENDING"}:
        for name in ("evse_uid", "connector_id"):
            if getattr(session, name) == NOT_AVAILABLE:
                yield violation(clause, "#NA is only allowed for a reservation", name)
    periods = session.charging_periods or []
    yield from _period_rules(periods, session.start_date_time, session.end_date_time)
    energy = _energy(periods)
    if energy is None:
        return
    if session.status == "COMPLETED" and energy != session.kwh:
        yield violation(
            "2.2.1 mod_cdrs, CdrDimensionType ENERGY (kWh)",
            "the ENERGY of the charging_periods is not the session's kwh",
            "charging_periods",
            f"{energy} != {session.kwh}",
        )
    elif energy > session.kwh:
        yield violation(
            "2.2.1 mod_cdrs, CdrDimensionType ENERGY (kWh)",
            "the ENERGY of the charging_periods is more than the session's kwh",
            "charging_periods",
            f"{energy} > {session.kwh}",
        )


def cdr_rules(cdr: CDR) -> Iterator[Finding]:
    """mod_cdrs, CDR object: times, sums, Credit CDRs."""
    clause = CDR.clause
    yield from _cdr_time_rules(cdr)
    yield from _kwh_rules(clause, "total_energy", cdr.total_energy)
    yield from _period_rules(
        cdr.charging_periods, _known(cdr.start_date_time), _known(cdr.end_date_time)
    )
    yield from _cdr_dimension_rules(cdr)
    yield from _credit_rules(cdr)
    yield from _cost_rules(cdr)
    for index, tariff in enumerate(cdr.tariffs or ()):
        yield from _below(f"tariffs.{index}", tariff_rules(tariff))
    known = {tariff.id.lower() for tariff in cdr.tariffs or ()}
    for index, period in enumerate(cdr.charging_periods):
        if period.tariff_id is not None and period.tariff_id.lower() not in known:
            yield violation(
                clause,
                "tariffs lists the relevant Tariffs, and this one is not among them",
                f"charging_periods.{index}.tariff_id",
                period.tariff_id,
            )


def _cdr_time_rules(cdr: CDR) -> Iterator[Finding]:
    clause = CDR.clause
    start, end = _known(cdr.start_date_time), _known(cdr.end_date_time)
    if start is not None and end is not None:
        if end < start:
            yield violation(clause, "ends before it starts", "end_date_time")
        hours = Decimal((end - start) // _MICROSECOND) / _MICROSECONDS_PER_HOUR
        if abs(cdr.total_time - hours) > HOURS_TOLERANCE:
            yield violation(
                clause,
                "total_time is not the duration of the session in hours",
                "total_time",
                f"{cdr.total_time} != {hours:.4f}",
            )
    if cdr.total_parking_time is not None and cdr.total_parking_time > cdr.total_time:
        yield violation(clause, "total_parking_time is more than total_time", "total_parking_time")
    for name in ("total_time", "total_parking_time"):
        if (getattr(cdr, name) or 0) < 0:
            yield violation(clause, "a duration is not negative", name)


def _cdr_dimension_rules(cdr: CDR) -> Iterator[Finding]:
    for index, period in enumerate(cdr.charging_periods):
        for dimension in period.dimensions:
            if dimension.type in SESSION_ONLY:
                yield violation(
                    "2.2.1 mod_cdrs, CdrDimensionType",
                    "this dimension SHALL only be used in Sessions",
                    f"charging_periods.{index}.dimensions",
                    dimension.type,
                )
    energy = _energy(cdr.charging_periods)
    if energy is not None and energy != cdr.total_energy:
        yield violation(
            "2.2.1 mod_cdrs, CdrDimensionType ENERGY (kWh)",
            "the ENERGY of the charging_periods is not total_energy",
            "charging_periods",
            f"{energy} != {cdr.total_energy}",
        )


def _credit_rules(cdr: CDR) -> Iterator[Finding]:
    clause = "2.2.1 mod_cdrs, Credit CDRs"
    if cdr.credit and cdr.credit_reference_id is None:
        yield violation(clause, "a Credit CDR names its original", "credit_reference_id")
    if not cdr.credit and cdr.credit_reference_id is not None:
        yield violation(
            clause, "credit_reference_id without credit", "credit", cdr.credit_reference_id
        )
    if not cdr.credit and len(cdr.id) > MAX_NORMAL_CDR_ID:
        yield violation(CDR.clause, "only a Credit CDR's id has more than 36 characters", "id")
    if not cdr.credit and cdr.total_cost.excl_vat < 0:
        yield violation(
            clause, "only a Credit CDR is negative", "total_cost", str(cdr.total_cost.excl_vat)
        )


def _cost_rules(cdr: CDR) -> Iterator[Finding]:
    """total_cost is the "total sum of all the costs", unless a price limit of the tariff cut it."""
    parts = [
        cost
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
    if not parts or limited:
        return
    yield from _sum_rules(parts, cdr.total_cost, "excl_vat", sign=-1 if cdr.credit else 1)
    yield from _sum_rules(parts, cdr.total_cost, "incl_vat", sign=-1 if cdr.credit else 1)


def _sum_rules(parts: list[Price], total: Price, name: str, *, sign: int) -> Iterator[Finding]:
    amounts = [getattr(price, name) for price in (*parts, total)]
    if any(amount is None for amount in amounts):
        return
    *costs, wanted = amounts
    difference = abs(sum(costs) - sign * wanted)
    if difference == 0:
        return
    found = violation if difference > COST_TOLERANCE else advice
    yield found(
        CDR.clause,
        "total_cost is not the sum of all the costs",
        f"total_cost.{name}",
        f"{sum(costs)} != {sign * wanted}",
    )


def _kwh_rules(clause: str, name: str, kwh: Decimal) -> Iterator[Finding]:
    if abs(kwh) > IMPLAUSIBLE_KWH:
        yield violation(clause, "energy is in kWh, this looks like Wh", name, str(kwh))


def _period_rules(
    periods: list[ChargingPeriod], start: datetime | None, end: datetime | None
) -> Iterator[Finding]:
    clause = ChargingPeriod.clause
    previous: datetime | None = None
    for index, period in enumerate(periods):
        where = f"charging_periods.{index}.start_date_time"
        begins = period.start_date_time
        if previous is not None and begins < previous:
            yield violation(clause, "a period ends when the next one starts", where, str(begins))
        if start is not None and begins < start:
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


def _energy(periods: Iterable[ChargingPeriod]) -> Decimal | None:
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


def _unique(clause: str, where: str, name: str, values: Iterable[str]) -> Iterator[Finding]:
    # a CiString compares case-insensitively
    for value, count in Counter(value.lower() for value in values).items():
        if count > 1:
            yield violation(clause, f"{name} is not unique", where, value)


def _below(path: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    for found in findings:
        where = f"{path}.{found.where}" if found.where else path
        yield Finding(
            found.clause, found.what, where, found.evidence, found.severity, found.refuses
        )
