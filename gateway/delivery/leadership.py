"""Which node delivers to a partner: the one that holds the partner's lease."""

import structlog

from gateway.delivery.clock import Clock
from gateway.store import Lease, Store, StoreError

_log = structlog.get_logger(__name__)


class Leadership:
    """This node's claim to one partner. The lease lasts three polls, and is renewed every half."""

    def __init__(self, partner_id: str, store: Store, clock: Clock, poll: float) -> None:
        self._partner_id = partner_id
        self._store = store
        self._clock = clock
        self._poll = poll
        self._lease: Lease | None = None
        self._renewed = 0.0

    @property
    def held(self) -> bool:
        """Whether it was ours when last looked at."""
        return self._lease is not None

    def is_sure(self) -> bool:
        """Whether no other node can have it by now, however long this one was held up."""
        return self.held and self._clock.elapsed() < self._renewed + 3 * self._poll

    async def claim(self) -> bool:
        """Take, renew or keep the lease; False while another node has it."""
        now = self._clock.elapsed()
        if self._lease is not None:
            if now < self._renewed + self._poll / 2:
                return True
            if await self._lease.renew():
                self._renewed = now
                return True
            _log.warning("another node has taken over deliveries", partner=self._partner_id)
            self._lease = None
            return False
        self._lease = await self._store.bus.lease(f"delivery:{self._partner_id}", 3 * self._poll)
        self._renewed = now
        return self._lease is not None

    async def resign(self) -> None:
        """Let another node take over at once."""
        lease, self._lease = self._lease, None
        if lease is None:
            return
        try:
            await lease.release()
        except StoreError as error:
            _log.info("lease left to expire", partner=self._partner_id, why=str(error))
