"""Ends partners' reservations whose time is over: stations of 1.6 say nothing of it (5.13).

What is due stands in the store, so a restart forgets none. Every node looks; that two end the same
one is harmless, for the second finds it ended.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime

import structlog

from gateway.domain.party import Party
from gateway.services.reservations.service import Reservations
from gateway.services.reservations.settling import UnknownReservation
from gateway.store import Conflict, Store, StoreError

log = structlog.get_logger(__name__)

_PAUSE = 2.0  # seconds between two looks
_AT_ONCE = 100


class ReservationExpiry:
    """Looks, until it is closed."""

    def __init__(
        self,
        store: Store,
        reservations: Reservations,
        parties: Callable[[], Iterable[Party]],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._reservations = reservations
        self._parties = parties
        self._now = now
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look, in the background."""
        self._task = asyncio.create_task(self._run(), name="reservation-expiry")

    async def close(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def look(self) -> int:
        """End what is due now; returns how many were."""
        ended = 0
        for party in self._parties():
            for identity, number in await self._store.party(party).reservations.due(
                self._now(), _AT_ONCE
            ):
                ended += await self._ended(party, identity, number)
        return ended

    async def _ended(self, party: Party, identity: str, number: int) -> bool:
        try:
            await self._reservations.lapse(party, identity, number)
        except (Conflict, UnknownReservation) as error:
            log.info("reservation not ended yet", charge_point=identity, why=repr(error))
            return False
        return True

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except StoreError as error:
                log.warning("reservations not looked at", error=str(error))
            except Exception:
                log.exception("reservations not looked at")
            await asyncio.sleep(_PAUSE)
