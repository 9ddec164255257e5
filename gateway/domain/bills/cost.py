"""What a driver is told of prices and cost at the station.

Amounts include taxes: OCPP's totalCost does (ocpp-rules 31), and a driver pays nothing else. What
is shown is rounded to what the currency has, or to what the station says that it can show; what
is billed is not touched by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from gateway.domain.commands import Command
from gateway.domain.display_text import DisplayText
from gateway.domain.pricing import Bill
from gateway.domain.pricing.currencies import decimals_of
from gateway.domain.tariffs import Moment, PriceComponent, Tariff, TariffDimension, TaxIncluded
from gateway.domain.transactions import Transaction

_MOST_DECIMALS = 4  # OCPI's number type; ours are no finer
_HUNDRED = Decimal(100)


def shown(amount: Decimal, currency: str, decimals: int | None = None) -> Decimal:
    """An amount as a station is to show it; `decimals` is its own word on how many it can."""
    places = decimals_of(currency) if decimals is None else min(decimals, _MOST_DECIMALS)
    return amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def sure_cost(transaction: Transaction, bill: Bill | None, *, held: bool) -> Decimal | None:
    """What a driver may be told that it costs, taxes included; None while that is doubtful.

    `held`: whether a CDR would be held as the transaction stands.
    """
    if bill is None or not bill.priced or bill.currency is None:
        return None
    if held or not (transaction.is_open or transaction.is_settled):
        return None  # it has ended, and something is still to come
    return bill.total_cost.after_taxes


def text_in(texts: tuple[DisplayText, ...], language: str | None) -> DisplayText | None:
    """The text in the driver's language, by its first subtag; without one, the first text."""
    if language is None:
        return texts[0] if texts else None
    wanted = _subtag(language)
    return next((one for one in texts if _subtag(one.language) == wanted), None)


def _subtag(language: str) -> str:
    return language.partition("-")[0].lower()


@dataclass(frozen=True, slots=True)
class StationDisplay:
    """What a connected station shows, by its own settings and the operator's word.

    `decimals` is how many it shows of an amount, None: it has not said. `texts` are the tariffs'
    own texts by EVSE, `unknown` the commands that it has said it does not know.
    """

    cost: bool = False
    tariff: bool = False
    decimals: int | None = None
    texts: Mapping[int, tuple[DisplayText, ...]] = field(default_factory=dict)
    unknown: frozenset[str] = frozenset()

    def text(self, evse_id: int | None, language: str | None) -> DisplayText | None:
        """The tariff in words; without an EVSE only if all EVSEs have the same."""
        if not self.tariff:
            return None
        if evse_id is not None:
            return text_in(self.texts.get(evse_id, ()), language)
        found = {text_in(texts, language) for texts in self.texts.values()}
        return found.pop() if len(found) == 1 else None


SHOWS_NOTHING = StationDisplay()


@dataclass(frozen=True, slots=True)
class PricesNow:
    """What counts at one moment, taxes included: per kWh, per hour, and once."""

    kwh: Decimal | None = None
    hour: Decimal | None = None
    flat: Decimal | None = None
    idle_hour: Decimal | None = None


def prices_at(tariff: Tariff, at: Moment) -> PricesNow:
    """The prices that are active; of each dimension the first element that matches counts."""
    found: dict[TariffDimension, Decimal] = {}
    for element in tariff.elements:
        if element.restrictions.reservation is not None or not element.restrictions.match(at):
            continue
        for component in element.price_components:
            found.setdefault(component.type, with_taxes(tariff, component))
    return PricesNow(
        found.get(TariffDimension.ENERGY),
        found.get(TariffDimension.TIME),
        found.get(TariffDimension.FLAT),
        found.get(TariffDimension.PARKING_TIME),
    )


def with_taxes(tariff: Tariff, component: PriceComponent) -> Decimal:
    """The price of a component with its VAT."""
    if tariff.tax_included is not TaxIncluded.NO or component.vat is None:
        return component.price
    return component.price * (_HUNDRED + component.vat) / _HUNDRED


def moment_of(transaction: Transaction, time_zone: str) -> Moment:
    """Where a transaction stands, for what restrictions ask of it."""
    at = transaction.latest_at
    return Moment(
        local=at.astimezone(ZoneInfo(time_zone)),
        duration=Decimal((at - transaction.started_at) // timedelta(seconds=1)),
        energy=transaction.energy.delivered_wh / 1000,
    )


@dataclass(frozen=True, slots=True)
class ShowRunningCost(Command):
    """Show what a running transaction costs so far; 1.6 shows the prices beside it.

    `meter_wh` is the register at `at`. Stations that do not show cost refuse it.
    """

    transaction_id: str
    cost: Decimal
    at: datetime
    meter_wh: Decimal
    charging: bool
    prices: PricesNow


@dataclass(frozen=True, slots=True)
class ShowFinalCost(Command):
    """Show what an ended transaction cost; 2.x is told in the answer to its last event."""

    transaction_id: str
    cost: Decimal
    text: str


@dataclass(frozen=True, slots=True)
class ShowPrice(Command):
    """Show a driver the tariff, by the token just presented; 2.x is told with the decision."""

    id_token: str
    text: str


@dataclass(frozen=True, slots=True)
class StationCost:
    """What a station reckons itself that a transaction costs (2.1 CostDetails), taxes included."""

    transaction_id: str
    currency: str
    total: Decimal | None
    failed: bool = False
