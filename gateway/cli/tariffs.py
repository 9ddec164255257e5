"""`gateway tariff`: OCPI tariffs from files; their faults, their words, and what sessions cost."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli import tariff_sources
from gateway.cli.api import connect, segment
from gateway.cli.imports import Document, Files, put_all
from gateway.cli.output import Json, Url, print_json, print_line, print_table
from gateway.cli.problem import Problem
from gateway.domain.tariffs import InvalidTariff, parse_tariff
from gateway.domain.tariffs.faults import Severity
from gateway.domain.tariffs.words import LANGUAGES, MOST_CHARACTERS, alt_text, describe

app = typer.Typer(help="Import tariffs, check them and try them out.", no_args_is_help=True)

_ALL_LANGUAGES = ", ".join(LANGUAGES)
Source = Annotated[str, typer.Argument(help="A file (`-`: standard input), or a tariff's id.")]
Language = Annotated[list[str], typer.Option(help=f"One of {_ALL_LANGUAGES}; may be repeated.")]


@app.command("import")
def import_(
    files: Annotated[list[Path], Files],
    describe_in: Annotated[
        list[str] | None,
        typer.Option(
            "--describe",
            help=f"Where there is no tariff_alt_text, write one in {_ALL_LANGUAGES};"
            " may be repeated.",
        ),
    ] = None,
    url: Url = None,
    json_output: Json = False,
) -> None:
    """Create or replace tariffs (OCPI 2.3.0); says what is doubtful in them."""
    languages = _known(describe_in or [])
    put_all(
        connect(url),
        "/tariffs",
        files,
        json_output=json_output,
        prepare=lambda document: _with_words(document, languages),
    )


@app.command()
def check(tariff: Source, url: Url = None, json_output: Json = False) -> None:
    """The usual mistakes in tariffs, each with its clause; exit 1 if one would be refused."""
    api = None if tariff_sources.is_file(tariff) else connect(url)
    found = [
        (document["id"], tariff_sources.findings(document))
        for document in tariff_sources.tariffs(tariff, api)
    ]
    if json_output:
        print_json([{"id": id_, "findings": [asdict(one) for one in all_]} for id_, all_ in found])
    else:
        for id_, findings in found:
            for one in findings:
                print_line(f"{id_}: {one.severity}: {one} [{one.name}]")
            if not findings:
                print_line(f"{id_}: nothing found")
    refused = [id_ for id_, all_ in found if any(one.severity is Severity.ERROR for one in all_)]
    if refused:
        raise Problem(f"{len(refused)} of {len(found)} would be refused")


@app.command("describe")
def describe_(
    tariff: Source,
    language: Language = ["en"],  # noqa: B006 - typer takes the default from here
    url: Url = None,
    json_output: Json = False,
) -> None:
    """A tariff in plain words."""
    languages = _known(language)
    api = None if tariff_sources.is_file(tariff) else connect(url)
    texts = [
        {"id": document["id"], "language": one, "text": describe(parsed, one)}
        for document in tariff_sources.tariffs(tariff, api)
        for parsed in [tariff_sources.parsed(document)]
        for one in languages
    ]
    if json_output:
        print_json(texts)
        return
    for text in texts:
        print_line(text["text"])


@app.command()
def price(
    tariff: Source,
    session: Annotated[
        str,
        typer.Argument(
            help="A file with a session or CDR (start_date_time, end_date_time, time_zone,"
            " charging_periods; `-`: standard input), or the id of a stored one."
        ),
    ],
    time_zone: Annotated[
        str | None, typer.Option(help="IANA name, instead of the session's own.")
    ] = None,
    cancelled: Annotated[
        bool,
        typer.Option("--cancelled", help="A reservation alone was cancelled, it has not expired."),
    ] = False,
    url: Url = None,
    json_output: Json = False,
) -> None:
    """What a session would cost, line by line."""
    here, stored = tariff_sources.is_file(tariff), None
    if tariff_sources.is_file(session):
        used = tariff_sources.session_from_file(Path(session), time_zone)
    else:
        used, stored = tariff_sources.stored_session(connect(url), session, time_zone)
    if cancelled:
        used |= {"cancelled": True}
    if here:
        bill = tariff_sources.priced_here(tariff_sources.one_tariff(tariff), used)
    else:
        _, bill = connect(url).call("POST", f"/tariffs/{segment(tariff)}/price", used)
    if stored is not None:
        bill |= {"stored_total_cost": stored.get("total_cost")}
    if json_output:
        print_json(bill)
        return
    _print_bill(bill)


_TOTALS = (
    ("total_fixed_cost", "fees"),
    ("total_energy_cost", "energy"),
    ("total_time_cost", "time"),
    ("total_parking_cost", "parking"),
    ("total_reservation_cost", "reservation"),
)


def _print_bill(bill: Document) -> None:
    print_table(
        ("dimension", "quantity", "unit", "price", "VAT %", "amount", "tax", "what", "clause"),
        (
            (
                line["dimension"],
                line["quantity"],
                line["unit"],
                line["price"],
                line["vat"],
                line["amount"]["before_taxes"],
                sum(one["amount"] for one in line["amount"]["taxes"]),
                line["description"],
                line["clause"],
            )
            for line in bill["lines"]
        ),
    )
    for name, words in _TOTALS:
        if name in bill:
            print_line(f"{words}: {_money(bill[name])} {bill['currency']}")
    for note in bill["notes"]:
        print_line(f"note: {note}")
    print_line(f"total: {_money(bill['total_cost'])} {bill['currency']}")
    print_line(f"to be paid: {bill['payable']} {bill['currency']}")
    if bill.get("stored_total_cost"):
        print_line(f"stored total: {_money(bill['stored_total_cost'])}")


def _money(amount: dict[str, Any]) -> str:
    taxes = ", ".join(
        f"{one['name']}{_rate(one)} {one['amount']}" for one in amount.get("taxes") or ()
    )
    return f"{amount['before_taxes']}" + (f" plus {taxes}" if taxes else "")


def _rate(tax: dict[str, Any]) -> str:
    return "" if tax.get("percentage") is None else f" {tax['percentage']} %"


def _known(languages: list[str]) -> list[str]:
    for one in languages:
        if one.lower() not in LANGUAGES:
            raise Problem(f"{one}: no words in this language, only in {_ALL_LANGUAGES}")
    return [one.lower() for one in languages]


def _with_words(document: Document, languages: list[str]) -> Document:
    """With a text in each language, if the operator has written none.

    A tariff that is none is left for the gateway to refuse. Raises `Problem`, before anything is
    imported, for a text that does not fit: half of it would be wrong.
    """
    if not languages or document.get("tariff_alt_text"):
        return document
    try:
        tariff = parse_tariff(document)
    except InvalidTariff:
        return document
    texts = []
    for language in languages:
        text = alt_text(tariff, language)
        if text is None:
            raise Problem(
                f"{document['id']}: in {language} longer than the {MOST_CHARACTERS} characters of"
                " a tariff_alt_text; write one, or leave out --describe"
            )
        texts.append({"language": language, "text": text})
    return document | {"tariff_alt_text": texts}
