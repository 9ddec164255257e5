"""Runs a gateway process as `gateway serve` does, from the environment's settings, until SIGTERM."""

import asyncio
import signal

from gateway import telemetry
from gateway.app import Gateway
from gateway.settings import Settings


async def serve() -> None:
    settings = Settings()
    telemetry.configure(settings.log_level, as_json=True)
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    gateway = await Gateway.start(settings)
    try:
        await over.wait()
    finally:
        await gateway.close()


if __name__ == "__main__":
    asyncio.run(serve())
