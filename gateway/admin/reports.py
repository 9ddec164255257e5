"""Sums over transactions, faults and CDRs: pure, exact, grouped by one word or several.

Energy is in kWh, money in the CDR's currency: two currencies are never added up. A report holds
one row per group, however many records it is made of.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

Row = dict[str, Any]

# What a spreadsheet would run as a formula, in its wide forms too (S12).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

_SECONDS_PER_HOUR = 3600


class By(StrEnum):
    """What a report is grouped by."""

    CHARGE_POINT = "charge_point"
    LOCATION = "location"
    PARTNER = "partner"
    DAY = "day"


Keys = Mapping[By, str | None]
"""Says which group a record is in."""


@dataclass(frozen=True, slots=True)
class Charged:
    """One transaction, as far as a report needs it."""

    keys: Keys
    kwh: Decimal
    seconds: Decimal
    is_open: bool


@dataclass(frozen=True, slots=True)
class Billed:
    """One CDR. A Credit CDR has the energy of its original, and negative money."""

    keys: Keys
    currency: str
    kwh: Decimal
    before_taxes: Decimal
    taxes: Decimal
    is_credit: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """One transaction whose CDR waits for the operator: what it costs is not known."""

    keys: Keys
    currency: str
    kwh: Decimal


@dataclass(frozen=True, slots=True)
class Fault:
    """A connector that reports a fault now; `keys` has no partner."""

    keys: Keys
    charge_point: str
    evse_id: int
    connector_id: int
    error_code: str | None
    info: str | None
    since: str


class _Groups:
    """Rows by what they are grouped by; a new one begins with `sums`."""

    def __init__(self, by: Sequence[By], more: Sequence[str], sums: Row) -> None:
        self._by = by
        self._more = more
        self._sums = sums
        self._rows: dict[tuple[str, ...], Row] = {}

    @property
    def columns(self) -> list[str]:
        return [*(by.value for by in self._by), *self._more, *self._sums]

    def of(self, keys: Keys, *more: str) -> Row:
        words = [keys.get(by) for by in self._by]
        place = (*(word or "" for word in words), *more)
        row = self._rows.get(place)
        if row is None:
            row = dict(zip(self.columns, (*words, *more, *self._sums.values()), strict=True))
            self._rows[place] = row
        return row

    def rows(self) -> list[Row]:
        return [self._rows[place] for place in sorted(self._rows)]


class Usage:
    """Transactions, energy and hours per group."""

    def __init__(self, by: Sequence[By]) -> None:
        sums = {"transactions": 0, "running": 0, "kwh": Decimal(0), "hours": Decimal(0)}
        self._groups = _Groups(by, (), sums)
        self.columns = self._groups.columns

    def add(self, one: Charged) -> None:
        """Count one transaction."""
        row = self._groups.of(one.keys)
        row["transactions"] += 1
        row["running"] += one.is_open
        row["kwh"] += one.kwh
        row["hours"] += one.seconds

    def rows(self) -> list[Row]:
        """In the order of the groups."""
        return [
            row | {"hours": (row["hours"] / _SECONDS_PER_HOUR).quantize(Decimal("0.01"))}
            for row in self._groups.rows()
        ]


class Revenue:
    """CDRs, energy and money per group and currency.

    `kwh` and money are what was billed and not credited; `cdrs` counts those that bill, `credits`
    those that take one back. What is held is not billed: `held` and `held_kwh` stand apart.
    """

    def __init__(self, by: Sequence[By]) -> None:
        none = Decimal(0)
        sums = {"cdrs": 0, "credits": 0, "kwh": none, "before_taxes": none, "taxes": none}
        sums |= {"total": none, "held": 0, "held_kwh": none}
        self._groups = _Groups(by, ("currency",), sums)
        self.columns = self._groups.columns

    def add(self, one: Billed) -> None:
        """Count one CDR."""
        row = self._groups.of(one.keys, one.currency)
        row["credits" if one.is_credit else "cdrs"] += 1
        # "Only the values in the total_cost field SHALL contain the negative amounts"
        # (mod_cdrs, Credit CDRs): the energy of a Credit CDR is that of the original
        row["kwh"] += -one.kwh if one.is_credit else one.kwh
        row["before_taxes"] += one.before_taxes
        row["taxes"] += one.taxes
        row["total"] += one.before_taxes + one.taxes

    def hold(self, one: Held) -> None:
        """Count one that is held."""
        row = self._groups.of(one.keys, one.currency)
        row["held"] += 1
        row["held_kwh"] += one.kwh

    def rows(self) -> list[Row]:
        """In the order of the groups."""
        return self._groups.rows()


class Faults:
    """Connectors that report a fault, each with what it says."""

    def __init__(self, by: Sequence[By]) -> None:
        self._by = by
        own = ("charge_point", "evse_id", "connector_id", "error_code", "info", "since")
        self.columns = list(dict.fromkeys((*(by.value for by in by), *own)))
        self._rows: list[Row] = []

    def add(self, one: Fault) -> None:
        """List one fault."""
        keys = {by.value: one.keys.get(by) for by in self._by}
        own = {name: getattr(one, name) for name in self.columns if name not in keys}
        self._rows.append(keys | own)

    def rows(self) -> list[Row]:
        """In the order of the groups, in each the longest lasting first."""
        return sorted(self._rows, key=self._place)

    def _place(self, row: Row) -> tuple[str, ...]:
        return (*(row[by.value] or "" for by in self._by), row["since"])


def to_csv(rows: Sequence[Row], columns: Iterable[str] = ()) -> str:
    """CSV (RFC 4180) that no spreadsheet takes for formulas.

    `columns` are named in the first line also when there are no rows.
    """
    header = list(columns) or list(rows[0] if rows else ())
    if not header:
        return ""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header)
    writer.writerows([_cell(row[name]) for name in header] for row in rows)
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.lstrip(" ").startswith(_FORMULA) else value
    return f"{value:f}" if isinstance(value, Decimal) else str(value)
