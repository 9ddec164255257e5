"""Looks after transactions that wait for something: a missing event, an end that was lost.

What is due stands in the store, so a restart forgets none and whichever node is there takes it up.
One node at a time looks, by a lease; that two look is harmless, because only one can bill.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

import structlog
from prometheus_client import Gauge

from gateway.domain.party import Party
from gateway.domain.transactions import UnknownTransaction
from gateway.services.ports import CallTimeout, UnknownChargePoint
from gateway.services.transactions.held_list import HeldList
from gateway.services.transactions.stale import StaleTransactions
from gateway.store import BusRefused, Fenced, Lease, Store, StoreError

log = structlog.get_logger(__name__)
_held = Gauge("gateway_held_cdrs", "CDRs that wait for the operator, as last seen", ["party"])

_PAUSE = 1.0  # seconds between two looks
_LEASE = 10.0
_AT_ONCE = 100
_AGAIN = timedelta(seconds=30)  # after one could not be settled
_UNSETTLED = 1_000


class Completion:
    """Settles what is due, until it is closed."""

    def __init__(
        self,
        store: Store,
        stale: StaleTransactions,
        parties: Callable[[], Iterable[Party]],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._stale = stale
        self._parties = parties
        self._now = now
        self._held_list = HeldList(store)
        self._lease: Lease | None = None
        self._again: dict[tuple[Party, str, str], datetime] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look, in the background."""
        self._task = asyncio.create_task(self._run(), name="completion")

    async def close(self) -> None:
        """Stop looking, and let another node take over at once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._lease is not None:
            with contextlib.suppress(StoreError):
                await self._lease.release()

    async def look(self) -> int:
        """Settle what is due now; returns how many were."""
        now, settled = self._now(), 0
        for party in self._parties():
            transactions = self._store.party(party).transactions
            _held.labels(str(party)).set(await transactions.held_count())
            # those that could not be settled stay the longest overdue, and must not hide the rest
            most = _AT_ONCE + len(self._again)
            for identity, id_ in await transactions.due(now, most):
                if self._again.get((party, identity, id_), now) > now:
                    continue
                settled += await self._settled(party, identity, id_, now)
            await self._held_list.complete(party)
        return settled

    async def _run(self) -> None:
        while True:
            try:
                if await self._is_ours():
                    await self.look()
            except StoreError as error:
                log.warning("waiting transactions not looked at", error=str(error))
            except Exception:
                log.exception("waiting transactions not looked at")
            await asyncio.sleep(_PAUSE)

    async def _is_ours(self) -> bool:
        if self._lease is not None and await self._lease.renew():
            return True
        self._lease = await self._store.bus.lease("completion", _LEASE)
        return self._lease is not None

    async def _settled(self, party: Party, identity: str, id_: str, now: datetime) -> bool:
        key = (party, identity, id_)
        try:
            await self._stale.settle(identity, id_)
        except (UnknownChargePoint, UnknownTransaction):
            await self._forget(party, identity, id_)
            return False
        except (BusRefused, CallTimeout, Fenced, StoreError) as error:
            # its station has just connected, or the node that holds it is on its way out
            log.info("not settled yet", charge_point=identity, transaction=id_, why=str(error))
        except Exception:
            # one that nobody can settle is no reason to settle none
            log.exception("not settled", charge_point=identity, transaction=id_)
        else:
            self._again.pop(key, None)
            return True
        if len(self._again) >= _UNSETTLED:
            self._again.clear()
        self._again[key] = now + _AGAIN
        return False

    async def _forget(self, party: Party, identity: str, id_: str) -> None:
        """The charge point was removed, with nobody left to bill or to hold it for."""
        store = self._store.party(party)
        change = store.change()
        store.transactions.wait(change, identity, id_, None)
        await self._store.commit(change)
        log.warning("waiting transaction of no charge point", charge_point=identity)
