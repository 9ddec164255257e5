"""What drivers are told of prices, and how each version says it."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway import exact_json
from gateway.domain.bills.cost import (
    DisplayText,
    PricesNow,
    ShowFinalCost,
    ShowPrice,
    ShowRunningCost,
    StationDisplay,
    prices_at,
    shown,
    sure_cost,
    text_in,
)
from gateway.domain.pricing import ChargingPeriod, Dimension, Usage, price
from gateway.domain.tariffs import Moment, parse_tariff
from gateway.domain.transactions import Transaction, TransactionState
from gateway.ocpp import v16, v21, v201
from gateway.ocpp.dialect import Dialect

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)
NL, EN = DisplayText("nl", "duur"), DisplayText("en-GB", "dear")
RUNNING = ShowRunningCost(
    "12", Decimal("1.82"), NOON, Decimal("5000.7"), True, PricesNow(Decimal("0.363"))
)


@pytest.mark.parametrize(
    ("currency", "decimals", "expected"),
    [
        ("EUR", None, "1.24"),
        ("JPY", None, "1"),
        ("KWD", None, "1.235"),
        ("EUR", 3, "1.235"),
        ("EUR", 0, "1"),
        ("EUR", 9, "1.2350"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency_unless_the_station_says_otherwise(
    currency: str, decimals: int | None, expected: str
) -> None:
    assert str(shown(Decimal("1.235"), currency, decimals)) == expected


def test_a_text_is_found_by_the_first_subtag_of_the_language() -> None:
    assert text_in((NL, EN), "en") == EN
    assert text_in((NL, EN), "NL-be") == NL
    assert text_in((NL, EN), "de") is None
    assert text_in((NL, EN), None) == NL


def test_without_an_evse_a_text_is_shown_only_if_it_is_the_same_everywhere() -> None:
    both = StationDisplay(tariff=True, texts={1: (NL,), 2: (NL,)})
    assert both.text(None, "nl") == NL
    assert replace(both, texts={1: (NL,), 2: (EN,)}).text(None, "nl") is None
    assert replace(both, texts={1: (NL,), 2: (EN,)}).text(2, "en") == EN
    assert replace(both, tariff=False).text(1, "nl") is None


def _bill() -> Any:
    tariff = parse_tariff(
        {
            "id": "T",
            "currency": "EUR",
            "elements": [
                {"price_components": [{"type": "ENERGY", "price": Decimal("0.3"), "vat": 21}]}
            ],
        }
    )
    period = ChargingPeriod(NOON, {Dimension.ENERGY: Decimal(5)})
    return price(tariff, Usage(NOON, NOON, (period,)))


TRANSACTION = Transaction("CP1", "12", 1, NOON, "s", "c")


def test_the_cost_that_is_told_includes_taxes() -> None:
    """ocpp-rules 31."""
    assert sure_cost(TRANSACTION, _bill(), held=False) == Decimal("1.815")


def test_no_cost_is_told_while_the_bill_is_held() -> None:
    assert sure_cost(TRANSACTION, _bill(), held=True) is None


def test_no_cost_is_told_without_a_tariff_or_while_events_are_missing() -> None:
    assert sure_cost(TRANSACTION, price(None, Usage(NOON, NOON, ())), held=False) is None
    waiting = replace(TRANSACTION, state=TransactionState.ENDED, due_at=NOON)
    assert sure_cost(waiting, _bill(), held=False) is None


@pytest.mark.parametrize(("taxes", "per_kwh"), [("NO", "0.242"), ("YES", "0.2"), ("N/A", "0.2")])
def test_the_prices_now_are_those_of_the_first_element_that_matches(
    taxes: str, per_kwh: str
) -> None:
    vat = {} if taxes == "N/A" else {"vat": 21}
    document = {
        "id": "T",
        "currency": "EUR",
        "tax_included": taxes,
        "elements": [
            {
                "price_components": [{"type": "ENERGY", "price": Decimal("0.1"), **vat}],
                "restrictions": {"end_time": "07:00"},
            },
            {
                "price_components": [
                    {"type": "ENERGY", "price": Decimal("0.2"), **vat},
                    {"type": "PARKING_TIME", "price": 2},
                ]
            },
            {
                "price_components": [{"type": "TIME", "price": 5}],
                "restrictions": {"reservation": "RESERVATION"},
            },
        ],
    }
    at = Moment(NOON, Decimal(0), Decimal(0))
    expected = PricesNow(kwh=Decimal(per_kwh), idle_hour=Decimal(2))
    assert prices_at(parse_tariff(document), at) == expected


@pytest.mark.parametrize("dialect", [v201.DIALECT, v21.DIALECT], ids=["2.0.1", "2.1"])
def test_2x_is_told_the_running_cost_by_cost_updated(dialect: Dialect) -> None:
    asked = dialect.asks[ShowRunningCost](RUNNING)
    assert asked is not None
    assert (asked.action, asked.payload) == (
        "CostUpdated",
        {"totalCost": Decimal("1.82"), "transactionId": "12"},
    )
    schema = dialect.schemas.request("CostUpdated")
    assert schema is not None
    assert schema.violations(asked.payload) == []
    assert asked.read({}).accepted


@pytest.mark.parametrize(
    ("command", "message", "data"),
    [
        (ShowPrice("04A1", "duur"), "SetUserPrice", {"idToken": "04A1", "priceText": "duur"}),
        (
            replace(RUNNING, charging=False, prices=PricesNow(idle_hour=Decimal(2))),
            "RunningCost",
            {
                "transactionId": 12,
                "timestamp": "2024-05-01T12:00:00.000Z",
                "meterValue": 5000,
                "cost": Decimal("1.82"),
                "state": "Idle",
                "chargingPrice": {},
                "idlePrice": {"hourPrice": 2},
            },
        ),
        (
            ShowFinalCost("12", Decimal("1.82"), "1.82 EUR"),
            "FinalCost",
            {"transactionId": 12, "cost": Decimal("1.82"), "priceText": "1.82 EUR"},
        ),
    ],
)
def test_1_6_is_told_by_the_messages_of_the_application_note(
    command: Any, message: str, data: Any
) -> None:
    asked = v16.DIALECT.asks[type(command)](command)
    assert asked is not None
    assert asked.action == "DataTransfer"
    assert asked.payload["vendorId"] == "org.openchargealliance.costmsg"
    assert asked.payload["messageId"] == message
    assert exact_json.loads(asked.payload["data"].encode()) == data
