"""Pricing against the brute-force oracle of `tests/oracle`, in cases drawn by number.

`PRICING_CASES=1000000 python -m pytest -n 2 -m long` prices so many in the long suite.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from pricing_cases import Drawing
from pricing_oracle import OF_TICK, OF_WH, PARTS, RESERVED, Case, Lump, Oracle, Totals, cents

from gateway.domain.pricing import Bill, ChargingPeriod, Dimension, Reckoning, Usage, price
from gateway.domain.tariffs import Tariff, parse_tariff

FEW, AT_ONCE = 2_000, 250
USES = {Dimension.ENERGY, Dimension.TIME, Dimension.PARKING_TIME, Dimension.RESERVATION_TIME}
MANY = int(os.environ.get("PRICING_CASES", "100000"))


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
    return Usage(case.start, moment, tuple(periods), case.zone, case.cancelled)


def differences(number: int) -> list[str]:
    """Say in what the engine and the oracle differ on case `number`."""
    case = Drawing(number).case()
    tariff, usage = parse_tariff(case.document), as_usage(case)
    bill = price(tariff, usage)
    oracle = Oracle(case)
    expected, said = oracle.totals(), totals(bill)
    again = price(tariff, Usage(usage.start, usage.end, bill.periods, case.zone, case.cancelled))
    pairs = {
        "totals": (said, expected),
        "amounts": (amounts(bill), oracle_amounts(case)),
        "sum of lines": (sum(line.amount.after_taxes for line in bill.lines), expected.total[1]),
        "step by step": (reckoned(tariff, usage), bill),
        "priced again": ((totals(again), amounts(again)), (said, amounts(bill))),
        "listed again": (uses(again), uses(bill)),
        "one price in a period": (oracle.totals(lumps(case, usage, bill)), expected),
    }
    return [f"case {number}: {name}: {a} {b}" for name, (a, b) in pairs.items() if a != b]


def totals(bill: Bill) -> Totals:
    found = {name: getattr(bill, f"total_{name}_cost") for name in PARTS}
    parts = {
        name: money and [Fraction(money.before_taxes), Fraction(money.after_taxes)]
        for name, money in found.items()
    }
    total = [Fraction(bill.total_cost.before_taxes), Fraction(bill.total_cost.after_taxes)]
    used = (line.quantity for line in bill.lines if line.dimension is not None)
    return Totals(total, parts, sorted(map(Fraction, used)))


def amounts(bill: Bill) -> list[Decimal]:
    return [bill.total_energy, bill.total_time, bill.total_parking_time]


def uses(bill: Bill) -> list[tuple[datetime, dict[Dimension, Decimal]]]:
    """The periods that the bill lists, without what they say of current and power."""
    return [
        (period.start, {name: each for name, each in period.volumes.items() if name in USES})
        for period in bill.periods
    ]


def oracle_amounts(case: Case) -> list[Fraction]:
    energy = sum((span.ticks or 1) * span.flow for span in case.spans)
    parked = sum(span.ticks for span in case.spans if span.kind == "PARKING_TIME")
    used = sum(span.ticks for span in case.spans if span.kind != RESERVED)
    hours = [cents(Fraction(ticks * case.tick, 3600)) for ticks in (used, parked)]
    return [Fraction(energy, OF_WH * 1000), *hours]


def lumps(case: Case, usage: Usage, bill: Bill) -> list[Lump]:
    """The charging periods that the bill lists, each as one atom."""
    return list(_lumps(case, usage.end, bill.periods))


def _lumps(case: Case, end: datetime, periods: tuple[ChargingPeriod, ...]) -> Iterator[Lump]:
    starts = [period.start for period in periods]
    for period, until in zip(periods, [*starts[1:], end], strict=True):
        named: dict[str, Any] = {name.value: value for name, value in period.volumes.items()}
        kinds = [kind for kind in (RESERVED, "PARKING_TIME", "TIME") if kind in named]
        microseconds = (until - period.start) // timedelta(microseconds=1)
        length = Fraction(microseconds * OF_TICK, 1_000_000 * case.tick)
        flow = Fraction(named.get("ENERGY", 0)) * OF_WH * 1000
        yield Lump(kinds[0] if kinds else "TIME", plain(length), plain(flow), named)


def plain(number: Fraction) -> int | Fraction:
    return int(number) if number.denominator == 1 else number


def reckoned(tariff: Tariff, usage: Usage) -> Bill:
    """The same bill, a period at a time, with a look at it in between."""
    reckoning = Reckoning(tariff, usage.start, usage.time_zone)
    for period, following in pairwise(usage.periods):
        reckoning.bill(following.start, period)
        reckoning.add(period, following.start)
    branch = reckoning.branch()
    branch.add(usage.periods[-1], usage.end)
    return branch.bill(usage.end, cancelled=usage.cancelled)


@pytest.mark.parametrize("first", range(0, FEW, AT_ONCE))
def test_the_engine_agrees_with_counting_atom_by_atom(first: int) -> None:
    """security-and-faults R32, ocpi-rules 20, 21: not a ten-thousandth apart, nor in any part."""
    found = [each for number in range(first, first + AT_ONCE) for each in differences(number)]
    assert found == []


def by_itself(document: dict[str, Any]) -> dict[str, Any]:
    """A tariff under which what a period costs depends on nothing before it."""
    elements = []
    for element in document["elements"]:
        components = [
            each | {"step_size": 0}
            for each in element["price_components"]
            if each["type"] != "FLAT"
        ]
        restrictions = {
            name: value
            for name, value in (element["restrictions"] or {}).items()
            if not name.endswith(("kwh", "duration"))
        }
        if components:
            elements.append({"price_components": components, "restrictions": restrictions})
    return document | {"elements": elements, "min_price": None, "max_price": None}


def priced_alone(tariff: Tariff, usage: Usage, bill: Bill) -> list[Bill]:
    ends = [period.start for period in bill.periods[1:]] + [usage.end]
    return [
        price(tariff, Usage(period.start, end, (period,), usage.time_zone, cancelled=True))
        for period, end in zip(bill.periods, ends, strict=True)
    ]


def test_the_prices_of_the_periods_add_up_to_the_total() -> None:
    """security-and-faults R32: each period priced alone, within the rounding of their lines.

    Without what looks beyond a period: see `by_itself`, energy fed back, and a reservation that
    expires, which it does not before the last of its periods.
    """
    several = 0
    for number in range(FEW, FEW + 300):
        case = Drawing(number).case()
        document = by_itself(case.document)
        if not document["elements"] or any(span.flow < 0 for span in case.spans):
            continue
        tariff, usage = parse_tariff(document), replace(as_usage(case), cancelled=True)
        bill = price(tariff, usage)
        alone = priced_alone(tariff, usage, bill)
        lines = sum(len(each.lines) for each in (bill, *alone))
        total = sum(each.total_cost.before_taxes for each in alone)
        assert abs(total - bill.total_cost.before_taxes) <= Decimal("0.00005") * lines, number
        assert sum(each.total_energy for each in alone) == bill.total_energy
        several += len(alone) > 1
    assert several > 100


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", range(0, MANY, AT_ONCE * 10))
def test_the_engine_agrees_with_counting_atom_by_atom_at_length(first: int) -> None:
    """security-and-faults R32, in a hundred thousand cases, or in as many as are asked for."""
    found = [each for number in range(first, first + AT_ONCE * 10) for each in differences(number)]
    assert found == []
