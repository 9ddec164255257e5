"""The commands `charge-point` and `fleet`: their options, their output, their way out.

With --json every event is one JSON line on standard output. SIGINT and SIGTERM end running
transactions, close cleanly and exit 0; exit status 1 means that something broke.
"""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.console import Console
from rich.table import Table

from simulators.charge_point.clock import VirtualClock
from simulators.charge_point.credentials import ClientCertificate
from simulators.charge_point.dialect import Version
from simulators.charge_point.events import Event, EventSink
from simulators.charge_point.firmware import FAILURES, FirmwarePlan
from simulators.charge_point.fleet import Fleet, run_fleet
from simulators.charge_point.ledger import DEFAULT_TYPE, Token
from simulators.charge_point.outlet import Rating
from simulators.charge_point.settings import DEFAULT_ORGANIZATION, StationSettings
from simulators.charge_point.station import RATINGS, SimulatedChargePoint

DEFAULT_URL = "ws://127.0.0.1:9000/ocpp"
DEFAULT_COUNT = 8
# An accelerated clock starts this far back, so that it has room to run ahead.
ACCELERATED_LEAD_HOURS = 24.0
QUIET_EVENTS = frozenset({"connected", "status", "local_list"})
STYLES = {
    "booted": "green",
    "transaction_started": "cyan",
    "transaction_stopped": "bold cyan",
    "disconnected": "yellow",
    "connection_refused": "red",
    "call_failed": "red",
    "message_discarded": "bold red",
    "not_authorized": "yellow",
    "firmware": "magenta",
    "log_upload": "magenta",
    "certificate_installed": "magenta",
    "cost_shown": "cyan",
}

Url = Annotated[str, typer.Option(help="Base URL; the identity is appended.")]
Password = Annotated[str | None, typer.Option(help="HTTP Basic password of every station.")]
PasswordFile = Annotated[
    Path | None, typer.Option(help="JSON object: identity -> password.", exists=True)
]
Tokens = Annotated[str | None, typer.Option(help="UIDs that the drivers present: UID,UID,...")]
TokensFile = Annotated[
    Path | None,
    typer.Option(help="One UID per line, or a JSON array of UIDs or OCPI tokens.", exists=True),
]
TokenType = Annotated[str, typer.Option(help="IdToken type that 2.0.1 sends along.")]
Seed = Annotated[int, typer.Option(help="Decides everything random.")]
TimeScale = Annotated[float, typer.Option(min=1, help="How many times as fast time runs.")]
Lead = Annotated[
    float | None,
    typer.Option(min=0, help="Hours in the past at which an accelerated clock starts (24)."),
]
Sessions = Annotated[
    int | None,
    typer.Option(min=0, help="Per station, then exit; 0: only remote starts (endless)."),
]
Connectors = Annotated[int, typer.Option(min=1)]
Power = Annotated[
    int | None, typer.Option(help="kW of a connector: 11, 22, 50 or 150 (the seed decides).")
]
MeterInterval = Annotated[int, typer.Option(min=0, help="Seconds between meter samples.")]
Organization = Annotated[str, typer.Option(help="O of certificate signing requests.")]
RootsFile = Annotated[
    Path | None, typer.Option("--ca", help="PEM roots that a wss URL is checked with.", exists=True)
]
Json = Annotated[bool, typer.Option("--json", help="One JSON line per event.")]


def charge_point(
    identity: Annotated[str, typer.Option()],
    url: Url = DEFAULT_URL,
    version: Annotated[str, typer.Option("--ocpp", "--version", help="1.6, 2.0.1 or 2.1")] = "1.6",
    password: Password = None,
    password_file: PasswordFile = None,
    tokens: Tokens = None,
    tokens_file: TokensFile = None,
    token_type: TokenType = DEFAULT_TYPE,
    seed: Seed = 0,
    time_scale: TimeScale = 1.0,
    lead: Lead = None,
    sessions: Sessions = None,
    connectors: Connectors = 2,
    power: Power = None,
    meter_interval: MeterInterval = 60,
    organization: Organization = DEFAULT_ORGANIZATION,
    ca: RootsFile = None,
    client_cert: Annotated[
        Path | None, typer.Option(help="PEM chain; with --client-key: profile 3.", exists=True)
    ] = None,
    client_key: Annotated[Path | None, typer.Option(help="PEM", exists=True)] = None,
    firmware: Annotated[str, typer.Option(help="The version it runs.")] = "1.0.0",
    next_firmware: Annotated[
        str | None, typer.Option(help="After an update; default: one more.")
    ] = None,
    firmware_fails: Annotated[
        str | None, typer.Option(help=f"Every update ends so: {', '.join(FAILURES)}.")
    ] = None,
    log_by_post: Annotated[
        bool, typer.Option("--log-by-post", help="Logs as a form by POST instead of by PUT.")
    ] = False,
    signed: Annotated[
        bool, typer.Option("--signed", help="Its meters sign the first and last reading (OCMF).")
    ] = False,
    json_lines: Json = False,
) -> None:
    """One station: its driver charges again and again; it serves remote starts meanwhile."""
    fleet = Fleet(
        url=url,
        v16=0,
        v201=0,
        connectors=connectors,
        rating=_rating(power),
        seed=seed,
        tokens=_tokens(tokens, tokens_file, token_type),
        sessions=sessions,
        clock=_clock(time_scale, lead),
        settings=StationSettings(
            sample_interval=meter_interval, organization=organization, sign_readings=signed
        ),
        password=_passwords(password, password_file),
        roots=None if ca is None else ca.read_bytes(),
        client_certificate=_client_certificate(client_cert, client_key),
        firmware=_firmware(firmware, next_firmware, firmware_fails),
        log_by_post=log_by_post,
    )
    _run(fleet, [(identity, _version(version))], json_lines)


def fleet(
    url: Url = DEFAULT_URL,
    count: Annotated[int, typer.Option(min=1, help="Stations, 1.6 and 2.0.1 by halves.")] = (
        DEFAULT_COUNT
    ),
    v16: Annotated[int | None, typer.Option("--v16", min=0, help="OCPP 1.6 stations.")] = None,
    v201: Annotated[int | None, typer.Option("--v201", min=0, help="2.0.1 stations.")] = None,
    v21: Annotated[int, typer.Option("--v21", min=0, help="2.1 stations, of the count.")] = 0,
    prefix: Annotated[str, typer.Option(help="Identities are PREFIX-0001 and so on.")] = "SIM",
    password: Password = None,
    password_file: PasswordFile = None,
    tokens: Tokens = None,
    tokens_file: TokensFile = None,
    token_type: TokenType = DEFAULT_TYPE,
    seed: Seed = 0,
    time_scale: TimeScale = 1.0,
    lead: Lead = None,
    sessions: Sessions = None,
    connectors: Connectors = 2,
    power: Power = None,
    meter_interval: MeterInterval = 60,
    ramp: Annotated[
        float | None, typer.Option(min=0.001, help="Stations started per second (all at once).")
    ] = None,
    ca: RootsFile = None,
    json_lines: Json = False,
) -> None:
    """Many stations of several OCPP versions, with drivers who come and go."""
    older, newer = split(max(0, count - v21), v16, v201)
    running = Fleet(
        url=url,
        v16=older,
        v201=newer,
        v21=v21,
        prefix=prefix,
        connectors=connectors,
        rating=_rating(power),
        seed=seed,
        tokens=_tokens(tokens, tokens_file, token_type),
        sessions=sessions,
        ramp=ramp,
        clock=_clock(time_scale, lead),
        settings=StationSettings(sample_interval=meter_interval),
        password=_passwords(password, password_file),
        roots=None if ca is None else ca.read_bytes(),
    )
    _run(running, running.identities(), json_lines)


def split(count: int, v16: int | None, v201: int | None) -> tuple[int, int]:
    """(1.6 stations, 2.0.1 stations): both given decide alone, one given leaves the rest."""
    if v16 is not None and v201 is not None:
        return v16, v201
    if v16 is not None:
        return v16, max(0, count - v16)
    if v201 is not None:
        return max(0, count - v201), v201
    return count - count // 2, count // 2


def _run(fleet: Fleet, identities: Sequence[tuple[str, Version]], json_lines: bool) -> None:
    console = Console(highlight=False)

    async def run() -> list[SimulatedChargePoint]:
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        for signal_number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(signal_number, over.set)
        sink = _json_sink(over) if json_lines else _console_sink(console)
        stations = await run_fleet(fleet, identities, sink, over)
        for station in stations:
            for transaction in station.ledger.unacknowledged():
                station.emit("transaction_unacknowledged", **transaction.as_fields())
        return stations

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        stations = runner.run(run())
    if not json_lines:
        console.print(_summary(stations))


def _json_sink(over: asyncio.Event) -> EventSink:
    def write(event: Event) -> None:
        try:
            sys.stdout.write(json.dumps(event.as_json(), separators=(",", ":")) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:
            # Nobody reads any more: that ends the run as a signal would.
            over.set()

    return write


def _console_sink(console: Console) -> EventSink:
    def write(event: Event) -> None:
        if event.name in QUIET_EVENTS:
            return
        style = STYLES.get(event.name, "dim")
        at = event.at.strftime("%H:%M:%S")
        name = event.name.replace("_", " ")
        text = f"{at}  {event.station:<14} {event.version:<6} {name:<20} {_details(event)}"
        console.print(text, style=style, markup=False, soft_wrap=True)

    return write


def _details(event: Event) -> str:
    fields: dict[str, Any] = event.fields
    match event.name:
        case "transaction_started":
            return f"connector {fields['connector']}, {fields['token']}"
        case "transaction_stopped":
            wh, reason = fields["energy_wh"], fields["reason"]
            return f"connector {fields['connector']}, {fields['token']}, {wh} Wh, {reason}"
    return ", ".join(f"{name} {value}" for name, value in fields.items())


def _summary(stations: Sequence[SimulatedChargePoint]) -> Table:
    table = Table("station", "OCPP", "transactions", "unacknowledged", "Wh")
    for station in stations:
        transactions = list(station.ledger)
        energy = sum(transaction.energy_wh or 0 for transaction in transactions)
        unheard = len(station.ledger.unacknowledged())
        table.add_row(
            station.identity, station.version, str(len(transactions)), str(unheard), str(energy)
        )
    return table


def _version(text: str) -> Version:
    match text:
        case "1.6":
            return "1.6"
        case "2.0.1":
            return "2.0.1"
        case "2.1":
            return "2.1"
    raise typer.BadParameter("1.6, 2.0.1 or 2.1", param_hint="--ocpp")


def _rating(power_kw: int | None) -> Rating | None:
    fitting = [one for one in RATINGS if power_kw in (None, one.most_w // 1000)]
    if not fitting:
        raise typer.BadParameter("11, 22, 50 or 150", param_hint="--power")
    return None if power_kw is None else fitting[0]


def _client_certificate(chain: Path | None, key: Path | None) -> ClientCertificate | None:
    if (chain is None) is not (key is None):
        raise typer.BadParameter("goes with --client-key", param_hint="--client-cert")
    if chain is None or key is None:
        return None
    return ClientCertificate(chain.read_bytes(), key.read_bytes())


def _firmware(version: str, next_version: str | None, fails: str | None) -> FirmwarePlan:
    if fails is not None and fails not in FAILURES:
        raise typer.BadParameter(", ".join(FAILURES), param_hint="--firmware-fails")
    return FirmwarePlan(version, next_version, fails)


def _clock(scale: float, lead_hours: float | None) -> VirtualClock:
    if lead_hours is None:
        lead_hours = ACCELERATED_LEAD_HOURS if scale > 1 else 0.0
    return VirtualClock(scale, timedelta(hours=lead_hours))


def _tokens(listed: str | None, file: Path | None, token_type: str) -> tuple[Token, ...]:
    uids = listed.split(",") if listed else []
    if file is not None:
        uids += _listed(file.read_text())
    return tuple(Token(uid.strip(), token_type) for uid in uids if uid.strip())


def _listed(text: str) -> list[str]:
    if not text.lstrip().startswith("["):
        return text.splitlines()
    return [str(entry["uid"] if isinstance(entry, dict) else entry) for entry in json.loads(text)]


def _passwords(password: str | None, file: Path | None) -> Callable[[str], str | None]:
    known: dict[str, str] = json.loads(file.read_text()) if file is not None else {}
    return lambda identity: known.get(identity, password)
