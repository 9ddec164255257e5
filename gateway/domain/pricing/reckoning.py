"""What a charging session costs: one Tariff, one Usage, one Bill (OCPI mod_tariffs, mod_cdrs).

`price` is total: for every parsed tariff and every `Usage` that can be built it returns, without
looping, and never a negative amount unless the tariff's own prices are negative. It covers the
whole model of 2.1.1 to 2.3.0 for one tariff per session: elements by first match per dimension,
every restriction, step_size, VAT, tax_included, min_price and max_price, reservations.

How it works. Each period is cut wherever a restriction of the tariff can begin or cease to hold:
at local clock times and durations exactly, at amounts of energy by interpolating linearly within
the period (mod_cdrs: a moment "calculated by the CPO ... interpolated"). What no meter has read
there, energy at a time or the moment of an amount, is named in the lines that it decides about.
Within a piece the active price components are constant, so quantities add up per component;
step_size then rounds up once, and each component becomes one line. `model` is what goes in and
comes out, `pieces` cuts, `tally` adds up, `limits` applies min_price and max_price, `periods` makes
the charging periods to show; here are the totals.

`Reckoning` is the same for a session that still runs: periods go in one by one, as they end.

Arithmetic. Quantities are whole numbers of 1E-9 kWh and of microseconds, and so exact. Money is
rounded in one place, `round_money`, and once, per line: to the 4 decimals of OCPI's number type
(types.asciidoc), halves up as the printed examples do. Totals are sums of lines, so a bill adds up
on paper. There is no rounding to the currency's minor unit: mod_tariffs leaves that to "applicable
laws, contracts between the parties", and its own examples print totals such as 13.861. What is to
be paid in the end, rounded so, is `Bill.payable`.

What the standard leaves open, as decided here:

- FLAT is charged once for the session, once for parking and once for the reservation: the first
  component of each kind to become active. Day and night elements may repeat a start fee without
  charging it twice, while total_parking_cost and total_reservation_cost still get the "fixed
  price components" that mod_cdrs gives them. One that is passed over is noted.
- step_size of the time dimensions: the last one used, TIME or PARKING_TIME, rounds the total of
  its own dimension ("step_size of the last time-based period"). So mod_cdrs' "only taken into
  account for the total parking duration" holds where parking is last; its reason is that charging
  "is followed by another time based period". Reservation time lies before the session and is
  rounded on its own, as the reservation examples are.
- A reservation has expired if nothing but reservation time was used, unless it was cancelled.
  RESERVATION_EXPIRES then goes before RESERVATION (the NOTE under ReservationRestrictionType),
  which it does not exclude. Of cancelling the standard says nothing: before its `expiry_date` a
  reservation has not expired, so it costs what RESERVATION says of its time.
- Limits: see `limits`. A minimum price is for a session, not for a reservation that
  expired.
- Energy fed back offsets energy charged at the same price; a component never goes below zero.
- Current and power of a period are its average if given, else halfway between its minimum and
  maximum, else (power) what energy and duration give, else nought if no energy flowed.
"""

from collections.abc import Iterable
from copy import copy
from datetime import UTC, datetime
from decimal import Decimal, localcontext
from operator import itemgetter

from gateway.domain.pricing.limits import limit_lines
from gateway.domain.pricing.model import (
    EXACT,
    Bill,
    ChargingPeriod,
    CostPart,
    Line,
    Money,
    Usage,
    check_time,
    check_zone,
)
from gateway.domain.pricing.periods import PeriodsShown
from gateway.domain.pricing.pieces import HOUR, KWH, Stretch, micros, whole
from gateway.domain.pricing.tally import Tally, plain
from gateway.domain.tariffs import Tariff

_NUMBER = Decimal("1E-4")
_NO_TARIFF = "no tariff is known for this session"


def price(tariff: Tariff | None, usage: Usage) -> Bill:
    """Price the whole usage so far; the same call serves a running session and its CDR.

    Without a tariff the bill has no currency, costs nothing and says so: `priced` is False. That
    is not free of charge, for mod_cdrs wants a Free of Charge tariff listed where that is meant,
    while a period without tariff_id ("no Tariff is relevant") is the receiver's to price.
    """
    return Reckoning(tariff, usage.start, usage.time_zone)._whole(usage)


class Reckoning:
    """A bill in the making: periods are added as they end, and a bill can be had at any time.

    A period costs the same to add however many there were before, so that the update of a running
    session costs the same at its thousandth meter value as at its tenth. `price` is made of it:
    the last bill of a running session and the one of its CDR cannot differ. Raises `InvalidUsage`.
    """

    def __init__(self, tariff: Tariff | None, start: datetime, time_zone: str = "UTC") -> None:
        check_time(start)
        check_zone(time_zone)
        self._tariff = tariff
        self._start = start.astimezone(UTC)
        self._tally = None if tariff is None else Tally(tariff, start, time_zone)
        self._until: int | None = None  # None: no period yet
        self._energy = 0
        self._parking = 0
        self._session_start: int | None = None
        self._shown = PeriodsShown(self._start)  # where no tariff makes periods

    def add(self, period: ChargingPeriod, until: datetime) -> None:
        """Charge a period that is over; periods come in order."""
        check_time(until)
        with localcontext(EXACT):
            self._charge(period, self._offset(period.start), self._offset(until))

    def branch(self) -> "Reckoning":
        """Give one that goes its own way from here: what is added to either is not in the other."""
        reckoning = copy(self)
        reckoning._shown = self._shown.branch()
        if self._tally is not None:
            reckoning._tally = self._tally.branch()
        return reckoning

    def bill(
        self, until: datetime, running: ChargingPeriod | None = None, *, cancelled: bool = False
    ) -> Bill:
        """Give the bill as it stands, with a period that runs on. Charges nothing for good.

        Where there is no period at all, nothing was used, and a start fee is still due.
        `cancelled` as in `Usage`.
        """
        check_time(until)
        branch, end = self.branch(), self._offset(until)
        with localcontext(EXACT):
            if running is None and self._until is None:
                running = ChargingPeriod(self._start, {})
            if running is not None:
                branch._charge(running, branch._offset(running.start), end)
            return branch._ended(end, cancelled=cancelled)

    def _whole(self, usage: Usage) -> Bill:
        """Charge a usage, whose periods may come in any order, and end it."""
        end, offset = self._offset(usage.end), self._offset
        if not usage.periods:
            return self.bill(usage.end, cancelled=usage.cancelled)
        laid_out = sorted(((offset(each.start), each) for each in usage.periods), key=itemgetter(0))
        starts = [min(start, end) for start, _ in laid_out]
        with localcontext(EXACT):
            for (_, period), start, until in zip(laid_out, starts, [*starts[1:], end], strict=True):
                self._charge(period, start, until)
            return self._ended(end, cancelled=usage.cancelled)

    def _charge(self, period: ChargingPeriod, start: int, until: int) -> None:
        known_until = self._until or 0
        start = max(start, known_until)
        until = max(until, start)
        stretch = Stretch.of(period, start, until, self._energy)
        if self._session_start is None and not stretch.is_reservation:
            self._session_start = start
        self._until = until
        self._energy += stretch.amounts.energy
        self._parking += stretch.amounts.parking
        if self._tally is None:
            self._shown.add(stretch, whole(stretch), None, None, None)
        else:
            self._tally.add(stretch)

    def _ended(self, end: int, *, cancelled: bool) -> Bill:
        tariff, tally = self._tariff, self._tally
        if tariff is None or tally is None:
            return self._bill(end, None, [], (_NO_TARIFF,), self._shown, priced=False)
        lines = tally.end(cancelled=cancelled)
        if self._session_start is not None:  # "a Charging Session with this tariff will at least"
            lines.extend(limit_lines(tariff, _sum(lines)))
        notes, shown = tally.notes, tally.shown
        return self._bill(end, tariff.currency, lines, notes, shown, priced=tally.priced)

    def _offset(self, moment: datetime) -> int:
        # the start is in UTC: two times of one zone would be subtracted by its clock on the wall
        return micros(moment - self._start)

    def _bill(
        self,
        end: int,
        currency: str | None,
        lines: list[Line],
        notes: tuple[str, ...],
        shown: PeriodsShown,
        *,
        priced: bool,
    ) -> Bill:
        end = max(end, self._until or 0)
        session = 0 if self._session_start is None else end - self._session_start
        return Bill(
            currency=currency,
            total_cost=_sum(lines),
            total_fixed_cost=_part(CostPart.FIXED, lines),
            total_energy_cost=_part(CostPart.ENERGY, lines),
            total_time_cost=_part(CostPart.TIME, lines),
            total_parking_cost=_part(CostPart.PARKING, lines),
            total_reservation_cost=_part(CostPart.RESERVATION, lines),
            total_energy=plain(Decimal(self._energy) / KWH),
            total_time=_hours(session),
            total_parking_time=_hours(self._parking),
            lines=tuple(lines),
            notes=notes,
            priced=priced,
            list_periods=shown.all,
        )


def _sum(lines: Iterable[Line]) -> Money:
    return Money.sum(line.amount for line in lines)


def _part(part: CostPart, lines: Iterable[Line]) -> Money | None:
    belonging = [line for line in lines if line.part is part]
    return _sum(belonging) if belonging else None


def _hours(time: int) -> Decimal:
    return plain((Decimal(time) / HOUR).quantize(_NUMBER))
