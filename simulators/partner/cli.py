"""`simulators partner`: the simulated partner as a process.

With `--json`, stdout carries one JSON object per event and line, beginning with `listening`;
everything else goes to stderr. Exit status 0 only when the registration that was asked for worked.
"""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from simulators.partner.client import CallFailed
from simulators.partner.control import Control
from simulators.partner.exact_json import InvalidJSON, Json, dumps, loads
from simulators.partner.habits import habits
from simulators.partner.owner import Owner
from simulators.partner.platform import SimulatedPartner
from simulators.partner.version import V2_2_1

ROLES = ("EMSP", "NSP", "PTP", "HUB")

_STYLES = {
    "violation": "bold red",
    "error": "bold red",
    "advice": "yellow",
    "cdr_received": "green",
}


def partner(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 9100,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    public_url: Annotated[
        str | None, typer.Option(help="What others call us by, when it is not http://HOST:PORT.")
    ] = None,
    country_code: Annotated[str, typer.Option(help="Our country code.")] = "DE",
    party_id: Annotated[str, typer.Option(help="Our party id.")] = "EMS",
    name: Annotated[str, typer.Option(help="Our business name.")] = "Simulated eMSP",
    version: Annotated[
        list[str] | None,
        typer.Option(help="OCPI version to offer; several times for several, the first preferred."),
    ] = None,
    role: Annotated[
        str, typer.Option(help="EMSP, NSP (receives nothing), PTP (payments of 2.3.0) or HUB.")
    ] = "EMSP",
    behind: Annotated[
        list[str] | None,
        typer.Option(help="A party behind our hub, as DE*EMS; several times for several."),
    ] = None,
    habit: Annotated[
        list[str] | None,
        typer.Option(help="A deviation from the standard, as token=raw or ok_for_created=true."),
    ] = None,
    register: Annotated[
        str | None, typer.Option(help="Versions URL of the platform to register with.")
    ] = None,
    token: Annotated[str | None, typer.Option(help="The token A of that platform.")] = None,
    token_file: Annotated[
        Path | None, typer.Option(help="File with the token A, instead of --token.")
    ] = None,
    tokens: Annotated[int, typer.Option(help="How many RFID tokens to make up.")] = 0,
    tokens_file: Annotated[
        Path | None, typer.Option(help="JSON array of OCPI tokens; `uid` is enough for each.")
    ] = None,
    push_tokens: Annotated[
        bool, typer.Option("--push-tokens", help="Push all tokens once registered.")
    ] = False,
    json_lines: Annotated[
        bool, typer.Option("--json", help="One JSON object per event on stdout.")
    ] = False,
) -> None:
    """Run a simulated roaming partner that checks everything it receives."""
    try:
        simulated = SimulatedPartner(
            country_code=country_code,
            party_id=party_id,
            name=name,
            version=(version or [V2_2_1.number])[0],
            versions=version,
            role=_role(role),
            behind=_behind(role, behind or []),
            pull_only=role == "NSP",
            habits=habits(dict(map(_habit, habit or []))),
        )
        simulated.add_routes(Control(simulated).routes())
        simulated.on_event(_json_line if json_lines else _pretty)
        token_a = _token_a(register, token, token_file)
        for fields in [*_made_up(simulated.parties[0].owner, tokens), *_listed(tokens_file)]:
            simulated.issue_token(str(fields.pop("uid")), str(fields.pop("type", "RFID")), **fields)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, InvalidJSON) as error:
        typer.echo(f"cannot start: {error}", err=True)
        raise typer.Exit(2) from None
    registration = (register, token_a) if register and token_a else None
    with contextlib.suppress(KeyboardInterrupt):
        raise typer.Exit(
            asyncio.run(_run(simulated, host, port, public_url, registration, push_tokens))
        )


async def _run(
    simulated: SimulatedPartner,
    host: str,
    port: int,
    public_url: str | None,
    registration: tuple[str, str] | None,
    push_tokens: bool,
) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        await simulated.start(host, port, public_url)
    except OSError as error:
        typer.echo(f"cannot listen on {host}:{port}: {error}", err=True)
        return 1
    pushing: asyncio.Task[None] | None = None
    try:
        if registration is not None and not await _register(simulated, *registration, push_tokens):
            return 1
        if registration is None and push_tokens:
            pushing = asyncio.create_task(_push_when_registered(simulated))
        await stop.wait()
        return 0
    finally:
        if pushing is not None:
            pushing.cancel()
            await asyncio.gather(pushing, return_exceptions=True)
        await simulated.close()


async def _push_when_registered(simulated: SimulatedPartner) -> None:
    """For a CPO that registers with us, in its own time."""
    while not simulated.registered:
        with contextlib.suppress(TimeoutError):
            await simulated.until(lambda: simulated.registered, timeout=60.0)
    try:
        await _push_all(simulated, simulated.peers[0].id)
    except CallFailed as failure:
        simulated.feed.emit("failed", **failure.as_json())


async def _push_all(simulated: SimulatedPartner, peer_id: str) -> None:
    for token in simulated.tokens:
        await simulated.push_token(token["uid"], token["type"], peer_id)


async def _register(
    simulated: SimulatedPartner, versions_url: str, token_a: str, push_tokens: bool
) -> bool:
    try:
        peer = await simulated.register(versions_url, token_a)
        if push_tokens:
            await _push_all(simulated, peer.id)
    except CallFailed as failure:
        simulated.feed.emit("failed", **failure.as_json())
        typer.echo(f"could not register with {versions_url}: {failure}", err=True)
        return False
    return True


def _token_a(register: str | None, token: str | None, token_file: Path | None) -> str | None:
    if register is None:
        return None
    if token_file is not None:
        return token_file.read_text().strip()
    if token is None:
        raise ValueError("--register needs --token or --token-file")
    return token


def _role(role: str) -> str:
    if role not in ROLES:
        raise ValueError(f"--role is one of {', '.join(ROLES)}")
    return role


def _behind(role: str, parties: list[str]) -> list[tuple[str, str]] | None:
    if (role == "HUB") != bool(parties):
        raise ValueError("--role HUB and --behind go together")
    pairs = [party.partition("*") for party in parties]
    return [(country_code, party_id) for country_code, _, party_id in pairs] or None


def _habit(written: str) -> tuple[str, str | bool]:
    name, _, value = written.partition("=")
    return name, {"true": True, "false": False, "": True}.get(value, value)


def _made_up(owner: Owner, count: int) -> list[Json]:
    """The same ones every time; short enough for an OCPP 1.6 idTag."""
    return [{"uid": f"{owner.party_id}{number:08d}"} for number in range(1, count + 1)]


def _listed(path: Path | None) -> list[Json]:
    if path is None:
        return []
    listed: Any = loads(path.read_bytes())
    if not isinstance(listed, list):
        raise TypeError(f"{path} is no JSON array")
    return listed


def _json_line(event: Json) -> None:
    try:
        sys.stdout.buffer.write(dumps(event) + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        # nobody reads any more: end as on SIGTERM, and let nothing else fail on the way out
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        signal.raise_signal(signal.SIGTERM)


_console = Console(highlight=False)


def _pretty(event: Json) -> None:
    kind = event["event"]
    rest = "  ".join(
        f"{name}={value}"
        for name, value in event.items()
        if name not in {"event", "at"} and value is not None
    )
    style = _STYLES.get(kind, "cyan")
    _console.print(f"{event['at']} [{style}]{kind:18}[/{style}] {escape(rest)}")
