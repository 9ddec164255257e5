"""What the standard demands of an object in words, besides its tables. Each rule names its clause.

A rule gets an object whose fields have their types; null and absent are one.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from gateway.domain.timestamps import time_zones
from gateway.ocpi.conformance.standard.plain_types import Body, decimals

_TIME_OF_DAY: Final = re.compile(r"([0-1][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)
_DAY: Final = re.compile(r"([12][0-9]{3})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])", re.ASCII)

_Rule = Callable[[str, Body], Iterator[str]]


def _when(value: str) -> datetime:
    whole, _, fraction = value.removesuffix("Z").partition(".")
    micros = int((fraction + "000000")[:6])
    return datetime.fromisoformat(whole).replace(microsecond=micros, tzinfo=UTC)


def _not_later(body: Body, first: str, second: str) -> Iterator[str]:
    if first in body and second in body and _when(body[first]) > _when(body[second]):
        yield f"{first} is later than {second}"


def _before(body: Body, first: str, second: str) -> Iterator[str]:
    if first in body and second in body and _when(body[first]) >= _when(body[second]):
        yield f"{first} is not before {second}"


def _twice(what: str, keys: Iterable[str]) -> Iterator[str]:
    """CiStrings compare without regard to case, so do ids here."""
    seen: set[str] = set()
    for key in keys:
        if key.lower() in seen:
            yield f"{what} {key} occurs twice"
        seen.add(key.lower())


def _location(_: str, body: Body) -> Iterator[str]:
    """mod_locations, Location object: ids are unique, the newest part dates the whole."""
    evses: list[Body] = body.get("evses", [])
    yield from _twice("EVSE uid", (evse["uid"] for evse in evses))
    yield from _older_than_its_parts(body, "EVSE", evses, "uid")
    if "time_zone" in body and body["time_zone"] not in time_zones():
        yield f"time_zone {body['time_zone']} is not in the IANA time zone database"
    if body.get("publish") and body.get("publish_allowed_to"):
        yield "publish_allowed_to is only for a Location with publish false"
    yield from _parking(body, evses)


def _parking(body: Body, evses: list[Body]) -> Iterator[str]:
    """2.3.0 mod_locations, Parking.id and EVSEParking.parking_id."""
    places = [place["id"] for place in body.get("parking_places") or []]
    yield from _twice("Parking id", places)
    if "coordinates" not in body and "parking_places" not in body:
        return  # a PATCH of the EVSEs alone
    known = {place.lower() for place in places}
    for evse in evses:
        for parking in evse.get("parking") or []:
            if parking["parking_id"].lower() not in known:
                yield f"EVSE {evse['uid']} refers to Parking {parking['parking_id']}, not there"


def _evse(_: str, body: Body) -> Iterator[str]:
    """mod_locations, EVSE object."""
    connectors: list[Body] = body.get("connectors", [])
    yield from _twice("Connector id", (connector["id"] for connector in connectors))
    yield from _older_than_its_parts(body, "Connector", connectors, "id")
    parking: list[Body] = body.get("parking", [])
    yield from _twice("reference to Parking", (place["parking_id"] for place in parking))


def _older_than_its_parts(body: Body, what: str, parts: list[Body], key: str) -> Iterator[str]:
    """mod_locations: last_updated of a Location or EVSE covers what is in it."""
    for part in parts:
        if "last_updated" in body and _when(part["last_updated"]) > _when(body["last_updated"]):
            yield f"{what} {part[key]} has a later last_updated than what holds it"


def _coordinates(version: str, body: Body) -> Iterator[str]:
    """mod_locations, GeoLocation and AdditionalGeoLocation classes: the regular expressions."""
    places = "6" if version == "2.1.1" else "5,7"
    for name, digits, limit in (("latitude", 2, 90), ("longitude", 3, 180)):
        value: str = body[name]
        if not re.fullmatch(rf"-?[0-9]{{1,{digits}}}\.[0-9]{{{places}}}", value, re.ASCII):
            yield f"{name} {value!r} is not in its form"
        elif abs(Decimal(value)) > limit:
            yield f"{name} {value} is not on earth"


def _hours(_: str, body: Body) -> Iterator[str]:
    """mod_locations, Hours class: either always open or regular hours."""
    always = body.get("twentyfourseven")
    if always and body.get("regular_hours"):
        yield "regular_hours are only for a Location that is not open 24/7"
    if not always and not body.get("regular_hours"):
        yield "neither open 24/7 nor at regular_hours"


def _regular_hours(_: str, body: Body) -> Iterator[str]:
    """mod_locations, RegularHours class."""
    if not 1 <= body["weekday"] <= 7:
        yield f"weekday {body['weekday']} is none of 1 to 7"
    for name in ("period_begin", "period_end"):
        if not _TIME_OF_DAY.fullmatch(body[name]):
            yield f"{name} {body[name]!r} is no time of day"
    if body["period_begin"] >= body["period_end"]:
        yield "period_begin is not before period_end"


def _period(_: str, body: Body) -> Iterator[str]:
    """mod_locations, ExceptionalPeriod and StatusSchedule classes."""
    yield from _before(body, "period_begin", "period_end")


def _energy_mix(_: str, body: Body) -> Iterator[str]:
    """mod_locations, EnergySource class: all percentages together are 100."""
    sources: list[Body] = body.get("energy_sources", [])
    if sources and sum(_exact(source["percentage"]) for source in sources) != 100:
        yield "the percentages of energy_sources do not add up to 100"


def _exact(value: float | Decimal) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def _cdr(version: str, body: Body) -> Iterator[str]:
    """mod_cdrs, CDR object."""
    end = "stop_date_time" if version == "2.1.1" else "end_date_time"
    yield from _not_later(body, "start_date_time", end)
    yield from _periods(body, "start_date_time", end)
    yield from _totals(body, end)
    if version == "2.1.1":
        yield from _only_the_relevant(body)
        return
    yield from _credit(body)
    tariffs = {tariff["id"].lower() for tariff in body.get("tariffs", [])}
    for period in body.get("charging_periods", []):
        tariff = period.get("tariff_id")
        if tariff is not None and tariff.lower() not in tariffs:
            yield f"a charging period names Tariff {tariff}, which is not in tariffs"
        for dimension in period["dimensions"]:
            if dimension["type"] in _SESSION_ONLY:
                yield f"{dimension['type']} is for Sessions only"


# mod_cdrs, CdrDimensionType enum, column Session Only
_SESSION_ONLY: Final = frozenset(
    ("CURRENT", "ENERGY_EXPORT", "ENERGY_IMPORT", "POWER", "STATE_OF_CHARGE")
)


def _periods(body: Body, start: str, end: str, *, session: bool = False) -> Iterator[str]:
    """mod_cdrs, ChargingPeriod class: a period ends when the next one starts, if at once.

    A Session starts when it "became ACTIVE", a CDR with the reservation that led to it.
    """
    periods = body.get("charging_periods", [])
    starts = [_when(period["start_date_time"]) for period in periods]
    if starts != sorted(starts):
        yield "the charging_periods do not follow each other"
    bound = [period for period in periods if not (session and _is_reserved(period))]
    if start in body and any(
        _when(period["start_date_time"]) < _when(body[start]) for period in bound
    ):
        yield f"a charging period starts before {start}"
    if end in body and any(at > _when(body[end]) for at in starts):
        yield f"a charging period starts after {end}"


def _is_reserved(period: Body) -> bool:
    return any(one["type"] == "RESERVATION_TIME" for one in period["dimensions"])


def _totals(body: Body, end: str) -> Iterator[str]:
    """mod_cdrs, CDR object: total_time, total_parking_time, total_energy."""
    if "total_time" in body and "start_date_time" in body and end in body:
        lasted = (_when(body[end]) - _when(body["start_date_time"])).total_seconds() / 3600
        # a second, and the fourth decimal
        if float(body["total_time"]) > lasted + 1 / 3600 + 0.0001:
            yield f"total_time {body['total_time']} is longer than the session"
        if body.get("total_parking_time", 0) > body["total_time"]:
            yield "total_parking_time is longer than total_time"
    energy = [
        _exact(dimension["volume"])
        for period in body.get("charging_periods", [])
        for dimension in period["dimensions"]
        if dimension["type"] == "ENERGY"
    ]
    if energy and "total_energy" in body:
        rounding = Decimal("0.0001") * (len(energy) + 1)
        if abs(sum(energy) - _exact(body["total_energy"])) > rounding:
            yield f"total_energy is {body['total_energy']}, the periods hold {sum(energy)}"


def _credit(body: Body) -> Iterator[str]:
    """mod_cdrs, Credit CDRs, and the fields id, credit, credit_reference_id."""
    if not body.get("credit"):
        if len(body.get("id", "")) > 36:
            yield "only the id of a Credit CDR may be longer than 36"
        if "credit_reference_id" in body:
            yield "credit_reference_id without credit"
        return
    if "credit_reference_id" not in body:
        yield "a Credit CDR without credit_reference_id"
    elif body["credit_reference_id"].lower() == body.get("id", "").lower():
        yield "a Credit CDR refers to itself"
    cost: Body = body.get("total_cost", {})
    if any((cost.get(part) or 0) > 0 for part in ("excl_vat", "incl_vat", "before_taxes")):
        yield "the total_cost of a Credit CDR is above zero"


def _only_the_relevant(body: Body) -> Iterator[str]:
    """2.1.1 mod_cdrs 3.1 and mod_sessions 3.1: only the relevant EVSE and Connector."""
    evses: list[Body] = body.get("location", {}).get("evses") or []
    if "location" in body and (len(evses) != 1 or len(evses[0]["connectors"]) != 1):
        yield "location does not hold just the one EVSE with the one Connector"


def _session(version: str, body: Body) -> Iterator[str]:
    """mod_sessions, Session object."""
    old = version == "2.1.1"
    start, end = ("start_datetime", "end_datetime") if old else ("start_date_time", "end_date_time")
    yield from _not_later(body, start, end)
    # 2.2.1 and later let start_date_time move (PENDING to ACTIVE); a whole object is consistent
    yield from _periods(body, start, end, session=True)
    # our own reading of "the timestamp when the session was completed"; a PATCH may leave it out
    if "currency" in body and body.get("status") == "COMPLETED" and end not in body:
        yield f"COMPLETED without {end}"
    if old:
        yield from _only_the_relevant(body)


def _dimension(_: str, body: Body) -> Iterator[str]:
    """mod_cdrs, CdrDimensionType enum: a share is 0 to 100, a length of time is not negative."""
    if body["type"] == "STATE_OF_CHARGE" and not 0 <= body["volume"] <= 100:
        yield f"STATE_OF_CHARGE {body['volume']} is none of 0 to 100"
    if body["type"] in ("TIME", "PARKING_TIME", "RESERVATION_TIME") and body["volume"] < 0:
        yield f"{body['type']} is negative"


def _tariff(_: str, body: Body) -> Iterator[str]:
    """mod_tariffs, Tariff object."""
    yield from _before(body, "start_date_time", "end_date_time")
    low, high = body.get("min_price", {}), body.get("max_price", {})
    for part in ("excl_vat", "incl_vat", "before_taxes", "after_taxes"):
        if low.get(part) is not None and high.get(part) is not None and low[part] > high[part]:
            yield f"min_price is above max_price ({part})"


def _restrictions(_: str, body: Body) -> Iterator[str]:
    """mod_tariffs, TariffRestrictions class: the regular expressions, and spans that hold any."""
    for name in ("start_time", "end_time"):
        if name in body and not _TIME_OF_DAY.fullmatch(body[name]):
            yield f"{name} {body[name]!r} is no time of day"
    for name in ("start_date", "end_date"):
        if name in body and not _DAY.fullmatch(body[name]):
            yield f"{name} {body[name]!r} is no date"
    if "start_date" in body and "end_date" in body and body["start_date"] >= body["end_date"]:
        yield "end_date, which is exclusive, is not after start_date"
    for name in ("kwh", "current", "power", "duration"):
        low, high = body.get(f"min_{name}"), body.get(f"max_{name}")
        if low is not None and high is not None and low >= high:
            yield f"min_{name} is not below max_{name}, which is exclusive"


def _price_component(_: str, body: Body) -> Iterator[str]:
    """mod_tariffs, PriceComponent class: a minimum amount. 0 is in the standard's own examples."""
    if body["step_size"] < 0:
        yield "step_size is negative"


def _credentials(_: str, body: Body) -> Iterator[str]:
    """credentials: a token of printable characters; each party and role once."""
    if " " in body.get("token", ""):
        yield "the token holds whitespace"
    yield from _twice(
        "role",
        (f"{r['role']} {r['country_code']}*{r['party_id']}" for r in body.get("roles", [])),
    )


def _version_details(version: str, body: Body) -> Iterator[str]:
    """version_information_endpoint: the version asked for; credentials is for all parties."""
    endpoints: list[Body] = body["endpoints"]
    if body["version"] != version:
        yield f"details of {body['version']}, not of {version}"
    if not any(endpoint["identifier"] == "credentials" for endpoint in endpoints):
        yield "no endpoint of the credentials module"
    yield from _twice("endpoint", (f"{e['identifier']} {e.get('role', '')}" for e in endpoints))


def _timeout(_: str, body: Body) -> Iterator[str]:
    """mod_commands and mod_charging_profiles: a timeout in seconds."""
    if body.get("timeout", 0) < 0:
        yield "timeout is negative"


def _charging_profile(_: str, body: Body) -> Iterator[str]:
    """mod_charging_profiles, ChargingProfile: a period ends when the next one starts."""
    starts = [period["start_period"] for period in body.get("charging_profile_period", [])]
    if starts != sorted(set(starts)) or any(at < 0 for at in starts):
        yield "the charging profile's periods do not follow each other"
    if decimals(_exact(body.get("min_charging_rate", 0))) > 1:
        yield "min_charging_rate has more than one decimal"


def _profile_period(_: str, body: Body) -> Iterator[str]:
    """mod_charging_profiles, ChargingProfilePeriod: at most one digit fraction."""
    if decimals(_exact(body["limit"])) > 1:
        yield "limit has more than one decimal"


def _profile_result(_: str, body: Body) -> Iterator[str]:
    """mod_charging_profiles, ActiveChargingProfileResult: the profile comes with ACCEPTED."""
    if (body["result"] == "ACCEPTED") != ("profile" in body):
        yield f"{body['result']} {'with' if 'profile' in body else 'without'} a profile"


def _response(_: str, body: Body) -> Iterator[str]:
    """transport_and_format, response format: OCPI status codes have four digits."""
    if not 1000 <= body["status_code"] <= 9999:
        yield f"status_code {body['status_code']} has not four digits"


RULES: Final[dict[str, tuple[_Rule, ...]]] = {
    "ActiveChargingProfileResult": (_profile_result,),
    "AdditionalGeoLocation": (_coordinates,),
    "CDR": (_cdr,),
    "CdrDimension": (_dimension,),
    "ChargingProfile": (_charging_profile,),
    "ChargingProfilePeriod": (_profile_period,),
    "ChargingProfileResponse": (_timeout,),
    "CommandResponse": (_timeout,),
    "Credentials": (_credentials,),
    "EVSE": (_evse,),
    "EnergyMix": (_energy_mix,),
    "ExceptionalPeriod": (_period,),
    "GeoLocation": (_coordinates,),
    "Hours": (_hours,),
    "Location": (_location,),
    "PriceComponent": (_price_component,),
    "RegularHours": (_regular_hours,),
    "Response": (_response,),
    "Session": (_session,),
    "StatusSchedule": (_period,),
    "Tariff": (_tariff,),
    "TariffRestrictions": (_restrictions,),
    "VersionDetails": (_version_details,),
}
