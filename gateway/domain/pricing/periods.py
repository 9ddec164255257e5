"""The charging periods that a bill has to list: a new one wherever the tariff has a limit.

mod_cdrs ChargingPeriod: "When another Price Component becomes active, the CPO SHALL add a new
Charging Period". Meter values come by the minute; what they say between two limits of the tariff,
of time, energy, current or power, is one period. Priced again, these come to the same bill, and
each of them has one price per dimension from its start to its end.

What is put together becomes: of energy and times the sum; of MIN_CURRENT and MIN_POWER the least,
of MAX_CURRENT and MAX_POWER the greatest; of CURRENT and POWER the average over the time used, if
every part had one; of STATE_OF_CHARGE the last. Where a period is cut, both parts keep what was
said of current and power, and only the last one the state of charge, which was read at its end.
Where the tariff has limits of current or power, least and greatest are those of the values that it
was priced by, so that what decided about the price is there to see, also in a CDR, in which CURRENT
and POWER are not allowed ("Session Only").
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from gateway.domain.pricing.model import ChargingPeriod, Dimension
from gateway.domain.pricing.pieces import HOUR, KWH, Piece, Stretch

_ENERGY = Dimension.ENERGY
_TIME = Dimension.TIME
_PARKING_TIME = Dimension.PARKING_TIME
_RESERVATION_TIME = Dimension.RESERVATION_TIME
_STATE_OF_CHARGE = Dimension.STATE_OF_CHARGE
_CURRENTS = (Dimension.MIN_CURRENT, Dimension.MAX_CURRENT, Dimension.CURRENT)
_POWERS = (Dimension.MIN_POWER, Dimension.MAX_POWER, Dimension.POWER)
# what a period names even where it is nought, for at least one dimension is required
_CHARGED = (_TIME, _ENERGY)
_Known = Decimal | None
# whether reserved, kinds of use, between which limits, tariff
_Key = tuple[bool, int, object, str | None]


class _Flow:
    """Current or power of a period that may still grow."""

    __slots__ = ("average", "high", "low", "names", "weight")

    def __init__(self, names: tuple[Dimension, Dimension, Dimension]) -> None:
        self.names = names
        self.low: _Known = None
        self.high: _Known = None
        self.average: _Known = None
        self.weight = 0  # of the average: microseconds

    def copy(self) -> "_Flow":
        other = _Flow(self.names)
        other.low, other.high = self.low, self.high
        other.average, other.weight = self.average, self.weight
        return other

    def add(self, said: Mapping[Dimension, Decimal], time: int, priced_by: _Known) -> None:
        of_low, of_high, of_average = self.names
        low = high = priced_by
        if priced_by is None:
            low, high = said.get(of_low), said.get(of_high)
        if low is not None and (self.low is None or low < self.low):
            self.low = low
        if high is not None and (self.high is None or high > self.high):
            self.high = high
        average = said.get(of_average)
        if average is self.average:
            self.weight += time
        else:
            self._mean(average, time)

    def volumes(self) -> dict[Dimension, Decimal]:
        values = (self.low, self.high, self.average)
        return {
            name: value for name, value in zip(self.names, values, strict=True) if value is not None
        }

    def _mean(self, value: _Known, time: int) -> None:
        known, weight = self.average, self.weight
        self.weight += time
        if not weight:
            self.average = value
        elif time and (known is None or value is None):
            self.average = None  # "average ... during this ChargingPeriod", not part of it
        elif time and known is not None and value is not None:
            self.average = (known * weight + value * time) / self.weight


class _Open:
    """The period that may still grow."""

    __slots__ = (
        "charge",
        "charging",
        "current",
        "energy",
        "key",
        "parking",
        "power",
        "reserved",
        "reserving",
        "start",
        "tariff_id",
    )

    def __init__(self, key: _Key, piece: Piece, stretch: Stretch) -> None:
        self.key = key
        self.tariff_id = stretch.tariff_id
        self.start = piece.start
        self.reserving = stretch.is_reservation
        self.energy = self.charging = self.parking = self.reserved = 0
        self.current = _Flow(_CURRENTS)
        self.power = _Flow(_POWERS)
        self.charge: _Known = None

    @property
    def is_empty(self) -> bool:
        return not (self.energy or self.charging or self.parking or self.reserved)

    def copy(self) -> "_Open":
        other = _Open.__new__(_Open)
        for name in _Open.__slots__:
            setattr(other, name, getattr(self, name))
        other.current, other.power = self.current.copy(), self.power.copy()
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
        self,
        stretch: Stretch,
        piece: Piece,
        place: object,
        current: _Known,
        power: _Known,
        *,
        is_last: bool = True,
    ) -> None:
        """Add a piece; `place` is between which limits it lies.

        `current` and `power` are what it is priced by, None where the tariff has no limit of them.
        """
        amounts = piece.amounts
        reserving = stretch.is_reservation or amounts.reserved > 0
        kinds = (amounts.charging > 0) + 2 * (amounts.parking > 0) + 4 * reserving
        if amounts.energy < 0:  # fed back: a limit that is passed twice lies between
            kinds += 8
        running = self._at(piece, stretch, (reserving, kinds, place, stretch.tariff_id))
        running.energy += amounts.energy
        running.charging += amounts.charging
        running.parking += amounts.parking
        running.reserved += amounts.reserved
        time = amounts.charging + amounts.parking + amounts.reserved
        running.current.add(stretch.flow, time, current)
        running.power.add(stretch.flow, time, power)
        if is_last:
            running.charge = stretch.flow.get(_STATE_OF_CHARGE, running.charge)

    def all(self) -> tuple[ChargingPeriod, ...]:
        """List them, the one that may still grow last."""
        self._list_closed()
        running = self._open
        return (*self._listed, *([] if running is None else [self._period(running)]))

    def _at(self, piece: Piece, stretch: Stretch, key: _Key) -> _Open:
        running = self._open
        if running is None or running.key != key:
            self._close(piece.start, key)
            running = self._open = _Open(key, piece, stretch)
        return running

    def _close(self, at: int, following: _Key) -> None:
        """Keep what comes before `following`, unless it was nothing and the same prices held."""
        running = self._open
        if running is None:
            return
        reserved, _, *where = running.key
        followed, _, *there = following
        priced_alike = where == there and not (reserved or followed)
        if not (running.is_empty and running.start == at and priced_alike):
            self._closed.append(running)

    def _list_closed(self) -> None:
        self._listed.extend(self._period(each) for each in self._closed)
        self._closed = []

    def _period(self, running: _Open) -> ChargingPeriod:
        idle = bool(running.parking or running.reserved)
        named = (_RESERVATION_TIME,) if running.reserving else () if idle else _CHARGED
        volumes: dict[Dimension, Decimal] = {
            name: Decimal(amount) / unit
            for name, amount, unit in (
                (_TIME, running.charging, HOUR),
                (_PARKING_TIME, running.parking, HOUR),
                (_RESERVATION_TIME, running.reserved, HOUR),
                (_ENERGY, running.energy, KWH),
            )
            if amount or name in named
        }
        volumes |= running.current.volumes() | running.power.volumes()
        if running.charge is not None:
            volumes[_STATE_OF_CHARGE] = running.charge
        start = self._begin + timedelta(microseconds=running.start)
        return ChargingPeriod.summed(start, volumes, running.tariff_id)
