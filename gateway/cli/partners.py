"""`gateway partner`: inviting roaming partners, registering with them, watching them."""

from typing import Annotated, Any

import typer

from gateway.cli.api import connect, segment
from gateway.cli.output import Json, Url, print_json, print_line, print_members, print_table

app = typer.Typer(help="Roaming partners.", no_args_is_help=True)

_HANDSHAKE_SECONDS = 130.0

PartnerId = Annotated[str, typer.Argument(help="The partner's id, as `list` shows it.")]


@app.command()
def add(name: str, url: Url = None, json_output: Json = False) -> None:
    """Invite a partner: prints the registration token to hand over, this once."""
    _, made = connect(url).call("POST", "/partners", {"name": name})
    if json_output:
        print_json(made)
        return
    print_line(f"id: {made['id']}")
    print_line(f"token: {made['token']}")
    print_line(f"versions: {made['our_versions_url']}")


@app.command()
def register(
    partner: PartnerId,
    versions_url: Annotated[str, typer.Argument(help="The partner's versions endpoint.")],
    token: Annotated[
        str,
        typer.Option(
            prompt=True,
            hide_input=True,
            envvar="GATEWAY_PARTNER_TOKEN",
            help="The token that the partner gave us; asked for when not given.",
        ),
    ],
    url: Url = None,
    json_output: Json = False,
) -> None:
    """Register with a partner, with the token A that it gave us."""
    body = {"versions_url": versions_url, "token": token}
    path = f"/partners/{segment(partner)}/register"
    _, shown = connect(url).call("POST", path, body, timeout=_HANDSHAKE_SECONDS)
    if json_output:
        print_json(shown)
    else:
        print_line(f"{shown['name']}: {shown['state']}, OCPI {shown['version']}")


@app.command("list")
def list_(url: Url = None, json_output: Json = False) -> None:
    """All partners."""
    found = connect(url).get("/partners")
    if json_output:
        print_json(found)
        return
    print_table(
        ("id", "name", "state", "version", "roles", "owed", "last error"),
        (
            (
                one["id"],
                one["name"],
                one["state"],
                one["version"],
                _roles(one),
                one["owed"],
                one["last_error"],
            )
            for one in found
        ),
    )


@app.command()
def show(partner: PartnerId, url: Url = None, json_output: Json = False) -> None:
    """One partner, with its deliveries and what it refused."""
    api, path = connect(url), f"/partners/{segment(partner)}"
    found = api.get(path) | {"deliveries": api.get(f"{path}/deliveries")}
    if json_output:
        print_json(found)
    else:
        print_members(found | {"roles": _roles(found)})


@app.command()
def remove(partner: PartnerId, url: Url = None) -> None:
    """Unregister and forget a partner."""
    path = f"/partners/{segment(partner)}"
    connect(url).call("DELETE", path, timeout=_HANDSHAKE_SECONDS)
    print_line(f"{partner} removed")


def _roles(partner: dict[str, Any]) -> str:
    return ", ".join(
        f"{one['role']} {one['country_code']}*{one['party_id']}" for one in partner["roles"]
    )
