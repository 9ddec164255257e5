"""What a node holds in memory of the store, kept as it is there."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from gateway.store import Store, StoreError

_log = structlog.get_logger(__name__)

REREAD_SECONDS = 5.0
_PATIENCE_SECONDS = 2.0


class Freshness:
    """Reads anew when the bus says so, and every few seconds in case an announcement was lost."""

    def __init__(
        self,
        store: Store,
        topic: str,
        reread: Callable[[], Awaitable[None]],
        *,
        seconds: float = REREAD_SECONDS,
    ) -> None:
        self._store = store
        self._topic = topic
        self._reread = reread
        self._seconds = seconds
        self._stale = asyncio.Event()
        self._current = asyncio.Event()
        self._closed = False
        self._reader: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] | None = None

    async def start(self) -> None:
        """Read, and go on until `close`. Raises `StoreError`."""
        self._unsubscribe = self._store.bus.subscribe(self._topic, self._on_change)
        self._store.bus.on_resumed(self.outdated)
        await self._reread()
        self._current.set()
        self._reader = asyncio.create_task(self._stay_fresh(), name=f"fresh {self._topic}")

    async def close(self) -> None:
        """Stop following changes."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        self._closed = True  # a cancellation may get lost inside the Redis client
        if self._reader is not None:
            self._reader.cancel()
            await asyncio.gather(self._reader, return_exceptions=True)
            self._reader = None

    def outdated(self) -> None:
        """Read anew soon."""
        self._current.clear()
        self._stale.set()

    async def caught_up(self) -> bool:
        """Wait, not for ever, until what was announced is read; False if nothing was."""
        if self._current.is_set():
            return False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._current.wait()
        return True

    def _on_change(self, _message: Any) -> None:
        self.outdated()

    async def _stay_fresh(self) -> None:
        while not self._closed:
            # not wait_for: in Python 3.11 it may swallow a cancellation
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await self._stale.wait()
            self._stale.clear()
            try:
                await self._reread()
                if not self._stale.is_set():
                    self._current.set()
            except StoreError as error:
                _log.warning("could not be re-read", topic=self._topic, error=str(error))
                await asyncio.sleep(min(1.0, self._seconds))
