"""Pricing against an oracle that shares no code with it and works another way.

The oracle reads the OCPI document itself and walks through the session atom by atom: one tick of
the clock (a second, or a minute in sessions of hours), or the time that one watt-hour takes where
more than one flows in a tick. Each atom asks anew which component is the first to match. There are
no cuts, no interpolation and no Decimal: only counting, in whole numbers and exact fractions.
Tariffs and sessions are drawn by number, so that a difference can be looked at again; what is
drawn makes limits fall between atoms.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.pricing import Bill, ChargingPeriod, Dimension, Reckoning, Usage, price
from gateway.domain.tariffs import parse_tariff

FEW, MANY, AT_ONCE = 2_000, 100_000, 250
DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
PARTS = ("fixed", "energy", "time", "parking", "reservation")
OF_TICK = 40  # the clock counts fortieths of a tick
OF_WH = 20  # and the meter twentieths of a watt-hour

# -- the oracle -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Span:
    """A period of a session: so many ticks of what, and how many twentieths of a Wh in each.

    `ticks` 0: all of `flow` at once. `said` is what the period says of current and power.
    """

    kind: str  # TIME, PARKING_TIME or RESERVATION_TIME
    ticks: int
    flow: int
    said: dict[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """A tariff and a session; a tick lasts `tick` seconds."""

    document: dict[str, Any]
    start: datetime
    spans: list[Span]
    zone: str
    tick: int


@dataclass
class Facts:
    """What restrictions ask of an atom: where the clock, the meter and the flow stand."""

    day: str = ""
    date: str = ""
    time: str = ""
    duration: int = 0
    energy: int = 0
    current: Fraction | None = None
    power: Fraction | None = None


Key = tuple[int, str]  # element and type of a component


@dataclass
class Counted:
    """Ticks or Wh per component, in their small units and in the order of first use."""

    amounts: dict[Key, int] = field(default_factory=dict)
    last: dict[str, Key] = field(default_factory=dict)
    flat: dict[str, Key] = field(default_factory=dict)


class Oracle:
    """Counts one case."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.elements = case.document["elements"]
        self.checks = [
            checks_of(each.get("restrictions") or {}, case.tick) for each in self.elements
        ]
        self.kinds = [{each["type"] for each in e["price_components"]} for e in self.elements]
        self.counted = Counted()
        self.local: dict[int, tuple[str, str, str]] = {}

    def totals(self) -> list[Any]:
        """Return [before taxes, after taxes] and the same per part of the cost."""
        expired = all(span.kind == "RESERVATION_TIME" for span in self.case.spans)
        clock, session_began, meter = 0, None, 0
        facts = Facts()
        for span in self.case.spans:
            reserved = span.kind == "RESERVATION_TIME"
            if not reserved and session_began is None:
                session_began = clock
            facts.current, facts.power = flowing(span, self.case.tick)
            order = self.candidates(reserved, expired)
            for length, flow in atoms(span):
                facts.duration = clock - (0 if reserved else session_began or 0)
                facts.energy = min(meter, meter + flow)
                facts.day, facts.date, facts.time = self.wall(clock)
                self.count(order, facts, span.kind, length, flow)
                clock += length
                meter += flow
        self.step_up()
        return self.priced(expired)

    def wall(self, clock: int) -> tuple[str, str, str]:
        minute = (int(self.case.start.timestamp()) + clock * self.case.tick // OF_TICK) // 60
        if minute not in self.local:
            local = datetime.fromtimestamp(minute * 60, ZoneInfo(self.case.zone))
            day = DAYS[local.weekday()]
            self.local[minute] = (day, f"{local:%Y-%m-%d}", f"{local:%H:%M}")
        return self.local[minute]

    def candidates(self, reserved: bool, expired: bool) -> list[int]:
        kinds = [(each.get("restrictions") or {}).get("reservation") for each in self.elements]
        if not reserved:
            return [index for index, kind in enumerate(kinds) if kind is None]
        first = [index for index, kind in enumerate(kinds) if kind == "RESERVATION_EXPIRES"]
        after = [index for index, kind in enumerate(kinds) if kind == "RESERVATION"]
        return (first if expired else []) + after

    def count(self, order: list[int], facts: Facts, kind: str, length: int, flow: int) -> None:
        reserved = kind == "RESERVATION_TIME"
        wanted = {"FLAT": 0, "ENERGY": 0 if reserved else flow}
        wanted["TIME" if reserved else kind] = length
        for index in order:
            kinds = self.kinds[index] & wanted.keys()
            if not kinds or not all(check(facts) for check in self.checks[index]):
                continue
            for dimension in ("FLAT", "ENERGY", "TIME", "PARKING_TIME"):
                if dimension in kinds:
                    self.count_one((index, dimension), wanted.pop(dimension))

    def count_one(self, key: Key, amount: int) -> None:
        if key[1] == "FLAT":
            if self.counted.flat.setdefault(self.part_of(key), key) == key:
                self.counted.amounts[key] = 1
        elif amount:
            self.counted.amounts[key] = self.counted.amounts.get(key, 0) + amount
            part = self.part_of(key)
            self.counted.last["time" if part in ("time", "parking") else part] = key

    def part_of(self, key: Key) -> str:
        index, dimension = key
        if (self.elements[index].get("restrictions") or {}).get("reservation"):
            return "reservation"
        if dimension == "FLAT":
            return "parking" if self.kinds[index] == {"FLAT", "PARKING_TIME"} else "fixed"
        return {"ENERGY": "energy", "TIME": "time", "PARKING_TIME": "parking"}[dimension]

    def component(self, key: Key) -> dict[str, Any]:
        every = self.elements[key[0]]["price_components"]
        return next(each for each in every if each["type"] == key[1])

    def per_step(self, dimension: str) -> Fraction:
        """How many of our small units are a Wh, or a second."""
        return Fraction(OF_WH) if dimension == "ENERGY" else Fraction(OF_TICK, self.case.tick)

    def step_up(self) -> None:
        amounts = self.counted.amounts
        self.billed = {key: Fraction(amount) for key, amount in amounts.items()}
        for last in self.counted.last.values():
            block = self.component(last)["step_size"] * self.per_step(last[1])
            same = [key for key in amounts if key[1] == last[1]]
            used = sum(amounts[key] for key in same if self.part_of(key) == self.part_of(last))
            if block and used > 0:
                self.billed[last] += -(-used // block) * block - used

    def priced(self, expired: bool) -> list[Any]:
        parts: dict[str, list[Fraction] | None] = dict.fromkeys(PARTS)
        for key, amount in self.billed.items():
            component = self.component(key)
            units = max(amount, Fraction(0))
            if key[1] != "FLAT":
                units /= self.per_step(key[1]) * (1000 if key[1] == "ENERGY" else 3600)
            net, tax = split(
                units * Fraction(component["price"]),
                component["vat"],
                self.case.document["tax_included"],
            )
            known = parts[self.part_of(key)] or [Fraction(0), Fraction(0)]
            parts[self.part_of(key)] = [known[0] + net, known[1] + net + tax]
        sums = [sum((each[i] for each in parts.values() if each), Fraction(0)) for i in (0, 1)]
        if not expired:
            sums = limited(self.case.document, sums[0], sums[1])
        return [sums, parts]


def atoms(span: Span) -> list[tuple[int, int]]:
    """Cut a span into (length, flow): ticks, or what one Wh takes."""
    each = max(abs(span.flow) // OF_WH, 1)
    flow = span.flow // each
    if not span.ticks:
        return [(0, flow)] * each
    return [(OF_TICK // each, flow)] * (span.ticks * each)


def flowing(span: Span, tick: int) -> tuple[Fraction | None, Fraction | None]:
    """Current and power: what is said, the average before the extremes; else what the meter says.

    mod_tariffs min_power and the like: instantaneous, not "over the entire Charging Session".
    """

    def said(what: str) -> Fraction | None:
        for names in ((what,), (f"MIN_{what}", f"MAX_{what}")):
            values = [Fraction(span.said[name]) for name in names if name in span.said]
            if values:
                return sum(values, Fraction(0)) / len(values)
        return None if span.flow else Fraction(0)

    power = said("POWER")
    if power is None and span.ticks:
        power = Fraction(span.flow * 3600, OF_WH * 1000 * tick)
    return said("CURRENT"), power


def checks_of(restrictions: dict[str, Any], tick: int) -> list[Callable[[Facts], bool]]:
    """mod_tariffs TariffRestrictions: "a logical AND" of these."""
    return [
        check_of(name, value, restrictions, tick)
        for name, value in restrictions.items()
        if value is not None and value != [] and name != "reservation"
    ]


def check_of(
    name: str, value: Any, restrictions: dict[str, Any], tick: int
) -> Callable[[Facts], bool]:
    if name == "day_of_week":
        return lambda facts: facts.day in value
    if name == "start_date":
        return lambda facts: bool(facts.date >= value)
    if name == "end_date":
        return lambda facts: bool(facts.date < value)
    if name in ("start_time", "end_time"):
        return in_hours(restrictions.get("start_time"), restrictions.get("end_time"))
    side, what = name.split("_")
    if what in ("current", "power"):
        limit = Fraction(value)
        return lambda facts: above(getattr(facts, what), limit, side)
    if what == "kwh":
        units = value * 1000 * OF_WH
        return lambda facts: bool(facts.energy >= units if side == "min" else facts.energy < units)
    passed = Fraction(value * OF_TICK, tick)
    return lambda facts: facts.duration >= passed if side == "min" else facts.duration < passed


def above(value: Fraction | None, limit: Fraction, side: str) -> bool:
    """Minimum inclusive, maximum exclusive; what is not known matches nothing."""
    return value is not None and (value >= limit if side == "min" else value < limit)


def in_hours(start: str | None, end: str | None) -> Callable[[Facts], bool]:
    start, end = start or "00:00", "24:00" if end in (None, "00:00") else end
    if start < end:
        return lambda facts: start <= facts.time < end
    return lambda facts: facts.time >= start or facts.time < end


def cents(value: Fraction) -> Fraction:
    """Round halves up to 4 decimals."""
    return Fraction((value * 20_000 + 1) // 2, 10_000)


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
    ("UTC", datetime(2024, 1, 1, tzinfo=UTC)),  # a new year, Sunday to Monday
    ("Europe/Amsterdam", datetime(2024, 3, 31, 1, tzinfo=UTC)),  # 02:00 becomes 03:00
    ("Europe/Amsterdam", datetime(2024, 10, 27, 1, tzinfo=UTC)),  # 03:00 becomes 02:00
    ("America/St_Johns", datetime(2024, 7, 13, 2, 30, tzinfo=UTC)),  # midnight, at half past
    ("Australia/Lord_Howe", datetime(2024, 10, 5, 15, 30, tzinfo=UTC)),  # half an hour of DST
    ("Africa/Cairo", datetime(2024, 4, 25, 22, tzinfo=UTC)),  # midnight becomes 01:00
    ("America/Havana", datetime(2024, 11, 3, 5, tzinfo=UTC)),  # 01:00 becomes midnight again
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),  # a Friday that was not
    ("Asia/Kathmandu", datetime(2024, 2, 29, 18, 15, tzinfo=UTC)),  # the end of a leap day
]
PRICES = ["0", "0.1", "0.25", "0.333", "1", "2.4", "7.77", "60", "0.12345"]
VATS = [None, "0", "5.2", "10", "19.5", "21"]
STEPS = [0, 1, 1, 7, 60, 300, 500, 900, 1000]
FLOWS = [0, 0, 1, 2, 4, 5, 10, 20, 40, 80, 100, 160, 200, 400, -20, -40]  # per tick
CURRENTS = ["0", "6", "10", "16", "32.5"]
POWERS = ["0", "3.6", "7.2", "11", "0.216"]


class Drawing:
    """One case, drawn by its number."""

    def __init__(self, number: int) -> None:
        self.of = random.Random(number)
        self.tick = self.of.choice([1, 1, 1, 60])
        self.zone, self.event = self.of.choice(SCENES)
        self.spans = self.draw_spans()
        self.ticks = sum(span.ticks for span in self.spans)
        self.reach = max(self.ticks * self.tick // 60, 2)  # minutes before and after the event
        self.wh = sum((span.ticks or 1) * abs(span.flow) for span in self.spans) // OF_WH
        self.reserved = self.spans[0].kind == "RESERVATION_TIME"

    def case(self) -> Case:
        included = self.of.choice(["NO", "NO", "YES", "N/A"])
        document = {
            "id": "T",
            "currency": "EUR",
            "elements": [
                {
                    "price_components": self.components(taxed=included != "N/A"),
                    "restrictions": self.restrictions(),
                }
                for _ in range(self.of.randint(1, 5))
            ],
            "tax_included": included,
            "min_price": self.limit(1, 20),
            "max_price": self.limit(30, 90),
        }
        early = self.of.randint(-self.ticks, 5)
        start = self.event + timedelta(seconds=early * self.tick)
        return Case(document, start, self.spans, self.zone, self.tick)

    def components(self, *, taxed: bool) -> list[dict[str, Any]]:
        kinds = ["FLAT", "ENERGY", "TIME", "PARKING_TIME"]
        return [
            {
                "type": kind,
                "price": Decimal(self.of.choice(PRICES)),
                "vat": self.vat() if taxed else None,
                "step_size": self.of.choice(STEPS),
            }
            for kind in self.of.sample(kinds, self.of.randint(1, 4))
        ]

    def vat(self) -> Decimal | None:
        vat = self.of.choice(VATS)
        return None if vat is None else Decimal(vat)

    def restrictions(self) -> dict[str, Any] | None:
        draw = self.of
        choices: dict[str, Callable[[], Any]] = {
            "start_time": self.clock,
            "end_time": self.clock,
            "start_date": self.day,
            "end_date": self.day,
            "day_of_week": lambda: draw.sample(DAYS, draw.randint(0, 5)),
            "min_kwh": lambda: Decimal(draw.randint(0, self.wh)) / 1000,
            "max_kwh": lambda: Decimal(draw.randint(0, self.wh)) / 1000,
            "min_duration": lambda: draw.randint(0, self.ticks) * self.tick,
            "max_duration": lambda: draw.randint(0, self.ticks) * self.tick,
            "min_current": lambda: Decimal(draw.choice(CURRENTS)),
            "max_current": lambda: Decimal(draw.choice(CURRENTS)),
            "min_power": lambda: Decimal(draw.choice(POWERS)),
            "max_power": lambda: Decimal(draw.choice(POWERS)),
            "reservation": lambda: draw.choice(["RESERVATION", "RESERVATION_EXPIRES"]),
        }
        names = draw.sample(sorted(choices), draw.choice([0, 0, 1, 1, 2, 3]))
        if self.reserved and draw.random() < 0.4:
            names.append("reservation")
        return {name: choices[name]() for name in names} or None

    def clock(self) -> str:
        local = self.event.astimezone(ZoneInfo(self.zone))
        minutes = self.of.randint(-self.reach, self.reach)
        return f"{local.replace(tzinfo=None) + timedelta(minutes=minutes):%H:%M}"

    def day(self) -> str:
        local = self.event.astimezone(ZoneInfo(self.zone))
        return f"{local.replace(tzinfo=None) + timedelta(days=self.of.randint(-1, 1)):%Y-%m-%d}"

    def limit(self, lowest: int, highest: int) -> dict[str, Any] | None:
        if self.of.random() < 0.6:
            return None
        before = Decimal(self.of.randint(lowest, highest)) / 10
        after = self.of.choice([None, "1", "1.1", "1.3"])
        return {"before_taxes": before, "after_taxes": after and before * Decimal(after)}

    def draw_spans(self) -> list[Span]:
        reserved = [
            Span("RESERVATION_TIME", self.of.randint(1, 300), 0)
            for _ in range(self.of.choice([0, 0, 0, 1, 2]))
        ]
        used = [self.span() for _ in range(self.of.choice([0, 1, 2, 3, 5]))]
        return reserved + used or [self.span()]

    def span(self) -> Span:
        kind, flow = self.of.choice(["TIME", "TIME", "PARKING_TIME"]), self.of.choice(FLOWS)
        if self.of.random() < 0.03:
            return Span("TIME", 0, OF_WH * self.of.randint(1, 40), self.say())
        if abs(flow) < OF_WH:
            ticks = OF_WH * self.of.randint(1, 15)  # whole Wh, so that limits lie between atoms
        else:
            ticks = self.of.randint(1, max(4000 // abs(flow), 10))
        return Span(kind, ticks, flow, self.say())

    def say(self) -> dict[str, Decimal]:
        said = {}
        for what, values in (("CURRENT", CURRENTS), ("POWER", POWERS)):
            names = self.of.choice([[], [what], [f"MIN_{what}"], [f"MIN_{what}", f"MAX_{what}"]])
            said |= {name: Decimal(self.of.choice(values)) for name in names}
        return said


def as_usage(case: Case) -> Usage:
    moment, periods = case.start, []
    for span in case.spans:
        seconds = span.ticks * case.tick
        volumes = {Dimension(name): value for name, value in span.said.items()}
        volumes[Dimension(span.kind)] = Decimal(seconds) / 3600
        if span.flow:
            volumes[Dimension.ENERGY] = Decimal((span.ticks or 1) * span.flow) / (OF_WH * 1000)
        periods.append(ChargingPeriod(moment, volumes, "T"))
        moment += timedelta(seconds=seconds)
    return Usage(case.start, moment, tuple(periods), case.zone)


def differences(number: int) -> list[str]:
    """Say in what the engine and the oracle differ on case `number`."""
    case = Drawing(number).case()
    tariff, usage = parse_tariff(case.document), as_usage(case)
    bill = price(tariff, usage)
    oracle = Oracle(case)
    (net, gross), parts = oracle.totals()
    flow = sum((span.ticks or 1) * span.flow for span in case.spans)
    parked = sum(span.ticks for span in case.spans if span.kind == "PARKING_TIME")
    pairs = {
        "parts": (costs(bill), parts),
        "total": ([bill.total_cost.before_taxes, bill.total_cost.after_taxes], [net, gross]),
        "quantities": (quantities(bill), oracle_quantities(oracle)),
        "energy": (bill.total_energy, Fraction(flow, OF_WH * 1000)),
        "parking": (bill.total_parking_time, cents(Fraction(parked * case.tick, 3600))),
        "sum of lines": (sum(line.amount.after_taxes for line in bill.lines), gross),
        "step by step": (reckoned(case, usage), bill),
        "priced again": (again(case, bill), [net, gross]),
    }
    return [f"case {number}: {name}: {a} {b}" for name, (a, b) in pairs.items() if a != b]


def costs(bill: Bill) -> dict[str, list[Fraction] | None]:
    found = {name: getattr(bill, f"total_{name}_cost") for name in PARTS}
    return {
        name: money and [Fraction(money.before_taxes), Fraction(money.after_taxes)]
        for name, money in found.items()
    }


def quantities(bill: Bill) -> list[Decimal]:
    return sorted(line.quantity for line in bill.lines if line.dimension is not None)


def oracle_quantities(oracle: Oracle) -> list[Fraction]:
    billed = []
    for (_, dimension), amount in oracle.billed.items():
        per = Fraction(1)
        if dimension != "FLAT":
            per = oracle.per_step(dimension) * (1000 if dimension == "ENERGY" else 3600)
        units = max(amount / per, Fraction(0))
        billed.append(Fraction((units * 2 * 10**9 + 1) // 2, 10**9))  # a line has 9 decimals
    return sorted(billed)


def again(case: Case, bill: Bill) -> list[Decimal]:
    """What a receiver makes of the charging periods that the bill lists."""
    end = case.start + timedelta(seconds=sum(span.ticks for span in case.spans) * case.tick)
    usage = Usage(case.start, end, bill.periods, case.zone)
    total = price(parse_tariff(case.document), usage).total_cost
    return [total.before_taxes, total.after_taxes]


def reckoned(case: Case, usage: Usage) -> Bill:
    """The same bill, a period at a time, with a look at it in between."""
    reckoning = Reckoning(parse_tariff(case.document), usage.start, usage.time_zone)
    for period, following in pairwise(usage.periods):
        reckoning.bill(following.start, period)
        reckoning.add(period, following.start)
    return reckoning.bill(usage.end, usage.periods[-1])


@pytest.mark.parametrize("first", range(0, FEW, AT_ONCE))
def test_the_engine_agrees_with_counting_atom_by_atom(first: int) -> None:
    """security-and-faults R32, ocpi-rules 20, 21: not a ten-thousandth apart, nor in any part."""
    found = [each for number in range(first, first + AT_ONCE) for each in differences(number)]
    assert found == []


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", range(0, MANY, AT_ONCE * 10))
def test_the_engine_agrees_with_counting_atom_by_atom_at_length(first: int) -> None:
    """security-and-faults R32, in a hundred thousand cases."""
    found = [each for number in range(first, first + AT_ONCE * 10) for each in differences(number)]
    assert found == []
