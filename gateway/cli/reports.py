"""`gateway report`: what was used, what was earned, what is out of order."""

from typing import Annotated

import typer

from gateway.admin.reports import By, Faults, Revenue, Usage, to_csv
from gateway.cli.api import connect
from gateway.cli.output import Json, OutputFile, Url, print_json, print_table, write
from gateway.cli.problem import Problem

app = typer.Typer(help="Usage, revenue and faults.", no_args_is_help=True)

_SECONDS = 300.0  # a year of a large operator takes its time

Groups = Annotated[
    str, typer.Option("--by", help="day, location, partner, charge_point; or several: day,location")
]
Zone = Annotated[str | None, typer.Option(help="Whose days: an IANA name; default: UTC.")]
Since = Annotated[str | None, typer.Option(help="RFC 3339: at or after this.")]
Until = Annotated[str | None, typer.Option(help="RFC 3339: before this.")]
OfParty = Annotated[str | None, typer.Option("--party", help="One of ours, as NL*ABC.")]
Csv = Annotated[bool, typer.Option("--csv", help="CSV, for spreadsheets.")]


@app.command()
def revenue(
    by: Groups = "day",
    time_zone: Zone = None,
    since: Since = None,
    until: Until = None,
    party: OfParty = None,
    csv: Csv = False,
    output: OutputFile = None,
    url: Url = None,
    json_output: Json = False,
) -> None:
    """CDRs, energy and money, by their last update; Credit CDRs subtract, what is held is apart."""
    query = _query(by, time_zone, since, until, party)
    _show("revenue", Revenue(_by(by)).columns, query, output, url, csv=csv, as_json=json_output)


@app.command()
def usage(
    by: Groups = "day",
    time_zone: Zone = None,
    since: Since = None,
    until: Until = None,
    party: OfParty = None,
    csv: Csv = False,
    output: OutputFile = None,
    url: Url = None,
    json_output: Json = False,
) -> None:
    """Transactions, energy and hours, by their start, whoever pays."""
    query = _query(by, time_zone, since, until, party)
    _show("usage", Usage(_by(by)).columns, query, output, url, csv=csv, as_json=json_output)


@app.command()
def faults(
    by: Groups = "day",
    time_zone: Zone = None,
    since: Since = None,
    until: Until = None,
    party: OfParty = None,
    csv: Csv = False,
    output: OutputFile = None,
    url: Url = None,
    json_output: Json = False,
) -> None:
    """Connectors that report a fault now; not by partner."""
    query = _query(by, time_zone, since, until, party)
    _show("faults", Faults(_by(by)).columns, query, output, url, csv=csv, as_json=json_output)


def _by(text: str) -> list[By]:
    try:
        return [By(word) for word in dict.fromkeys(text.split(","))]
    except ValueError:
        raise Problem(f"--by: none of {', '.join(By)}, nor several of them: {text}") from None


def _query(
    by: str, time_zone: str | None, since: str | None, until: str | None, party: str | None
) -> dict[str, str | None]:
    return {
        "by": by,
        "time_zone": time_zone,
        "date_from": since,
        "date_to": until,
        "party": party,
    }


def _show(
    name: str,
    columns: list[str],
    query: dict[str, str | None],
    output: OutputFile,
    url: Url,
    *,
    csv: bool,
    as_json: bool,
) -> None:
    _, rows = connect(url).call("GET", f"/reports/{name}", query=query, timeout=_SECONDS)
    if csv or output is not None:
        write(to_csv(rows, columns), output)
    elif as_json:
        print_json(rows)
    else:
        print_table(columns, ([row[column] for column in columns] for row in rows))
