"""`gateway serve`: the gateway itself, until SIGTERM or SIGINT."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Annotated

import typer
import uvloop

from gateway import telemetry
from gateway.cli.api import read_settings
from gateway.cli.output import print_line
from gateway.cli.problem import Problem
from gateway.settings import Settings

_DRAIN_SECONDS = 30.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve(
    workers: Annotated[int, typer.Option(min=1, help="Processes; 1 for now.")] = 1,
) -> None:
    """Run the gateway until it is told to stop; then finish what is in flight.

    Everything is set by GATEWAY_* variables or gateway.toml: see `gateway check`.
    """
    if workers > 1:
        raise Problem(
            "--workers: this version runs one process per command; start more with other ports "
            "and GATEWAY_NODE_ID on the same GATEWAY_REDIS_URL"
        )
    settings = read_settings()
    telemetry.configure(settings.log_level, as_json=settings.log_json)
    try:
        uvloop.run(_serve(settings))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


async def _serve(settings: Settings) -> None:
    # only this command needs the whole house
    from gateway.app import Gateway
    from gateway.store import StoreError

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in _SIGNALS:
        loop.add_signal_handler(one, stop.set)
    try:
        gateway = await Gateway.start(settings)
    except (OSError, StoreError, ValueError) as error:
        raise Problem(f"not started: {error}") from None
    # told that certificates were renewed; it looks by itself every few seconds
    loop.add_signal_handler(signal.SIGHUP, gateway.refresh)
    addresses = gateway.addresses
    print_line(f"charge points  {addresses.ocpp}{{identity}}")
    if addresses.ocpp_tls is not None:
        print_line(f"over TLS       {addresses.ocpp_tls}{{identity}}")
    print_line(f"partners       {addresses.ocpi}")
    print_line(f"operator       {addresses.operator}")
    try:
        await stop.wait()
    finally:
        # a second signal does not wait
        for one in (*_SIGNALS, signal.SIGHUP):
            loop.remove_signal_handler(one)
        await _drain(gateway.close())


async def _drain(closing: Coroutine[None, None, None]) -> None:
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            await closing
    except TimeoutError:
        raise Problem(f"not shut down in order within {_DRAIN_SECONDS:g} s") from None
