"""The load: stations that send MeterValues one after the other, as fast as they are answered.

Run as a process of its own, so that its work is not counted.
"""

import asyncio
import json
import sys
from typing import Any

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

SUBPROTOCOL = "ocpp1.6"
TOKEN = "BENCH-TOKEN"


def meter_values(message: int, transaction_id: int, register_wh: int) -> str:
    """The frame that is measured, as a 1.6 charger with three measurands sends it."""
    minute, second = divmod(message % 3600, 60)
    sampled = [
        {"value": str(register_wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"},
        {"value": "11040.0", "measurand": "Power.Active.Import", "unit": "W"},
        {"value": "16.0", "measurand": "Current.Import", "unit": "A", "phase": "L1"},
    ]
    payload = {
        "connectorId": 1,
        "transactionId": transaction_id,
        "meterValue": [
            {
                "timestamp": f"2026-03-01T{10 + message // 3600:02d}:{minute:02d}:{second:02d}Z",
                "sampledValue": sampled,
            }
        ],
    }
    return json.dumps([2, str(message), "MeterValues", payload], separators=(",", ":"))


async def call(socket: ClientConnection, action: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Send one call and await its answer."""
    await socket.send(json.dumps([2, action, action, payload]))
    answer = json.loads(await socket.recv())
    if answer[0] != 3:
        raise RuntimeError(f"{action}: {answer}")
    result: dict[str, Any] = answer[2]
    return result


async def begin(socket: ClientConnection) -> int:
    """Boot and start a transaction; returns its id."""
    await call(socket, "BootNotification", {"chargePointVendor": "B", "chargePointModel": "B"})
    started = await call(
        socket,
        "StartTransaction",
        {
            "connectorId": 1,
            "idTag": TOKEN,
            "meterStart": 0,
            "timestamp": "2026-03-01T09:59:00Z",
        },
    )
    if started["idTagInfo"]["status"] != "Accepted":
        raise RuntimeError(f"the token was not accepted: {started}")
    return int(started["transactionId"])


async def station(url: str, identity: str, messages: int, *, echo: bool, go: asyncio.Event) -> None:
    """One station: everything up to the transaction, wait for the signal, then the load."""
    async with connect(
        f"{url}/{identity}",
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        compression=None,
        ping_interval=None,
    ) as socket:
        transaction_id = 1 if echo else await begin(socket)
        print("ready", flush=True)
        await go.wait()
        for message in range(messages):
            await socket.send(meter_values(message, transaction_id, message * 10))
            answer = await socket.recv(decode=True)
            if not echo and not answer.startswith("[3,"):
                raise RuntimeError(f"MeterValues: {answer!r}")


async def idle(url: str, identity: str, over: asyncio.Event) -> None:
    """One station that has connected and says nothing more."""
    async with connect(
        f"{url}/{identity}",
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        compression=None,
        ping_interval=None,
    ):
        print("ready", flush=True)
        await over.wait()


async def main(mode: str, url: str, stations: int, messages: int) -> None:
    """Open everything, wait for a line on standard input, work, say `done`."""
    go = asyncio.Event()
    identities = [f"BENCH-{number:05d}" for number in range(stations)]
    async with asyncio.TaskGroup() as group:
        for number, identity in enumerate(identities):
            work = (
                idle(url, identity, go)
                if mode == "idle"
                else station(url, identity, messages, echo=mode == "echo", go=go)
            )
            group.create_task(work)
            if number % 50 == 49:
                await asyncio.sleep(0.05)
        await asyncio.to_thread(sys.stdin.readline)
        go.set()
    print("done", flush=True)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
