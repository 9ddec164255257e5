"""`gateway party`: the parties whose charge points this platform runs."""

from typing import Annotated

import typer

from gateway.cli.api import connect, segment
from gateway.cli.output import Json, Url, print_json, print_line, print_table

app = typer.Typer(help="Our own parties.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Country code and party id, as NL*ABC.")]


@app.command()
def add(
    party: Name,
    business_name: Annotated[str, typer.Argument(help="The name that partners see.")],
    website: Annotated[str | None, typer.Option(help="The party's web site.")] = None,
    url: Url = None,
    json_output: Json = False,
) -> None:
    """Add a party, or change its name and web site."""
    body = {"business_name": business_name, "website": website}
    status, shown = connect(url).call("PUT", f"/parties/{segment(party)}", body)
    if json_output:
        print_json(shown)
    else:
        print_line(f"{shown['party']} {'added' if status == 201 else 'changed'}")


@app.command("list")
def list_(url: Url = None, json_output: Json = False) -> None:
    """All parties, the first one first."""
    found = connect(url).get("/parties")
    if json_output:
        print_json(found)
        return
    print_table(
        ("party", "name", "website"),
        ((one["party"], one["business_name"], one["website"]) for one in found),
    )


@app.command()
def remove(party: Name, url: Url = None) -> None:
    """Remove a party that has no charge points, locations, tariffs and open sessions."""
    connect(url).call("DELETE", f"/parties/{segment(party)}")
    print_line(f"{party} removed")
