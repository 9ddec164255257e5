"""`gateway demo`: the whole way, live: a store, a gateway, chargers, a partner that pays.

Everything is real but the cars: the chargers and the partner are the programs of `simulators`,
started as processes of their own that speak OCPP and OCPI over sockets. What is shown comes from
their own reports and from the operator API, never from inside the gateway.
"""

import asyncio
import contextlib
import json
import socket
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gateway import exact_json, telemetry
from gateway.app import Gateway
from gateway.cli.demo.run import Demo, DemoFailed
from gateway.cli.demo.screen import greet, watch
from gateway.settings import Settings


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
    if once and not summary["ok"]:
        raise typer.Exit(1)


async def _demo(console: Console, *, once: bool, timeout: float, quiet: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="gateway-demo-") as directory:
        gateway = await Gateway.start(_settings(Path(directory)))
        running = Demo(gateway, Path(directory))
        try:
            greet(console, running)
            await running.run()
            if quiet:
                await running.until_each_version_billed(timeout if once else None)
            else:
                await watch(console, running, timeout if once else None)
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
            "files_port": _port(settings.files_host, settings.files_port),
        }
    )


def _port(host: str, port: int) -> int:
    with contextlib.suppress(OSError), socket.create_server((host, port)):
        return port
    return 0
