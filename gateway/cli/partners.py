"""`gateway partner`: inviting roaming partners, registering with them, watching them."""

from typing import Annotated, Any, ClassVar

import typer

from gateway.cli.api import connect, segment
from gateway.cli.late import LateGroup
from gateway.cli.output import Json, Url, print_json, print_line, print_members, print_table


class PartnerGroup(LateGroup):
    """`check` brings a client and the rules of every version."""

    late: ClassVar[dict[str, str]] = {"check": "gateway.cli.partner_check:partner_check"}


app = typer.Typer(cls=PartnerGroup, help="Roaming partners.", no_args_is_help=True)

_HANDSHAKE_SECONDS = 130.0

VersionName = Annotated[str | None, typer.Option("--version", help="OCPI version to speak.")]
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
    version: VersionName = None,
    url: Url = None,
    json_output: Json = False,
) -> None:
    """Register with a partner, with the token A that it gave us."""
    body = {"versions_url": versions_url, "token": token, "version": version}
    path = f"/partners/{segment(partner)}/register"
    _, shown = connect(url).call("POST", path, body, timeout=_HANDSHAKE_SECONDS)
    if json_output:
        print_json(shown)
    else:
        print_line(f"{shown['name']}: {shown['state']}, OCPI {shown['version']}")


@app.command()
def update(
    partner: PartnerId, version: VersionName = None, url: Url = None, json_output: Json = False
) -> None:
    """Renew both tokens and the endpoints of a partner, or move it to another version."""
    path = f"/partners/{segment(partner)}/credentials"
    body = {"version": version}
    _, shown = connect(url).call("POST", path, body, timeout=_HANDSHAKE_SECONDS)
    if json_output:
        print_json(shown)
    else:
        print_line(f"{shown['name']}: {shown['state']}, OCPI {shown['version']}")


@app.command()
def resend(
    partner: PartnerId,
    since: Annotated[
        str | None, typer.Option(help="Sessions from then on, RFC 3339; default: 30 days ago.")
    ] = None,
    cdrs: Annotated[bool, typer.Option(help="The CDRs from then on as well.")] = False,
    url: Url = None,
    json_output: Json = False,
) -> None:
    """Push everything again to a partner that lost its data and kept its tokens."""
    path = f"/partners/{segment(partner)}/resend"
    query = {"since": since, "cdrs": str(cdrs).lower()}
    _, shown = connect(url).call("POST", path, query=query)
    if json_output:
        print_json(shown)
    else:
        print_members({"since": shown["since"], **shown["owed_again"]})


@app.command("session-interval")
def session_interval(
    partner: PartnerId,
    seconds: Annotated[
        float | None, typer.Argument(min=0, help="Without it: as for everybody.")
    ] = None,
    url: Url = None,
    json_output: Json = False,
) -> None:
    """Set how many seconds lie between two updates of one running session at a partner."""
    path, body = f"/partners/{segment(partner)}", {"session_interval": seconds}
    _, shown = connect(url).call("PATCH", path, body)
    if json_output:
        print_json(shown)
        return
    set_to = shown["session_interval"]
    print_line(f"{shown['name']}: {'as for everybody' if set_to is None else f'{set_to} s'}")


@app.command()
def quirks(url: Url = None, json_output: Json = False) -> None:
    """The quirks that a partner can have, and what is done about them."""
    found = connect(url).get("/partner-quirks")
    if json_output:
        print_json(found)
    else:
        print_table(
            ("name", "for", "done", "detected"),
            ((one["name"], one["meaning"], one["treated"], one["detected"]) for one in found),
        )


@app.command("list")
def list_(url: Url = None, json_output: Json = False) -> None:
    """All partners."""
    found = connect(url).get("/partners")
    if json_output:
        print_json(found)
        return
    print_table(
        ("id", "name", "state", "version", "roles", "hub", "quirks", "owed", "waiting", "error"),
        (
            (
                one["id"],
                one["name"],
                one["state"],
                one["version"],
                _roles(one),
                one["hub_party"],
                ", ".join(one["quirks"]),
                one["owed"],
                one["waiting"],
                _error(one),
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
        endpoints = [
            " ".join(filter(None, (one["identifier"], one["role"], one["url"])))
            for one in found["endpoints"]
        ]
        seen = [f"{one['name']}: {one['how']} ({one['at']})" for one in found["quirks_seen"]]
        print_members(
            found
            | {
                "roles": _roles(found),
                "endpoints": ", ".join(endpoints),
                "quirks": ", ".join(found["quirks"]),
                "quirks_seen": ", ".join(seen),
            }
        )


@app.command()
def remove(partner: PartnerId, url: Url = None) -> None:
    """Unregister and forget a partner."""
    path = f"/partners/{segment(partner)}"
    connect(url).call("DELETE", path, timeout=_HANDSHAKE_SECONDS)
    print_line(f"{partner} removed")


def _error(partner: dict[str, Any]) -> str | None:
    """What is wrong now, and since the last try when."""
    error, at = partner["last_error"], partner["last_error_at"]
    return f"{error} ({at})" if error and at else error


def _roles(partner: dict[str, Any]) -> str:
    return ", ".join(
        f"{one['role']} {one['country_code']}*{one['party_id']}" for one in partner["roles"]
    )
