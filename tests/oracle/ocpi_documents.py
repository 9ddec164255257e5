"""Documents as operators may hand them in: every class and field of the standard, drawn at random.

The strategies read the oracle's tables, so that no field is forgotten, and then settle what the
standard says of several fields together. The documents keep the standard, and say all that it
allows: values of an operator's own where an enum is open, texts in any script, the shortest and
the longest lists.
"""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from hypothesis import strategies as st

from gateway.ocpi.conformance import standard

Object = dict[str, Any]

# the standard's own tables, as the oracle has them
SCHEMA: dict[str, Any] = json.loads(files(standard).joinpath("tables.json").read_text("utf-8"))

_ASCII = st.sampled_from(["a", "Main St. 1/2", "x-Y_0.9,*"])
_TEXT = st.sampled_from(["a", "Straße 1 – ½°", "日本 Ελλάδα Київ", "Łódź, Þórshöfn €"])
_IDS = st.sampled_from(["a", "LOC*1", "x-Y_0.9", "123456789012345678901234567890123456"])
_TIMES = st.integers(0, 10**12).map(
    lambda ms: (
        (datetime(2015, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms))
        .replace(tzinfo=None)
        .isoformat(timespec="milliseconds")
        + "Z"
    )
)
_NUMBERS = st.integers(0, 10**8).map(lambda number: Decimal(number) / 10**4)
_HOURS = st.sampled_from(["00:00", "07:30", "23:59"])
_DAYS = st.sampled_from(["2024-02-29", "2026-01-01", "2026-12-31"])


def _degrees(limit: int) -> st.SearchStrategy[str]:
    return st.builds(
        lambda value, places: f"{value:.{places}f}",
        st.integers((1 - limit) * 10**5, (limit - 1) * 10**5).map(lambda n: Decimal(n) / 10**5),
        st.integers(5, 6),
    )


_GIVEN: dict[str, st.SearchStrategy[Any]] = {
    "country_code": st.just("NL"),
    "party_id": st.just("ABC"),
    "country": st.sampled_from(["NLD", "BEL", "GRC"]),
    "currency": st.sampled_from(["EUR", "SEK"]),
    "language": st.sampled_from(["en", "nl", "el"]),
    "evse_id": st.sampled_from(["NL*ABC*E1", "NLABCE12", "BE*BEC*E041503001"]),
    "time_zone": st.sampled_from(["Europe/Amsterdam", "UTC", "America/St_Johns"]),
    "latitude": _degrees(90),
    "longitude": _degrees(180),
    "weekday": st.integers(1, 7),
    "percentage": st.just(Decimal(100)),
    "start_time": _HOURS,
    "end_time": _HOURS,
    "start_date": _DAYS,
    "end_date": _DAYS,
    "vat": st.sampled_from([Decimal(0), Decimal("5.5"), Decimal(21)]),
    "step_size": st.integers(1, 900),
    "max_voltage": st.sampled_from([1, 230, 400, 920]),
    "max_amperage": st.sampled_from([1, 16, 400]),
    "max_electric_power": st.integers(1, 500_000),
}
_TIMES_REPEATED = st.sampled_from([1, 1, 512])
_PLAIN = {
    "number": _NUMBERS,
    "int": st.integers(0, 10**4),
    "boolean": st.booleans(),
    "DateTime": _TIMES,
    "URL": st.sampled_from(["https://example.com/a.png", "http://x.example/%C3%A9?a=b#c"]),
}


def objects(kind: str, version: str = "2.3.0") -> st.SearchStrategy[Object]:
    """Any object of this class, as the standard allows it."""
    return _objects(kind, version)


@cache
def _objects(kind: str, version: str) -> st.SearchStrategy[Object]:
    fields: dict[str, str] = SCHEMA[version]["objects"][kind]["fields"]
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for name, type_ in fields.items():
        base, card = (type_[:-1], type_[-1]) if type_[-1] in "?*+" else (type_, "1")
        one = st.deferred(lambda name=name, base=base: _value(name, base, version))
        many = st.lists(one, min_size=card == "+", max_size=2)
        (optional if card in "?*" else required)[name] = many if card in "*+" else one
    drawn = st.fixed_dictionaries(required, optional=optional)
    settle = _SETTLED.get(kind)
    return drawn.map(settle) if settle else drawn


@cache
def _value(name: str, base: str, version: str) -> st.SearchStrategy[Any]:
    if name in _GIVEN:
        return _GIVEN[name]
    tables = SCHEMA[version]
    if base in tables["objects"]:
        return _objects(base, version)
    if base in tables["enums"]:
        enum = tables["enums"][base]
        return st.sampled_from([*enum["values"], *(["OUR_OWN"] if enum["open"] else [])])
    plain, _, length = base.rstrip(")").partition("(")
    if plain in _PLAIN:
        return _PLAIN[plain]
    longest = int(length or 40)
    if name == "id" or name.endswith(("_id", "_ids", "uid")):
        return _IDS.map(lambda text: text[:longest])
    letters = _ASCII if plain == "CiString" or version == "2.1.1" else _TEXT
    # the longest one, now and then
    return st.builds(lambda text, times: (text * times)[:longest], letters, _TIMES_REPEATED)


# --- what the standard says of several fields together -----------------------------------------


def _location(document: Object) -> Object:
    """Ids that differ, references that lead somewhere, last_updated lifted to the whole."""
    places = document.get("parking_places", [])
    for number, place in enumerate(places):
        place["id"] = f"P{number}"
    for number, evse in enumerate(document.get("evses", [])):
        evse["uid"] = f"E{number}"
        if "parking" in evse:
            evse["parking"] = [
                parking | {"parking_id": place["id"]}
                for parking, place in zip(evse["parking"], places, strict=False)
            ]
    if document["publish"]:
        document.pop("publish_allowed_to", None)
    return _dated(document, document.get("evses", []))


def _evse(document: Object) -> Object:
    for number, connector in enumerate(document["connectors"]):
        connector["id"] = str(number + 1)
    return _dated(document, document["connectors"])


def _dated(document: Object, parts: list[Object]) -> Object:
    newest = max([document["last_updated"], *(part["last_updated"] for part in parts)])
    return document | {"last_updated": newest}


def _hours(document: Object) -> Object:
    if document["twentyfourseven"] or not document.get("regular_hours"):
        document.pop("regular_hours", None)
        document["twentyfourseven"] = True
    return document


def _regular_hours(document: Object) -> Object:
    return document | {"period_begin": "08:00", "period_end": "20:00"}


def _period(document: Object) -> Object:
    begin, end = document["period_begin"], document.get("period_end")
    if end is None or begin[:19] < end[:19]:  # 2.1.1 has whole seconds
        return document
    return document | {"period_begin": "2014-01-01T00:00:00.000Z"}


def _publish_token(document: Object) -> Object:
    return document | {"uid": "04A1", "type": document.get("type", "RFID"), "issuer": "i"}


def _energy_mix(document: Object) -> Object:
    if document.get("energy_sources"):
        document["energy_sources"] = document["energy_sources"][:1]
    return document


def _restrictions(document: Object) -> Object:
    for name in ("kwh", "current", "power", "duration"):
        low, high = document.get(f"min_{name}"), document.get(f"max_{name}")
        if low is not None and high is not None and low >= high:
            del document[f"max_{name}"]
    if document.get("start_date", "") >= document.get("end_date", "9"):
        del document["end_date"]
    return document


def _element(document: Object) -> Object:
    """One price a dimension; "A reservation can only have: FLAT and TIME TariffDimensions"."""
    reserved = "reservation" in document.get("restrictions", {})
    dimensions = ["FLAT", "TIME"] if reserved else ["ENERGY", "FLAT", "PARKING_TIME", "TIME"]
    components = zip(document["price_components"], dimensions, strict=False)
    return document | {"price_components": [one | {"type": type_} for one, type_ in components]}


def _tariff(document: Object) -> Object:
    low, high = document.get("min_price", {}), document.get("max_price", {})
    if any(low.get(part, 0) > high.get(part, 10**9) for part in ("before_taxes", "after_taxes")):
        del document["max_price"]
    if document.get("start_date_time", "") >= document.get("end_date_time", "9"):
        del document["end_date_time"]
    if document["tax_included"] == "N/A":
        for element in document["elements"]:
            for component in element["price_components"]:
                component.pop("vat", None)
    return document


_SETTLED = {
    "Location": _location,
    "EVSE": _evse,
    "Hours": _hours,
    "RegularHours": _regular_hours,
    "ExceptionalPeriod": _period,
    "StatusSchedule": _period,
    "PublishTokenType": _publish_token,
    "EnergyMix": _energy_mix,
    "TariffRestrictions": _restrictions,
    "TariffElement": _element,
    "Tariff": _tariff,
}
