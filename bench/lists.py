"""`python -m bench.lists`: how fast partners pull a long list of locations, and what that costs.

Each way of serving is pulled in full, page by page along Link, by a process of its own. The floor
is to read, convert and write every location for every request (a cache of no bytes); beside it
the first pull with a cache, which fills it, and one after it.
"""

import argparse
import asyncio
import base64
import json
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from aiohttp import web

from gateway import telemetry
from gateway.domain.partners import Partner, PartnerState
from gateway.domain.party import Party
from gateway.ocpi.incoming.pipeline import Adapter, edge
from gateway.ocpi.incoming.server import OcpiServer
from gateway.ocpi.modules.locations import LocationsSender
from gateway.ocpi.platform import Platform
from gateway.ocpi.pushes.rendered import MAX_BYTES, RenderedObjects
from gateway.ocpi.versions import BY_NUMBER
from gateway.services.roaming.locations import LocationCatalogue
from gateway.services.roaming.parties import PartyBook, PartyInfo
from gateway.services.roaming.partners import PartnerDirectory, token_hash
from gateway.store import Store
from gateway.store.embedded import EmbeddedServer

PARTY = Party("NL", "GWY")
TOKEN = "bench-token"
_NEXT = re.compile(r"<([^>]+)>")


def main() -> None:
    """Measure and print, or (`--pull URL`) be one of the pullers."""
    parser = argparse.ArgumentParser(prog="bench.lists", description=__doc__)
    parser.add_argument("--locations", type=int, default=10_000)
    parser.add_argument("--evses", type=int, default=4, help="of each location")
    parser.add_argument("--version", default="2.2.1")
    parser.add_argument("--gzip", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--pull", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pull:
        uvloop.run(_pull(options.pull, gzip=options.gzip))
        return
    result = uvloop.run(_measure(options))
    if options.json:
        print(json.dumps(result))
        return
    for name, value in result.items():
        print(f"{name:34} {value}")


async def _measure(options: argparse.Namespace) -> dict[str, float]:
    telemetry.configure("ERROR")
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(_store())
        catalogue = await _furnish(store, options.locations, options.evses)
        partners = PartnerDirectory(store, _now)
        await partners.load()
        stack.push_async_callback(partners.close)
        plain = await _serve(stack, store, partners, catalogue, options.version, 0)
        cached = await _serve(stack, store, partners, catalogue, options.version, MAX_BYTES)
        floor = await _timed(plain, options)
        first = await _timed(cached, options)
        again = await _timed(cached, options)
    pages = -(-options.locations // 100)
    figures: dict[str, float] = {"locations": options.locations, "pages": pages}
    for name, (wall, cpu) in (("floor", floor), ("first", first), ("again", again)):
        figures[f"{name}_pages_per_second"] = round(pages / wall, 1)
        figures[f"{name}_cpu_ms_per_page"] = round(cpu / pages * 1000, 2)
    figures["cpu_ratio_first"] = round(first[1] / floor[1], 2)
    figures["cpu_ratio_again"] = round(again[1] / floor[1], 2)
    return figures


async def _timed(url: str, options: argparse.Namespace) -> tuple[float, float]:
    """Seconds by the wall, and of this process's CPU, for one full pull."""
    arguments = ["-m", "bench.lists", "--pull", url, *(["--gzip"] if options.gzip else [])]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    await process.stdout.readline()  # it is ready
    wall, cpu = time.perf_counter(), time.process_time()
    process.stdin.write(b"go\n")
    count = int(await process.stdout.readline())
    spent = time.perf_counter() - wall, time.process_time() - cpu
    await process.wait()
    if count != options.locations:
        raise SystemExit(f"{count} locations came, not {options.locations}")
    return spent


async def _pull(url: str, *, gzip: bool) -> None:
    headers = {
        "Authorization": f"Token {base64.b64encode(TOKEN.encode()).decode()}",
        "Accept-Encoding": "gzip" if gzip else "identity",
    }
    count, page = 0, url
    async with aiohttp.ClientSession(headers=headers) as session:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        while page:
            async with session.get(page) as response:
                count += (await response.read()).count(b'"publish":')
                link = _NEXT.match(response.headers.get("Link", ""))
                page = link[1] if link else ""
    print(count, flush=True)


async def _serve(
    stack: AsyncExitStack,
    store: Store,
    partners: PartnerDirectory,
    catalogue: LocationCatalogue,
    version: str,
    max_bytes: int,
) -> str:
    platform = Platform(PartyBook(PartyInfo(PARTY, "Bench")), "http://127.0.0.1")
    adapter = Adapter(platform, _as_it_is, lambda _: None, _now)
    module = LocationsSender(BY_NUMBER[version], platform, catalogue, RenderedObjects(max_bytes))
    app = web.Application(middlewares=[edge(partners, _now)])
    for route in module.routes():
        app.router.add_route(route.method, f"/ocpi/{version}{route.path}", adapter.adapt(route))
    await partners.save(
        Partner(
            "bench",
            "Bench",
            PartnerState.REGISTERED,
            _now(),
            inbound_token_hash=token_hash(TOKEN),
            version=version,
        )
    )
    server = OcpiServer(app)
    stack.push_async_callback(server.close)
    port = await server.start("127.0.0.1", 0)
    platform.public_url = f"http://127.0.0.1:{port}"
    return f"{platform.public_url}/ocpi/{version}/locations"


@asynccontextmanager
async def _store() -> AsyncIterator[Store]:
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as directory:
        server = await EmbeddedServer.start(Path(directory))
        store = await Store.open(server.url, secret_key=bytes(32), node_id="bench")
        yield store
        await store.close()
        await server.stop()


async def _furnish(store: Store, locations: int, evses: int) -> LocationCatalogue:
    catalogue = LocationCatalogue(store, PartnerDirectory(store, _now), _now)
    for first in range(0, locations, 100):
        numbers = range(first, min(first + 100, locations))
        await asyncio.gather(
            *(catalogue.put(PARTY, _location(number, evses)) for number in numbers)
        )
    return catalogue


def _location(number: int, evses: int) -> dict[str, Any]:
    connector = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "max_voltage": 230,
        "max_amperage": 16,
        "tariff_ids": ["T"],
    }
    return {
        "id": f"LOC{number}",
        "publish": True,
        "name": f"Charging place number {number}",
        "address": f"Street {number}",
        "city": "Utrecht",
        "postal_code": "3511AB",
        "country": "NLD",
        "coordinates": {"latitude": "52.09000", "longitude": "5.12000"},
        "time_zone": "Europe/Amsterdam",
        "operator": {"name": "An operator", "website": "https://operator.example"},
        "facilities": ["RESTAURANT", "SUPERMARKET"],
        "opening_times": {"twentyfourseven": True},
        "evses": [
            {
                "uid": f"E{number}-{evse}",
                "evse_id": f"NL*GWY*E{number:06d}{evse}",
                "capabilities": ["RFID_READER", "REMOTE_START_STOP_CAPABLE"],
                "physical_reference": str(evse),
                "connectors": [dict(connector)],
            }
            for evse in range(evses)
        ],
    }


async def _as_it_is(partner: Partner, token: str) -> Partner | None:
    return partner


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    main()
