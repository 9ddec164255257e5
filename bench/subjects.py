"""What is measured, each in a process of its own: the echo (the floor) and the gateway.

Each prints its charge-point URL once it serves, and ends when its standard input does.
"""

import asyncio
import sys
import tempfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from bench.load import SUBPROTOCOL, TOKEN
from gateway import telemetry
from gateway.app import Gateway
from gateway.domain.charge_points import ChargePointRecord, SecurityProfile
from gateway.domain.partners import Endpoint, Partner, PartnerRole, PartnerState
from gateway.domain.party import Party
from gateway.domain.tokens import TokenType
from gateway.services.billing.tariffs import TariffBook
from gateway.services.roaming.locations import LocationCatalogue
from gateway.services.roaming.partners import PartnerDirectory
from gateway.settings import Settings, secret_key
from gateway.store import Store
from gateway.store.embedded import EmbeddedServer

PARTY = Party("NL", "GWY")
_EVSES_PER_LOCATION = 50


async def echo() -> None:
    """The floor."""

    async def handler(socket: ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    async with serve(
        handler,
        "127.0.0.1",
        0,
        compression=None,
        subprotocols=[Subprotocol(SUBPROTOCOL)],
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        await _serve_until_told(f"ws://127.0.0.1:{port}")


async def gateway(stations: int) -> None:
    """The whole gateway on its embedded store, with a partner that owns the token."""
    telemetry.configure("ERROR")
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as directory:
        settings = Settings(
            data_dir=Path(directory),
            ocpp_port=0,
            ocpi_port=0,
            operator_port=0,
            files_port=0,
            ocpi_allow_private_hosts=True,
            party_id=PARTY.party_id,
            country_code=PARTY.country_code,
        )
        await _furnish(settings, stations)
        running = await Gateway.start(settings)
        try:
            await _serve_until_told(running.addresses.ocpp.rstrip("/"))
        finally:
            await running.close()


async def _furnish(settings: Settings, stations: int) -> None:
    """Charge points, locations, a tariff, and a partner that is down but owed everything."""
    server = await EmbeddedServer.start(settings.data_dir)
    store = await Store.open(server.url, secret_key=secret_key(settings), node_id="furnish")

    def now() -> datetime:
        return datetime.now(UTC)

    partners = PartnerDirectory(store, now)
    await partners.load()
    await partners.save(_partner(now()))
    await store.tokens.put("bench", _token())
    await TariffBook(store, partners, now).put(PARTY, _tariff())
    for number in range(stations):
        # the stations of the load answer no calls
        record = ChargePointRecord(
            _identity(number), PARTY, SecurityProfile.UNSECURED, provision=False
        )
        await store.charge_points.put(record)
    catalogue = LocationCatalogue(store, partners, now)
    for first in range(0, stations, _EVSES_PER_LOCATION):
        numbers = range(first, min(first + _EVSES_PER_LOCATION, stations))
        await catalogue.put(PARTY, _location(first, numbers))
    await partners.close()
    await store.close()
    await server.stop()


def _identity(number: int) -> str:
    return f"BENCH-{number:05d}"


def _partner(now: datetime) -> Partner:
    url = "http://127.0.0.1:9"  # nothing listens on the discard port
    modules = ("locations", "sessions", "cdrs", "tariffs")
    return Partner(
        id="bench",
        name="Bench",
        state=PartnerState.REGISTERED,
        created_at=now,
        inbound_token_hash="0" * 64,
        outbound_token="bench",
        version="2.2.1",
        roles=(PartnerRole("EMSP", Party("DE", "EMS"), "Bench"),),
        endpoints=tuple(Endpoint(module, "RECEIVER", f"{url}/{module}") for module in modules),
    )


def _token() -> dict[str, Any]:
    return {
        "country_code": "DE",
        "party_id": "EMS",
        "uid": TOKEN,
        "type": TokenType.RFID.value,
        "contract_id": "DE-EMS-C0001",
        "issuer": "Bench",
        "valid": True,
        "whitelist": "ALWAYS",
        "last_updated": "2026-03-01T00:00:00Z",
    }


def _tariff() -> dict[str, Any]:
    prices = {"ENERGY": "0.35", "PARKING_TIME": "2"}
    components = [
        {"type": kind, "price": Decimal(price), "vat": Decimal(21), "step_size": 1}
        for kind, price in prices.items()
    ]
    return {
        "id": "T",
        "currency": "EUR",
        "tax_included": "NO",
        "elements": [{"price_components": components}],
    }


def _location(first: int, numbers: range) -> dict[str, Any]:
    return {
        "id": f"LOC{first}",
        "publish": True,
        "address": "Street 1",
        "city": "Utrecht",
        "country": "NLD",
        "coordinates": {"latitude": "52.09000", "longitude": "5.12000"},
        "time_zone": "Europe/Amsterdam",
        "evses": [
            {
                "uid": f"E{number}",
                "charge_point": {"identity": _identity(number), "evse_id": 1},
                "connectors": [
                    {
                        "id": "1",
                        "standard": "IEC_62196_T2",
                        "format": "SOCKET",
                        "power_type": "AC_3_PHASE",
                        "max_voltage": 230,
                        "max_amperage": 16,
                        "tariff_ids": ["T"],
                    }
                ],
            }
            for number in numbers
        ],
    }


async def _serve_until_told(url: str) -> None:
    print(url, flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(echo() if sys.argv[1] == "echo" else gateway(int(sys.argv[2])))
