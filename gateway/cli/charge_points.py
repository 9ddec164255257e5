"""`gateway charge-point`: the registry, and calls to stations."""

import secrets
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway import exact_json
from gateway.cli.api import OperatorApi, Refused, connect, segment
from gateway.cli.output import (
    Json,
    Url,
    print_json,
    print_line,
    print_members,
    print_table,
    read_json,
)
from gateway.cli.problem import Problem

app = typer.Typer(help="Register charge points, look at them, call them.", no_args_is_help=True)

_PASSWORD_BYTES = 15  # base64: 20 characters, which OCPP 1.6 takes as well
_BASIC_AUTH = (1, 2)

Identity = Annotated[str, typer.Argument(help="The OCPP identity, as in the charger's URL.")]


@app.command()
def add(
    identity: Identity,
    security_profile: Annotated[
        int, typer.Option(min=0, max=3, help="0: no authentication at all.")
    ] = 1,
    password_file: Annotated[
        Path | None, typer.Option(help="16 to 40 bytes; `-`: standard input; default: made.")
    ] = None,
    new_password: Annotated[
        bool, typer.Option("--new-password", help="Make one, in place of the known one.")
    ] = False,
    party: Annotated[str | None, typer.Option(help="As NL*ABC; default: the first party.")] = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="It may not connect.")] = False,
    quirk: Annotated[list[str] | None, typer.Option(help="May be given more than once.")] = None,
    provision: Annotated[bool, typer.Option(help="Send it settings on our own initiative.")] = True,
    url: Url = None,
    json_output: Json = False,
) -> None:
    """Register a charge point, or change one. A password that was made is shown this once.

    One that is registered keeps its password unless a new one is asked for: the charger knows it.
    """
    api, path = connect(url), f"/charge-points/{segment(identity)}"
    body: dict[str, Any] = {
        "security_profile": security_profile,
        "enabled": not disabled,
        "quirks": quirk or [],
        "provision": provision,
    }
    if party is not None:
        body["party"] = party
    made = None
    if password_file is not None:
        body["password"] = _read_password(password_file)
    elif security_profile in _BASIC_AUTH and (new_password or not _is_registered(api, path)):
        body["password"] = made = secrets.token_urlsafe(_PASSWORD_BYTES)
    status, shown = api.call("PUT", path, body)
    if json_output:
        print_json(shown | ({"password": made} if made else {}))
        return
    print_line(f"{identity} {'registered' if status == 201 else 'changed'}")
    if made:
        print_line(f"password: {made}")


@app.command("list")
def list_(url: Url = None, json_output: Json = False) -> None:
    """All charge points."""
    found = connect(url).get("/charge-points")
    if json_output:
        print_json(found)
        return
    print_table(
        ("identity", "connected", "version", "profile", "party", "connectors", "last seen"),
        (
            (
                one["identity"],
                one["connected"] if one["enabled"] else "disabled",
                one["version"],
                one["security_profile"],
                one["party"],
                _connectors(one),
                one["last_seen"],
            )
            for one in found
        ),
    )


@app.command()
def show(identity: Identity, url: Url = None, json_output: Json = False) -> None:
    """One charge point, with its live state and running transactions."""
    api, path = connect(url), f"/charge-points/{segment(identity)}"
    found = api.get(path)
    running = api.get(f"{path}/transactions", open="true")
    if json_output:
        print_json(found | {"running": running})
        return
    print_members(found | {"connectors": _connectors(found)})
    for one in running:
        print_line(f"running: {one['id']} on EVSE {one['evse_id']} since {one['started_at']}")


@app.command()
def call(
    identity: Identity,
    action: Annotated[str, typer.Argument(help="Such as Reset.")],
    payload: Annotated[
        str, typer.Argument(help="JSON, or @FILE, in the names of the connected version.")
    ] = "{}",
    timeout: Annotated[float, typer.Option(min=0.1, max=600, help="Seconds.")] = 30.0,
    url: Url = None,
    json_output: Json = False,
) -> None:
    """Send an OCPP call and print the answer; exit status 0 only for a CALLRESULT."""
    body = {"action": action, "payload": _payload(payload), "timeout": timeout}
    path = f"/charge-points/{segment(identity)}/calls"
    _, answer = connect(url).call("POST", path, body, timeout=timeout + 15)
    if json_output:
        print_json(answer)
    elif answer["type"] == "CALLRESULT":
        print_json(answer["payload"])
    if answer["type"] != "CALLRESULT":
        raise Problem(f"CALLERROR {answer['code']}: {answer['description']}")


@app.command()
def remove(identity: Identity, url: Url = None) -> None:
    """Remove a charge point; its transactions, sessions and CDRs stay."""
    connect(url).call("DELETE", f"/charge-points/{segment(identity)}")
    print_line(f"{identity} removed")


def _is_registered(api: OperatorApi, path: str) -> bool:
    try:
        api.get(path)
    except Refused as refused:
        if refused.status == HTTPStatus.NOT_FOUND:
            return False
        raise
    return True


def _connectors(charge_point: dict[str, Any]) -> str:
    return ", ".join(
        f"{one['evse_id']}/{one['connector_id']} {one['state']}"
        for one in charge_point["connectors"]
        if one["evse_id"] != 0
    )


def _payload(text: str) -> dict[str, Any]:
    try:
        value = read_json(Path(text[1:])) if text.startswith("@") else exact_json.loads(text)
    except exact_json.InvalidJSON as error:
        raise Problem(f"the payload is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise Problem("the payload is no JSON object")
    return value


def _read_password(path: Path) -> str:
    try:
        stdin = str(path) == "-"
        raw = typer.get_binary_stream("stdin").read() if stdin else path.read_bytes()
        return raw.decode().strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(f"{path}: {error}") from None
