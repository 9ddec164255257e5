"""`gateway tariff` with files, which needs no gateway."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import tariffs
from gateway.cli.problem import Problem

COMPONENT = {"type": "ENERGY", "price": 0.30, "vat": 21, "step_size": 1}
TARIFF: dict[str, Any] = {
    "id": "T1",
    "currency": "EUR",
    "tax_included": "NO",
    "elements": [{"price_components": [COMPONENT]}],
}
SESSION = {
    "start_date_time": "2026-03-01T10:00:00Z",
    "end_date_time": "2026-03-01T11:00:00Z",
    "time_zone": "Europe/Amsterdam",
    "kwh": 10.5,
    "charging_periods": [
        {
            "start_date_time": "2026-03-01T10:00:00Z",
            "tariff_id": "T9",
            "dimensions": [{"type": "ENERGY", "volume": 10.5}],
        }
    ],
}


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.chdir(tmp_path)
    write("t.json", TARIFF)
    write("s.json", SESSION)
    return tmp_path


def write(name: str, content: Any) -> str:
    Path(name).write_text(json.dumps(content))
    return name


def ran(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(tariffs.app, arguments, input=stdin)


def problem(*arguments: str) -> str:
    result = ran(*arguments)
    assert isinstance(result.exception, Problem), result.output
    return str(result.exception)


def with_component(**changes: Any) -> dict[str, Any]:
    return TARIFF | {"elements": [{"price_components": [COMPONENT | changes]}]}


@pytest.mark.usefixtures("directory")
def test_a_tariff_without_faults_passes() -> None:
    result = ran("check", "t.json")
    assert (result.exit_code, result.output) == (0, "T1: nothing found\n")


@pytest.mark.usefixtures("directory")
def test_a_warning_passes_and_an_error_does_not() -> None:
    doubtful = ran("check", write("doubtful.json", with_component(price=0.0003)))
    assert doubtful.exit_code == 0
    assert "T1: warning: elements[0].price_components[0].price: is 0.0003 EUR per kWh" in (
        doubtful.output
    )
    wrong = write("wrong.json", [TARIFF, with_component(vat=0.21) | {"id": "T2"}])
    assert problem("check", wrong) == "1 of 2 would be refused"
    (_, second) = json.loads(ran("check", wrong, "--json").output)
    (fault,) = second["findings"]
    assert (second["id"], fault["name"], fault["severity"]) == ("T2", "vat_fraction", "error")


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    ("changes", "path", "text"),
    [
        ({"tax_included": None}, "tax_included", "prices without taxes: that is NO"),
        ({"currency": "EURO"}, "currency", "match"),
        (
            {"start_date_time": "2026-01-02T00:00:00Z", "end_date_time": "2026-01-01T00:00:00Z"},
            "",
            "end_date_time must be above",
        ),
        (
            {"min_price": {"before_taxes": 2}, "max_price": {"before_taxes": 1}},
            "",
            "min_price is above max_price",
        ),
        ({"elements": []}, "elements", "at least 1"),
    ],
)
def test_what_breaks_the_standard_is_an_error(
    changes: dict[str, Any], path: str, text: str
) -> None:
    document = {name: value for name, value in (TARIFF | changes).items() if value is not None}
    result = ran("check", write("broken.json", document), "--json")
    assert result.exit_code == 1
    (fault,) = json.loads(result.stdout)[0]["findings"]
    assert (fault["name"], fault["severity"], fault["path"]) == ("breaks_standard", "error", path)
    assert text in fault["text"]


@pytest.mark.usefixtures("directory")
def test_a_session_is_priced_line_by_line_with_each_clause() -> None:
    result = ran("price", "t.json", "s.json")
    assert result.exit_code == 0, result.output
    # by hand: 10.5 kWh x 0.30, and 21 percent of it
    assert "total: 3.15 plus VAT 21 % 0.6615 EUR" in result.output
    assert "to be paid: 3.81 EUR" in result.output
    assert "mod_tariffs TariffDimensionType ENERGY" in result.output
    bill = json.loads(ran("price", "-", "s.json", "--json", stdin=json.dumps(TARIFF)).output)
    assert bill["total_energy_cost"]["before_taxes"] == 3.15
    assert (bill["notes"], bill["priced"]) == ([], True)


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    ("cancelled", "options", "cost"),
    [(False, (), 4), (True, (), 0), (False, ("--cancelled",), 0)],
)
def test_a_reservation_may_be_said_to_have_been_cancelled(
    cancelled: bool, options: tuple[str, ...], cost: int
) -> None:
    """mod_tariffs ReservationRestrictionType RESERVATION_EXPIRES."""
    fee = {
        "price_components": [{"type": "FLAT", "price": 4, "step_size": 1}],
        "restrictions": {"reservation": "RESERVATION_EXPIRES"},
    }
    moment = "2026-03-01T10:00:00Z"
    reserved = {"type": "RESERVATION_TIME", "volume": 0}
    session = {
        "start_date_time": moment,
        "end_date_time": moment,
        "charging_periods": [{"start_date_time": moment, "dimensions": [reserved]}],
        "cancelled": cancelled,
    }
    tariff = write("fee.json", TARIFF | {"elements": [*TARIFF["elements"], fee]})
    reservation = write("reserved.json", session)
    bill = json.loads(ran("price", tariff, reservation, *options, "--json").output)
    assert bill["payable"] == cost


@pytest.mark.usefixtures("directory")
def test_what_cannot_be_priced_is_one_line() -> None:
    assert problem("price", write("two.json", [TARIFF, TARIFF]), "s.json").endswith(
        "holds 2 tariffs, not one"
    )
    assert problem("price", "t.json", write("none.json", {})) == "start_date_time is missing"
    assert "not one session" in problem("price", "t.json", write("list.json", []))
    bad = write("bad.json", TARIFF | {"currency": "?"})
    assert problem("price", bad, "s.json").startswith("T1: currency")
    assert "time zone" in problem("price", "t.json", "s.json", "--time-zone", "Moon/Base")


@pytest.mark.usefixtures("directory")
def test_a_tariff_is_said_in_each_language_asked_for() -> None:
    result = ran("describe", "t.json", "--language", "de", "--language", "FR")
    assert result.output == (
        "Energie: 0,30 EUR je kWh. Zuzüglich 21 % MwSt.\n"
        "Énergie : 0,30 EUR par kWh. Hors TVA 21 %.\n"
    )
    assert json.loads(ran("describe", "t.json", "--json").output) == [
        {"id": "T1", "language": "en", "text": "Energy: 0.30 EUR per kWh. Plus 21 % VAT."}
    ]
    assert "only in en, de, nl, fr" in problem("describe", "t.json", "--language", "tlh")


@pytest.mark.usefixtures("directory")
def test_a_text_that_does_not_fit_stops_the_import_before_it_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GATEWAY_OPERATOR_TOKEN", "of-nobody")
    many = [
        {"price_components": [COMPONENT], "restrictions": {"min_kwh": 40 - number}}
        for number in range(30)
    ]
    long = write("long.json", TARIFF | {"elements": many})
    arguments = ("import", long, "--url", "http://127.0.0.1:1", "--describe", "en")
    assert "T1: in en longer than the 512 characters" in problem(*arguments)
