"""Reports: how records become rows, and rows CSV."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest

from gateway.admin.reports import Billed, By, Charged, Fault, Faults, Held, Revenue, Usage, to_csv


def billed(day: str, place: str, kwh: str, amount: str, **more: Any) -> Billed:
    keys = {By.DAY: day, By.LOCATION: place, By.PARTNER: "DE*EMS"}
    return Billed(keys, "EUR", Decimal(kwh), Decimal(amount), Decimal(amount) / 5, **more)


def test_several_words_group_together_in_the_order_asked() -> None:
    report = Revenue([By.DAY, By.LOCATION])
    for one in (
        billed("2026-03-02", "L1", "4", "8"),
        billed("2026-03-01", "L2", "1", "2"),
        billed("2026-03-01", "L1", "2", "4"),
        billed("2026-03-01", "L2", "3", "6"),
    ):
        report.add(one)

    rows = [list(row.values())[:6] for row in report.rows()]

    assert rows == [
        ["2026-03-01", "L1", "EUR", 1, 0, 2],
        ["2026-03-01", "L2", "EUR", 2, 0, 4],
        ["2026-03-02", "L1", "EUR", 1, 0, 4],
    ]
    totals = [row["total"] for row in report.rows()]
    assert totals == [Decimal("4.8"), Decimal("9.6"), Decimal("9.6")]


def test_a_credit_cdr_takes_its_energy_and_money_back() -> None:
    """mod_cdrs, Credit CDRs: only its total_cost is negative."""
    report = Revenue([By.DAY])
    report.add(billed("2026-03-01", "L1", "10", "3"))
    report.add(billed("2026-03-01", "L1", "10", "-3", is_credit=True))
    report.add(billed("2026-03-01", "L1", "8", "2.40"))

    [row] = report.rows()

    assert (row["cdrs"], row["credits"], row["kwh"]) == (2, 1, 8)
    assert (row["before_taxes"], row["taxes"]) == (Decimal("2.40"), Decimal("0.48"))
    assert row["total"] == Decimal("2.88")


def test_what_is_held_is_counted_apart_and_is_no_revenue() -> None:
    report = Revenue([By.LOCATION])
    report.add(billed("2026-03-01", "L1", "10", "3"))
    report.hold(Held({By.LOCATION: "L1"}, "EUR", Decimal(7)))
    report.hold(Held({By.LOCATION: "L2"}, "EUR", Decimal(5)))

    first, second = report.rows()

    assert (first["cdrs"], first["kwh"], first["held"], first["held_kwh"]) == (1, 10, 1, 7)
    assert (second["cdrs"], second["kwh"], second["held"], second["held_kwh"]) == (0, 0, 1, 5)
    assert second["total"] == 0


def test_what_has_no_such_word_is_a_group_of_its_own() -> None:
    report = Usage([By.PARTNER])
    for partner in (None, "DE*EMS", None):
        report.add(Charged({By.PARTNER: partner}, Decimal("1.5"), Decimal(1800), False))

    assert report.rows() == [
        {"partner": None, "transactions": 2, "running": 0, "kwh": 3, "hours": 1},
        {"partner": "DE*EMS", "transactions": 1, "running": 0, "kwh": 1.5, "hours": 0.5},
    ]


def test_faults_by_charge_point_name_it_once() -> None:
    report = Faults([By.CHARGE_POINT, By.DAY])
    for day in ("2026-03-02", "2026-03-01"):
        keys = {By.CHARGE_POINT: "CP1", By.DAY: day}
        report.add(Fault(keys, "CP1", 1, 1, "GroundFailure", None, f"{day}T00:00:00Z"))

    assert [row["day"] for row in report.rows()] == ["2026-03-01", "2026-03-02"]
    assert list(report.rows()[0]) == report.columns
    assert report.columns[:3] == ["charge_point", "day", "evse_id"]


def test_csv_is_that_of_rfc_4180() -> None:
    """Lines end with CRLF (2.1); quotes are doubled, commas and line ends quoted (2.6, 2.7)."""
    text = to_csv([{"a": 'say "hi"', "b": "1,5"}, {"a": "two\nlines", "b": Decimal("1E+2")}])

    assert text == 'a,b\r\n"say ""hi""","1,5"\r\n"two\nlines",100\r\n'


def test_a_report_of_nothing_still_names_its_columns() -> None:
    """RFC 4180, 2.3: a header line."""
    report = Revenue([By.DAY])

    assert to_csv(report.rows(), report.columns) == (
        "day,currency,cdrs,credits,kwh,before_taxes,taxes,total,held,held_kwh\r\n"
    )
    assert to_csv([]) == ""


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1", "－1", "＠A1"]
)
def test_no_cell_is_a_formula(text: str) -> None:
    """security-and-faults S12; numbers of ours stay numbers, negative ones too."""
    [row] = csv.DictReader(
        io.StringIO(to_csv([{"a": text, "b": Decimal("-1")}]), newline=""), strict=True
    )

    assert row == {"a": f"'{text}", "b": "-1"}
