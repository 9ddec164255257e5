"""`python -m bench.fuzz [--frames 1000000] [--seed 1] [--sockets 6]`; exit status 0: all holds."""

import argparse
import asyncio
import base64
import contextlib
import gc
import json
import logging
import resource
import sys
import time
from collections import Counter
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import aiohttp
import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from bench.fuzz.frames import VERSIONS, FrameSource
from gateway.app import Gateway
from gateway.domain.quirks import LOCAL_TIME, QUIRKS, Applies
from gateway.ocpp import server as ocpp_server
from gateway.ocpp.link import LinkLimits
from gateway.settings import Settings

PASSWORD = "fuzzed-password-1"
EVERY = 200  # frames between two heartbeats
PATIENCE = 60.0  # seconds for a heartbeat behind that many frames
STEPS = 20
ENDLESS = partial(
    LinkLimits, frame_rate=1e9, frame_burst=1e9, nonsense_rate=1e9, nonsense_burst=1e9
)
CONTRADICTING = {"wh-as-kwh", "w-as-kw"}
BOOTS: dict[str, Any] = {
    "ocpp1.6": {"chargePointVendor": "fuzz", "chargePointModel": "fuzz"},
    "ocpp2.0.1": {
        "reason": "PowerUp",
        "chargingStation": {"vendorName": "fuzz", "model": "fuzz"},
    },
}
BOOTS["ocpp2.1"] = BOOTS["ocpp2.0.1"]


@dataclass
class Findings:
    """What was seen."""

    sent: int = 0
    heartbeats: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    memory: list[tuple[int, int]] = field(default_factory=list)  # frames, KiB

    def watch(
        self, _logger: Any, _method: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        """Count errors of the gateway's log; nothing is written."""
        if event.get("level") in ("error", "critical") or event.get("exc_info"):
            error = sys.exc_info()[1]
            self.errors[f"{event.get('event')}: {error!r}"[:300]] += 1
        raise structlog.DropEvent

    def note(self, record: logging.LogRecord) -> bool:
        """Count errors that go through the standard library's logging: a filter of its root."""
        error = record.exc_info[1] if record.exc_info else None
        self.errors[f"{record.getMessage()}: {error!r}"[:300]] += 1
        return False

    @property
    def slope(self) -> float:
        """KiB per 1,000 frames over the second half of the run, when everything is warm."""
        half = self.memory[len(self.memory) // 2 :]
        if len(half) < 2:
            return 0.0
        (first, before), (last, after) = half[0], half[-1]
        return (after - before) / max(1, last - first) * 1_000

    @property
    def good(self) -> bool:
        """Nothing lost, nothing failed."""
        return not self.lost and not self.errors


def resident() -> int:
    """KiB in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


class Fuzzer:
    """One charge point that talks nonsense."""

    def __init__(self, socket: ClientConnection, name: str, source: FrameSource) -> None:
        self.socket = socket
        self.name = name
        self.source = source

    async def run(self, findings: Findings, share: int, binary: Random) -> None:
        """Send `share` frames, and expect a heartbeat's answer now and then."""
        for beat in range(-(-share // EVERY)):
            frames = [self.source.frame() for _ in range(EVERY)]
            try:
                for frame in frames:
                    await self.socket.send(frame, text=binary.random() > 0.01)
                await self.heartbeat(findings, beat)
            except (ConnectionClosed, TimeoutError) as error:
                findings.lost.append(f"{self.name} after {beat * EVERY} frames: {error!r}")
                return
            findings.sent += EVERY

    async def heartbeat(self, findings: Findings, beat: int) -> None:
        """Wait for the answer to a Heartbeat; what comes before answers the frames."""
        own = f"heartbeat-{beat}"
        await self.socket.send(json.dumps([2, own, "Heartbeat", {}]))
        async with asyncio.timeout(PATIENCE):
            while True:
                answer = json.loads(await self.socket.recv())
                if answer[1] == own:
                    findings.heartbeats += answer[0] == 3
                    return
                findings.answers[answer[2] if answer[0] == 4 else str(answer[0])] += 1


async def register(gateway: Gateway, identity: str, quirks: list[str]) -> None:
    """Make a charge point of this run known."""
    headers = {"Authorization": f"Bearer {gateway.operator_token}"}
    body = {
        "security_profile": 1,
        "password": PASSWORD,
        "quirks": quirks,
        "provision": False,
    }
    url = f"{gateway.addresses.operator}api/v1/charge-points/{identity}"
    async with aiohttp.ClientSession(headers=headers, raise_for_status=True) as session:
        await session.put(url, json=body)


async def fuzz_one(
    gateway: Gateway, identity: str, protocol: str, seed: int, share: int, findings: Findings
) -> None:
    """One connection, from its boot to its last frame."""
    basic = base64.b64encode(f"{identity}:{PASSWORD}".encode()).decode()
    async with connect(
        f"{gateway.addresses.ocpp}{identity}",
        subprotocols=[Subprotocol(protocol)],
        additional_headers={"Authorization": f"Basic {basic}"},
        ping_interval=None,
        compression=None,
        max_size=None,
    ) as socket:
        await socket.send(json.dumps([2, "boot", "BootNotification", BOOTS[protocol]]))
        await socket.recv()
        random = Random(f"{seed}-{identity}")
        source = FrameSource(protocol, random)
        await Fuzzer(socket, f"{identity} ({protocol})", source).run(findings, share, random)


async def measure(findings: Findings, frames: int) -> None:
    """Write the memory down in even steps."""
    step = max(1, frames // STEPS)
    while True:
        await asyncio.sleep(0.1)
        if findings.sent >= step * (len(findings.memory) + 1):
            gc.collect()
            findings.memory.append((findings.sent, resident()))
            print(f"{findings.sent:>9,} frames  {resident() / 1024:7.1f} MiB", flush=True)


async def run(gateway: Gateway, frames: int, seed: int, sockets: int, findings: Findings) -> None:
    """All the fuzzers at one gateway: one half without quirks, the other with all of them."""
    every = [quirk.name for quirk in QUIRKS.values() if quirk.applies is Applies.NAMED]
    quirks = [name for name in every if name not in CONTRADICTING | {LOCAL_TIME}]
    quirks.append(f"{LOCAL_TIME}:Europe/Amsterdam")
    async with asyncio.TaskGroup() as group:
        for number, protocol in zip(range(sockets), cycle(VERSIONS), strict=False):
            identity = f"FUZZ-{number}"
            await register(gateway, identity, quirks if number >= len(VERSIONS) else [])
            one = fuzz_one(gateway, identity, protocol, seed, -(-frames // sockets), findings)
            group.create_task(one)


async def run_measured(frames: int, seed: int, sockets: int, findings: Findings) -> None:
    """The same at a gateway of its own, with its memory watched."""
    watch_logs(findings)
    # no limit closes a connection here, so every one must live; the default has no other door
    setattr(ocpp_server, "LinkLimits", ENDLESS)  # noqa: B010
    with TemporaryDirectory() as folder:
        gateway = await Gateway.start(
            Settings(data_dir=Path(folder), ocpp_port=0, ocpi_port=0, operator_port=0, files_port=0)
        )
        measuring = asyncio.create_task(measure(findings, frames))
        try:
            await run(gateway, frames, seed, sockets, findings)
        finally:
            measuring.cancel()
            await asyncio.gather(measuring, return_exceptions=True)
            await gateway.close()


def watch_logs(findings: Findings) -> None:
    """Let the findings count what the gateway logs as an error."""
    structlog.configure(processors=[structlog.processors.add_log_level, findings.watch])
    handler = logging.StreamHandler()
    handler.addFilter(findings.note)
    logging.basicConfig(level=logging.ERROR, handlers=[handler])


def main() -> int:
    """Run, and tell what was found."""
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz", description=__doc__)
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sockets", type=int, default=6)
    options = parser.parse_args()
    began = time.monotonic()
    findings = Findings()
    with contextlib.suppress(KeyboardInterrupt):  # what was found until then counts, too
        asyncio.run(run_measured(options.frames, options.seed, options.sockets, findings))
    seconds = time.monotonic() - began
    print(f"frames sent       {findings.sent:,} in {seconds:.0f} s, seed {options.seed}")
    print(f"heartbeats        {findings.heartbeats:,} answered, one after every {EVERY} frames")
    print(f"answers           {dict(findings.answers.most_common())}")
    print(f"connections lost  {findings.lost or 0}")
    print(f"errors in the log {dict(findings.errors.most_common(10)) or 0}")
    print(f"memory            {findings.slope:+.2f} KiB per 1,000 frames in the second half")
    return 0 if findings.good else 1


if __name__ == "__main__":
    sys.exit(main())
