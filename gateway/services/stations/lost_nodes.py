"""Charge points of a node that died and does not return: another node lets go of them.

Every node counts up a beat in the store. One node at a time, by a lease, listens; a node whose
beat stands still for 15 s is lost: its charge points are no longer connected, and have
`offline_after` to come back to another node before their EVSEs are UNKNOWN, like one that has
fallen silent (security-and-faults R23). Their transactions stay open.

The listener measures by its own clock and starts anew after a fault of its own, so neither clocks
that differ nor a store that was away make a node lost. One that was only slow is left alone if it
stirs before its charge points are taken off it, and afterwards loses their connections, as to a
newer one: they connect anew.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterable

import structlog

from gateway.domain.party import Party
from gateway.services.stations.charge_points import ChargePoints
from gateway.store import Lease, Store, StoreError

log = structlog.get_logger(__name__)

_PATIENCE, _LEAST_PATIENCE = 15.0, 1.0  # seconds; between them it is `offline_after`
_BEATS = 5  # that a node misses before it is lost
_LEASE = "lost-nodes"


class LostNodes:
    """Beats for this node and listens to the others, until it is closed."""

    def __init__(
        self,
        store: Store,
        charge_points: ChargePoints,
        parties: Callable[[], Iterable[Party]],
        *,
        node_id: str,
        offline_after: float,
    ) -> None:
        self._store = store
        self._charge_points = charge_points
        self._parties = parties
        self._node_id = node_id
        self._offline_after = offline_after
        self._patience = min(_PATIENCE, max(_LEAST_PATIENCE, offline_after))
        self._lease: Lease | None = None
        self._heard: dict[tuple[Party, str], tuple[int, float]] = {}
        self._letting_go: dict[tuple[Party, str], asyncio.Task[None]] = {}
        self._beaten: float | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to beat and to listen, in the background."""
        self._task = asyncio.create_task(self._run(), name="lost nodes")

    async def close(self) -> None:
        """Stop, and let another node listen at once."""
        tasks = [*self._letting_go.values(), *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._lease is not None:
            with contextlib.suppress(StoreError):
                await self._lease.release()

    async def _run(self) -> None:
        while True:
            try:
                await self._beat()
                if await self._is_ours():
                    await self._listen()
                else:
                    self._heard.clear()
            except StoreError as error:
                self._heard.clear()
                log.warning("other nodes not heard", error=str(error))
            except Exception:
                self._heard.clear()
                log.exception("other nodes not heard")
            await asyncio.sleep(self._patience / _BEATS)

    async def _beat(self) -> None:
        for party in self._parties():
            await self._store.party(party).stations.beat(self._node_id)
        now = asyncio.get_running_loop().time()
        if self._beaten is not None and now - self._beaten > self._patience:
            await self._charge_points.close_superseded()
        self._beaten = now

    async def _is_ours(self) -> bool:
        if self._lease is not None and await self._lease.renew():
            return True
        self._lease = await self._store.bus.lease(_LEASE, self._patience)
        return self._lease is not None

    async def _listen(self) -> None:
        now = asyncio.get_running_loop().time()
        for party in self._parties():
            beats = await self._store.party(party).stations.beats()
            for node_id, beat in beats.items():
                before, since = self._heard.get((party, node_id), (None, now))
                if beat != before:
                    self._heard[party, node_id] = beat, now
                elif now - since > self._patience and node_id != self._node_id:
                    self._begin(party, node_id, beat)

    def _begin(self, party: Party, node_id: str, beat: int) -> None:
        if (party, node_id) not in self._letting_go:
            work = self._let_go(party, node_id, beat)
            self._letting_go[party, node_id] = asyncio.create_task(work)

    async def _let_go(self, party: Party, node_id: str, beat: int) -> None:
        """All of it again if it fails, or if this node dies over it: what is done stays done."""
        try:
            left = await self._charge_points.left_by(party, node_id, beat)
            # one that was stopped in good order has left nothing, or what it still waited for
            note = log.warning if left else log.info
            note("node lost", node=node_id, party=str(party), charge_points=len(left))
            if left:
                await asyncio.sleep(self._offline_after)
            for state in left:
                await self._charge_points.offline(state)
            await self._store.party(party).stations.forget_node(node_id, beat)
            self._heard.pop((party, node_id), None)
        except StoreError as error:
            log.warning("lost node not seen to yet", node=node_id, error=str(error))
        except Exception:
            log.exception("lost node not seen to yet", node=node_id)
        finally:
            del self._letting_go[party, node_id]
