"""Open Charge Metering Format: what a signed data set says of itself, read and never rewritten.

"OCMF|<payload data section>|<signature section>", both of them JSON objects; the pipe "is not
allowed within the sections" (OCMF, Sections). The signature covers the payload's very characters,
so whoever passes a data set on passes on the text.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from gateway.domain.values import dataclass

HEADER = "OCMF|"

# TX, "reference of meter reading to transaction" (table 7)
BEGIN = "B"
_END = frozenset({"E", "L", "R", "A", "P"})  # "alternatively more precise codes"
_WH = {"Wh": Decimal(1), "kWh": Decimal(1000)}
_MOST_DIGITS = 30  # of a reading; no meter has more, and arithmetic with 1E+999999 would never end


@dataclass(frozen=True, slots=True)
class MeterReading:
    """One reading. `register` is its OBIS code; `wh` None: of no energy.

    `grain` is the last digit that it shows, in Wh. `usable` False: the meter itself says that the
    energy is "no longer usable for billing due to an error" (EF).
    """

    code: str | None
    register: str | None
    wh: Decimal | None
    grain: Decimal
    usable: bool

    @property
    def begins(self) -> bool:
        """Whether it is that of a transaction's begin."""
        return self.code == BEGIN

    @property
    def ends(self) -> bool:
        """Whether it is that of a transaction's end."""
        return self.code in _END


@dataclass(frozen=True, slots=True)
class DataSet:
    """One signed data set."""

    meter_serial: str | None
    readings: tuple[MeterReading, ...]


@dataclass(frozen=True, slots=True)
class Energy:
    """What one register has counted from a transaction's begin to its end, give or take."""

    wh: Decimal
    give_or_take: Decimal


def read(text: str) -> DataSet | None:
    """What a text in this format says; None where it is not in this format."""
    header, _, sections = text.partition("|")
    payload, pipe, _signature = sections.partition("|")
    if header.strip() != "OCMF" or not pipe:
        return None
    try:
        members = json.loads(payload, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None
    if not isinstance(members, dict):
        return None
    serial = members.get("MS") or members.get("GS")
    readings = tuple(_readings(members.get("RD")))
    return DataSet(serial if isinstance(serial, str) else None, readings)


def energies(readings: Iterable[MeterReading]) -> tuple[Energy, ...]:
    """Per register, from the first reading of a begin to the last of an end.

    It has one resolution: of the two the one that shows less has left its last zeros out, as many
    do of a "0" or of a number that ends in one.
    """
    begin: dict[str | None, MeterReading] = {}
    end: dict[str | None, MeterReading] = {}
    for one in readings:
        if one.begins:
            begin.setdefault(one.register, one)
        elif one.ends:
            end[one.register] = one
    return tuple(
        Energy(last.wh - first.wh, min(first.grain, last.grain))
        for register, first in begin.items()
        if (last := end.get(register)) is not None and first.wh is not None and last.wh is not None
    )


def _readings(listed: Any) -> Iterator[MeterReading]:
    """ "fields that have an identical value to the previous reading are omitted" (Readings)."""
    said: dict[str, Any] = {}
    for one in listed if isinstance(listed, list) else ():
        if not isinstance(one, Mapping):
            continue
        said |= one
        code, register = said.get("TX"), said.get("RI")
        wh, grain = _energy(said.get("RV"), said.get("RU"))
        yield MeterReading(
            code if isinstance(code, str) else None,
            register if isinstance(register, str) else None,
            wh,
            grain,
            usable="E" not in str(said.get("EF") or ""),
        )


def _energy(value: Any, unit: Any) -> tuple[Decimal | None, Decimal]:
    """A reading in Wh, with its last digit: "this allows [...] an exact marking of the valid
    decimal places". Some meters write the number as text.
    """
    factor = _WH.get(unit) if isinstance(unit, str) else None
    if factor is None or not isinstance(value, int | Decimal | str) or isinstance(value, bool):
        return None, Decimal(0)
    try:
        shown = Decimal(value)
    except InvalidOperation:
        return None, Decimal(0)
    exponent = shown.as_tuple().exponent
    if not isinstance(exponent, int) or abs(shown.adjusted()) > _MOST_DIGITS:
        return None, Decimal(0)
    if not -_MOST_DIGITS <= exponent <= _MOST_DIGITS:
        return None, Decimal(0)
    return shown * factor, factor.scaleb(exponent)
