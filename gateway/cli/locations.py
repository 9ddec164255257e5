"""`gateway location`: OCPI locations from and to files."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.api import connect
from gateway.cli.imports import Files, put_all
from gateway.cli.output import Json, OutputFile, Url, json_text, write

app = typer.Typer(help="Import and export OCPI locations.", no_args_is_help=True)


@app.command("import")
def import_(
    files: Annotated[list[Path], Files], url: Url = None, json_output: Json = False
) -> None:
    """Create or replace locations (OCPI 2.3.0; each EVSE may name its `charge_point`)."""
    put_all(connect(url), "/locations", files, json_output=json_output)


@app.command()
def export(output: OutputFile = None, url: Url = None) -> None:
    """All locations as JSON, as they can be imported again."""
    write(json_text(connect(url).get("/locations")), output)
