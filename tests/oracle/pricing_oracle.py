"""What a session costs, reckoned by brute force from the standard's text.

The oracle reads the OCPI document itself and walks through the session atom by atom: one tick of
the clock (a second, or a minute in sessions of hours), or the time that one watt-hour takes where
more than one flows in a tick. Each atom asks anew which component is the first to match. There are
no cuts, no interpolation and no Decimal: only counting, in whole numbers and exact fractions. It
shares no code with the engine that it judges.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

DAYS = ["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]
PARTS = ("fixed", "energy", "time", "parking", "reservation")
OF_TICK = 40  # the clock counts fortieths of a tick
OF_WH = 20  # and the meter twentieths of a watt-hour
RESERVED = "RESERVATION_TIME"

Number = int | Fraction


@dataclass(frozen=True)
class Span:
    """A period of a session: so many ticks of what, and how many twentieths of a Wh in each.

    `ticks` 0: all of `flow` at once. `said` is what the period says of current and power.
    """

    kind: str  # TIME, PARKING_TIME or RESERVATION_TIME
    ticks: int
    flow: int
    said: Mapping[str, Decimal] = field(default_factory=dict)

    def atoms(self) -> list[tuple[Number, Number]]:
        """Cut it into (length, flow): ticks, or what one Wh takes."""
        each = max(abs(self.flow) // OF_WH, 1)
        flow = self.flow // each
        if not self.ticks:
            return [(0, flow)] * each
        return [(OF_TICK // each, flow)] * (self.ticks * each)

    def power(self, tick: int) -> Fraction | None:
        """Tell kW by the meter; a tick lasts `tick` seconds."""
        if not self.ticks:
            return None if self.flow else Fraction(0)
        return Fraction(self.flow * 3600, OF_WH * 1000 * tick)


@dataclass(frozen=True)
class Lump:
    """A period that is one atom, however long: for one price from its start to its end."""

    kind: str
    length: Number
    flow: Number
    said: Mapping[str, Decimal]

    def atoms(self) -> list[tuple[Number, Number]]:
        """Give it whole."""
        return [(self.length, self.flow)]

    def power(self, tick: int) -> Fraction | None:
        """Tell kW by the meter."""
        if not self.length:
            return None if self.flow else Fraction(0)
        return Fraction(self.flow * 3600 * OF_TICK) / (self.length * OF_WH * 1000 * tick)


@dataclass(frozen=True)
class Case:
    """A tariff and a session; a tick lasts `tick` seconds."""

    document: dict[str, Any]
    start: datetime
    spans: list[Span]
    zone: str
    tick: int
    cancelled: bool


@dataclass
class Facts:
    """What restrictions ask of an atom: where the clock, the meter and the flow stand."""

    day: str = ""
    date: str = ""
    time: str = ""
    duration: Number = 0
    energy: Number = 0
    current: Fraction | None = None
    power: Fraction | None = None


Check = Callable[[Facts], bool]
Key = tuple[int, str]  # element and type of a component


@dataclass
class Element:
    """An element: what it prices, and its restrictions by how often they have to be asked."""

    reservation: str | None
    keys: dict[str, Key]
    of_flow: list[Check]
    of_clock: list[Check]
    of_meter: list[Check]


@dataclass
class Counted:
    """Fortieths and twentieths per component, in the order of first use."""

    amounts: dict[Key, Number] = field(default_factory=dict)
    last: dict[str, Key] = field(default_factory=dict)
    flat: dict[str, Key] = field(default_factory=dict)


@dataclass(frozen=True)
class Totals:
    """[before taxes, after taxes] of the whole and of each part, and the quantities billed."""

    total: list[Fraction]
    parts: dict[str, list[Fraction] | None]
    quantities: list[Fraction]


class Oracle:
    """Counts one case."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.zone = ZoneInfo(case.zone)
        self.began = int(case.start.timestamp())
        self.documents = case.document["elements"]
        self.elements = [self.element(index) for index in range(len(self.documents))]
        self.local: dict[int, tuple[str, str, str]] = {}

    def element(self, index: int) -> Element:
        document = self.documents[index]
        restrictions = document.get("restrictions") or {}
        checks: dict[str, list[Check]] = {"flow": [], "clock": [], "meter": []}
        for name, value in restrictions.items():
            if value is not None and value != [] and name != "reservation":
                asked, check = check_of(name, value, restrictions, self.case.tick)
                checks[asked].append(check)
        types = {each["type"] for each in document["price_components"]}
        order = [each for each in ("FLAT", "ENERGY", "TIME", "PARKING_TIME") if each in types]
        keys = {each: (index, each) for each in order}
        kind = restrictions.get("reservation")
        return Element(kind, keys, checks["flow"], checks["clock"], checks["meter"])

    def totals(self, spans: list[Span] | list[Lump] | None = None) -> Totals:
        """Price the case, or what it is said to consist of."""
        walked = self.case.spans if spans is None else spans
        expired = not self.case.cancelled and all(span.kind == RESERVED for span in walked)
        self.counted = Counted()
        self.clock: Number = 0
        self.meter: Number = 0
        session_began: Number | None = None
        for span in walked:
            if span.kind != RESERVED and session_began is None:
                session_began = self.clock
            self.walk(span, session_began or 0, expired)
        self.step_up()
        return self.priced(is_session=session_began is not None)

    def walk(self, span: Span | Lump, session_began: Number, expired: bool) -> None:
        reserved, tick = span.kind == RESERVED, self.case.tick
        facts = Facts()
        facts.current, facts.power = flowing(span, tick)
        wanted = ("FLAT", "TIME") if reserved else ("FLAT", "ENERGY", span.kind)
        order = [
            (each, [key for name, key in each.keys.items() if name in wanted])
            for each in self.candidates(reserved, expired)
            if all(check(facts) for check in each.of_flow)
        ]
        began, minute = 0 if reserved else session_began, None
        for length, flow in span.atoms():
            now = (self.began + self.clock * tick // OF_TICK) // 60
            if now != minute:
                minute = now
                facts.day, facts.date, facts.time = self.wall(now)
                here = [one for one in order if all(check(facts) for check in one[0].of_clock)]
            facts.duration = self.clock - began
            facts.energy = min(self.meter, self.meter + flow)
            self.count(here, facts, length, 0 if reserved else flow)
            self.clock += length
            self.meter += flow

    def wall(self, minute: int) -> tuple[str, str, str]:
        if minute not in self.local:
            local = datetime.fromtimestamp(minute * 60, self.zone)
            day = DAYS[local.weekday()]
            self.local[minute] = (day, f"{local:%Y-%m-%d}", f"{local:%H:%M}")
        return self.local[minute]

    def candidates(self, reserved: bool, expired: bool) -> list[Element]:
        if not reserved:
            return [each for each in self.elements if each.reservation is None]
        first = [each for each in self.elements if each.reservation == "RESERVATION_EXPIRES"]
        after = [each for each in self.elements if each.reservation == "RESERVATION"]
        return (first if expired else []) + after

    def count(
        self, order: list[tuple[Element, list[Key]]], facts: Facts, length: Number, flow: Number
    ) -> None:
        found: set[str] = set()
        for element, keys in order:
            for check in element.of_meter:
                if not check(facts):
                    break
            else:
                for key in keys:
                    if key[1] not in found:
                        found.add(key[1])
                        self.count_one(key, flow if key[1] == "ENERGY" else length)

    def count_one(self, key: Key, amount: Number) -> None:
        amounts = self.counted.amounts
        if key[1] == "FLAT":
            if key not in amounts and self.counted.flat.setdefault(self.part_of(key), key) == key:
                amounts[key] = 1
        elif amount:
            amounts[key] = amounts.get(key, 0) + amount
            part = self.part_of(key)
            self.counted.last["time" if part in ("time", "parking") else part] = key

    def part_of(self, key: Key) -> str:
        index, dimension = key
        element = self.elements[index]
        if element.reservation:
            return "reservation"
        if dimension == "FLAT":
            return "parking" if element.keys.keys() == {"FLAT", "PARKING_TIME"} else "fixed"
        return {"ENERGY": "energy", "TIME": "time", "PARKING_TIME": "parking"}[dimension]

    def component(self, key: Key) -> dict[str, Any]:
        every = self.documents[key[0]]["price_components"]
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

    def units(self, key: Key, amount: Fraction) -> Fraction:
        """How many kWh, hours or fees it is."""
        if key[1] != "FLAT":
            amount /= self.per_step(key[1]) * (1000 if key[1] == "ENERGY" else 3600)
        return max(amount, Fraction(0))

    def priced(self, *, is_session: bool) -> Totals:
        parts: dict[str, list[Fraction] | None] = dict.fromkeys(PARTS)
        quantities = []
        for key, amount in self.billed.items():
            component, units = self.component(key), self.units(key, amount)
            net, tax = split(
                units * Fraction(component["price"]),
                component["vat"],
                self.case.document["tax_included"],
            )
            known = parts[self.part_of(key)] or [Fraction(0), Fraction(0)]
            parts[self.part_of(key)] = [known[0] + net, known[1] + net + tax]
            quantities.append(rounded(units, 9))
        sums = [sum((each[i] for each in parts.values() if each), Fraction(0)) for i in (0, 1)]
        if is_session:
            sums = limited(self.case.document, sums[0], sums[1])
        return Totals(sums, parts, sorted(quantities))


def flowing(span: Span | Lump, tick: int) -> tuple[Fraction | None, Fraction | None]:
    """Current and power: what is said, the average before the extremes; else what the meter says.

    mod_tariffs min_power and the like: instantaneous, not "over the entire Charging Session".
    """

    def said(what: str) -> Fraction | None:
        for names in ((what,), (f"MIN_{what}", f"MAX_{what}")):
            values = [Fraction(span.said[name]) for name in names if name in span.said]
            if values:
                return sum(values, Fraction(0)) / len(values)
        return None

    current, power = said("CURRENT"), said("POWER")
    if current is None and not span.flow:
        current = Fraction(0)
    return current, span.power(tick) if power is None else power


def check_of(name: str, value: Any, restrictions: dict[str, Any], tick: int) -> tuple[str, Check]:
    """mod_tariffs TariffRestrictions: what it asks for, and how; "a logical AND" of them all."""
    if name == "day_of_week":
        return "clock", lambda facts: facts.day in value
    if name == "start_date":
        return "clock", lambda facts: bool(facts.date >= value)
    if name == "end_date":
        return "clock", lambda facts: bool(facts.date < value)
    if name in ("start_time", "end_time"):
        return "clock", in_hours(restrictions.get("start_time"), restrictions.get("end_time"))
    side, what = name.split("_")
    if what in ("current", "power"):
        limit = Fraction(value)
        return "flow", lambda facts: above(getattr(facts, what), limit, side)
    if what == "kwh":
        units = int(value * 1000 * OF_WH)
        if side == "min":
            return "meter", lambda facts: facts.energy >= units
        return "meter", lambda facts: facts.energy < units
    passed = value * OF_TICK // tick  # whole ticks are drawn
    if side == "min":
        return "meter", lambda facts: bool(facts.duration >= passed)
    return "meter", lambda facts: bool(facts.duration < passed)


def above(value: Fraction | None, limit: Fraction, side: str) -> bool:
    """Minimum inclusive, maximum exclusive; what is not known matches nothing."""
    return value is not None and (value >= limit if side == "min" else value < limit)


def in_hours(start: str | None, end: str | None) -> Check:
    """ "If end_time < start_time then the period wraps around to the next day"."""
    first, last = start or "00:00", "24:00" if end in (None, "00:00") else end
    if first < last:
        return lambda facts: first <= facts.time < last
    return lambda facts: facts.time >= first or facts.time < last


def rounded(value: Fraction, decimals: int) -> Fraction:
    """Round halves up."""
    per = 10**decimals
    return Fraction((value * 2 * per + 1) // 2, per)


def cents(value: Fraction) -> Fraction:
    """Round to the 4 decimals of types.asciidoc `number`."""
    return rounded(value, 4)


def split(worth: Fraction, vat: Decimal | None, included: str) -> tuple[Fraction, Fraction]:
    """Tell price and tax apart."""
    if vat is None or included == "N/A":
        return cents(worth), Fraction(0)
    if included == "YES":
        tax = cents(worth - worth / (1 + Fraction(vat) / 100))
        return cents(worth) - tax, tax
    return cents(worth), cents(worth * Fraction(vat) / 100)


def limited(document: dict[str, Any], net: Fraction, gross: Fraction) -> list[Fraction]:
    """mod_tariffs min_price, max_price: "as a rule, they both apply", to either total by itself."""
    low, high = document.get("min_price") or {}, document.get("max_price") or {}
    every = [each for element in document["elements"] for each in element["price_components"]]
    rates = [Fraction(each["vat"]) for each in every if each["vat"] is not None]

    def bound(value: Fraction, name: str) -> Fraction:
        if low.get(name) is not None:
            value = max(value, Fraction(low[name]))
        if high.get(name) is not None:
            value = min(value, Fraction(high[name]))
        return value

    if document["tax_included"] == "N/A":  # one total, which both limits are about
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
    new_net = bound(net, "before_taxes")
    taking_effect = low if new_net > net else high if new_net < net else None
    if taking_effect is not None and taking_effect.get("after_taxes") is None:
        gross = new_net * (gross / net if net > 0 else 1 + max(rates) / 100)
    new_gross = cents(bound(gross, "after_taxes"))
    if new_gross < new_net and taking_effect is low:
        roof = high.get("after_taxes")
        new_gross = new_net if roof is None else min(new_net, Fraction(roof))
    return [min(new_net, new_gross), new_gross]
