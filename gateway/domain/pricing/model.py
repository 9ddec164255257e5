"""What pricing takes and gives: `Usage` in OCPI's own dimensions, `Bill` in OCPI's own totals.

Import these from `gateway.domain.pricing`, which explains them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import (
    MAX_EMAX,
    MIN_EMIN,
    ROUND_HALF_UP,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    localcontext,
)
from enum import StrEnum
from zoneinfo import ZoneInfo

from gateway.domain.pricing.currencies import to_unit
from gateway.domain.tariffs import TariffDimension

# Wide enough for exact products and sums of any prices and volumes that get this far; halves up,
# as the printed examples round (5.125 to 5.13). Never the caller's context.
EXACT = Context(
    prec=80,
    rounding=ROUND_HALF_UP,
    Emin=MIN_EMIN,
    Emax=MAX_EMAX,
    traps=[InvalidOperation, DivisionByZero, Overflow],
)
_ZERO = Decimal(0)
_MOST_VOLUME = Decimal("1E15")  # so that price times volume stays within the engine's arithmetic


class InvalidUsage(ValueError):
    """The usage is no usage: a time without zone, an unknown zone, a volume that is no number."""


class Dimension(StrEnum):
    """OCPI CdrDimensionType: energy in kWh, times in hours, current in A, power in kW."""

    CURRENT = "CURRENT"
    ENERGY = "ENERGY"
    ENERGY_EXPORT = "ENERGY_EXPORT"
    ENERGY_IMPORT = "ENERGY_IMPORT"
    MAX_CURRENT = "MAX_CURRENT"
    MIN_CURRENT = "MIN_CURRENT"
    MAX_POWER = "MAX_POWER"
    MIN_POWER = "MIN_POWER"
    PARKING_TIME = "PARKING_TIME"
    POWER = "POWER"
    RESERVATION_TIME = "RESERVATION_TIME"
    STATE_OF_CHARGE = "STATE_OF_CHARGE"
    TIME = "TIME"

    __hash__ = str.__hash__  # Enum's own is written in Python, and every volume is looked up by it


@dataclass(frozen=True, slots=True)
class ChargingPeriod:
    """OCPI ChargingPeriod; it ends where the next begins, the last one with the usage.

    `tariff_id` is for the CDR. A period that names another tariff than the one it is priced with
    is not billed, and the bill's notes say so; None means the one it is priced with. Current and
    power are sums over all phases. Raises `InvalidUsage`.
    """

    start: datetime
    volumes: Mapping[Dimension, Decimal]
    tariff_id: str | None = None

    @classmethod
    def summed(
        cls, start: datetime, volumes: Mapping[Dimension, Decimal], tariff_id: str | None
    ) -> "ChargingPeriod":
        """Make one of sums of volumes, each of which was checked: together they may be more."""
        period = cls.__new__(cls)
        for name, value in (("start", start), ("volumes", volumes), ("tariff_id", tariff_id)):
            object.__setattr__(period, name, value)
        return period

    def __post_init__(self) -> None:
        check_time(self.start)
        for dimension, volume in self.volumes.items():
            if not (volume.is_finite() and abs(volume) < _MOST_VOLUME):
                raise InvalidUsage(f"{dimension} of {volume} is no volume")


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used from `start` (of the reservation, if there was one) to `end`.

    Periods may come in any order. `time_zone` is the Location's. An `end` before `start` counts
    as no time at all. `cancelled`: the reservation was given up before its `expiry_date`, or has
    not come to it yet, so that nothing of RESERVATION_EXPIRES is due; one that was used needs no
    telling. Raises `InvalidUsage`.
    """

    start: datetime
    end: datetime
    periods: tuple[ChargingPeriod, ...]
    time_zone: str = "UTC"
    cancelled: bool = False

    def __post_init__(self) -> None:
        check_time(self.start)
        check_time(self.end)
        check_zone(self.time_zone)


def check_zone(name: str) -> None:
    """Raise `InvalidUsage` unless `name` is a time zone."""
    try:
        ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        raise InvalidUsage(f"{name!r} is no time zone") from None


def check_time(moment: datetime) -> None:
    """Raise `InvalidUsage` unless `moment` has a zone and can have been."""
    if moment.tzinfo is None:
        raise InvalidUsage(f"{moment.isoformat()} has no zone")
    if not 1900 <= moment.year < 3000:
        raise InvalidUsage(f"{moment.isoformat()} is no time that a session could have")


@dataclass(frozen=True, slots=True)
class TaxAmount:
    """OCPI 2.3.0 TaxAmount."""

    name: str
    amount: Decimal
    percentage: Decimal | None = None
    account_number: str | None = None

    def plus(self, amount: Decimal) -> "TaxAmount":
        """Give the same with so much more."""
        return TaxAmount(
            self.name, EXACT.add(self.amount, amount), self.percentage, self.account_number
        )


@dataclass(frozen=True, slots=True)
class Money:
    """OCPI 2.3.0 Price."""

    before_taxes: Decimal = _ZERO
    taxes: tuple[TaxAmount, ...] = ()

    @property
    def total_tax(self) -> Decimal:
        """The sum of all taxes."""
        with localcontext(EXACT):
            return sum((tax.amount for tax in self.taxes), _ZERO)

    @property
    def after_taxes(self) -> Decimal:
        """What is to be paid."""
        return EXACT.add(self.before_taxes, self.total_tax)

    @classmethod
    def sum(cls, amounts: Iterable["Money"]) -> "Money":
        """Add up, taxes of the same name, percentage and account together."""
        before_taxes = _ZERO
        taxes: dict[tuple[str, Decimal | None, str | None], TaxAmount] = {}
        with localcontext(EXACT):
            for each in amounts:
                before_taxes += each.before_taxes
                for tax in each.taxes:
                    key = (tax.name, tax.percentage, tax.account_number)
                    known = taxes.get(key)
                    taxes[key] = tax if known is None else known.plus(tax.amount)
        return cls(before_taxes, tuple(taxes.values()))

    def __add__(self, other: "Money") -> "Money":
        return Money.sum((self, other))


class CostPart(StrEnum):
    """The total of a CDR that a line belongs to; LIMIT is only in total_cost."""

    FIXED = "total_fixed_cost"
    ENERGY = "total_energy_cost"
    TIME = "total_time_cost"
    PARKING = "total_parking_cost"
    RESERVATION = "total_reservation_cost"
    LIMIT = "total_cost"


@dataclass(frozen=True, slots=True)
class Line:
    """One price component and what it came to; `dimension` None is an effect of a price limit.

    `quantity` is what is billed, after step_size, in `unit` (kWh, h, or "" for FLAT), to 9
    decimals; `price` is the tariff's, per unit, with or without taxes as `tax_included` says.
    """

    dimension: TariffDimension | None
    quantity: Decimal
    unit: str
    price: Decimal
    vat: Decimal | None
    amount: Money
    clause: str
    description: str
    part: CostPart


@dataclass(frozen=True, slots=True)
class Bill:
    """The totals of an OCPI CDR and how they came about; `total_cost` is the sum of the lines.

    A part total is None where no line belongs to it. Times are hours, to 4 decimals; `total_time`
    covers charging and not charging, but not a reservation before the session. `priced` is False
    if some usage could not be priced, because no tariff was known for it; `notes` say what.
    """

    currency: str | None
    total_cost: Money
    total_fixed_cost: Money | None
    total_energy_cost: Money | None
    total_time_cost: Money | None
    total_parking_cost: Money | None
    total_reservation_cost: Money | None
    total_energy: Decimal
    total_time: Decimal
    total_parking_time: Decimal
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()
    priced: bool = True
    list_periods: Callable[[], tuple[ChargingPeriod, ...]] = field(
        default=tuple, compare=False, repr=False
    )

    @property
    def periods(self) -> tuple[ChargingPeriod, ...]:
        """What was used, a new period wherever the tariff has a limit; no meter value needs one."""
        with localcontext(EXACT):
            return self.list_periods()

    @property
    def payable(self) -> Decimal | None:
        """What is to be paid, in the currency's smallest unit; None without a currency.

        Rounded once, from the total: no line and no tax is.
        """
        if self.currency is None:
            return None
        with localcontext(EXACT):
            return to_unit(self.total_cost.after_taxes, self.currency)
