"""`gateway tariff`: OCPI tariffs from files, and what a session would cost."""

from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.api import connect, segment
from gateway.cli.imports import Files, put_all
from gateway.cli.output import Json, Url, print_json, print_line, print_table, read_json

app = typer.Typer(help="Import tariffs and try them out.", no_args_is_help=True)


@app.command("import")
def import_(
    files: Annotated[list[Path], Files], url: Url = None, json_output: Json = False
) -> None:
    """Create or replace tariffs (OCPI 2.3.0)."""
    put_all(connect(url), "/tariffs", files, json_output=json_output)


@app.command()
def price(
    tariff: Annotated[str, typer.Argument(help="The tariff's id.")],
    session: Annotated[
        Path,
        typer.Argument(
            help="JSON: start_date_time, end_date_time, time_zone, charging_periods; `-`: stdin."
        ),
    ],
    url: Url = None,
    json_output: Json = False,
) -> None:
    """What a session would cost, line by line."""
    path = f"/tariffs/{segment(tariff)}/price"
    _, bill = connect(url).call("POST", path, read_json(session))
    if json_output:
        print_json(bill)
        return
    print_table(
        ("dimension", "quantity", "unit", "price", "VAT %", "amount", "clause"),
        (
            (
                line["dimension"],
                line["quantity"],
                line["unit"],
                line["price"],
                line["vat"],
                line["amount"]["before_taxes"],
                line["clause"],
            )
            for line in bill["lines"]
        ),
    )
    print_line(f"total: {_money(bill['total_cost'])} {bill['currency']}")


def _money(amount: dict[str, Any]) -> str:
    taxes = ", ".join(f"{one['name']} {one['amount']}" for one in amount.get("taxes") or ())
    return f"{amount['before_taxes']}" + (f" plus {taxes}" if taxes else "")
