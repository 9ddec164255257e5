"""Runs the parts of the demo and watches them."""

import asyncio
import contextlib
import json
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp

from gateway import exact_json
from gateway.app import Gateway
from gateway.cli.demo.picture import Picture
from gateway.cli.demo.scene import (
    CONNECTORS,
    POWER_KW,
    PREFIX,
    STATIONS_PER_VERSION,
    TARIFFS,
    TIME_SCALE,
    VERSIONS,
    Charger,
    chargers,
    evse_uid,
    location,
)

PARTNER_TOKENS = 6


class DemoFailed(Exception):
    """Something that the demo promises did not come; the text says what."""


class Demo:
    """Runs the parts and watches them."""

    def __init__(self, gateway: Gateway, directory: Path) -> None:
        self._gateway = gateway
        self._directory = directory
        self.picture = Picture()
        self.changed = asyncio.Event()
        self.chargers = chargers()
        self._processes: list[asyncio.subprocess.Process] = []
        self._readers: list[asyncio.Task[None]] = []

    @property
    def operator_token(self) -> str:
        """For the dashboard."""
        return self._gateway.operator_token

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
                await _put(api, f"locations/{location_id}", location(location_id))
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
        place = {evse_uid(c, n): c.version for c in self.chargers for n in range(1, CONNECTORS + 1)}
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
                    async with asyncio.timeout(10):
                        await process.wait()
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
            "--connectors", str(CONNECTORS), "--power", str(POWER_KW),
            "--time-scale", str(TIME_SCALE), "--json",
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
