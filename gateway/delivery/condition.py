"""How a partner answers us: may it be tried, since when does it fail, what does the operator see.

The decisions are `backoff`'s; here is their memory. What must outlive a restart is stored when it
changes, the rest (last success, counters) every few seconds: a crash loses that much of it.
"""

from datetime import datetime, timedelta
from random import Random
from typing import Any

import structlog
from prometheus_client import Gauge

from gateway.delivery.backoff import Backoff
from gateway.delivery.clock import Clock
from gateway.delivery.policy import DeliveryPolicy
from gateway.delivery.standing import Standing, registration_of, text
from gateway.domain.delivery import VerdictKind
from gateway.domain.partners import Partner
from gateway.store import Store, StoreError

_log = structlog.get_logger(__name__)

_failures = Gauge("gateway_delivery_failures", "Failures in a row", ["partner"])


class Condition:
    """Of one partner, on the node that delivers to it."""

    def __init__(
        self, partner_id: str, store: Store, clock: Clock, random: Random, policy: DeliveryPolicy
    ) -> None:
        self._partner_id = partner_id
        self._records = store.deliveries
        self._clock = clock
        self._random = random
        self._policy = policy
        self._backoff = Backoff(policy.backoff)
        self._standing: Standing | None = None
        self._suspended_at: float | None = None
        self._settled_at = clock.elapsed()
        self._called = False
        self._attempted = 0
        self._delivered = 0
        self._stored_at = clock.elapsed()

    @property
    def failing(self) -> bool:
        """Whether the last thing known of the partner is that it did not answer."""
        return self._backoff.failing

    @property
    def settling(self) -> bool:
        """Whether the registration is so new that the partner may not be ready for it."""
        return self._clock.elapsed() < self._settled_at

    @property
    def was_called(self) -> bool:
        """Whether the partner has called us since it was suspended."""
        return self._called

    async def load(self) -> None:
        """Take over what the node before, or this one before a restart, has left."""
        if self._standing is not None:
            return
        standing = Standing.from_document(await self._records.standing(self._partner_id))
        elapsed, now = self._clock.elapsed(), self._clock.now()
        self._backoff = standing.backoff(self._policy.backoff, elapsed, now)
        if self._called:
            self._backoff = self._backoff.called(elapsed)
        if standing.suspended_at is not None:
            ago = max((now - standing.suspended_at).total_seconds(), 0.0)
            self._suspended_at = elapsed - ago
        self._standing = standing
        self._show_failures()

    def hand_over(self) -> None:
        """Another node delivers from now on, and knows better."""
        self._standing = None

    def wait(self) -> float:
        """Seconds until the partner may be tried."""
        return max(self._backoff.wait(self._clock.elapsed()), self.rest())

    def rest(self) -> float:
        """Seconds for which a 401 is taken as said, even if the partner calls us meanwhile."""
        if self._suspended_at is None:
            return 0.0
        return max(0.0, self._suspended_at + self._policy.revive - self._clock.elapsed())

    def called(self) -> None:
        """The partner has called us: it is there."""
        self._called = True
        self._backoff = self._backoff.called(self._clock.elapsed())

    def revived(self) -> None:
        """It gets another chance for that call."""
        self._called = False

    def note_registration(self, partner: Partner) -> None:
        """New credentials or endpoints: what failed before says nothing any more."""
        registration = registration_of(partner)
        standing = self._known
        if registration == standing.registration:
            return
        if standing.registration is not None:
            self._backoff = self._backoff.succeeded()
            self._suspended_at = standing.suspended_at = None
            standing.alerted = False
            self._show_failures()
        standing.registration = registration
        self._settled_at = self._clock.elapsed() + self._policy.settling

    async def answered(self) -> None:
        """A push was answered, whatever the answer was."""
        if self._backoff.failing:
            _log.info("partner answers again", partner=self._partner_id)
            self._backoff = self._backoff.succeeded()
            self._show_failures()
            await self.store()

    def accepted(self) -> None:
        """An object was delivered."""
        standing = self._known
        standing.last_success = self._clock.now()
        self._suspended_at = standing.suspended_at = None
        standing.alerted = False

    async def failed(self, why: str, began: float, retry_after: float | None) -> None:
        """A push that began at `began` had no answer."""
        if not self._backoff.failing:
            _log.warning("partner does not answer", partner=self._partner_id, why=why)
        await self.pause(why, began, retry_after)

    async def pause(self, why: str, began: float, retry_after: float | None = None) -> None:
        """Wait, growing with every failure."""
        self._backoff = self._backoff.failed(
            self._clock.elapsed(), self._random.random(), began=began, retry_after=retry_after
        )
        self._show_failures()
        self.note_error(why)
        await self.store()

    async def suspended(self, why: str) -> bool:
        """The partner does not know our token; returns whether the operator is to be told."""
        standing = self._known
        self._suspended_at, standing.suspended_at = self._clock.elapsed(), self._clock.now()
        self._called = False
        self.note_error(why)
        tell, standing.alerted = not standing.alerted, True
        await self.store()
        return tell

    def note_error(self, why: str) -> None:
        """What the operator reads."""
        self._known.last_error = why
        self._known.last_error_at = self._clock.now()

    def count(self, verdict: VerdictKind) -> None:
        """Count a push for the success rate: delivered of all that were tried."""
        if verdict is not VerdictKind.NOT_WANTED:
            self._attempted += 1
            self._delivered += verdict is VerdictKind.DELIVERED

    async def store_sometimes(self) -> None:
        """Store what may be lost, if something is there and the last time is long ago."""
        due = self._clock.elapsed() >= self._stored_at + self._policy.poll / 2
        if self._attempted and due:
            await self.store()

    async def store(self) -> None:
        """Store all of it. A store that is away is no reason to stop: the next time will do."""
        if self._standing is None:
            return
        elapsed, now = self._clock.elapsed(), self._clock.now()
        self._standing.note_backoff(self._backoff, elapsed, now)
        attempted, delivered = self._attempted, self._delivered
        self._attempted = self._delivered = 0
        self._stored_at = elapsed
        try:
            await self._records.put_standing(self._partner_id, self._standing.to_document())
            if attempted:
                await self._records.count(self._partner_id, now, attempted, delivered)
        except StoreError as error:
            self._attempted += attempted
            self._delivered += delivered
            _log.info("standing not stored", partner=self._partner_id, why=str(error))

    async def shown(self) -> dict[str, Any]:
        """For the operator, on any node; `success_rate` is of the last day, None without a try."""
        standing = self._standing
        if standing is None:
            document = await self._records.standing(self._partner_id)
            standing = Standing.from_document(document)
            next_attempt = standing.not_before
        else:
            next_attempt = self._next_attempt() if self.failing else None
        attempted, delivered = await self._records.counted(self._partner_id, self._clock.now())
        attempted, delivered = attempted + self._attempted, delivered + self._delivered
        return {
            "failures": standing.failures if self._standing is None else self._backoff.failures,
            "last_success": text(standing.last_success),
            "last_error": standing.last_error,
            "last_error_at": text(standing.last_error_at),
            "current_error": standing.current_error,
            "next_attempt": text(next_attempt),
            "attempted_last_day": attempted,
            "delivered_last_day": delivered,
            "success_rate": round(delivered / attempted, 4) if attempted else None,
        }

    def close(self) -> None:
        """No longer shown."""
        _failures.remove_by_labels({"partner": self._partner_id})

    def _next_attempt(self) -> datetime:
        return self._clock.now() + timedelta(seconds=self.wait())

    def _show_failures(self) -> None:
        _failures.labels(self._partner_id).set(self._backoff.failures)

    @property
    def _known(self) -> Standing:
        # a push of a node that has just lost its lease still ends here, and is not stored
        return self._standing or Standing()
