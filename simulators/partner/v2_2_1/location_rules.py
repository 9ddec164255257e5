"""The rules of OCPI 2.2.1 mod_locations between the fields of one object, each with its clause.

Types, lengths and enumerations are in the models. Other versions' objects are read by these rules
too, as far as they have the same fields.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from simulators.partner.finding import Finding, advice, below, violation

# eMI3 part 2: country, operator, "E", outlet; the separators are optional
_EVSE_ID = re.compile(r"[A-Z]{2}\*?[A-Z0-9]{3}\*?E[A-Z0-9*]{1,30}", re.IGNORECASE)

PartRules = Callable[[Any], Iterable[Finding]]


@cache
def _time_zones() -> frozenset[str]:
    """Reading them means walking through the whole time zone database."""
    return frozenset(available_timezones())


def connector_rules(connector: Any) -> Iterator[Finding]:
    """mod_locations, Connector object."""
    for name in ("max_voltage", "max_amperage"):
        if getattr(connector, name) <= 0:
            yield advice(connector.clause, f"{name} is not positive", name)


def evse_rules(evse: Any) -> Iterator[Finding]:
    """mod_locations, EVSE object."""
    if evse.evse_id is not None and not _EVSE_ID.fullmatch(evse.evse_id):
        yield violation(evse.clause, "evse_id does not follow eMI3", "evse_id", evse.evse_id)
    yield from evse_parts_rules(evse, connector_rules)


def evse_parts_rules(evse: Any, part_rules: PartRules) -> Iterator[Finding]:
    """mod_locations, GET List: last_updated is lifted from Connector to EVSE."""
    yield from unique(evse.clause, "connectors", "id", (one.id for one in evse.connectors))
    for index, connector in enumerate(evse.connectors):
        if connector.last_updated > evse.last_updated:
            yield violation(
                "2.2.1 mod_locations, GET List",
                "a Connector is newer than its EVSE",
                f"connectors.{index}.last_updated",
                f"{connector.last_updated} > {evse.last_updated}",
            )
        yield from below(f"connectors.{index}", part_rules(connector))


def location_rules(location: Any) -> Iterator[Finding]:
    """mod_locations, Location object."""
    clause = location.clause
    if location.publish and location.publish_allowed_to:
        yield violation(
            clause, "publish_allowed_to may only be used when publish is false", "publish"
        )
    for index, token in enumerate(location.publish_allowed_to or ()):
        yield from below(f"publish_allowed_to.{index}", publish_token_rules(token))
    yield from location_parts_rules(location, evse_rules)


def location_parts_rules(location: Any, part_rules: PartRules) -> Iterator[Finding]:
    """mod_locations, GET List: last_updated is lifted to the Location; time zone and hours."""
    clause, zone = location.clause, location.time_zone
    if zone is not None and zone not in _time_zones():
        yield violation(clause, "time_zone is not of IANA's list", "time_zone", zone)
    if location.opening_times is not None:
        yield from below("opening_times", hours_rules(location.opening_times))
    evses = location.evses or []
    yield from unique(clause, "evses", "uid", (evse.uid for evse in evses))
    for index, evse in enumerate(evses):
        if evse.last_updated > location.last_updated:
            yield violation(
                "2.2.1 mod_locations, GET List",
                "an EVSE is newer than its Location",
                f"evses.{index}.last_updated",
                f"{evse.last_updated} > {location.last_updated}",
            )
        yield from below(f"evses.{index}", part_rules(evse))


def publish_token_rules(token: Any) -> Iterator[Finding]:
    clause = token.clause
    if token.uid is None and token.visual_number is None and token.group_id is None:
        yield violation(clause, "at least one of uid, visual_number and group_id SHALL be set")
    if token.uid is not None and token.type is None:
        yield violation(clause, "when uid is set, type SHALL also be set", "type")
    if token.visual_number is not None and token.issuer is None:
        yield violation(clause, "when visual_number is set, issuer SHALL also be set", "issuer")


def hours_rules(hours: Any) -> Iterator[Finding]:
    if hours.twentyfourseven and hours.regular_hours:
        yield violation(
            hours.clause,
            "regular_hours is only to be used if twentyfourseven is false",
            "regular_hours",
        )
    if not hours.twentyfourseven and not hours.regular_hours:
        yield violation(
            hours.clause,
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


def unique(clause: str, where: str, name: str, values: Iterable[str]) -> Iterator[Finding]:
    # a CiString compares case-insensitively
    for value, count in Counter(value.lower() for value in values).items():
        if count > 1:
            yield violation(clause, f"{name} is not unique", where, value)
