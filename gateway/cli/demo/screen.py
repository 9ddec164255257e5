"""What the demo shows in the terminal."""

import asyncio
import signal

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from gateway.cli.demo.picture import cdr_line, excluding
from gateway.cli.demo.run import Demo
from gateway.cli.demo.scene import CONNECTORS


def greet(console: Console, running: Demo) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column(overflow="fold")
    for name, address in running.addresses.items():
        table.add_row(Text(name, style="bold"), address)
    table.add_row(Text("operator token", style="bold"), running.operator_token)
    console.print(Panel(table, title="gateway demo", expand=False))


async def watch(console: Console, running: Demo, timeout: float | None) -> None:
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
        console.print(cdr_line(cdr))
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
        bills.add_row(cdr["id"][:8], cdr["kwh"], f"{excluding(cdr)} {cdr['currency']}")
    pushes = ", ".join(
        f"{kind.removesuffix('_received')} {n}" for kind, n in picture.pushes.items()
    )
    return Group(stations, bills, Text(f"pushes received: {pushes or '-'}"), *picture.recent)
