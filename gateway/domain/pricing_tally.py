"""Adds up, per price component, what a session used of it; rounds it up by step_size; writes lines.

The rules behind the decisions here are in the docstring of `gateway.domain.pricing`.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from decimal import ROUND_CEILING, Decimal
from zoneinfo import ZoneInfo

from gateway.domain.pricing_model import CostPart, Line, Money, TaxAmount
from gateway.domain.pricing_pieces import (
    LONGEST_CUT_BY_THE_CLOCK,
    SECONDS_PER_HOUR,
    ZERO,
    Amounts,
    Cuts,
    Piece,
    Session,
    Stretch,
    seconds,
    wall_times,
)
from gateway.domain.tariffs import (
    Moment,
    PriceComponent,
    ReservationRestriction,
    Tariff,
    TariffDimension,
    TariffElement,
    TaxIncluded,
)

_HUNDRED = Decimal(100)
_WH_PER_KWH = Decimal(1000)
_NUMBER = Decimal("1E-4")  # types.asciidoc: "numbers use 4 decimals"
_QUANTITY = Decimal("1E-9")

_PART = {
    TariffDimension.FLAT: CostPart.FIXED,
    TariffDimension.ENERGY: CostPart.ENERGY,
    TariffDimension.TIME: CostPart.TIME,
    TariffDimension.PARKING_TIME: CostPart.PARKING,
}
_UNIT = {
    TariffDimension.FLAT: "",
    TariffDimension.ENERGY: "kWh",
    TariffDimension.TIME: "h",
    TariffDimension.PARKING_TIME: "h",
}
_CLAUSE = {
    TariffDimension.FLAT: "mod_tariffs TariffDimensionType FLAT: flat fee",
    TariffDimension.ENERGY: "mod_tariffs TariffDimensionType ENERGY: defined in kWh",
    TariffDimension.TIME: "mod_tariffs TariffDimensionType TIME: time charging, in hours",
    TariffDimension.PARKING_TIME: "mod_tariffs TariffDimensionType PARKING_TIME: not charging",
}
# "once per session for ENERGY and once for PARKING_TIME and TIME combined"; a reservation precedes
# the session
_STEP_SIZE_TOTAL = {
    CostPart.ENERGY: "energy",
    CostPart.TIME: "time",
    CostPart.PARKING: "time",
    CostPart.RESERVATION: "reservation",
}
_RESERVATION_CLAUSE = "mod_tariffs TariffRestrictions reservation"
_STEP_SIZE_CLAUSE = "mod_cdrs CDR object, step_size: once per session"


def round_money(amount: Decimal) -> Decimal:
    """Round to OCPI's number type: the one place where money is rounded."""
    return amount.quantize(_NUMBER)


def plain(quantity: Decimal) -> Decimal:
    """Drop trailing zeros without falling into exponents."""
    whole = quantity.to_integral_value()
    return whole.quantize(Decimal(1)) if quantity == whole else quantity.normalize()


@dataclass(eq=False, slots=True)
class _Account:
    """What one price component has to bill: kWh, seconds, or 1 for FLAT."""

    element: int  # from 1, as people count
    component: PriceComponent
    part: CostPart
    quantity: Decimal = ZERO
    added_by_step_size: Decimal = ZERO


_Active = dict[TariffDimension, _Account]
_Accounts = tuple[TariffElement, tuple[_Account, ...]]


class Tally:
    """Walks through a session and keeps the account of every component that becomes active."""

    def __init__(self, tariff: Tariff, session: Session) -> None:
        self.priced = True
        self._tariff = tariff
        self._cuts = Cuts(tariff, session)
        self._session = session
        self._begin = session.usage.start.astimezone(UTC)
        self._zone = ZoneInfo(session.usage.time_zone)
        every = [_accounts(n, each) for n, each in enumerate(tariff.elements, start=1)]
        self._elements = {
            False: [each for each in every if each[0].restrictions.reservation is None],
            True: _reservation_elements(every, expired=session.is_only_reserved),
        }
        self._used: dict[_Account, None] = {}  # in order of first use
        self._flat: dict[CostPart, _Account] = {}
        self._last: dict[str, _Account] = {}  # last used, per total that step_size rounds
        self._active: dict[tuple[object, ...], _Active] = {}
        self._notes: dict[str, None] = {}
        self._note_what_the_clock_cannot_cut()

    @property
    def notes(self) -> tuple[str, ...]:
        """What an auditor has to know beside the lines."""
        return tuple(self._notes)

    def add(self, stretch: Stretch) -> None:
        """Charge one stretch; they come in order."""
        if stretch.tariff_id is not None and stretch.tariff_id.lower() != self._tariff.id.lower():
            self.priced = False
            self._note(f"use under tariff {stretch.tariff_id} is not priced by {self._tariff.id}")
            return
        current = stretch.current if self._cuts.currents else None
        power = stretch.power if self._cuts.powers else None
        self._note_unknown(stretch, current, power)
        cuts = self._cuts.within(stretch)
        for cut in cuts:
            if cut.energy is not None:
                self._note(f"cut at {plain(cut.energy)} kWh, interpolated within its period")
        bands = _band(self._cuts.currents, current), _band(self._cuts.powers, power)
        for piece in self._cuts.pieces(stretch, cuts):
            if piece.amounts.reserved:
                active = self._active_at(piece, current, power, bands, reserved=True)
                self._charge_flat(active)
                self._charge(active, TariffDimension.TIME, piece.amounts.reserved)
            if not stretch.is_reservation:
                active = self._active_at(piece, current, power, bands, reserved=False)
                self._charge_flat(active)
                self._charge_used(active, piece.amounts)

    def lines(self) -> list[Line]:
        """Round up by step_size and write one line per component, in order of first use."""
        for last in self._last.values():
            _apply_step_size(last, [each for each in self._used if _same_total(each, last)])
        return [_line(account, self._tariff.tax_included) for account in self._used]

    def _active_at(
        self,
        piece: Piece,
        current: Decimal | None,
        power: Decimal | None,
        bands: tuple[int | None, int | None],
        *,
        reserved: bool,
    ) -> _Active:
        """Find the active components; between two cuts and within a band they are the same."""
        slot = bisect_right(self._cuts.offsets, piece.start)
        level = bisect_right(self._cuts.energies, piece.energy)
        key = (slot, level, bands, reserved)
        if key not in self._active:
            self._active[key] = self._look_up(piece, current, power, reserved=reserved)
        return self._active[key]

    def _look_up(
        self, piece: Piece, current: Decimal | None, power: Decimal | None, *, reserved: bool
    ) -> _Active:
        # "the first Tariff Element with a Price Component for that dimension in the list with
        # matching Tariff Restrictions will be used"
        begin = ZERO if reserved else self._session.charging_start
        elapsed = timedelta(microseconds=int(piece.start.scaleb(6)))
        moment = Moment(
            local=(self._begin + elapsed).astimezone(self._zone),
            duration=piece.start - begin,
            energy=piece.energy,
            current=current,
            power=power,
        )
        active: _Active = {}
        for element, accounts in self._elements[reserved]:
            if element.restrictions.match(moment):
                for account in accounts:
                    active.setdefault(account.component.type, account)
        return active

    def _charge_used(self, active: _Active, amounts: Amounts) -> None:
        self._charge(active, TariffDimension.ENERGY, amounts.energy)
        self._charge(active, TariffDimension.TIME, amounts.charging)
        self._charge(active, TariffDimension.PARKING_TIME, amounts.parking)

    def _charge(self, active: _Active, dimension: TariffDimension, quantity: Decimal) -> None:
        account = active.get(dimension)
        if account is None or not quantity:
            return
        account.quantity += quantity
        self._used[account] = None
        self._last[_STEP_SIZE_TOTAL[account.part]] = account

    def _charge_flat(self, active: _Active) -> None:
        account = active.get(TariffDimension.FLAT)
        if account is None:
            return
        charged = self._flat.setdefault(account.part, account)
        if charged is account:
            account.quantity = Decimal(1)
            self._used[account] = None
        else:
            self._note(
                f"FLAT of element {account.element} is not charged on top of that of element"
                f" {charged.element}: once per session"
            )

    def _note_unknown(
        self, stretch: Stretch, current: Decimal | None, power: Decimal | None
    ) -> None:
        for what, limits, value in (
            ("current", self._cuts.currents, current),
            ("power", self._cuts.powers, power),
        ):
            if limits and value is None:
                self._note(f"{what} unknown from {plain(stretch.start)} s on: not matched")

    def _note_what_the_clock_cannot_cut(self) -> None:
        asked = any(wall_times(element.restrictions) for element in self._tariff.elements)
        if asked and self._session.end > seconds(LONGEST_CUT_BY_THE_CLOCK):
            self._note("longer than a year: periods are not cut at times of day")

    def _note(self, text: str) -> None:
        self._notes[text] = None


def _accounts(number: int, element: TariffElement) -> _Accounts:
    return element, tuple(
        _Account(number, component, _part(element, component.type))
        for component in element.price_components
    )


def _part(element: TariffElement, dimension: TariffDimension) -> CostPart:
    if element.restrictions.reservation is not None:
        return CostPart.RESERVATION
    if dimension is TariffDimension.FLAT and element.is_for_parking:
        return CostPart.PARKING
    return _PART[dimension]


def _reservation_elements(every: Iterable[_Accounts], *, expired: bool) -> list[_Accounts]:
    """List what prices a reservation, RESERVATION_EXPIRES first and only if it expired."""
    of_kind: dict[ReservationRestriction | None, list[_Accounts]] = {}
    for element, accounts in every:
        of_kind.setdefault(element.restrictions.reservation, []).append((element, accounts))
    expiring = of_kind.get(ReservationRestriction.RESERVATION_EXPIRES, []) if expired else []
    return [*expiring, *of_kind.get(ReservationRestriction.RESERVATION, [])]


def _band(limits: Sequence[Decimal], value: Decimal | None) -> int | None:
    return None if value is None else bisect_right(limits, value)


def _same_total(account: _Account, last: _Account) -> bool:
    return account.part is last.part and account.component.type is last.component.type


def _apply_step_size(last: _Account, accounts: Iterable[_Account]) -> None:
    """Round the total of `accounts` up to a multiple of the last one's step, and add it there.

    mod_cdrs: "only the total amount of energy or time is used in calculations with step_size";
    mod_tariffs: "added to the last period with a Price Component with a time-based dimension".
    """
    is_energy = last.component.type is TariffDimension.ENERGY
    step = Decimal(last.component.step_size) / (_WH_PER_KWH if is_energy else 1)
    total = sum((each.quantity for each in accounts), ZERO)
    if step > 0 and total > 0:
        steps = (total / step).to_integral_value(ROUND_CEILING)
        last.added_by_step_size = steps * step - total
        last.quantity += last.added_by_step_size


def _line(account: _Account, tax_included: TaxIncluded) -> Line:
    component, unit = account.component, _UNIT[account.component.type]
    quantity = max(account.quantity, ZERO)
    per_unit = SECONDS_PER_HOUR if unit == "h" else Decimal(1)
    return Line(
        dimension=component.type,
        quantity=plain((quantity / per_unit).quantize(_QUANTITY)),
        unit=unit,
        price=component.price,
        vat=component.vat,
        amount=_taxed(component.price * quantity, per_unit, component.vat, tax_included),
        clause=_clause(account),
        description=_description(account),
        part=account.part,
    )


def _taxed(
    worth: Decimal, per_unit: Decimal, vat: Decimal | None, tax_included: TaxIncluded
) -> Money:
    """Tell price and tax of `worth / per_unit` apart (mod_tariffs PriceComponent, TaxIncluded).

    Each amount is one division, rounded once: an hour's third times three must be an hour, or a
    half of the last decimal falls to the wrong side. Where prices include a tax that the tariff
    does not name, what comes before it is unknown, and the whole stands as `before_taxes`.
    """
    price = round_money(worth / per_unit)
    if vat is None or tax_included is TaxIncluded.NOT_APPLICABLE:
        return Money(price)
    included = tax_included is TaxIncluded.YES
    tax = round_money(worth * vat / (per_unit * (_HUNDRED + vat if included else _HUNDRED)))
    return Money(price - tax if included else price, (TaxAmount("VAT", tax, vat),))


def _clause(account: _Account) -> str:
    clauses = [_CLAUSE[account.component.type]]
    if account.part is CostPart.RESERVATION:
        clauses.append(_RESERVATION_CLAUSE)
    if account.added_by_step_size:
        clauses.append(_STEP_SIZE_CLAUSE)
    return "; ".join(clauses)


def _description(account: _Account) -> str:
    component = account.component
    text = f"{component.type} of element {account.element}"
    if account.part is CostPart.RESERVATION:
        text += ", for the reservation"
    if component.type is TariffDimension.FLAT:
        return text
    unit, step = ("kWh", "Wh") if component.type is TariffDimension.ENERGY else ("s", "s")
    text += f": {plain(account.quantity - account.added_by_step_size)} {unit} used"
    if account.added_by_step_size:
        text += f", total rounded up to the next {component.step_size} {step}"
    return text
