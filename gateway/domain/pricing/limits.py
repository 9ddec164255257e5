"""min_price and max_price: what the total of a session is brought to, before and after taxes.

mod_tariffs, the NOTEs under Tariff, of 2.2.1 (excluding and including VAT) and 2.3.0 alike: "as a
rule, they both apply: the total cost of a Charging Session before taxes can never be lower than
the value of the min_price's `before_taxes` field", after taxes never lower than that of its
`after_taxes` field; likewise never higher than max_price's. These are two rules about two totals.
So each total is brought within its own limits, and the other stays what it is: "there might be
situations where the minimum cost after taxes is reached earlier or later". What lies between the
two is the tax, as in the printed example of max_price: 13.00 and 14.35, of which 10 % and 20 % are
taxes, become 10.00 and 11.00.

Two cases are left open there, and decided here. A limit that names no `after_taxes` says nothing of
that total; then taxes follow in the proportion of the session's own. And no limit makes a tax
negative: the total after taxes is at least the one before them, unless max_price forbids it, when
both are that.
"""

from decimal import Decimal

from gateway.domain.pricing.model import CostPart, Line, Money, TaxAmount
from gateway.domain.pricing.tally import plain, round_money
from gateway.domain.tariffs import Tariff, TaxIncluded
from gateway.domain.values import dataclass

_ZERO = Decimal(0)
_HUNDRED = Decimal(100)
_CLAUSE = (
    "mod_tariffs Tariff {limit}: applies to the total before taxes and to the total after taxes"
)


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What min_price and max_price ask of one total."""

    low: Decimal | None = None
    high: Decimal | None = None

    def clamp(self, amount: Decimal) -> Decimal:
        if self.low is not None:
            amount = max(amount, self.low)
        return amount if self.high is None else min(amount, self.high)


def limit_lines(tariff: Tariff, total: Money) -> list[Line]:
    """Give the line that brings the total of a session within the tariff's limits, if it is not."""
    if tariff.min_price is None and tariff.max_price is None:
        return []
    before, after = _limited(tariff, total)
    changes = (before - total.before_taxes, after - total.after_taxes)
    if not any(changes):
        return []
    name = "min_price" if max(changes) > 0 else "max_price"
    limit = tariff.min_price if max(changes) > 0 else tariff.max_price
    return [
        Line(
            dimension=None,
            quantity=Decimal(1),
            unit="",
            price=_ZERO if limit is None else limit.before_taxes,
            vat=None,
            amount=Money(changes[0], _tax_changes(tariff, total, before, after)),
            clause=_CLAUSE.format(limit=name),
            description=f"{name} of the tariff: " + _told(total, before, after),
            part=CostPart.LIMIT,
        )
    ]


def _limited(tariff: Tariff, total: Money) -> tuple[Decimal, Decimal]:
    """Give the totals before and after taxes, brought within their limits."""
    before_limits, after_limits = _bounds(tariff)
    before = round_money(before_limits.clamp(total.before_taxes))
    if after_limits is None:
        return before, before
    after = total.after_taxes
    if before != total.before_taxes:
        limit = tariff.min_price if before > total.before_taxes else tariff.max_price
        if limit is None or limit.after_taxes is None:
            after = _with_taxes(before, tariff, total)
    after = round_money(after_limits.clamp(after))
    if total.total_tax < 0:  # a tariff with negative prices
        return before, after
    if after < before and before > total.before_taxes:
        after = before if after_limits.high is None else min(before, after_limits.high)
    return min(before, after), after


def _with_taxes(before: Decimal, tariff: Tariff, total: Money) -> Decimal:
    """Add taxes in the proportion of the session's own.

    A session that cost nothing has no mix of taxes to follow; then the highest rate is assumed.
    """
    tax, per = total.total_tax, total.before_taxes
    if per <= 0 or tax < 0:
        tax, per = max(tariff.vat_rates), _HUNDRED
    return before * (per + tax) / per


def _bounds(tariff: Tariff) -> tuple[_Bounds, _Bounds | None]:
    """Give the limits before and after taxes; None where the two totals are one.

    They are where there are no taxes, and where the tariff does not tell its taxes: then those come
    on top, by whoever knows them, or are in the one total that is known.
    """
    low, high = tariff.min_price, tariff.max_price
    before = _Bounds(
        None if low is None else low.before_taxes, None if high is None else high.before_taxes
    )
    after = _Bounds(
        None if low is None else low.after_taxes, None if high is None else high.after_taxes
    )
    if tariff.tax_included is TaxIncluded.NOT_APPLICABLE:
        return _tighter(before, after), None
    if tariff.vat_rates:
        return before, after
    if tariff.tax_included is TaxIncluded.NO:
        return before, None
    return _Bounds(
        before.low if after.low is None else after.low,
        before.high if after.high is None else after.high,
    ), None


def _tighter(one: _Bounds, other: _Bounds) -> _Bounds:
    lows = [each for each in (one.low, other.low) if each is not None]
    highs = [each for each in (one.high, other.high) if each is not None]
    return _Bounds(max(lows, default=None), min(highs, default=None))


def _tax_changes(
    tariff: Tariff, total: Money, before: Decimal, after: Decimal
) -> tuple[TaxAmount, ...]:
    """Divide the taxes that there are now over those of the bill, in proportion."""
    now = after - before
    taxes = [tax for tax in total.taxes if tax.amount]
    whole = sum((tax.amount for tax in taxes), _ZERO)
    if now == whole:
        return ()
    if not whole:  # nothing to follow: the rate that fits, if the tariff has one
        fitting = (rate for rate in tariff.vat_rates if round_money(before * rate / 100) == now)
        return (TaxAmount("VAT", now - whole, max(fitting, default=None)),)
    changes, shared, taken = [], _ZERO, _ZERO
    for tax in taxes:  # by running totals, so that no share goes below zero by rounding
        shared += tax.amount
        share = round_money(now * shared / whole) - taken
        taken += share
        changes.append(TaxAmount(tax.name, share - tax.amount, tax.percentage, tax.account_number))
    return tuple(changes)


def _told(total: Money, before: Decimal, after: Decimal) -> str:
    told = (
        (total.before_taxes, before, "before taxes"),
        (total.after_taxes, after, "after taxes"),
    )
    return ", ".join(
        f"{plain(was)} to {plain(now)} {what}" for was, now, what in told if was != now
    )
