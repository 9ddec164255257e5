"""`python -m bench.outage`: does a partner that is down cost the others anything?

Nine partners that answer, with and without a tenth that takes every connection and never answers.
EVSEs change at a steady rate; what is measured is the time from the commit of a change to its
arrival at a partner. By turns, so that both ways meet the same neighbours on the machine.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import uvloop
from aiohttp import web

from gateway import telemetry
from gateway.delivery import Deliveries
from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.partners import Endpoint, Partner, PartnerRole, PartnerState
from gateway.domain.party import Party
from gateway.ocpi.outgoing.client import OcpiClient
from gateway.ocpi.outgoing.safe_http import SafeHttp
from gateway.ocpi.pushes.sender import ObjectSender
from gateway.services.roaming.locations import LocationCatalogue
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import Store
from gateway.store.embedded import EmbeddedServer

PARTY = Party("NL", "GWY")
HEALTHY = 9
_EVSES = 500
_ANSWER = b'{"status_code":1000,"timestamp":"2026-01-01T00:00:00Z"}'


@dataclass
class Arrivals:
    """When what was committed, and how long each partner waited for it."""

    committed: dict[str, float] = field(default_factory=dict)
    waited: list[float] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        """The healthy partners' answer to everything."""
        await request.read()
        began = self.committed.get(request.path.rpartition("/")[2])
        if request.method == "PATCH" and began is not None:
            self.waited.append(time.perf_counter() - began)
        return web.Response(body=_ANSWER, content_type="application/json")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench.outage", description=__doc__)
    parser.add_argument("--rate", type=float, default=10, help="changes a second")
    parser.add_argument("--changes", type=int, default=200, help="in each turn")
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    telemetry.configure("CRITICAL")
    waits: dict[bool, list[float]] = {False: [], True: []}
    for turn in range(2 * options.turns):
        with_dead = turn % 2 == 1
        waits[with_dead] += uvloop.run(_turn(options.rate, options.changes, with_dead=with_dead))
    result = {"changes": options.turns * options.changes, "partners": HEALTHY}
    figures = {
        f"p{percent}_ms_{name}": round(_percentile(waits[which], percent) * 1000, 2)
        for percent in (50, 99)
        for which, name in ((False, "without"), (True, "with"))
    }
    ratio = _percentile(waits[True], 99) / _percentile(waits[False], 99)
    everything = result | figures | {"p99_ratio": round(ratio, 2)}
    if options.json:
        print(json.dumps(everything))
        return
    for name, value in everything.items():
        print(f"{name:30} {value}")


def _percentile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


async def _turn(rate: float, changes: int, *, with_dead: bool) -> list[float]:
    async with AsyncExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="gateway-bench-"))
        server = await EmbeddedServer.start(Path(directory))
        stack.push_async_callback(server.stop)
        store = await Store.open(server.url, secret_key=bytes(32), node_id="bench")
        stack.push_async_callback(store.close)
        partners = PartnerDirectory(store, _now)
        await partners.load()
        stack.push_async_callback(partners.close)
        arrivals = Arrivals()
        port = await _healthy(stack, arrivals)
        for number in range(HEALTHY):
            await partners.save(_partner(f"healthy{number}", port))
        if with_dead:
            await partners.save(_partner("dead", await _dead(stack)))
        catalogue = LocationCatalogue(store, partners, _now)
        http = SafeHttp(allow_private_hosts=True)
        stack.push_async_callback(http.close)
        deliveries = Deliveries(
            store=store,
            partners=partners,
            parties=lambda: [PARTY],
            transport=ObjectSender(OcpiClient(http), store, catalogue),
        )
        await deliveries.start()
        stack.push_async_callback(deliveries.close)
        await _furnish(catalogue)
        await _settled(store)
        await _change(store, [one.id for one in partners.all()], arrivals, rate, changes)
        await _settled(store)
        return arrivals.waited


async def _healthy(stack: AsyncExitStack, arrivals: Arrivals) -> int:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", arrivals.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port: int = runner.addresses[0][1]
    return port


async def _dead(stack: AsyncExitStack) -> int:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    stack.callback(server.close)
    port: int = server.sockets[0].getsockname()[1]
    return port


def _partner(id_: str, port: int) -> Partner:
    url = f"http://127.0.0.1:{port}/{id_}/locations"
    return Partner(
        id=id_,
        name=id_,
        state=PartnerState.REGISTERED,
        created_at=_now(),
        outbound_token="bench",
        version="2.2.1",
        roles=(PartnerRole("EMSP", Party("DE", "EMS"), "Bench"),),
        endpoints=(Endpoint("locations", "RECEIVER", url),),
    )


async def _furnish(catalogue: LocationCatalogue) -> None:
    connector = {
        "id": "1",
        "standard": "IEC_62196_T2",
        "format": "SOCKET",
        "power_type": "AC_3_PHASE",
        "max_voltage": 230,
        "max_amperage": 16,
    }
    for number in range(_EVSES):
        await catalogue.put(
            PARTY,
            {
                "id": f"LOC{number}",
                "publish": True,
                "address": "Street 1",
                "city": "Utrecht",
                "country": "NLD",
                "coordinates": {"latitude": "52.09000", "longitude": "5.12000"},
                "time_zone": "Europe/Amsterdam",
                "evses": [{"uid": f"E{number}", "connectors": [connector]}],
            },
        )


async def _change(
    store: Store, partner_ids: list[str], arrivals: Arrivals, rate: float, changes: int
) -> None:
    books = store.party(PARTY)
    began = time.perf_counter()
    for number in range(changes):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        location, uid = f"LOC{number % _EVSES}", f"E{number % _EVSES}"
        change = books.change()
        books.evses.put(change, location, uid, "CHARGING", _now())
        books.locations.touch(change, location, _now())
        books.owed.mark(change, partner_ids, ObjectRef(ObjectKind.EVSE, location, uid))
        arrivals.committed[uid] = time.perf_counter()
        await store.commit(change)


async def _settled(store: Store) -> None:
    """Until the healthy partners are owed nothing."""
    owed = store.party(PARTY).owed
    async with asyncio.timeout(120):
        while any([await owed.count(f"healthy{number}") for number in range(HEALTHY)]):  # noqa: ASYNC110 - kept by the store
            await asyncio.sleep(0.05)


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    main()
