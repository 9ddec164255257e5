"""Whose turn it is: what changes a registration is done by one node, one at a time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from gateway.ocpi.incoming.errors import TemporarilyUnavailable
from gateway.services.roaming.partners import RegistrationFailed
from gateway.store import Lease, Store

_LEASE_SECONDS = 120.0  # longer than every request of a handshake together
_PATIENCE_SECONDS = 15.0
_LOOK_SECONDS = 0.05


class RegistrationBusy(TemporarilyUnavailable, RegistrationFailed):
    """Somebody else is just changing the same registration."""


@contextlib.asynccontextmanager
async def turn(store: Store, name: str) -> AsyncIterator[None]:
    """Hold the turn of this name, on all nodes. Raises `RegistrationBusy` and `StoreError`."""
    lease = await _waited_for(store, f"registration:{name}")
    try:
        yield
    finally:
        await lease.release()


async def _waited_for(store: Store, name: str) -> Lease:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                lease = await store.bus.lease(name, _LEASE_SECONDS)
                if lease is not None:
                    return lease
                await asyncio.sleep(_LOOK_SECONDS)
    raise RegistrationBusy("The registration is being changed: try again")
