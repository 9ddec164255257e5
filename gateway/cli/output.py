"""How commands show what they found: tables for people, JSON for scripts."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway import exact_json
from gateway.cli.problem import Problem
from gateway.cli.text import escaped_json, one_line

Json = Annotated[bool, typer.Option("--json", help="JSON, for scripts.")]
Url = Annotated[
    str | None, typer.Option(help="The operator API; default: where this gateway would listen.")
]
OutputFile = Annotated[
    Path | None, typer.Option("--output", "-o", help="A file; default: standard output.")
]


def print_json(value: Any) -> None:
    """Indented JSON on standard output, numbers exact."""
    print(json_text(value))


def json_text(value: Any) -> str:
    """Indented JSON."""
    return escaped_json(msgspec.json.format(exact_json.dumps(value), indent=2).decode())


def print_line(text: str) -> None:
    """One line for a person."""
    print(one_line(text))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table as wide as the terminal, wide enough for everything where there is none."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 400
    table = Table(box=None, pad_edge=False, header_style="bold", show_header=bool(columns))
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row))
    console.print(table)


def print_members(document: dict[str, Any]) -> None:
    """One object, member by member."""
    print_table((), ((name, value) for name, value in document.items()))


def write(text: str, path: Path | None) -> None:
    """To a file, or to standard output."""
    if path is None:
        print(text, end="" if text.endswith("\n") else "\n")
        return
    try:
        path.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")
    except OSError as error:
        raise Problem(f"{path}: {error.strerror}") from None


def read_json(path: Path) -> Any:
    """A file's JSON; `-` is standard input. Raises `Problem`."""
    try:
        text = typer.get_binary_stream("stdin").read() if str(path) == "-" else path.read_bytes()
        return exact_json.loads(text)
    except OSError as error:
        raise Problem(f"{path}: {error.strerror}") from None
    except exact_json.InvalidJSON as error:
        raise Problem(f"{path}: not JSON: {error}") from None


def _cell(value: Any) -> Text:
    # Text, not markup: nothing in it is a style or a link
    match value:
        case None:
            return Text("")
        case bool():
            return Text("yes" if value else "no")
        case Decimal():
            return Text(f"{value:f}")
        case int():
            return Text(str(value))
        case str():
            return Text(one_line(value))
    return Text(one_line(exact_json.dumps(value).decode()))
