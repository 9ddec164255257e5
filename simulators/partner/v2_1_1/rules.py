"""The rules of OCPI 2.1.1 between the fields of one object: those of 2.2.1 as far as the fields
are the same, and the embedded Location."""

import re
from collections.abc import Iterator
from typing import Any

from simulators.partner.finding import Finding, advice, below, violation
from simulators.partner.v2_1_1.billing import CDR, Session
from simulators.partner.v2_1_1.locations import EVSE, Connector, Location
from simulators.partner.v2_1_1.tariffs import Tariff
from simulators.partner.v2_2_1.billing_rules import (
    cdr_time_rules,
    ending_rules,
    energy_rules,
    kwh_rules,
    period_rules,
)
from simulators.partner.v2_2_1.location_rules import evse_parts_rules, location_parts_rules
from simulators.partner.v2_2_1.tariff_rules import element_rules

# the standard's own examples separate by hyphens
_EVSE_ID = re.compile(r"[A-Z]{2}[*-]?[A-Z0-9]{3}[*-]?E[A-Z0-9*-]{1,30}", re.IGNORECASE)


def connector_rules(connector: Connector) -> Iterator[Finding]:
    for name in ("voltage", "amperage"):
        if getattr(connector, name) <= 0:
            yield advice(connector.clause, f"{name} is not positive", name)


def evse_rules(evse: EVSE) -> Iterator[Finding]:
    """mod_locations, EVSE object, and GET List: last_updated is lifted from Connector to EVSE."""
    if evse.evse_id is not None and not _EVSE_ID.fullmatch(evse.evse_id):
        yield violation(evse.clause, "evse_id does not follow eMI3", "evse_id", evse.evse_id)
    yield from evse_parts_rules(evse, connector_rules)


def location_rules(location: Location) -> Iterator[Finding]:
    """mod_locations, Location object, and GET List: last_updated is lifted to the Location."""
    yield from location_parts_rules(location, evse_rules)


def tariff_rules(tariff: Tariff) -> Iterator[Finding]:
    for index, element in enumerate(tariff.elements):
        yield from below(f"elements.{index}", element_rules(element))


def session_rules(session: Session) -> Iterator[Finding]:
    """mod_sessions, Session object."""
    yield from ending_rules(
        session, session.start_datetime, session.end_datetime, name="end_datetime"
    )
    yield from kwh_rules(session.clause, "kwh", session.kwh)
    yield from _place_rules(session.clause, session.location)
    periods = session.charging_periods or ()
    yield from period_rules(periods, session.start_datetime, session.end_datetime)
    yield from energy_rules(periods, session.kwh, "kwh", final=session.status == "COMPLETED")


def cdr_rules(cdr: CDR) -> Iterator[Finding]:
    """mod_cdrs, CDR object."""
    start, end = cdr.start_date_time, cdr.stop_date_time
    yield from cdr_time_rules(cdr, start, end, name="stop_date_time")
    yield from kwh_rules(cdr.clause, "total_energy", cdr.total_energy)
    yield from _place_rules(cdr.clause, cdr.location)
    yield from period_rules(cdr.charging_periods, start, end)
    yield from energy_rules(cdr.charging_periods, cdr.total_energy, "total_energy", final=True)
    if cdr.total_cost < 0:
        # "CDRs can not yet be updated or removed": there are no Credit CDRs
        yield violation(cdr.clause, "a cost is not negative", "total_cost", str(cdr.total_cost))
    for index, tariff in enumerate(cdr.tariffs or ()):
        yield from below(f"tariffs.{index}", tariff_rules(tariff))


def _place_rules(clause: str, location: Any) -> Iterator[Finding]:
    evses = list(location.evses or ())
    if len(evses) != 1 or len(evses[0].connectors) != 1:
        yield violation(
            clause,
            "the location includes only the relevant EVSE and connector",
            "location.evses",
            [[evse.uid, [one.id for one in evse.connectors]] for evse in evses],
        )
    yield from below("location", location_rules(location))
