"""Whether a CDR costs what its Tariff says, by the partner's own reading of the standard.

Volumes have four decimals on the wire, and step_size may turn the fifth into a whole step: so it
is the least and the most that the CDR may cost, with what rounding of each line may add. Nothing
is said of a CDR that cannot be priced by what is in it: no Tariff or several, local times without
a time zone, a reservation and nothing else, which may have expired or been cancelled, or one that
2.1.1 has no words for but a remark.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from typing import Any

from simulators.partner.finding import Finding, advice, violation
from simulators.partner.repricing import (
    ENERGY,
    FLAT,
    PARKING_TIME,
    TIME,
    Amounts,
    CannotPriceError,
    Reading,
    spans,
)

# each line may have been rounded to the four decimals of a number, or to a cent, which mod_tariffs
# leaves to "applicable laws": that is told, and no breach
_ROUNDED_LINE = Decimal("0.0001")
_HALF_A_CENT = Decimal("0.005")
NOT_THE_TARIFFS = "is not what the Tariff makes of the charging periods"
_UNITS = {ENERGY: Decimal("0.001"), TIME: 1 / Decimal(3600), PARKING_TIME: 1 / Decimal(3600)}
"""of step_size: a Wh in kWh, a second in hours"""
_CLAUSE = "2.2.1 mod_cdrs, CDR object"

NEVER, MAYBE, ALWAYS = range(3)


@dataclass(frozen=True)
class Line:
    """One Price Component with the least and the most that is billed of it."""

    component: Any
    reserved: bool
    least: Decimal
    most: Decimal


def price_rules(cdr: Any, end: Any, time_zone: str | None) -> Iterator[Finding]:
    """mod_tariffs and mod_cdrs, step_size: each cost against what the Tariff makes of it.

    A Credit CDR is held against its original instead.
    """
    if getattr(cdr, "credit", False):
        return
    try:
        lines = _lines(cdr, end, time_zone)
    except CannotPriceError:
        return
    tariff = cdr.tariffs[0]
    yield from _rules("total_cost", cdr.total_cost, lines, tariff, limited=True)
    for name, kind in (("total_energy_cost", ENERGY), ("total_time_cost", TIME)):
        cost = getattr(cdr, name, None)
        if cost is not None:
            chosen = [one for one in lines if one.component.type == kind and not one.reserved]
            yield from _rules(name, cost, chosen, tariff)


def _lines(cdr: Any, end: Any, time_zone: str | None) -> list[Line]:
    if len(cdr.tariffs or ()) != 1:
        raise CannotPriceError("no Tariff, or several")
    if str(getattr(cdr, "remark", "") or "").startswith("RESERVATION "):
        raise CannotPriceError("a reservation, of which 2.1.1 has neither time nor price")
    reading = Reading(cdr.tariffs[0], time_zone)
    used = list(spans(cdr.charging_periods, end))
    if all(span.reserved for span in used):
        raise CannotPriceError("a reservation that expired or was cancelled")
    for span in used:
        reading.use(span)
    return list(_billed(reading.used))


def _billed(used: list[Amounts]) -> Iterator[Line]:
    """ "step_size SHALL only be taken into account once per session for [...] ENERGY and once for
    PARKING_TIME and TIME combined"; a reservation lies before the session."""
    spent = [one.component.type for one in used if not one.reserved]
    spent = [kind for kind in spent if kind in (TIME, PARKING_TIME)]
    for reserved in (False, True):
        for kind in (ENERGY, TIME, PARKING_TIME):
            group = [one for one in used if (one.reserved, one.component.type) == (reserved, kind)]
            counts = ALWAYS if reserved or kind == ENERGY else _time_counts(kind, spent)
            yield from _stepped(group, counts)
        yield from _flat([one for one in used if one.reserved == reserved])


def _time_counts(kind: str, spent: list[str]) -> int:
    """ "only taken into account for the total parking duration", of the "last" charging period:
    who parks first and charges afterwards may read either."""
    if len(set(spent)) < 2:
        return ALWAYS
    if spent[-1] == PARKING_TIME:
        return ALWAYS if kind == PARKING_TIME else NEVER
    return MAYBE


def _stepped(group: list[Amounts], counts: int) -> Iterator[Line]:
    """ "The step_size uses the total amount of a certain unit used during a session": what it adds
    is billed by the last component that was used."""
    if not group:
        return
    *before, last = group
    for one in before:
        yield Line(one.component, one.reserved, one.used - one.vague, one.used + one.vague)
    total = sum((one.used for one in group), Decimal(0))
    vague = sum((one.vague for one in group), Decimal(0))
    step = last.component.step_size * _UNITS[last.component.type]
    least = _up(total - vague, step) if counts == ALWAYS else total - vague
    most = total + vague if counts == NEVER else _up(total + vague, step)
    others = total - last.used
    yield Line(last.component, last.reserved, least - others, most - others)


def _up(amount: Decimal, step: Decimal) -> Decimal:
    if step <= 0 or amount <= 0:
        return max(amount, Decimal(0))
    # a second is no finite part of an hour: what is a billionth beyond a step is not beyond it
    steps = (amount / step - Decimal("1E-9")).to_integral_value(rounding=ROUND_CEILING)
    return steps * step


def _flat(used: list[Amounts]) -> Iterator[Line]:
    """Which of several fixed fees are due the standard does not say: at least one is."""
    flats = [one for one in used if one.component.type == FLAT]
    for one in flats:
        yield Line(one.component, one.reserved, Decimal(len(flats) == 1), Decimal(1))


def _rules(
    name: str, cost: Any, lines: list[Line], tariff: Any, *, limited: bool = False
) -> Iterator[Finding]:
    slack = _ROUNDED_LINE * (len(lines) + 1)
    untold = any(getattr(one.component, "vat", None) is None for one in lines)
    for part, said in _parts(cost).items():
        if part == "taxes" and untold:
            continue  # 2.3.0: a sales tax is in the CDR alone
        least = sum((_part(part, one.component, one.least, tariff) for one in lines), Decimal(0))
        most = sum((_part(part, one.component, one.most, tariff) for one in lines), Decimal(0))
        least, most = min(least, most), max(least, most)
        if limited and _limits(tariff):
            if not all(part in limit for limit in _limits(tariff).values()):
                continue  # how taxes follow a limit before taxes the standard does not say
            least, most = _clamped(part, least, tariff), _clamped(part, most, tariff)
        off = max(least - said, said - most)
        if off > slack:
            found = violation if off > slack + _HALF_A_CENT * len(lines) else advice
            evidence = f"{said}, not {_between(least, most)}"
            contested = found(_CLAUSE, NOT_THE_TARIFFS, f"{name}.{part}", evidence)
            yield replace(contested, refuses=False)


def _parts(cost: Any) -> Mapping[str, Decimal]:
    """2.1.1 has a plain number."""
    parts: Mapping[str, Decimal] = {"excl_vat": cost} if isinstance(cost, Decimal) else cost.parts()
    return parts


def _part(part: str, component: Any, amount: Decimal, tariff: Any) -> Decimal:
    """2.3.0 says in tax_included whether taxes are in its prices; before it they never are."""
    price: Decimal = amount * component.price
    percent: Decimal = getattr(component, "vat", None) or Decimal(0)
    included = getattr(tariff, "tax_included", "NO") == "YES"
    before = price / (1 + percent / 100) if included else price
    taxes = price - before if included else price * percent / 100
    if part == "taxes":
        return taxes
    return before + taxes if part == "incl_vat" else before


def _limits(tariff: Any) -> dict[str, dict[str, Decimal]]:
    """min_price and max_price by the parts of a price that they bound."""
    named = {name: getattr(tariff, name, None) for name in ("min_price", "max_price")}
    return {
        name: {part: value for part, value in limit if isinstance(value, Decimal)}
        for name, limit in named.items()
        if limit is not None
    }


def _clamped(part: str, amount: Decimal, tariff: Any) -> Decimal:
    """ "can never be lower" than min_price, nor higher than max_price."""
    limits = _limits(tariff)
    low, high = (limits.get(name, {}).get(part, amount) for name in ("min_price", "max_price"))
    return min(max(amount, low), high)


def _between(least: Decimal, most: Decimal) -> str:
    return f"{least:.4f}" if most - least < _ROUNDED_LINE else f"{least:.4f} to {most:.4f}"
