"""The charging periods that a bill has to list: a new one wherever the tariff has a limit.

mod_cdrs ChargingPeriod: "When another Price Component becomes active, the CPO SHALL add a new
Charging Period". Meter values come by the minute; what they say between two limits of the tariff,
of time, energy, current or power, is one period. Priced again, these come to the same bill.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from gateway.domain.pricing_model import ChargingPeriod, Dimension
from gateway.domain.pricing_pieces import HOUR, KWH, Piece, Stretch

_ENERGY = Dimension.ENERGY
_TIME = Dimension.TIME
_PARKING_TIME = Dimension.PARKING_TIME
_RESERVATION_TIME = Dimension.RESERVATION_TIME
_EXTREMES = (
    Dimension.MIN_CURRENT,
    Dimension.MAX_CURRENT,
    Dimension.MIN_POWER,
    Dimension.MAX_POWER,
)
_Extreme = Decimal | None


class _Open:
    """The period that may still grow."""

    __slots__ = (
        "charging",
        "currents",
        "energy",
        "key",
        "parking",
        "powers",
        "reserved",
        "start",
        "tariff_id",
    )

    def __init__(self, key: object, piece: Piece, tariff_id: str | None) -> None:
        self.key = key
        self.tariff_id = tariff_id
        self.start = piece.start
        self.energy = self.charging = self.parking = self.reserved = 0
        self.currents: tuple[_Extreme, _Extreme] = (None, None)
        self.powers: tuple[_Extreme, _Extreme] = (None, None)

    @property
    def is_empty(self) -> bool:
        return not (self.energy or self.charging or self.parking or self.reserved)

    def copy(self) -> "_Open":
        other = _Open.__new__(_Open)
        for name in _Open.__slots__:
            setattr(other, name, getattr(self, name))
        return other


class PeriodsShown:
    """Puts pieces together for as long as no limit lies between them."""

    def __init__(self, begin: datetime) -> None:
        self._begin = begin
        self._listed: list[ChargingPeriod] = []
        self._closed: list[_Open] = []  # and not listed yet
        self._open: _Open | None = None

    def branch(self) -> "PeriodsShown":
        """Give one that goes its own way from here."""
        self._list_closed()
        shown = PeriodsShown(self._begin)
        shown._listed = self._listed[:]
        shown._open = None if self._open is None else self._open.copy()
        return shown

    def add(
        self, stretch: Stretch, piece: Piece, place: object, current: _Extreme, power: _Extreme
    ) -> None:
        """Add a piece; `place` is between which limits it lies, with the flow it is priced by."""
        amounts, running = piece.amounts, self._open
        kinds = (amounts.charging > 0) + 2 * (amounts.parking > 0) + 4 * (amounts.reserved > 0)
        if amounts.energy < 0:  # fed back: a limit that is passed twice lies between
            kinds += 8
        key = (kinds, place, stretch.tariff_id)
        if running is None or running.key != key:
            self._close(piece.start)
            running = self._open = _Open(key, piece, stretch.tariff_id)
        running.energy += amounts.energy
        running.charging += amounts.charging
        running.parking += amounts.parking
        running.reserved += amounts.reserved
        if current is not None:
            running.currents = _wider(running.currents, current)
        if power is not None:
            running.powers = _wider(running.powers, power)

    def all(self) -> tuple[ChargingPeriod, ...]:
        """List them, the one that may still grow last."""
        self._list_closed()
        running = self._open
        return (*self._listed, *([] if running is None else [self._period(running)]))

    def _close(self, at: int) -> None:
        running = self._open
        if running is None or (running.is_empty and running.start == at):
            return  # where two limits meet nothing lies between them
        self._closed.append(running)

    def _list_closed(self) -> None:
        self._listed.extend(self._period(each) for each in self._closed)
        self._closed = []

    def _period(self, running: _Open) -> ChargingPeriod:
        idle = bool(running.parking or running.reserved)
        volumes: dict[Dimension, Decimal] = {
            name: Decimal(amount) / unit
            for name, amount, unit in (
                (_TIME, running.charging, HOUR),
                (_PARKING_TIME, running.parking, HOUR),
                (_RESERVATION_TIME, running.reserved, HOUR),
                (_ENERGY, running.energy, KWH),
            )
            if amount or (name in (_TIME, _ENERGY) and not idle)  # at least one is required
        }
        for name, value in zip(_EXTREMES, (*running.currents, *running.powers), strict=True):
            if value is not None:
                volumes[name] = value
        start = self._begin + timedelta(microseconds=running.start)
        return ChargingPeriod.summed(start, volumes, running.tariff_id)


def _wider(extremes: tuple[_Extreme, _Extreme], value: Decimal) -> tuple[_Extreme, _Extreme]:
    low, high = extremes
    if low is None or value < low:
        low = value
    return low, value if high is None or value > high else high
