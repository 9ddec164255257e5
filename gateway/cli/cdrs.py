"""`gateway cdr`: the charge detail records."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from gateway.admin.reports import to_csv
from gateway.cli.api import connect, segment
from gateway.cli.output import (
    Json,
    OutputFile,
    Url,
    json_text,
    print_json,
    print_line,
    print_table,
    write,
)

app = typer.Typer(help="Charge detail records.", no_args_is_help=True)

CdrId = Annotated[str, typer.Argument(help="The CDR's id.")]
Since = Annotated[str | None, typer.Option(help="RFC 3339: last updated at or after this.")]
Until = Annotated[str | None, typer.Option(help="RFC 3339: last updated before this.")]
OfPartner = Annotated[str | None, typer.Option(help="Only those of this partner's id.")]


class Format(StrEnum):
    """What `export` writes."""

    JSON = "json"
    CSV = "csv"


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 50,
    partner: OfPartner = None,
    url: Url = None,
    json_output: Json = False,
) -> None:
    """The last CDRs, newest first."""
    found = connect(url).get("/cdrs", limit=limit, partner=partner)
    if json_output:
        print_json(found)
        return
    flat = [_row(one) for one in found]
    shown = ("id", "end", "location", "token", "kwh", "before_taxes", "taxes", "currency")
    print_table(shown, ([row[name] for name in shown] for row in flat))


@app.command()
def export(
    output: OutputFile = None,
    format_: Annotated[Format, typer.Option("--format")] = Format.JSON,
    since: Since = None,
    until: Until = None,
    partner: OfPartner = None,
    url: Url = None,
) -> None:
    """All CDRs, whole as JSON or one line each as CSV."""
    found = connect(url).pages("/cdrs", partner=partner, date_from=since, date_to=until)
    csv = format_ is Format.CSV
    write(to_csv([_row(one) for one in found]) if csv else json_text(found), output)


@app.command()
def resend(cdr: CdrId, url: Url = None) -> None:
    """Send a CDR to its partner again, with the same id and body."""
    _, answer = connect(url).call("POST", f"/cdrs/{segment(cdr)}/resend")
    print_line(f"{cdr} is owed to {answer['partner_id']} again")


@app.command()
def credit(cdr: CdrId, url: Url = None) -> None:
    """Make a credit CDR."""
    connect(url).call("POST", f"/cdrs/{segment(cdr)}/credit")
    print_line(f"{cdr} credited")


def _row(cdr: dict[str, Any]) -> dict[str, Any]:
    """A CDR as one flat line."""
    cost, token, place = cdr["total_cost"], cdr["cdr_token"], cdr["cdr_location"]
    return {
        "id": cdr["id"],
        "session": cdr.get("session_id"),
        "start": cdr["start_date_time"],
        "end": cdr["end_date_time"],
        "location": place["id"],
        "evse": place["evse_uid"],
        "party": f"{token['country_code']}*{token['party_id']}",
        "token": token["uid"],
        "contract": token["contract_id"],
        "kwh": cdr["total_energy"],
        "hours": cdr["total_time"],
        "before_taxes": cost["before_taxes"],
        "taxes": sum(one["amount"] for one in cost.get("taxes") or ()),
        "currency": cdr["currency"],
    }
