"""The evening that docs/money.md reckons by hand comes to what it says there."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from gateway import exact_json
from gateway.domain.pricing import Bill, ChargingPeriod, Dimension, Usage, price
from gateway.domain.tariffs import parse_tariff

PAGE = (Path(__file__).parents[2] / "docs" / "money.md").read_text(encoding="utf-8")
START = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)  # 19:00 in Utrecht
MINUTES = (  # minute, its dimension, kWh
    *((minute, Dimension.TIME, "0.184") for minute in range(30)),
    *((minute, Dimension.TIME, "0.0613333333") for minute in range(30, 60)),
    *((minute, Dimension.TIME, "0.0613333333") for minute in range(60, 150)),
    *((minute, Dimension.PARKING_TIME, "0") for minute in range(150, 180)),
)


def evening() -> Bill:
    [text] = re.findall(r"^```json\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    whose = {"country_code": "NL", "party_id": "GWY", "last_updated": "2026-01-01T00:00:00Z"}
    tariff = parse_tariff(exact_json.loads(text) | whose)
    periods = tuple(
        ChargingPeriod(
            START + timedelta(minutes=minute),
            {spent: Decimal(1) / 60, Dimension.ENERGY: Decimal(kwh)},
        )
        for minute, spent, kwh in MINUTES
    )
    end = START + timedelta(hours=3)
    return price(tariff, Usage(START, end, periods, "Europe/Amsterdam"))


def rows() -> list[list[str]]:
    table = PAGE.split("VAT 21 % |")[1].split("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.split("\n")[2:]]


def test_each_line_is_the_one_in_the_table() -> None:
    shown = [(Decimal(row[4]), Decimal(row[5])) for row in rows()[:-1]]
    lines = [(line.amount.before_taxes, line.amount.total_tax) for line in evening().lines]
    assert lines == shown


def test_the_total_is_the_one_in_the_table() -> None:
    *_, (*_, before, taxes) = rows()
    total = evening().total_cost
    assert total.before_taxes == Decimal(before)
    assert total.total_tax == Decimal(taxes)
