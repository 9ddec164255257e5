"""Identities that are nearly registered: most are typing mistakes at the charger (ocpp-rules 1).

They are refused like any unknown one, without a hint to whoever asked; the operator's log names
the one that was probably meant. The looking-up happens after the answer and seldom, so neither
its time nor its cost is a stranger's to use.
"""

import asyncio
import time
import unicodedata
from collections.abc import Callable
from urllib.parse import unquote

import structlog

from gateway.store import Store, StoreError

log = structlog.get_logger(__name__)

_INDEX_LASTS = 60.0  # seconds
_AT_ONCE = 20  # looked up in that time, at most
_SAME = str.maketrans("", "", " -_./\\")


class NearMisses:
    """Remembers how registered identities look when one is careless."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._made_at = float("-inf")
        self._registered: dict[str, str] = {}
        self._left, self._refilled_at = _AT_ONCE, clock()
        self._making = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def missed(self, identity: str) -> None:
        """Somebody wanted to connect as this, which is not registered."""
        if self._clock() >= self._refilled_at + _INDEX_LASTS:
            self._left, self._refilled_at = _AT_ONCE, self._clock()
        if self._left > 0:
            self._left -= 1
            task = asyncio.create_task(self._look(identity))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop looking."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _look(self, identity: str) -> None:
        try:
            async with self._making:
                await self._make()
        except StoreError as error:
            log.info("near misses not looked up", reason=repr(error))
            return
        meant = self._registered.get(_careless(identity))
        if meant is not None:
            log.warning("identity nearly registered", charge_point=identity, registered=meant)

    async def _make(self) -> None:
        if self._clock() >= self._made_at + _INDEX_LASTS:
            registered: dict[str, str] = {}
            async for some in self._store.charge_points.identities():
                registered.update((_careless(one), one) for one in some)
            self._registered = registered
            self._made_at = self._clock()


def _careless(identity: str) -> str:
    """What is left when case, spaces and separators do not count."""
    text = unicodedata.normalize("NFKC", unquote(identity))
    return text.casefold().translate(_SAME)
