"""All partners' loops: started, woken and ended here."""

import asyncio
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import structlog

from gateway.delivery.clock import Clock, SystemClock
from gateway.delivery.ending import end
from gateway.delivery.per_partner import PerPartner
from gateway.delivery.policy import DeliveryPolicy
from gateway.delivery.ports import Transport
from gateway.domain.partners import PartnerState
from gateway.domain.party import Party
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import Store, StoreError

_OWED = "owed"
_PARTNERS = "partners"
_CALLED = "called"
_ANNOUNCE_SECONDS = 5.0
_DIRECTORY_SECONDS = 0.25

_log = structlog.get_logger(__name__)


class Deliveries:
    """Tells every registered partner what it is owed, until closed."""

    def __init__(
        self,
        *,
        store: Store,
        partners: PartnerDirectory,
        parties: Callable[[], Iterable[Party]],
        transport: Transport,
        clock: Clock | None = None,
        random: Random | None = None,
        policy: DeliveryPolicy | None = None,
    ) -> None:
        self._store = store
        self._partners = partners
        self._parties = parties
        self._transport = transport
        self._clock = clock or SystemClock()
        self._random = random or Random()  # noqa: S311 - jitter, nothing secret
        self._policy = policy or DeliveryPolicy()
        self._loops: dict[str, PerPartner] = {}
        self._changed = asyncio.Event()
        self._unsubscribe: list[Callable[[], None]] = []
        self._announced: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._supervisor: asyncio.Task[None] | None = None
        self._second_look: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Begin; what was owed from before goes out first."""
        bus = self._store.bus
        self._unsubscribe = [
            bus.subscribe(_OWED, self._on_owed),
            bus.subscribe(_PARTNERS, self._on_partners),
            bus.subscribe(_CALLED, self._on_called),
        ]
        bus.on_resumed(self._look_at_all)
        await self._reconcile()
        self._supervisor = asyncio.create_task(self._supervise(), name="deliveries")

    async def close(self) -> None:
        """Let what is in flight end, within the policy's `drain`; then stop everything."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._unsubscribe = []
        if self._second_look is not None:
            self._second_look.cancel()
        await end([*self._tasks, *([self._supervisor] if self._supervisor else [])])
        loops, self._loops = list(self._loops.values()), {}
        await asyncio.gather(*(loop.close() for loop in loops))

    def wake(self, partner_id: str) -> None:
        """The partner has called us, so it is there: try it now, on whichever node delivers."""
        loop = self._loops.get(partner_id)
        if loop is not None and loop.leads:
            loop.called()
            return
        now = self._clock.elapsed()
        if now < self._announced.get(partner_id, -_ANNOUNCE_SECONDS) + _ANNOUNCE_SECONDS:
            return
        self._announced[partner_id] = now
        task = asyncio.create_task(self._announce(partner_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def status(self, partner_id: str) -> dict[str, Any] | None:
        """What the operator may want to know of a partner's deliveries; None: no such loop."""
        loop = self._loops.get(partner_id)
        return None if loop is None else await loop.status()

    async def _announce(self, partner_id: str) -> None:
        try:
            await self._store.bus.publish(_CALLED, {"partner": partner_id})
        except StoreError as error:
            _log.info("call not announced", partner=partner_id, why=str(error))

    def _on_owed(self, message: Any) -> None:
        loop = self._loop_of(message)
        if loop is not None:
            loop.look(Party.parse(message["party"]))
        else:
            self._changed.set()

    def _on_partners(self, message: Any) -> None:
        """A partner's record has changed; the directory hears of it at the same time as we do.

        So look now, and once more when it has surely read the record.
        """
        self._look_at_all()
        if self._second_look is None:
            loop = asyncio.get_running_loop()
            self._second_look = loop.call_later(_DIRECTORY_SECONDS, self._look_again)

    def _look_again(self) -> None:
        self._second_look = None
        self._look_at_all()

    def _look_at_all(self) -> None:
        self._changed.set()
        for loop in self._loops.values():
            loop.look()

    def _on_called(self, message: Any) -> None:
        loop = self._loop_of(message)
        if loop is not None:
            loop.called()

    def _loop_of(self, message: Any) -> PerPartner | None:
        partner_id = message.get("partner") if isinstance(message, dict) else None
        return self._loops.get(partner_id) if isinstance(partner_id, str) else None

    async def _supervise(self) -> None:
        while True:
            await self._clock.wait(self._changed, self._policy.poll)
            self._changed.clear()
            try:
                await self._reconcile()
            except Exception:
                _log.exception("partners could not be reconciled")

    async def _reconcile(self) -> None:
        """Have a loop for every partner that is, or may again be, delivered to."""
        wanted = {
            partner.id
            for partner in self._partners.all()
            if partner.state in (PartnerState.REGISTERED, PartnerState.SUSPENDED)
        }
        for partner_id in wanted - self._loops.keys():
            self._loops[partner_id] = loop = PerPartner(
                partner_id,
                store=self._store,
                partners=self._partners,
                parties=self._parties,
                transport=self._transport,
                clock=self._clock,
                random=self._random,
                policy=self._policy,
            )
            loop.start()
        gone = [self._loops.pop(partner_id) for partner_id in self._loops.keys() - wanted]
        for loop in gone:
            self._announced.pop(loop.partner_id, None)
            await loop.close()
            if self._partners.get(loop.partner_id) is None:
                await self._store.deliveries.forget(loop.partner_id)
                for party in self._parties():
                    await self._store.party(party).owed.drop_partner(loop.partner_id)
