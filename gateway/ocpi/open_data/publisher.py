"""Writes the editions of the open data feed, again and again."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import structlog

from gateway.domain.party import Party
from gateway.ocpi.open_data.edition import Edition, Writer
from gateway.ocpi.versions import VERSIONS
from gateway.services.billing.tariffs import TariffBook
from gateway.services.roaming.locations import LocationCatalogue
from gateway.store import PageQuery, StoreError

Object = dict[str, Any]
Kind = tuple[str, str]
"""Version and module, e.g. ("2.3.0", "locations")."""

MODULES = ("locations", "tariffs")
_PIECE = 200

_log = structlog.get_logger(__name__)


class Publisher:
    """The current edition of every version's locations and tariffs."""

    def __init__(
        self,
        directory: Path,
        parties: Callable[[], Iterable[Party]],
        locations: LocationCatalogue,
        tariffs: TariffBook,
        seconds: float,
    ) -> None:
        self._directory = directory
        self._parties = parties
        self._locations = locations
        self._tariffs = tariffs
        self.seconds = seconds
        self._editions: dict[Kind, Edition] = {}
        self._task: asyncio.Task[None] | None = None

    def edition(self, version: str, module: str) -> Edition | None:
        """The newest one; None while there is none yet."""
        return self._editions.get((version, module))

    def start(self) -> None:
        """Publish now, and every so many seconds."""
        self._task = asyncio.create_task(self._run(), name="open data")

    async def close(self) -> None:
        """Stop publishing."""
        while self._task is not None and not self._task.done():
            # again and again: a cancellation may get lost inside the Redis client
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=1.0)
        for edition in self._editions.values():
            edition.close()
        self._editions = {}

    async def publish(self) -> None:
        """Write every edition. Raises `StoreError` and `OSError`; then the last ones stay."""
        writers = {
            (version.number, module): Writer(self._directory / version.number / f"{module}.json")
            for version in VERSIONS
            for module in MODULES
        }
        try:
            named = await self._write_locations(writers)
            await self._write_tariffs(writers, named)
        except BaseException:
            for writer in writers.values():
                writer.abandon()
            raise
        for kind, writer in writers.items():
            last = self._editions.get(kind)
            self._editions[kind] = edition = await asyncio.to_thread(writer.finish, last)
            if last is not None and last is not edition:
                last.close()

    async def _run(self) -> None:
        while True:
            try:
                await self.publish()
            except (StoreError, OSError) as error:
                _log.warning("open data not written", error=str(error))
            await asyncio.sleep(self.seconds)

    async def _write_locations(self, writers: Mapping[Kind, Writer]) -> set[tuple[Party, str]]:
        """Returns the tariffs that published connectors name."""
        named: set[tuple[Party, str]] = set()
        for party in self._parties():
            async for piece in self._pieces(party):
                named |= {(party, tariff_id) for tariff_id in _tariff_ids(piece)}
                for version in VERSIONS:
                    converted = [version.wire.location(one) for one in piece]
                    await asyncio.to_thread(writers[version.number, "locations"].add, converted)
        return named

    async def _pieces(self, party: Party) -> AsyncIterator[list[Object]]:
        page = await self._locations.page(party, PageQuery(limit=_PIECE))
        while page.last is not None:
            yield page.items
            page = await self._locations.page(party, PageQuery(after=page.last, limit=_PIECE))

    async def _write_tariffs(
        self, writers: Mapping[Kind, Writer], named: set[tuple[Party, str]]
    ) -> None:
        """A tariff that no published connector names is nobody's business."""
        for party, tariff_id in sorted(named):
            tariff = await self._tariffs.seen(party, tariff_id, None)
            if tariff is None:
                continue
            for version in VERSIONS:
                writers[version.number, "tariffs"].add([version.wire.tariff(tariff)])


def _tariff_ids(locations: Iterable[Object]) -> set[str]:
    return {
        tariff_id.lower()
        for location in locations
        for evse in location.get("evses", ())
        for connector in evse["connectors"]
        for tariff_id in connector.get("tariff_ids", ())
    }
