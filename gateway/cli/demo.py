"""`gateway demo`: the whole way, live: a store, a gateway, chargers, a partner that pays.

Everything is real but the cars: the chargers and the partner are the programs of `simulators`,
started as processes of their own that speak OCPP and OCPI over sockets. What is shown comes from
their own reports and from the operator API, never from inside the gateway.
"""

import asyncio
import contextlib
import json
import secrets
import signal
import socket
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import typer
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gateway import exact_json, telemetry
from gateway.app import Gateway
from gateway.settings import Settings

VERSIONS = ("1.6", "2.0.1")
STATIONS_PER_VERSION = 4
CONNECTORS = 2
PREFIX = "DEMO"
TIME_SCALE = 120
PARTNER_TOKENS = 6
_RECENT = 14

TARIFFS: tuple[dict[str, Any], ...] = (
    {
        "id": "AC-DAY",
        "currency": "EUR",
        "tax_included": "NO",
        "elements": [
            {
                "price_components": [
                    {"type": "FLAT", "price": Decimal("0.50"), "vat": Decimal(21), "step_size": 1},
                    {
                        "type": "ENERGY",
                        "price": Decimal("0.35"),
                        "vat": Decimal(21),
                        "step_size": 1,
                    },
                    {
                        "type": "PARKING_TIME",
                        "price": Decimal(2),
                        "vat": Decimal(21),
                        "step_size": 60,
                    },
                ]
            }
        ],
    },
    {
        "id": "ENERGY-TIME",
        "currency": "EUR",
        "tax_included": "NO",
        "elements": [
            {
                "price_components": [
                    {
                        "type": "ENERGY",
                        "price": Decimal("0.59"),
                        "vat": Decimal(21),
                        "step_size": 1,
                    },
                    {"type": "TIME", "price": Decimal("1.20"), "vat": Decimal(21), "step_size": 60},
                ]
            }
        ],
    },
)


def demo(
    once: Annotated[
        bool, typer.Option(help="End when the partner holds a CDR from each OCPP version.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON summary.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds that --once may take.")] = 120.0,
) -> None:
    """Embedded store, gateway, eight simulated chargers and one partner: watch it work."""
    telemetry.configure("WARNING")
    console = Console(stderr=as_json, highlight=False)
    try:
        summary = asyncio.run(_demo(console, once=once, timeout=timeout, quiet=as_json))
    except DemoFailed as failure:
        if as_json:
            sys.stdout.write(json.dumps({"ok": False, "missing": str(failure)}) + "\n")
        typer.echo(f"demo failed: {failure}", err=True)
        raise typer.Exit(1) from None
    if as_json:
        sys.stdout.write(exact_json.dumps(summary).decode() + "\n")
    if not summary["ok"]:
        raise typer.Exit(1)


async def _demo(console: Console, *, once: bool, timeout: float, quiet: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="gateway-demo-") as directory:
        gateway = await Gateway.start(_settings(Path(directory)))
        running = Demo(gateway, Path(directory))
        try:
            _greet(console, running, gateway)
            await running.run()
            if quiet:
                await running.until_each_version_billed(timeout if once else None)
            else:
                await _watch(console, running, timeout if once else None)
            return await running.summary()
        finally:
            await running.close()
            await gateway.close()


def _settings(directory: Path) -> Settings:
    """The defaults, in a directory of its own; a port that is taken gives way to a free one."""
    settings = Settings()
    return settings.model_copy(
        update={
            "redis_url": None,
            "data_dir": directory,
            "ocpi_allow_private_hosts": True,
            "session_interval": 2.0,
            "ocpp_port": _port(settings.ocpp_host, settings.ocpp_port),
            "ocpi_port": _port(settings.ocpi_host, settings.ocpi_port),
            "operator_port": _port(settings.operator_host, settings.operator_port),
        }
    )


def _port(host: str, port: int) -> int:
    with contextlib.suppress(OSError), socket.create_server((host, port)):
        return port
    return 0


@dataclass(frozen=True, slots=True)
class Charger:
    """One simulated charge point of the demo, and where it stands."""

    identity: str
    version: str
    location_id: str
    number: int


@dataclass(slots=True)
class Picture:
    """What has been seen so far, from the simulators' own reports."""

    connected: set[str] = field(default_factory=set)
    statuses: dict[tuple[str, int], str] = field(default_factory=dict)
    stopped: list[dict[str, Any]] = field(default_factory=list)
    cdrs: list[dict[str, Any]] = field(default_factory=list)
    pushes: dict[str, int] = field(default_factory=dict)
    registered: bool = False
    tokens: set[str] = field(default_factory=set)
    violations: list[dict[str, Any]] = field(default_factory=list)
    recent: deque[Text] = field(default_factory=lambda: deque(maxlen=_RECENT))
    failures: list[str] = field(default_factory=list)

    def charger_said(self, event: dict[str, Any]) -> None:
        """Take one line of the fleet."""
        kind, station = event["event"], event["station"]
        if kind == "connected":
            self.connected.add(station)
        elif kind == "disconnected":
            self.connected.discard(station)
        elif kind == "status":
            self.statuses[station, event["connector"]] = event["status"]
        elif kind == "transaction_stopped":
            self.stopped.append(event)
        self._note("charger", "cyan", _charger_line(event))

    def partner_said(self, event: dict[str, Any]) -> None:
        """Take one line of the partner."""
        kind = event["event"]
        if kind == "registered":
            self.registered = True
        elif kind == "token_pushed":
            self.tokens.add(event["uid"])
        elif kind == "cdr_received" and not event["repeated"]:
            self.cdrs.append(event)
        elif kind == "violation":
            self.violations.append(event)
        if kind.endswith("_received"):
            self.pushes[kind] = self.pushes.get(kind, 0) + 1
        self._note("partner", "magenta", _partner_line(event))

    def _note(self, who: str, style: str, line: str | None) -> None:
        if line is not None:
            self.recent.append(Text.assemble((f"{who:8}", style), line))


class DemoFailed(Exception):
    """Something that the demo promises did not come; the text says what."""


class Demo:
    """Runs the parts and watches them."""

    def __init__(self, gateway: Gateway, directory: Path) -> None:
        self._gateway = gateway
        self._directory = directory
        self.picture = Picture()
        self.changed = asyncio.Event()
        self.chargers = [
            Charger(
                f"{PREFIX}-{n + 1:04d}", VERSIONS[n // STATIONS_PER_VERSION], f"LOC{n % 2 + 1}", n
            )
            for n in range(STATIONS_PER_VERSION * len(VERSIONS))
        ]
        self._processes: list[asyncio.subprocess.Process] = []
        self._readers: list[asyncio.Task[None]] = []

    @property
    def addresses(self) -> dict[str, str]:
        """Where everything listens."""
        found = self._gateway.addresses
        return {"charge points": found.ocpp, "partners": found.ocpi, "dashboard": found.operator}

    async def run(self) -> None:
        """Set up as an operator would, then let the partner and the chargers loose."""
        async with self._operator() as api:
            for tariff in TARIFFS:
                await _put(api, f"tariffs/{tariff['id']}", tariff)
            passwords = {charger.identity: secrets.token_urlsafe(18) for charger in self.chargers}
            for charger in self.chargers:
                body = {"security_profile": 1, "password": passwords[charger.identity]}
                await _put(api, f"charge-points/{charger.identity}", body)
            for location_id in ("LOC1", "LOC2"):
                await _put(api, f"locations/{location_id}", self._location(location_id))
            async with api.post("partners", json={"name": "Demo eMSP"}) as answer:
                answer.raise_for_status()
                invitation = await answer.json()
        await self._start_partner(invitation["token"])
        await self._until(lambda: self.picture.registered, "the partner did not register", 30)
        await self._start_fleet(passwords)

    async def verified(self) -> list[dict[str, Any]]:
        """Every CDR that the partner holds, beside the meter of the charger that it came from."""
        transactions: dict[str, tuple[Charger, str]] = {}
        async with self._operator() as api:
            for charger in self.chargers:
                url = f"charge-points/{charger.identity}/transactions"
                async with api.get(url) as answer:
                    answer.raise_for_status()
                    for one in await answer.json():
                        transactions[one["session_id"]] = (charger, one["id"])
        stopped = {(one["station"], one["transaction_id"]): one for one in self.picture.stopped}
        return [_verdict(cdr, transactions, stopped) for cdr in self.picture.cdrs]

    async def until_each_version_billed(self, timeout: float | None) -> None:
        """Wait until the partner holds a CDR from each OCPP version. Raises `DemoFailed`."""
        await self._until(lambda: not self.missing(), self.what_is_missing, timeout)

    async def until_failure(self) -> None:
        """Wait for the end of a simulator, which is not expected. Raises `DemoFailed`."""
        await self._until(lambda: False, "", None)

    def missing(self) -> list[str]:
        """The OCPP versions that no CDR has come from yet."""
        place = {_uid(c, n): c.version for c in self.chargers for n in range(1, CONNECTORS + 1)}
        billed = {place.get(cdr["evse_uid"]) for cdr in self.picture.cdrs}
        return [version for version in VERSIONS if version not in billed]

    def what_is_missing(self) -> str:
        """For a person: what has not come."""
        picture = self.picture
        wanted = " and ".join(f"OCPP {version}" for version in self.missing())
        return (
            f"no CDR from {wanted} reached the partner ({len(picture.connected)} of"
            f" {len(self.chargers)} chargers connected, {len(picture.stopped)} transactions"
            f" stopped, {len(picture.cdrs)} CDRs received)"
        )

    async def summary(self) -> dict[str, Any]:
        """What the partner holds, checked against the chargers' own meters."""
        cdrs = await self.verified()
        picture = self.picture
        return {
            "ok": not self.missing()
            and all(cdr["kwh_equals_meter"] for cdr in cdrs)
            and not picture.violations
            and not picture.failures,
            "addresses": self.addresses,
            "chargers_connected": len(picture.connected),
            "transactions_stopped": len(picture.stopped),
            "pushes_received": dict(picture.pushes),
            "violations": list(picture.violations),
            "cdrs": cdrs,
        }

    async def close(self) -> None:
        """End the simulators, chargers first, each within a bound."""
        for process in reversed(self._processes):
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                try:
                    await asyncio.wait_for(process.wait(), 10)
                except TimeoutError:
                    process.kill()
                    await process.wait()
        await asyncio.gather(*self._readers, return_exceptions=True)

    # --- inside ---------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _operator(self) -> AsyncIterator[aiohttp.ClientSession]:
        async with aiohttp.ClientSession(
            self._gateway.addresses.operator + "api/v1/",
            headers={"Authorization": f"Bearer {self._gateway.operator_token}"},
            json_serialize=lambda value: exact_json.dumps(value).decode(),
            timeout=aiohttp.ClientTimeout(10),
        ) as session:
            yield session

    def _location(self, location_id: str) -> dict[str, Any]:
        here = [charger for charger in self.chargers if charger.location_id == location_id]
        second = location_id == "LOC2"
        return {
            "id": location_id,
            "publish": True,
            "name": "Station Square" if second else "Harbour Garage",
            "address": "Station Square 2" if second else "Harbour Street 1",
            "city": "Utrecht",
            "postal_code": "3511 ED",
            "country": "NLD",
            "coordinates": {"latitude": "52.08946", "longitude": "5.11010"},
            "time_zone": "Europe/Amsterdam",
            "evses": [
                _evse(charger, connector, TARIFFS[second]["id"])
                for charger in here
                for connector in range(1, CONNECTORS + 1)
            ],
        }

    async def _start_partner(self, token_a: str) -> None:
        await self._start(
            self.picture.partner_said,
            "partner", "--port", "0", "--tokens", str(PARTNER_TOKENS), "--push-tokens", "--json",
            "--register", self._gateway.addresses.ocpi,
            "--token-file", str(self._secret_file("token-a", token_a)),
        )  # fmt: skip

    async def _start_fleet(self, passwords: dict[str, str]) -> None:
        uids = await self._partner_uids()
        await self._start(
            self.picture.charger_said,
            "fleet", "--url", self._gateway.addresses.ocpp.rstrip("/"), "--prefix", PREFIX,
            "--v16", str(STATIONS_PER_VERSION), "--v201", str(STATIONS_PER_VERSION),
            "--connectors", str(CONNECTORS), "--time-scale", str(TIME_SCALE), "--json",
            "--password-file", str(self._secret_file("passwords", json.dumps(passwords))),
            "--tokens", ",".join(uids),
        )  # fmt: skip

    async def _partner_uids(self) -> list[str]:
        """The tokens that the partner has pushed."""
        pushed = self.picture.tokens
        await self._until(
            lambda: len(pushed) >= PARTNER_TOKENS, "the partner's tokens did not arrive", 30
        )
        return sorted(pushed)

    def _secret_file(self, name: str, text: str) -> Path:
        path = self._directory / name
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        return path

    async def _start(self, take: Callable[[dict[str, Any]], None], *arguments: str) -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "simulators", *arguments,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=(self._directory / f"{arguments[0]}.log").open("wb"),
        )  # fmt: skip
        self._processes.append(process)
        reader = asyncio.create_task(self._read(process, arguments[0], take))
        reader.add_done_callback(self._read_to_the_end)
        self._readers.append(reader)

    async def _read(
        self, process: asyncio.subprocess.Process, name: str, take: Callable[[dict[str, Any]], None]
    ) -> None:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        async for line in process.stdout:
            event = exact_json.loads(line)
            take(event)
            self.changed.set()
        status = await process.wait()
        if status != 0:
            self.picture.failures.append(f"simulators {name} ended with status {status}")
            self.changed.set()

    def _read_to_the_end(self, reader: "asyncio.Task[None]") -> None:
        if not reader.cancelled() and reader.exception() is not None:
            self.picture.failures.append(f"a report was not understood: {reader.exception()!r}")
            self.changed.set()

    async def _until(
        self,
        done: Callable[[], bool],
        otherwise: str | Callable[[], str],
        timeout: float | None,
    ) -> None:
        """Wait for something to be seen. Raises `DemoFailed`."""
        try:
            async with asyncio.timeout(timeout):
                while not done():
                    if self.picture.failures:
                        raise DemoFailed(self.picture.failures[0])
                    self.changed.clear()
                    await self.changed.wait()
        except TimeoutError:
            raise DemoFailed(otherwise if isinstance(otherwise, str) else otherwise()) from None


async def _put(api: aiohttp.ClientSession, path: str, body: dict[str, Any]) -> None:
    async with api.put(path, json=body) as answer:
        if answer.status >= 400:
            raise DemoFailed(f"PUT {path}: {answer.status} {await answer.text()}")


def _uid(charger: Charger, connector: int) -> str:
    return f"E{charger.number + 1:02d}-{connector}"


def _evse(charger: Charger, connector: int, tariff_id: str) -> dict[str, Any]:
    return {
        "uid": _uid(charger, connector),
        "evse_id": f"NL*GWY*E{charger.number + 1:02d}{connector}",
        "capabilities": ["RFID_READER", "REMOTE_START_STOP_CAPABLE"],
        "charge_point": {"identity": charger.identity, "evse_id": connector},
        "connectors": [
            {
                "id": "1",
                "standard": "IEC_62196_T2",
                "format": "SOCKET",
                "power_type": "AC_3_PHASE",
                "max_voltage": 230,
                "max_amperage": 32,
                "tariff_ids": [tariff_id],
            }
        ],
    }


def _verdict(
    cdr: dict[str, Any],
    transactions: dict[str, tuple[Charger, str]],
    stopped: dict[tuple[str, str], dict[str, Any]],
) -> dict[str, Any]:
    """One CDR as the partner holds it, and whether its kWh is the meter's difference."""
    charger, transaction_id = transactions[cdr["session_id"]]
    meter = stopped.get((charger.identity, transaction_id))
    energy = None if meter is None else Decimal(meter["energy_wh"]) / 1000
    return {
        "id": cdr["id"],
        "session_id": cdr["session_id"],
        "station": charger.identity,
        "version": charger.version,
        "kwh": cdr["kwh"],
        "meter_kwh": None if energy is None else str(energy),
        "kwh_equals_meter": energy is not None and Decimal(cdr["kwh"]) == energy,
        "total_cost": cdr["total_cost"],
        "currency": cdr["currency"],
    }


# --- what is shown ----------------------------------------------------------------------------


def _greet(console: Console, running: Demo, gateway: Gateway) -> None:
    table = Table.grid(padding=(0, 2))
    for name, address in running.addresses.items():
        table.add_row(Text(name, style="bold"), address)
    table.add_row(Text("operator token", style="bold"), gateway.operator_token)
    console.print(Panel(table, title="gateway demo", expand=False))


async def _watch(console: Console, running: Demo, timeout: float | None) -> None:
    """Show the picture until Ctrl-C, or until each version is billed when a bound is given."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, over.set)
    ending = asyncio.create_task(over.wait())
    if timeout is not None:
        billed = asyncio.create_task(running.until_each_version_billed(timeout))
    else:
        billed = asyncio.create_task(running.until_failure())
    shown = 0
    with Live(console=console, auto_refresh=False) as live:
        while not (ending.done() or billed.done()):
            live.update(_frame(running), refresh=True)
            if not console.is_terminal:
                shown = _tell_new_cdrs(console, running, shown)
            await asyncio.wait({ending, billed}, timeout=0.25, return_when="FIRST_COMPLETED")
    ending.cancel()
    if billed.done():
        billed.result()
    billed.cancel()
    await asyncio.gather(ending, billed, return_exceptions=True)


def _tell_new_cdrs(console: Console, running: Demo, shown: int) -> int:
    """Without a terminal to draw on, say at least what the demo is about."""
    for cdr in running.picture.cdrs[shown:]:
        console.print(_cdr_line(cdr))
    return len(running.picture.cdrs)


def _frame(running: Demo) -> Group:
    picture = running.picture
    stations = Table("charge point", "OCPP", "connected", "connectors", title="Chargers")
    for charger in running.chargers:
        words = [
            f"{number} {picture.statuses.get((charger.identity, number), '-')}"
            for number in range(1, CONNECTORS + 1)
        ]
        online = charger.identity in picture.connected
        stations.add_row(
            charger.identity, charger.version, "yes" if online else "no", ", ".join(words)
        )
    bills = Table(
        "CDR", "kWh", "total excl. VAT", title=f"CDRs at the partner: {len(picture.cdrs)}"
    )
    for cdr in picture.cdrs[-8:]:
        bills.add_row(cdr["id"][:8], cdr["kwh"], f"{_excluding(cdr)} {cdr['currency']}")
    pushes = ", ".join(
        f"{kind.removesuffix('_received')} {n}" for kind, n in picture.pushes.items()
    )
    return Group(stations, bills, Text(f"pushes received: {pushes or '-'}"), *picture.recent)


def _excluding(cdr: dict[str, Any]) -> str:
    cost = cdr["total_cost"]
    return str(cost.get("excl_vat", cost.get("before_taxes")))


def _cdr_line(cdr: dict[str, Any]) -> str:
    return f"CDR {cdr['id']}  {cdr['kwh']} kWh  {_excluding(cdr)} {cdr['currency']} excl. VAT"


def _charger_line(event: dict[str, Any]) -> str | None:
    station = event["station"]
    match event["event"]:
        case "connected" | "disconnected" as kind:
            return f"{station} {kind} (OCPP {event['version']})"
        case "status":
            return f"{station} connector {event['connector']} is {event['status']}"
        case "transaction_started":
            return f"{station} charges token {event['token']}"
        case "transaction_stopped":
            return f"{station} stopped after {Decimal(event['energy_wh']) / 1000} kWh"
    return None


def _partner_line(event: dict[str, Any]) -> str | None:
    match event["event"]:
        case "registered":
            return "registered by the credentials handshake"
        case "location_received":
            return f"{event['method']} {event.get('evse_uid', event['location_id'])} {event.get('status', '')}"
        case "session_received":
            return (
                f"{event['method']} session {event['id'][:8]} {event['kwh']} kWh {event['status']}"
            )
        case "cdr_received":
            return _cdr_line(event)
        case "violation":
            return f"VIOLATION {event.get('what', '')}"
    return None
