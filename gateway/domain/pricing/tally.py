"""Adds up, per price component, what a session used of it; rounds it up by step_size; writes lines.

The rules behind the decisions here are in the docstring of `gateway.domain.pricing`.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from gateway.domain.pricing.model import CostPart, Line, Money, TaxAmount
from gateway.domain.pricing.periods import PeriodsShown
from gateway.domain.pricing.pieces import HOUR, KWH, SECOND, Cuts, Piece, Slot, Stretch, whole
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
# How many of what is counted make one unit of the price, and one of step_size.
_PER_UNIT = {
    TariffDimension.FLAT: 1,
    TariffDimension.ENERGY: KWH,
    TariffDimension.TIME: HOUR,
    TariffDimension.PARKING_TIME: HOUR,
}
_PER_STEP = {
    TariffDimension.ENERGY: KWH // 1000,
    TariffDimension.TIME: SECOND,
    TariffDimension.PARKING_TIME: SECOND,
}
_CLAUSE = {
    TariffDimension.FLAT: "mod_tariffs TariffDimensionType FLAT: flat fee",
    TariffDimension.ENERGY: "mod_tariffs TariffDimensionType ENERGY: defined in kWh",
    TariffDimension.TIME: "mod_tariffs TariffDimensionType TIME: time charging, in hours",
    TariffDimension.PARKING_TIME: "mod_tariffs TariffDimensionType PARKING_TIME: not charging",
}
# "once per session for [...] ENERGY and once for PARKING_TIME and TIME combined"; a reservation
# precedes the session
_STEP_SIZE_TOTAL = {
    CostPart.ENERGY: "energy",
    CostPart.TIME: "time",
    CostPart.PARKING: "time",
    CostPart.RESERVATION: "reservation",
}
_RESERVATION_CLAUSE = "mod_tariffs TariffRestrictions reservation"
_STEP_SIZE_CLAUSE = "mod_cdrs CDR object, step_size: once per session"
_INTERPOLATED_CLAUSE = "mod_cdrs ChargingPeriod: interpolated"


def round_money(amount: Decimal) -> Decimal:
    """Round to OCPI's number type: the one place where money is rounded."""
    return amount.quantize(_NUMBER)


def plain(quantity: Decimal) -> Decimal:
    """Drop trailing zeros without falling into exponents."""
    whole = quantity.to_integral_value()
    return whole.quantize(Decimal(1)) if quantity == whole else quantity.normalize()


@dataclass(frozen=True, eq=False, slots=True)
class _Account:
    """One price component of one element, as the key of what is counted for it."""

    element: int  # from 1, as people count
    component: PriceComponent
    part: CostPart
    total: str  # that step_size rounds


class _Active(NamedTuple):
    """The components that count, at most one per dimension."""

    flat: _Account | None = None
    energy: _Account | None = None
    time: _Account | None = None
    parking: _Account | None = None


class _Flow(NamedTuple):
    """Current and power that a stretch is priced by, and between which of the tariff's limits.

    None where the tariff has no limits of them, or where they are not known.
    """

    current: Decimal | None
    power: Decimal | None
    bands: tuple[int | None, int | None]


_UNKNOWN = "unknown from {} s on: not matched"
_NOTHING = _Active()
_NO_FLOW = _Flow(None, None, (None, None))
_Place = tuple[Slot, tuple[int | None, int | None]]
_FIELD = {
    TariffDimension.FLAT: "flat",
    TariffDimension.ENERGY: "energy",
    TariffDimension.TIME: "time",
    TariffDimension.PARKING_TIME: "parking",
}
_Accounts = tuple[TariffElement, tuple[_Account, ...]]


class Tally:
    """Walks through a session and counts what falls to every component that becomes active.

    To add a stretch costs the same however many there were before it.
    """

    def __init__(self, tariff: Tariff, begin: datetime, time_zone: str) -> None:
        self.priced = True
        self.shown = PeriodsShown(begin.astimezone(UTC))
        self._tariff = tariff
        self._begin = begin.astimezone(UTC)
        self._zone = ZoneInfo(time_zone)
        self._cuts = Cuts(tariff, self._begin, self._zone)
        self._elements = _accounts(tariff)
        self._charging_start: int | None = None
        self._waiting: tuple[Stretch, ...] = ()  # reserved, and not yet known whether it expires
        self._active: dict[tuple[_Place, bool], _Active] = {}
        self._counted: dict[_Account, int] = {}  # in order of first use
        self._flat: dict[CostPart, _Account] = {}
        self._last: dict[str, _Account] = {}  # last used, per total that step_size rounds
        self._interpolated: dict[_Account, dict[str, None]] = {}
        self._notes: dict[str, None] = {}

    def branch(self) -> "Tally":
        """Give one that goes its own way from here."""
        tally = copy(self)
        tally._counted = {**self._counted}
        tally._flat = {**self._flat}
        tally._last = {**self._last}
        tally._interpolated = {key: {**texts} for key, texts in self._interpolated.items()}
        tally._notes = {**self._notes}
        tally.shown = self.shown.branch()
        return tally

    @property
    def notes(self) -> tuple[str, ...]:
        """What an auditor has to know beside the lines."""
        return tuple(self._notes)

    def add(self, stretch: Stretch) -> None:
        """Charge one stretch; they come in order.

        Whether a reservation expires is known when the session begins or when all is over; until
        then it waits.
        """
        if self._charging_start is None:
            if stretch.is_reservation:
                self._waiting = (*self._waiting, stretch)
                return
            self._charging_start = stretch.start
            self._cuts = self._cuts.begun(stretch.start)
            self._charge_waiting(expired=False)
        self._charge_stretch(stretch, expired=False)

    def end(self, *, cancelled: bool) -> list[Line]:
        """Round up by step_size and write one line per component, in order of first use."""
        if self._waiting:
            self._charge_waiting(expired=not cancelled)
        added = {each: _added_by_step_size(each, self._counted) for each in self._last.values()}
        return [
            _line(
                account,
                used,
                added.get(account, 0),
                tuple(self._interpolated.get(account, ())),
                self._tariff.tax_included,
            )
            for account, used in self._counted.items()
        ]

    def _charge_waiting(self, *, expired: bool) -> None:
        waiting, self._waiting = self._waiting, ()
        self._active = {}  # what was looked up before holds no more, and is another branch's
        for stretch in waiting:
            self._charge_stretch(stretch, expired=expired)

    def _charge_stretch(self, stretch: Stretch, *, expired: bool) -> None:
        tariff_id = stretch.tariff_id
        if tariff_id is not None and tariff_id.lower() != self._tariff.id.lower():
            self.priced = False
            self._note(f"use under tariff {tariff_id} is not priced by {self._tariff.id}")
            self.shown.add(stretch, whole(stretch), None, None, None)
            return
        stop_at = self._cuts.stop_at
        if stop_at is not None and stretch.end > stop_at:
            self._note("longer than a year: periods are not cut at times of day")
        flow, used = self._flow(stretch), not stretch.is_reservation
        pieces = self._cuts.pieces(stretch)
        active: list[_Active] = []
        for piece in pieces:
            place = (self._cuts.slot(piece.start, piece.energy), flow.bands)
            active.append(self._charge_piece(piece, place, flow, used=used, expired=expired))
            self.shown.add(
                stretch, piece, place, flow.current, flow.power, is_last=piece is pieces[-1]
            )
        if len(pieces) > 1:
            self._tell_what_is_interpolated(stretch, pieces, active)

    def _flow(self, stretch: Stretch) -> _Flow:
        """Give current and power, and note where the tariff asks in vain."""
        currents, powers = self._cuts.currents, self._cuts.powers
        if not currents and not powers:
            return _NO_FLOW
        current = stretch.current if currents else None
        power = stretch.power if powers else None
        if currents and current is None:
            self._note(f"current {_UNKNOWN.format(plain(Decimal(stretch.start) / SECOND))}")
        if powers and power is None:
            self._note(f"power {_UNKNOWN.format(plain(Decimal(stretch.start) / SECOND))}")
        return _Flow(current, power, (_band(currents, current), _band(powers, power)))

    def _charge_piece(
        self, piece: Piece, place: _Place, flow: _Flow, *, used: bool, expired: bool
    ) -> _Active:
        amounts, active = piece.amounts, _NOTHING
        if amounts.reserved or not used:
            active = self._active_at(place, piece, flow, reserved=True, expired=expired)
            self._charge_flat(active.flat)
            if amounts.reserved:
                self._charge(active.time, amounts.reserved)
        if used:
            active = self._active_at(place, piece, flow, reserved=False, expired=expired)
            self._charge_flat(active.flat)
            if amounts.energy:
                self._charge(active.energy, amounts.energy)
            if amounts.charging:
                self._charge(active.time, amounts.charging)
            if amounts.parking:
                self._charge(active.parking, amounts.parking)
        return active

    def _active_at(
        self, place: _Place, piece: Piece, flow: _Flow, *, reserved: bool, expired: bool
    ) -> _Active:
        """Find the active components; between two cuts and within a band they are the same."""
        key = (place, reserved)
        active = self._active.get(key)
        if active is None:
            active = self._look_up(piece, flow, reserved=reserved, expired=expired)
            self._active[key] = active
        return active

    def _look_up(self, piece: Piece, flow: _Flow, *, reserved: bool, expired: bool) -> _Active:
        # "the first Tariff Element with a Price Component for that dimension in the list with
        # matching Tariff Restrictions will be used"
        begin = 0 if reserved else self._charging_start or 0
        moment = Moment(
            local=(self._begin + timedelta(microseconds=piece.start)).astimezone(self._zone),
            duration=Decimal(piece.start - begin) / SECOND,
            energy=Decimal(piece.energy) / KWH,
            current=flow.current,
            power=flow.power,
        )
        found: dict[str, _Account] = {}
        for element, accounts in self._candidates(reserved=reserved, expired=expired):
            if element.restrictions.match(moment):
                for account in accounts:
                    found.setdefault(_FIELD[account.component.type], account)
        return _Active(**found)

    def _candidates(self, *, reserved: bool, expired: bool) -> list[_Accounts]:
        """List the elements for use, or for a reservation, RESERVATION_EXPIRES first if it did."""
        if not reserved:
            return self._elements.get(None, [])
        reserving = self._elements.get(ReservationRestriction.RESERVATION, [])
        if not expired:
            return reserving
        return [*self._elements.get(ReservationRestriction.RESERVATION_EXPIRES, []), *reserving]

    def _charge(self, account: _Account | None, amount: int) -> None:
        if account is None:
            return
        self._counted[account] = self._counted.get(account, 0) + amount
        self._last[account.total] = account

    def _charge_flat(self, account: _Account | None) -> None:
        if account is None or account in self._counted:
            return
        charged = self._flat.setdefault(account.part, account)
        if charged is account:
            self._counted[account] = 1
        else:
            self._note(
                f"FLAT of element {account.element} is not charged on top of that of element"
                f" {charged.element}: once per session"
            )

    def _tell_what_is_interpolated(
        self, stretch: Stretch, pieces: Sequence[Piece], active: Sequence[_Active]
    ) -> None:
        """Where a cut within a period changes a price, name what no meter has read there."""
        for piece, (before, after) in zip(pieces[1:], pairwise(active), strict=True):
            told = "energy at a moment between readings"
            if piece.cut_at is not None:
                reached = f"{plain(Decimal(piece.cut_at) / KWH)} kWh"
                told = f"moment of {reached}"
            changed = [
                *_changed(before.energy, after.energy, stretch.amounts.energy),
                *_changed(before.time, after.time, piece.cut_at is not None),
                *_changed(before.parking, after.parking, piece.cut_at is not None),
            ]
            for account in changed:
                self._interpolated.setdefault(account, {})[told] = None
            if changed and piece.cut_at is not None:
                self._note(f"cut at {reached}, interpolated within its period")

    def _note(self, text: str) -> None:
        self._notes[text] = None


def _accounts(tariff: Tariff) -> dict[ReservationRestriction | None, list[_Accounts]]:
    """Give every element its accounts: those for use, and those for reservations by kind."""
    of_kind: dict[ReservationRestriction | None, list[_Accounts]] = {}
    for number, element in enumerate(tariff.elements, start=1):
        accounts = tuple(_account(number, element, each) for each in element.price_components)
        of_kind.setdefault(element.restrictions.reservation, []).append((element, accounts))
    return of_kind


def _account(number: int, element: TariffElement, component: PriceComponent) -> _Account:
    part = _part(element, component.type)
    return _Account(number, component, part, _STEP_SIZE_TOTAL.get(part, ""))


def _part(element: TariffElement, dimension: TariffDimension) -> CostPart:
    if element.restrictions.reservation is not None:
        return CostPart.RESERVATION
    if dimension is TariffDimension.FLAT and element.is_for_parking:
        return CostPart.PARKING
    return _PART[dimension]


def _band(limits: Sequence[Decimal], value: Decimal | None) -> int | None:
    return None if value is None else bisect_right(limits, value)


def _changed(
    before: _Account | None, after: _Account | None, matters: int | bool
) -> Iterator[_Account]:
    if matters and before is not after:
        yield from (each for each in (before, after) if each is not None)


def _same_total(account: _Account, last: _Account) -> bool:
    return account.part is last.part and account.component.type is last.component.type


def _added_by_step_size(last: _Account, counted: Mapping[_Account, int]) -> int:
    """Tell how much rounds the total up to a multiple of the last one's step.

    mod_cdrs: "only the total amount of energy or time is used in calculations with step_size";
    mod_tariffs: "added to the last period with a Price Component with a time-based dimension".
    """
    step = last.component.step_size * _PER_STEP[last.component.type]
    total = sum(amount for account, amount in counted.items() if _same_total(account, last))
    return -total % step if step and total > 0 else 0


def _line(
    account: _Account, used: int, added: int, interpolated: Iterable[str], included: TaxIncluded
) -> Line:
    component, billed = account.component, max(used + added, 0)
    per_unit = _PER_UNIT[component.type]
    return Line(
        dimension=component.type,
        quantity=plain((Decimal(billed) / per_unit).quantize(_QUANTITY)),
        unit=_UNIT[component.type],
        price=component.price,
        vat=component.vat,
        amount=_taxed(component.price * billed, per_unit, component.vat, included),
        clause=_clause(account, added, interpolated),
        description=_description(account, used, added, interpolated),
        part=account.part,
    )


def _taxed(worth: Decimal, per_unit: int, vat: Decimal | None, tax_included: TaxIncluded) -> Money:
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


def _clause(account: _Account, added: int, interpolated: Iterable[str]) -> str:
    clauses = [_CLAUSE[account.component.type]]
    if account.part is CostPart.RESERVATION:
        clauses.append(_RESERVATION_CLAUSE)
    if added:
        clauses.append(_STEP_SIZE_CLAUSE)
    if interpolated:
        clauses.append(_INTERPOLATED_CLAUSE)
    return "; ".join(clauses)


def _description(account: _Account, used: int, added: int, interpolated: Iterable[str]) -> str:
    component = account.component
    text = f"{component.type} of element {account.element}"
    if account.part is CostPart.RESERVATION:
        text += ", for the reservation"
    if component.type is TariffDimension.FLAT:
        return text
    per, unit, step = (
        (KWH, "kWh", "Wh") if component.type is TariffDimension.ENERGY else (SECOND, "s", "s")
    )
    text += f": {plain(Decimal(used) / per)} {unit} used"
    if added:
        text += f", total rounded up to the next {component.step_size} {step}"
    if interpolated:
        text += f", interpolated: {'; '.join(interpolated)}"
    return text
