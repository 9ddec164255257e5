"""`gateway cdr`: the charge detail records."""

from enum import StrEnum
from http import HTTPStatus
from typing import Annotated, Any

import typer

from gateway.admin.reports import to_csv
from gateway.cli.api import OperatorApi, Refused, connect, segment
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
SessionId = Annotated[str, typer.Argument(help="The OCPI Session's id.")]
Why = Annotated[str | None, typer.Option("--remark", help="Why; it is kept.")]
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
    flat = [line(one) for one in found]
    shown = (
        "id",
        "end",
        "location",
        "token",
        "kwh",
        "before_taxes",
        "taxes",
        "currency",
        "credits",
    )
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
    write(to_csv([line(one) for one in found]) if csv else json_text(found), output)


@app.command()
def resend(cdr: CdrId, url: Url = None) -> None:
    """Send a CDR to its partner again, with the same id and body."""
    _, answer = connect(url).call("POST", f"/cdrs/{segment(cdr)}/resend")
    print_line(f"{cdr} is owed to {answer['partner_id']} again")


@app.command()
def held(
    session: Annotated[str | None, typer.Argument(help="One session's; default: all.")] = None,
    url: Url = None,
    json_output: Json = False,
) -> None:
    """CDRs that wait for you, with the reasons; of one also the CDR as it would be."""
    api = connect(url)
    if session is not None:
        found = api.get(f"/held-cdrs/{segment(session)}")
        if json_output:
            print_json(found)
        else:
            _print_held(found)
        return
    every = api.pages("/held-cdrs")
    if json_output:
        print_json(every)
        return
    shown = ("session_id", "charge_point", "started_at", "stopped_at", "energy_kwh", "reasons")
    print_table(shown, ([_held_row(one)[name] for name in shown] for one in every))


@app.command()
def release(session: SessionId, remark: Why = None, url: Url = None) -> None:
    """Bill a held session by what the station has said."""
    _, answer = connect(url).call(
        "POST", f"/held-cdrs/{segment(session)}/release", {"remark": remark}
    )
    _print_billed(answer)


@app.command()
def correct(
    id_: Annotated[
        str,
        typer.Argument(metavar="ID", help="A held session's id, or that of a CDR already made."),
    ],
    energy: Annotated[str | None, typer.Option(help="kWh.")] = None,
    meter_start: Annotated[str | None, typer.Option(help="Wh; with --meter-stop.")] = None,
    meter_stop: Annotated[str | None, typer.Option(help="Wh; with --meter-start.")] = None,
    start: Annotated[str | None, typer.Option(help="RFC 3339.")] = None,
    end: Annotated[str | None, typer.Option(help="RFC 3339.")] = None,
    beyond_power: Annotated[
        bool,
        typer.Option("--beyond-power", help="Though it is more than the connector can deliver."),
    ] = False,
    remark: Why = None,
    url: Url = None,
) -> None:
    """Bill by what you say; a CDR already made is credited, and another one follows it."""
    given = {
        "energy_kwh": energy,
        "meter_start_wh": meter_start,
        "meter_stop_wh": meter_stop,
        "start_date_time": start,
        "end_date_time": end,
        "beyond_power": beyond_power or None,
        "remark": remark,
    }
    body = {name: value for name, value in given.items() if value is not None}
    api = connect(url)
    books = "held-cdrs" if _is_held(api, id_) else "cdrs"
    _, answer = api.call("POST", f"/{books}/{segment(id_)}/correct", body)
    _print_billed(answer)


@app.command()
def void(
    session: SessionId,
    remark: Annotated[str, typer.Option(help="Why; it is kept.")],
    url: Url = None,
) -> None:
    """Bill nobody for a held session; its OCPI Session becomes INVALID."""
    connect(url).call("POST", f"/held-cdrs/{segment(session)}/void", {"remark": remark})
    print_line(f"{session} voided")


@app.command()
def credit(cdr: CdrId, remark: Why = None, url: Url = None) -> None:
    """Take a CDR back by a Credit CDR."""
    _, answer = connect(url).call("POST", f"/cdrs/{segment(cdr)}/credit", {"remark": remark})
    print_line(f"{cdr} credited by {answer['id']}; {_told(answer)}")


def _is_held(api: OperatorApi, session: str) -> bool:
    try:
        api.get(f"/held-cdrs/{segment(session)}")
    except Refused as refusal:
        if refusal.status != HTTPStatus.NOT_FOUND:
            raise
        return False
    return True


def _held_row(one: dict[str, Any]) -> dict[str, Any]:
    return one | {"reasons": ", ".join(reason["reason"] for reason in one["reasons"])}


def _print_held(one: dict[str, Any]) -> None:
    print_table(
        ("what", "is"),
        [
            [name, value]
            for name, value in _held_row(one).items()
            if name not in ("transaction", "cdr", "flags", "token") and value is not None
        ],
    )
    if one["cdr"] is None:
        print_line("there can be no CDR of it as it stands")
        return
    row = line(one["cdr"])
    print_line(f"released, it costs {row['before_taxes']} + {row['taxes']} {row['currency']}")


def _print_billed(answer: dict[str, Any]) -> None:
    print_line(f"{answer['session_id']} billed by {answer['cdr_id']}; {_told(answer)}")


def _told(answer: dict[str, Any]) -> str:
    return f"sent to {answer['partner_id']}" if answer["sent"] else f"not sent: {answer['why']}"


def line(cdr: dict[str, Any]) -> dict[str, Any]:
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
        # a Credit CDR has the energy and the hours of what it takes back, and negative money
        "credits": cdr.get("credit_reference_id"),
        "remark": cdr.get("remark"),
    }
