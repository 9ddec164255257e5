"""Pricing against an oracle that shares no code with it and works another way.

The oracle reads the OCPI document itself and walks through the session atom by atom: ten seconds
in which nothing flows, or the time that one watt-hour takes. Each atom asks anew which component
is the first to match. There are no cuts, no interpolation and no Decimal: only counting, in exact
fractions. Tariffs and sessions are drawn so that limits fall between atoms.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.domain.pricing import ChargingPeriod, Dimension, Usage, price
from gateway.domain.tariffs import parse_tariff

TICK = 10  # seconds
DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]

# -- the oracle -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Span:
    """A period of a session: how many ticks of what, and how much flowed in each."""

    kind: str  # TIME, PARKING_TIME or RESERVATION_TIME
    ticks: int
    wh_per_tick: int
    amperes: int


@dataclass
class Counted:
    """What the oracle counted: hours or kWh per (element, type), in the order of first use."""

    amounts: dict[tuple[int, str], Fraction] = field(default_factory=dict)
    last: dict[str, tuple[int, str]] = field(default_factory=dict)
    flat: dict[str, tuple[int, str]] = field(default_factory=dict)


def oracle(document: dict[str, Any], start: datetime, spans: list[Span], zone: str) -> list[Any]:
    """Return [before taxes, after taxes] and the same per part of the cost."""
    elements = document["elements"]
    expired = all(span.kind == "RESERVATION_TIME" for span in spans)
    counted = Counted()
    clock, session_began, wh = Fraction(0), None, 0
    for span in spans:
        if span.kind != "RESERVATION_TIME" and session_began is None:
            session_began = clock
        for _ in range(span.ticks):
            atoms = max(span.wh_per_tick, 1)
            for _ in range(atoms):
                began = Fraction(0) if span.kind == "RESERVATION_TIME" else session_began or 0
                local = (start + timedelta(seconds=float(clock))).astimezone(ZoneInfo(zone))
                facts = {
                    "local": local,
                    "duration": clock - began,
                    "kwh": Fraction(wh, 1000),
                    "current": span.amperes,
                    "power": Fraction(span.wh_per_tick * 360, 1000),
                }
                order = candidates(elements, span.kind == "RESERVATION_TIME", expired)
                count_atom(counted, elements, order, facts, span, Fraction(TICK, atoms))
                clock += Fraction(TICK, atoms)
                wh += 1 if span.wh_per_tick else 0
    step_up(counted, elements)
    return totals(document, counted, expired)


def candidates(elements: list[Any], reserved: bool, expired: bool) -> list[int]:
    kinds = [(element.get("restrictions") or {}).get("reservation") for element in elements]
    if not reserved:
        return [index for index, kind in enumerate(kinds) if kind is None]
    first = [index for index, kind in enumerate(kinds) if kind == "RESERVATION_EXPIRES"]
    return (first if expired else []) + [i for i, kind in enumerate(kinds) if kind == "RESERVATION"]


def count_atom(
    counted: Counted,
    elements: list[Any],
    order: list[int],
    facts: dict[str, Any],
    span: Span,
    seconds: Fraction,
) -> None:
    wanted = {
        "TIME" if span.kind == "RESERVATION_TIME" else span.kind: seconds / 3600,
    }
    if span.wh_per_tick and span.kind != "RESERVATION_TIME":
        wanted["ENERGY"] = Fraction(1, 1000)
    for dimension in ("FLAT", "ENERGY", "TIME", "PARKING_TIME"):
        for index in order:
            kinds = [each["type"] for each in elements[index]["price_components"]]
            if dimension not in kinds or not holds(elements[index].get("restrictions"), facts):
                continue
            key = (index, dimension)
            if dimension == "FLAT":
                part = part_of(elements, key)
                if counted.flat.setdefault(part, key) == key:
                    counted.amounts[key] = Fraction(1)
            elif dimension in wanted:
                counted.amounts[key] = counted.amounts.get(key, Fraction(0)) + wanted[dimension]
                group = part_of(elements, key)
                counted.last["time" if group in ("time", "parking") else group] = key
            break


def holds(restrictions: dict[str, Any] | None, facts: dict[str, Any]) -> bool:
    for name, value in (restrictions or {}).items():
        if value is None or value == [] or name == "reservation":
            continue
        if name.startswith("m") and not within(name, Fraction(value), facts):
            return False
        if not name.startswith("m") and not on_the_clock(name, restrictions or {}, facts["local"]):
            return False
    return True


def within(name: str, value: Fraction, facts: dict[str, Any]) -> bool:
    side, what = name.split("_")
    return bool(facts[what] >= value if side == "min" else facts[what] < value)


def on_the_clock(name: str, restrictions: dict[str, Any], local: datetime) -> bool:
    today, now = local.strftime("%Y-%m-%d"), local.strftime("%H:%M")
    if name == "day_of_week":
        return DAYS[local.weekday()] in restrictions[name]
    if name == "start_date":
        return bool(today >= restrictions[name])
    if name == "end_date":
        return bool(today < restrictions[name])
    start = restrictions.get("start_time") or "00:00"
    end = restrictions.get("end_time") or "00:00"
    if end == "00:00":
        end = "24:00"
    if start < end:
        return bool(start <= now < end)
    return bool(now >= start or now < end)


def part_of(elements: list[Any], key: tuple[int, str]) -> str:
    index, dimension = key
    if (elements[index].get("restrictions") or {}).get("reservation"):
        return "reservation"
    kinds = {each["type"] for each in elements[index]["price_components"]}
    if dimension == "FLAT":
        return "parking" if kinds == {"FLAT", "PARKING_TIME"} else "fixed"
    return {"ENERGY": "energy", "TIME": "time", "PARKING_TIME": "parking"}[dimension]


def component_of(elements: list[Any], key: tuple[int, str]) -> dict[str, Any]:
    index, dimension = key
    found = [each for each in elements[index]["price_components"] if each["type"] == dimension]
    return dict(found[0])


def step_up(counted: Counted, elements: list[Any]) -> None:
    for last in counted.last.values():
        step = component_of(elements, last)["step_size"]
        block = Fraction(step, 1000) if last[1] == "ENERGY" else Fraction(step, 3600)
        if block:
            same = [
                amount
                for key, amount in counted.amounts.items()
                if (part_of(elements, key), key[1]) == (part_of(elements, last), last[1])
            ]
            blocks = -(-sum(same) // block)
            counted.amounts[last] += blocks * block - sum(same)


def cents(value: Fraction) -> Fraction:
    """Round halves up to 4 decimals."""
    return Fraction((value * 20_000 + 1) // 2, 10_000)


def totals(document: dict[str, Any], counted: Counted, expired: bool) -> list[Any]:
    elements, included = document["elements"], document["tax_included"]
    names = ("fixed", "energy", "time", "parking", "reservation")
    parts: dict[str, list[Fraction] | None] = dict.fromkeys(names)
    for key, amount in counted.amounts.items():
        component = component_of(elements, key)
        net, tax = split(amount * Fraction(component["price"]), component["vat"], included)
        known = parts[part_of(elements, key)] or [Fraction(0), Fraction(0)]
        parts[part_of(elements, key)] = [known[0] + net, known[1] + net + tax]
    sums = [sum((each[i] for each in parts.values() if each), Fraction(0)) for i in (0, 1)]
    if not expired:
        sums = limited(document, sums[0], sums[1])
    return [sums, parts]


def split(worth: Fraction, vat: Decimal | None, included: str) -> tuple[Fraction, Fraction]:
    if vat is None or included == "N/A":
        return cents(worth), Fraction(0)
    if included == "YES":
        tax = cents(worth - worth / (1 + Fraction(vat) / 100))
        return cents(worth) - tax, tax
    return cents(worth), cents(worth * Fraction(vat) / 100)


def limited(document: dict[str, Any], net: Fraction, gross: Fraction) -> list[Fraction]:
    low, high = document.get("min_price") or {}, document.get("max_price") or {}
    every = [each for element in document["elements"] for each in element["price_components"]]
    rates = [Fraction(each["vat"]) for each in every if each["vat"] is not None]

    def bound(value: Fraction, name: str) -> Fraction:
        if low.get(name) is not None:
            value = max(value, Fraction(low[name]))
        if high.get(name) is not None:
            value = min(value, Fraction(high[name]))
        return value

    if document["tax_included"] == "N/A":
        lows = [Fraction(each) for each in low.values() if each is not None]
        highs = [Fraction(each) for each in high.values() if each is not None]
        net = min([max([net, *lows]), *highs])
        return [net, net]
    if not rates and document["tax_included"] == "NO":
        return [bound(net, "before_taxes")] * 2
    if not rates:
        floor = low.get("after_taxes") or low.get("before_taxes")
        roof = high.get("after_taxes") or high.get("before_taxes")
        net = net if floor is None else max(net, Fraction(floor))
        return [net if roof is None else min(net, Fraction(roof))] * 2
    ratio = gross / net if net > 0 else 1 + max(rates) / 100
    bounded = bound(net, "before_taxes")
    if bounded != net:
        return ordered(bounded, cents(bound(bounded * ratio, "after_taxes")))
    wanted = bound(gross, "after_taxes")
    if wanted == gross:
        return [net, gross]
    return ordered(cents(bound(wanted / ratio, "before_taxes")), wanted)


def ordered(net: Fraction, gross: Fraction) -> list[Fraction]:
    return [min(net, gross), gross]


# -- what is drawn --------------------------------------------------------------------------------

# (zone, a moment in UTC near which something happens on that clock)
SCENES = [
    ("UTC", datetime(2024, 1, 1, 0, 0, tzinfo=UTC)),  # a new year, Sunday to Monday
    ("Europe/Amsterdam", datetime(2024, 3, 31, 1, 0, tzinfo=UTC)),  # 02:00 becomes 03:00
    ("Europe/Amsterdam", datetime(2024, 10, 27, 1, 0, tzinfo=UTC)),  # 03:00 becomes 02:00
    ("America/St_Johns", datetime(2024, 7, 13, 2, 30, tzinfo=UTC)),  # midnight, at half past
    ("Australia/Lord_Howe", datetime(2024, 10, 5, 15, 30, tzinfo=UTC)),  # half an hour of DST
]
PRICES = st.sampled_from(["0", "0.1", "0.25", "0.333", "1", "2.4", "7.77", "60"]).map(Decimal)
VATS = st.sampled_from([None, "0", "5.2", "10", "21"]).map(lambda v: v and Decimal(v))
STEPS = st.sampled_from([0, 1, 7, 60, 300, 900])


@st.composite
def components(draw: st.DrawFn) -> list[dict[str, Any]]:
    kinds = draw(
        st.lists(
            st.sampled_from(["FLAT", "ENERGY", "TIME", "PARKING_TIME"]),
            min_size=1,
            max_size=3,
            unique=True,
        )
    )
    return [
        {"type": kind, "price": draw(PRICES), "vat": draw(VATS), "step_size": draw(STEPS)}
        for kind in kinds
    ]


@st.composite
def restrictions(draw: st.DrawFn, local: datetime) -> dict[str, Any] | None:
    def clock() -> str:
        return f"{local + timedelta(minutes=draw(st.integers(-40, 40))):%H:%M}"

    def day() -> str:
        return f"{local + timedelta(days=draw(st.integers(-1, 1))):%Y-%m-%d}"

    choices: dict[str, Callable[[], Any]] = {
        "start_time": clock,
        "end_time": clock,
        "start_date": day,
        "end_date": day,
        "day_of_week": lambda: draw(st.lists(st.sampled_from(DAYS), max_size=5, unique=True)),
        "min_kwh": lambda: Decimal(draw(st.integers(0, 900))) / 1000,
        "max_kwh": lambda: Decimal(draw(st.integers(0, 900))) / 1000,
        "min_duration": lambda: draw(st.integers(0, 200)) * TICK,
        "max_duration": lambda: draw(st.integers(0, 200)) * TICK,
        "min_current": lambda: draw(st.sampled_from([0, 10, 16])),
        "max_current": lambda: draw(st.sampled_from([1, 10, 16, 32])),
        "min_power": lambda: Decimal(draw(st.sampled_from(["0", "0.36", "1.8", "2"]))),
        "max_power": lambda: Decimal(draw(st.sampled_from(["0.36", "1.8", "2", "11"]))),
        "reservation": lambda: draw(st.sampled_from(["RESERVATION", "RESERVATION_EXPIRES"])),
    }
    names = draw(st.lists(st.sampled_from(sorted(choices)), max_size=3, unique=True))
    return {name: choices[name]() for name in names} or None


@st.composite
def limits(draw: st.DrawFn, lowest: int, highest: int) -> dict[str, Any] | None:
    if draw(st.booleans()):
        return None
    before = Decimal(draw(st.integers(lowest, highest))) / 10
    after = draw(st.none() | st.sampled_from(["1", "1.1", "1.3"]).map(Decimal))
    return {"before_taxes": before, "after_taxes": None if after is None else before * after}


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Any], datetime, list[Span], str]:
    zone, event = draw(st.sampled_from(SCENES))
    start = event + timedelta(seconds=TICK * draw(st.integers(-200, 60)))
    local = event.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    document = {
        "id": "T",
        "currency": "EUR",
        "elements": [
            {"price_components": draw(components()), "restrictions": draw(restrictions(local))}
            for _ in range(draw(st.integers(1, 5)))
        ],
        "tax_included": draw(st.sampled_from(["NO", "NO", "YES", "N/A"])),
        "min_price": draw(limits(1, 20)),
        "max_price": draw(limits(30, 90)),
    }
    if document["tax_included"] == "N/A":
        for element in document["elements"]:
            for each in element["price_components"]:
                each["vat"] = None
    reserved = [Span("RESERVATION_TIME", draw(st.integers(1, 60)), 0, 0)]
    used = [
        Span(kind, draw(st.integers(1, 90)), wh, draw(st.sampled_from([0, 6, 10, 16, 40])))
        for kind, wh in draw(
            st.lists(
                st.tuples(
                    st.sampled_from(["TIME", "PARKING_TIME"]), st.sampled_from([0, 1, 2, 5, 8])
                ),
                max_size=4,
            )
        )
    ]
    spans = (reserved if draw(st.booleans()) else []) + used or reserved
    return document, start, spans, zone


def as_usage(start: datetime, spans: list[Span], zone: str) -> Usage:
    moment, periods = start, []
    for span in spans:
        volumes = {
            Dimension(span.kind): Decimal(span.ticks * TICK) / 3600,
            Dimension.ENERGY: Decimal(span.ticks * span.wh_per_tick) / 1000,
            Dimension.CURRENT: Decimal(span.amperes),
        }
        periods.append(ChargingPeriod(moment, volumes))
        moment += timedelta(seconds=span.ticks * TICK)
    return Usage(start, moment, tuple(periods), zone)


def agree(case: tuple[dict[str, Any], datetime, list[Span], str]) -> None:
    document, start, spans, zone = case
    bill = price(parse_tariff(document), as_usage(start, spans, zone))
    (net, gross), parts = oracle(document, start, spans, zone)
    got = {
        "fixed": bill.total_fixed_cost,
        "energy": bill.total_energy_cost,
        "time": bill.total_time_cost,
        "parking": bill.total_parking_cost,
        "reservation": bill.total_reservation_cost,
    }
    assert {
        name: money and [Fraction(money.before_taxes), Fraction(money.after_taxes)]
        for name, money in got.items()
    } == parts
    assert [bill.total_cost.before_taxes, bill.total_cost.after_taxes] == [net, gross]
    assert bill.total_energy * 1000 == sum(span.ticks * span.wh_per_tick for span in spans)
    assert sum(line.amount.after_taxes for line in bill.lines) == bill.total_cost.after_taxes


QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]


@given(cases())
@settings(max_examples=150, deadline=None, suppress_health_check=QUIET, derandomize=True)
def test_the_engine_agrees_with_counting_atom_by_atom(case: Any) -> None:
    """security-and-faults R32: not a ten-thousandth apart, in total and in every part."""
    agree(case)


@pytest.mark.long
@pytest.mark.timeout(600)
@given(cases())
@settings(max_examples=3_000, deadline=None, suppress_health_check=QUIET)
def test_the_engine_agrees_with_counting_atom_by_atom_at_length(case: Any) -> None:
    """security-and-faults R32, as far as the long suite has time for."""
    agree(case)
