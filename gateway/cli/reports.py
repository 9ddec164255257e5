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


def _command(report: type[Revenue | Usage | Faults], told: str) -> None:
    """The three reports are asked for alike."""
    name = report.__name__.lower()

    @app.command(name, help=told)
    def command(
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
        columns = report(_by(by)).columns
        query = {
            "by": by,
            "time_zone": time_zone,
            "date_from": since,
            "date_to": until,
            "party": party,
        }
        _, rows = connect(url).call("GET", f"/reports/{name}", query=query, timeout=_SECONDS)
        if csv or output is not None:
            write(to_csv(rows, columns), output)
        elif json_output:
            print_json(rows)
        else:
            print_table(columns, ([row[column] for column in columns] for row in rows))


def _by(text: str) -> list[By]:
    try:
        return [By(word) for word in dict.fromkeys(text.split(","))]
    except ValueError:
        raise Problem(f"--by: none of {', '.join(By)}, nor several of them: {text}") from None


_command(
    Revenue,
    "CDRs, energy and money, by their last update; Credit CDRs subtract, what is held is apart.",
)
_command(Usage, "Transactions, energy and hours, by their start, whoever pays.")
_command(Faults, "Connectors that report a fault now; not by partner.")
