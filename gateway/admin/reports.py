"""Sums over transactions, faults and CDRs: pure, exact, grouped by one word.

Energy is in kWh, money in the CDR's currency: two currencies are never added up.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

Row = dict[str, Any]

# What a spreadsheet would run as a formula (S12).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


class By(StrEnum):
    """What a report is grouped by."""

    CHARGE_POINT = "charge_point"
    LOCATION = "location"
    PARTNER = "partner"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Charged:
    """One transaction, as far as a report needs it; `keys` says which group it is in."""

    keys: Mapping[By, str | None]
    kwh: Decimal
    seconds: Decimal
    is_open: bool


@dataclass(frozen=True, slots=True)
class Billed:
    """One CDR."""

    keys: Mapping[By, str | None]
    currency: str
    kwh: Decimal
    before_taxes: Decimal
    taxes: Decimal


@dataclass(frozen=True, slots=True)
class Fault:
    """A connector that reports a fault now; `keys` has no partner."""

    keys: Mapping[By, str | None]
    charge_point: str
    evse_id: int
    connector_id: int
    error_code: str | None
    info: str | None
    since: str


def usage(found: Iterable[Charged], by: By) -> list[Row]:
    """Transactions, energy and hours per group."""
    rows: dict[str, Row] = {}
    for one in found:
        key = one.keys[by] or ""
        row = rows.setdefault(
            key,
            {
                by.value: key or None,
                "transactions": 0,
                "running": 0,
                "kwh": Decimal(0),
                "hours": Decimal(0),
            },
        )
        row["transactions"] += 1
        row["running"] += one.is_open
        row["kwh"] += one.kwh
        row["hours"] += one.seconds
    for row in rows.values():
        row["hours"] = (row["hours"] / 3600).quantize(Decimal("0.01"))
    return _sorted(rows)


def revenue(found: Iterable[Billed], by: By) -> list[Row]:
    """CDRs, energy and money per group and currency."""
    rows: dict[tuple[str, str], Row] = {}
    for one in found:
        key = one.keys[by] or ""
        row = rows.setdefault(
            (key, one.currency),
            {
                by.value: key or None,
                "currency": one.currency,
                "cdrs": 0,
                "kwh": Decimal(0),
                "before_taxes": Decimal(0),
                "taxes": Decimal(0),
                "total": Decimal(0),
            },
        )
        row["cdrs"] += 1
        row["kwh"] += one.kwh
        row["before_taxes"] += one.before_taxes
        row["taxes"] += one.taxes
        row["total"] += one.before_taxes + one.taxes
    return _sorted(rows)


def faults(found: Iterable[Fault], by: By) -> list[Row]:
    """Connectors that report a fault, each with what it says, in the order of the groups."""
    rows: list[Row] = [
        {
            by.value: one.keys.get(by),
            "charge_point": one.charge_point,
            "evse_id": one.evse_id,
            "connector_id": one.connector_id,
            "error_code": one.error_code,
            "info": one.info,
            "since": one.since,
        }
        for one in found
    ]
    return sorted(rows, key=lambda row: (str(row[by.value] or ""), row["since"]))


def to_csv(rows: Sequence[Row]) -> str:
    """CSV (RFC 4180) that no spreadsheet takes for formulas."""
    if not rows:
        return ""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(rows[0])
    writer.writerows([_cell(value) for value in row.values()] for row in rows)
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _sorted(rows: Mapping[Any, Row]) -> list[Row]:
    return [rows[key] for key in sorted(rows)]
