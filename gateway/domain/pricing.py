"""What a charging session costs: one Tariff, one Usage, one Bill (OCPI mod_tariffs, mod_cdrs).

`price` is total: for every parsed tariff and every `Usage` that can be built it returns, without
looping, and never a negative amount unless the tariff's own prices are negative. It covers the
whole model of 2.1.1 to 2.3.0 for one tariff per session: elements by first match per dimension,
every restriction, step_size, VAT, tax_included, min_price and max_price, reservations.

How it works. Each period is cut wherever a restriction of the tariff can begin or cease to hold:
at local clock times and durations exactly, at amounts of energy by interpolating linearly within
the period (mod_cdrs: a moment "calculated by the CPO ... interpolated"), which `Bill.notes` says.
Within a piece the active price components are constant, so quantities add up per component;
step_size then rounds up once, and each component becomes one line. `pricing_model` is what goes in
and comes out, `pricing_pieces` cuts, `pricing_tally` adds up; here are the totals and their limits.

Arithmetic. Quantities are exact: kWh to 9 decimals, seconds to 6. Money is rounded in one place,
`round_money`, and once, per line: to the 4 decimals of OCPI's number type (types.asciidoc), halves
up as the printed examples do. Totals are sums of lines, so a bill adds up on paper. There is no
rounding to the currency's minor unit: mod_tariffs leaves that to "applicable laws, contracts
between the parties", and its own examples print totals such as 13.861. Who invoices rounds.

What the standard leaves open, as decided here:

- FLAT is charged once for the session, once for parking and once for the reservation: the first
  component of each kind to become active. Day and night elements may repeat a start fee without
  charging it twice, while total_parking_cost and total_reservation_cost still get the "fixed
  price components" that mod_cdrs gives them. One that is passed over is noted.
- step_size of the time dimensions: the last one used, TIME or PARKING_TIME, rounds the total of
  its own dimension ("step_size of the last time-based period"). Reservation time lies before the
  session and is rounded on its own, as the reservation examples are.
- A reservation has expired if nothing but reservation time was used. RESERVATION_EXPIRES then
  goes before RESERVATION (the NOTE under ReservationRestrictionType), which it does not exclude.
- Limits: see `_limited`. A minimum price is for a session, not for a reservation that expired.
- Energy fed back offsets energy charged at the same price; a component never goes below zero.
- Current and power of a period are its average if given, else halfway between its minimum and
  maximum, else (power) what energy and duration give, else nought if no energy flowed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext

from gateway.domain.pricing_model import (
    EXACT,
    Bill,
    ChargingPeriod,
    CostPart,
    Dimension,
    InvalidUsage,
    Line,
    Money,
    TaxAmount,
    Usage,
)
from gateway.domain.pricing_pieces import SECONDS_PER_HOUR, ZERO, Session
from gateway.domain.pricing_tally import Tally, plain, round_money
from gateway.domain.tariffs import Tariff, TaxIncluded

__all__ = [
    "Bill",
    "ChargingPeriod",
    "CostPart",
    "Dimension",
    "InvalidUsage",
    "Line",
    "Money",
    "TaxAmount",
    "Usage",
    "price",
]

_HUNDRED = Decimal(100)
_NUMBER = Decimal("1E-4")
_LIMIT_CLAUSE = (
    "mod_tariffs Tariff {limit}: applies to the total before taxes and to the total after taxes"
)


def price(tariff: Tariff | None, usage: Usage) -> Bill:
    """Price the whole usage so far; the same call serves a running session and its CDR.

    Without a tariff the bill has no currency, costs nothing and says so: `priced` is False. That
    is not free of charge, for mod_cdrs wants a Free of Charge tariff listed where that is meant,
    while a period without tariff_id has "no Tariff relevant" and is the receiver's to price.
    """
    with localcontext(EXACT):
        session = Session.of(usage)
        if tariff is None:
            return _bill(session, None, [], ("no tariff is known for this session",), priced=False)
        tally = Tally(tariff, session)
        for stretch in session.stretches:
            tally.add(stretch)
        lines = tally.lines()
        if not session.is_only_reserved:  # "a Charging Session with this tariff will at least cost"
            lines.extend(_limit_lines(tariff, _sum(lines)))
        return _bill(session, tariff.currency, lines, tally.notes, priced=tally.priced)


def _bill(
    session: Session,
    currency: str | None,
    lines: list[Line],
    notes: tuple[str, ...],
    *,
    priced: bool,
) -> Bill:
    amounts = [stretch.amounts for stretch in session.stretches]
    return Bill(
        currency=currency,
        total_cost=_sum(lines),
        total_fixed_cost=_part(CostPart.FIXED, lines),
        total_energy_cost=_part(CostPart.ENERGY, lines),
        total_time_cost=_part(CostPart.TIME, lines),
        total_parking_cost=_part(CostPart.PARKING, lines),
        total_reservation_cost=_part(CostPart.RESERVATION, lines),
        total_energy=plain(sum((each.energy for each in amounts), ZERO)),
        total_time=_hours(session.end - session.charging_start),
        total_parking_time=_hours(sum((each.parking for each in amounts), ZERO)),
        lines=tuple(lines),
        notes=notes,
        priced=priced,
    )


def _sum(lines: Iterable[Line]) -> Money:
    return sum((line.amount for line in lines), Money())


def _part(part: CostPart, lines: Iterable[Line]) -> Money | None:
    belonging = [line for line in lines if line.part is part]
    return _sum(belonging) if belonging else None


def _hours(seconds: Decimal) -> Decimal:
    return plain((seconds / SECONDS_PER_HOUR).quantize(_NUMBER))


# -- min_price and max_price ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What min_price and max_price ask of one total."""

    low: Decimal | None = None
    high: Decimal | None = None

    def clamp(self, amount: Decimal) -> Decimal:
        if self.low is not None:
            amount = max(amount, self.low)
        return amount if self.high is None else min(amount, self.high)


def _limit_lines(tariff: Tariff, total: Money) -> list[Line]:
    before_taxes, after_taxes = _limited(tariff, total)
    if (before_taxes, after_taxes) == (total.before_taxes, total.after_taxes):
        return []
    raised = after_taxes > total.after_taxes or before_taxes > total.before_taxes
    name = "min_price" if raised else "max_price"
    limit = tariff.min_price if raised else tariff.max_price
    tax = (after_taxes - before_taxes) - total.total_tax
    return [
        Line(
            dimension=None,
            quantity=Decimal(1),
            unit="",
            price=ZERO if limit is None else limit.before_taxes,
            vat=None,
            amount=Money(before_taxes - total.before_taxes, _spread(tax, total, tariff)),
            clause=_LIMIT_CLAUSE.format(limit=name),
            description=f"{name} of the tariff",
            part=CostPart.LIMIT,
        )
    ]


def _limited(tariff: Tariff, total: Money) -> tuple[Decimal, Decimal]:
    """Bring the totals before and after taxes within their limits: "as a rule, they both apply".

    A limit before taxes that takes effect sets that total, and taxes follow in proportion, until
    the limit after taxes sets them too (the max_price example: 10.00 and 11.00). A limit after
    taxes that takes effect alone scales both totals.
    """
    before_limit, after_limit = _bounds(tariff)
    before, after = total.before_taxes, total.after_taxes
    tax, per = _tax_ratio(tariff, total)
    new_before = round_money(before_limit.clamp(before))
    if new_before != before:
        after = new_before * (per + tax) / per
    new_after = round_money(after_limit.clamp(after))
    if new_before == before and new_after != after:
        new_before = round_money(before_limit.clamp(new_after * per / (per + tax)))
    if new_after < new_before and tax >= 0:
        new_before = new_after
    return new_before, new_after


def _tax_ratio(tariff: Tariff, total: Money) -> tuple[Decimal, Decimal]:
    """Give the taxes due per amount before taxes, as two numbers so that nothing is rounded yet.

    A session that cost nothing has no mix of taxes to follow; then the highest rate is assumed.
    """
    if total.before_taxes > 0 and total.total_tax >= 0:
        return total.total_tax, total.before_taxes
    if tariff.tax_included is TaxIncluded.NOT_APPLICABLE:
        return ZERO, _HUNDRED
    return max(tariff.vat_rates, default=ZERO), _HUNDRED


def _bounds(tariff: Tariff) -> tuple[_Bounds, _Bounds]:
    """Give the limits before and after taxes that can be applied to what the tariff tells us."""
    low, high = tariff.min_price, tariff.max_price
    before = _Bounds(
        None if low is None else low.before_taxes, None if high is None else high.before_taxes
    )
    after = _Bounds(
        None if low is None else low.after_taxes, None if high is None else high.after_taxes
    )
    if tariff.tax_included is TaxIncluded.NOT_APPLICABLE:
        return _tighter(before, after), _Bounds()  # both totals are the same
    if tariff.vat_rates:
        return before, after
    if tariff.tax_included is TaxIncluded.NO:
        return before, _Bounds()  # taxes come on top, by whoever knows them
    # Only the total after taxes is known, and stands in for the one before.
    return _Bounds(
        before.low if after.low is None else after.low,
        before.high if after.high is None else after.high,
    ), _Bounds()


def _tighter(one: _Bounds, other: _Bounds) -> _Bounds:
    lows = [each for each in (one.low, other.low) if each is not None]
    highs = [each for each in (one.high, other.high) if each is not None]
    return _Bounds(max(lows, default=None), min(highs, default=None))


def _spread(amount: Decimal, total: Money, tariff: Tariff) -> tuple[TaxAmount, ...]:
    """Divide a change of tax over the taxes of the bill, in proportion; the last takes the rest."""
    if not amount:
        return ()
    taxes = [tax for tax in total.taxes if tax.amount]
    if not taxes:
        rate = max(tariff.vat_rates, default=None)
        return (TaxAmount("VAT", amount, rate),)
    whole = sum((tax.amount for tax in taxes), ZERO)
    if not whole:
        taxes, whole = taxes[:1], taxes[0].amount
    shares = [round_money(amount * tax.amount / whole) for tax in taxes]
    shares[-1] += amount - sum(shares, ZERO)
    return tuple(
        TaxAmount(tax.name, share, tax.percentage, tax.account_number)
        for tax, share in zip(taxes, shares, strict=True)
    )
