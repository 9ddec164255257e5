"""Deliveries to one partner: what goes out next, and what follows from how it went.

The package's docstring tells the design. This loop never ends by itself: trouble with the store,
the partner or an object each has its own answer, and none of them is to stop.
"""

import asyncio
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import zip_longest
from random import Random
from typing import Any

import structlog
from prometheus_client import Counter, Gauge, Histogram

from gateway.delivery.backoff import Backoff
from gateway.delivery.clock import Clock
from gateway.delivery.ending import end
from gateway.delivery.leadership import Leadership
from gateway.delivery.owing import Owing
from gateway.delivery.pacing import Pace
from gateway.delivery.policy import DeliveryPolicy
from gateway.delivery.ports import Transport
from gateway.delivery.suspects import Suspects
from gateway.domain.delivery import ObjectKind, Verdict, VerdictKind
from gateway.domain.partners import Partner, PartnerState
from gateway.domain.party import Party
from gateway.domain.timestamps import to_text
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import Store, StoreError

# How many objects of a busy lane may lie before those of a free one without hiding them.
_SLACK = 256

_log = structlog.get_logger(__name__)

_STORE_AWAY = "deliveries wait for the store"
_deliveries = Counter("gateway_deliveries_total", "Pushes to partners", ["kind", "verdict"])
_seconds = Histogram("gateway_delivery_seconds", "Duration of a push", ["kind"])
_owed = Gauge("gateway_delivery_owed_objects", "Objects owed, as last seen", ["partner"])
_failures = Gauge("gateway_delivery_failures", "Failures in a row", ["partner"])


@dataclass(slots=True)
class _Record:
    """What the operator is shown; counts since this node started."""

    delivered: int = 0
    refused: int = 0
    last_success: datetime | None = None
    last_error: str | None = None
    last_error_at: datetime | None = None


class PerPartner:
    """The loop of one partner."""

    def __init__(
        self,
        partner_id: str,
        *,
        store: Store,
        partners: PartnerDirectory,
        parties: Callable[[], Iterable[Party]],
        transport: Transport,
        clock: Clock,
        random: Random,
        policy: DeliveryPolicy,
    ) -> None:
        self.partner_id = partner_id
        self._store = store
        self._partners = partners
        self._parties = parties
        self._transport = transport
        self._clock = clock
        self._random = random
        self._policy = policy
        self._backoff = Backoff(policy.backoff)
        self._suspects = Suspects()
        self._pace = Pace(policy.session_interval)
        self._record = _Record()
        self._batch: list[Owing] = []
        self._in_flight: dict[Hashable, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._leadership = Leadership(partner_id, store, clock, policy.poll)
        self._registration: Hashable = None
        self._suspended_at: float | None = None
        self._alerted = False
        self._called = False
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    @property
    def leads(self) -> bool:
        """Whether it is this node that delivers to the partner."""
        return self._leadership.held

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=f"delivery to {self.partner_id}")

    def look(self) -> None:
        """Something is owed, or the partner's record has changed."""
        self._wake.set()

    def called(self) -> None:
        """The partner has called us: it is there."""
        self._called = True
        self._backoff = self._backoff.called(self._clock.elapsed())
        self._wake.set()

    async def close(self) -> None:
        """Let what is in flight end, within the policy's `drain`; then stop."""
        self._closing = True
        if self._in_flight:
            await asyncio.wait(self._in_flight.values(), timeout=self._policy.drain)
        await end([*self._in_flight.values(), *([self._task] if self._task else [])])
        self._in_flight.clear()
        await self._leadership.resign()
        for gauge in (_owed, _failures):
            gauge.remove_by_labels({"partner": self.partner_id})

    async def status(self) -> dict[str, Any]:
        """Describe for the operator; counters are of this node since its start."""
        wait = self._backoff.wait(self._clock.elapsed())
        now = self._clock.now()
        record = self._record
        counts = [
            await self._store.party(party).owed.count(self.partner_id) for party in self._parties()
        ]
        return {
            "delivers_here": self.leads,
            "owed": sum(counts),
            "in_flight": len(self._in_flight),
            "delivered": record.delivered,
            "refused": record.refused,
            "failures": self._backoff.failures,
            "last_success": _text(record.last_success),
            "last_error": record.last_error,
            "last_error_at": _text(record.last_error_at),
            "next_attempt": _text(_later(now, wait)) if self._backoff.failing else None,
        }

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                seconds = await self._step()
            except StoreError as error:
                _log.warning(_STORE_AWAY, partner=self.partner_id, why=str(error))
                seconds = self._policy.backoff.first
            except Exception:
                # A mistake of ours with this partner's record: the others must not notice, and
                # this one is tried again.
                _log.exception("delivery loop failed", partner=self.partner_id)
                seconds = self._policy.poll
            await self._clock.wait(self._wake, seconds)

    async def _step(self) -> float:
        """Start what can be started; return after how many seconds to look again at the latest."""
        poll = self._policy.poll
        partner = self._partners.get(self.partner_id)
        if partner is None or partner.outbound_token is None or not await self._lead():
            return poll
        if partner.state is PartnerState.SUSPENDED:
            partner = await self._revived(partner)
        if partner.state is not PartnerState.REGISTERED:
            return poll
        self._note_registration(partner)
        now = self._clock.elapsed()
        wait = max(self._backoff.wait(now), self._rest(now))
        room = (1 if self._backoff.failing else self._policy.in_flight) - len(self._in_flight)
        if wait > 0 or room <= 0 or self._closing:
            return min(wait, poll) if wait > 0 else poll
        self._pace.forget_old(now)
        return min(await self._start_due(room), poll)

    async def _start_due(self, room: int) -> float:
        """Start at most `room` deliveries; return when the first of those held back is due.

        What was read before is used up first; only with room to spare is there a need to look
        for what is new, which comes after it anyway.
        """
        room, earliest = await self._start_some(room)
        if room > 0:
            self._batch = await self._due(room)
            _, earliest = await self._start_some(room)
        return earliest

    async def _start_some(self, room: int) -> tuple[int, float]:
        """Start what can be started of the batch, and take it out; return the room left."""
        earliest = self._policy.poll
        batch, self._batch = self._batch, []
        for owing in batch:
            if room == 0 or owing.lane in self._in_flight:
                self._batch.append(owing)
                continue
            status = await self._session_status(owing)
            wait = self._held_for(owing, status)
            if wait > 0:
                earliest = min(earliest, wait)
                self._batch.append(owing)
                continue
            self._begin(owing, status)
            room -= 1
        return room, earliest

    async def _due(self, room: int) -> list[Owing]:
        """What is owed and not under way: oldest first, the parties in turn, suspects last."""
        ranks = self._suspects.ranks()
        # Noted before reading: what ends meanwhile may still be owed in what we read.
        under_way = set(self._in_flight)
        limit = room + len(self._in_flight) + len(self._pace) + len(ranks) + _SLACK
        lists: list[list[Owing]] = []
        for party in self._parties():
            due = await self._store.party(party).owed.due(self.partner_id, limit)
            lists.append([Owing(party, ref, version) for ref, version in due])
        _owed.labels(self.partner_id).set(sum(map(len, lists)))
        in_turn = [owing for row in zip_longest(*lists) for owing in row if owing is not None]
        idle = [owing for owing in in_turn if owing.lane not in under_way]
        return sorted(idle, key=lambda owing: ranks.get(owing.lane, 0)) if ranks else idle

    async def _session_status(self, owing: Owing) -> str | None:
        """The status that the pace asks for: of sessions, and not twice of the same version."""
        now = self._clock.elapsed()
        if owing.ref.kind is not ObjectKind.SESSION:
            return None
        if self._pace.held(owing.key, owing.version, now) > 0:
            return None
        session = await self._store.party(owing.party).sessions.get(owing.ref.id)
        status = (session or {}).get("status")
        return status if isinstance(status, str) else None

    def _held_for(self, owing: Owing, status: str | None) -> float:
        now = self._clock.elapsed()
        wait = self._suspects.wait(owing.lane, now)
        if owing.ref.kind is ObjectKind.SESSION and self._pace.recent(owing.key):
            held = self._pace.held(owing.key, owing.version, now)
            wait = max(wait, held or self._pace.hold(owing.key, owing.version, status, now))
        return wait

    def _begin(self, owing: Owing, status: str | None) -> None:
        # Anew, because reading what is owed took its time: never with a revoked registration.
        partner = self._partners.get(self.partner_id)
        if partner is None or partner.state is not PartnerState.REGISTERED:
            return
        lane = owing.lane
        task = asyncio.create_task(self._attempt(partner, owing, status))
        self._in_flight[lane] = task
        task.add_done_callback(lambda done: self._ended(lane, done))

    def _ended(self, lane: Hashable, task: asyncio.Task[None]) -> None:
        self._in_flight.pop(lane, None)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("delivery ended badly", partner=self.partner_id, exc_info=error)

    async def _attempt(self, partner: Partner, owing: Owing, status: str | None) -> None:
        began = self._clock.elapsed()
        kind = owing.ref.kind.value
        try:
            with _seconds.labels(kind).time():
                verdict = await self._deliver(partner, owing)
            _deliveries.labels(kind, verdict.kind.value).inc()
            if verdict.kind is VerdictKind.DELIVERED and owing.ref.kind is ObjectKind.SESSION:
                self._pace.pushed(owing.key, status, began)
            await self._conclude(partner, owing, verdict, began)
        except StoreError as error:
            # Not the partner's fault, but without the store nothing can be settled, and pushing
            # the same object over and over would be worse than a pause.
            _log.warning(_STORE_AWAY, partner=self.partner_id, why=str(error))
            self._pause(f"the store did not answer: {error}", began, None)

    async def _deliver(self, partner: Partner, owing: Owing) -> Verdict:
        try:
            return await self._transport.deliver(partner, owing.party, owing.ref)
        except StoreError:
            raise
        except Exception as error:
            # One object that we cannot render must not stop the others.
            _log.exception("delivery failed", partner=self.partner_id, object=str(owing.ref))
            return Verdict(VerdictKind.REFUSED, f"could not be sent: {type(error).__name__}")

    async def _conclude(
        self, partner: Partner, owing: Owing, verdict: Verdict, began: float
    ) -> None:
        match verdict.kind:
            case VerdictKind.DELIVERED:
                self._answered(owing)
                self._record.delivered += 1
                self._record.last_success = self._clock.now()
                self._suspended_at = None
                self._alerted = False
                await self._settle(owing)
            case VerdictKind.NOT_WANTED:
                await self._settle(owing)
            case VerdictKind.REFUSED:
                self._answered(owing)
                await self._refuse(owing, verdict.detail)
            case VerdictKind.UNREACHABLE:
                give_up = self._suspects.failed(owing.lane, self._clock.elapsed())
                self._failed(verdict.detail, began, verdict.retry_after)
                if give_up:
                    self._suspects.answered(owing.lane)
                    await self._refuse(owing, f"fails while others pass: {verdict.detail}")
            case VerdictKind.UNAUTHORIZED:
                await self._suspend(partner, verdict.detail)

    def _answered(self, owing: Owing) -> None:
        self._suspects.answered(owing.lane)
        if self._backoff.failing:
            _log.info("partner answers again", partner=self.partner_id)
        self._backoff = self._backoff.succeeded()
        _failures.labels(self.partner_id).set(0)

    def _failed(self, why: str, began: float, retry_after: float | None) -> None:
        if not self._backoff.failing:
            _log.warning("partner does not answer", partner=self.partner_id, why=why)
        self._pause(why, began, retry_after)

    def _pause(self, why: str, began: float, retry_after: float | None) -> None:
        now = self._clock.elapsed()
        self._backoff = self._backoff.failed(
            now, self._random.random(), began=began, retry_after=retry_after
        )
        _failures.labels(self.partner_id).set(self._backoff.failures)
        self._note_error(why)

    async def _settle(self, owing: Owing) -> None:
        # False means that it was marked again: it stays owed, and the loop looks anew anyway.
        await self._store.party(owing.party).owed.settle(self.partner_id, owing.ref, owing.version)

    async def _refuse(self, owing: Owing, why: str) -> None:
        _log.warning("object refused", partner=self.partner_id, object=str(owing.ref), why=why)
        self._record.refused += 1
        self._note_error(f"{owing.ref}: {why}")
        await self._store.party(owing.party).owed.refuse(
            self.partner_id, owing.ref, owing.version, why, self._clock.now()
        )

    async def _suspend(self, used: Partner, why: str) -> None:
        partner = self._partners.get(self.partner_id)
        if partner is None or partner.state is not PartnerState.REGISTERED:
            return
        if partner.outbound_token != used.outbound_token:
            return  # it was the old token: the partner has just given us a new one
        self._suspended_at = self._clock.elapsed()
        self._called = False
        self._note_error(why)
        if not self._alerted:
            self._alerted = True
            _log.error("partner suspended, it does not accept our token", partner=self.partner_id)
        await self._partners.save(replace(partner, state=PartnerState.SUSPENDED, last_error=why))

    async def _revived(self, partner: Partner) -> Partner:
        """A suspended partner that calls us gets another chance, though not with every call."""
        if not self._called or self._rest(self._clock.elapsed()) > 0:
            return partner
        self._called = False
        partner = replace(partner, state=PartnerState.REGISTERED)
        await self._partners.save(partner)
        return partner

    def _rest(self, now: float) -> float:
        """Seconds for which a 401 is taken as said, even if the partner calls us meanwhile."""
        if self._suspended_at is None:
            return 0.0
        return max(0.0, self._suspended_at + self._policy.revive - now)

    def _note_registration(self, partner: Partner) -> None:
        """New credentials or endpoints: what failed before says nothing any more."""
        registration = partner.outbound_token, partner.endpoints
        if registration != self._registration:
            self._registration = registration
            self._backoff = self._backoff.succeeded()
            self._suspended_at = None
            self._alerted = False

    def _note_error(self, why: str) -> None:
        self._record.last_error = why
        self._record.last_error_at = self._clock.now()

    async def _lead(self) -> bool:
        """Make sure that exactly one node delivers; drop everything when it is another."""
        led = self._leadership.held
        leads = await self._leadership.claim()
        if led and not leads:
            self._batch = []
            for task in self._in_flight.values():
                task.cancel()
        return leads


def _later(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=seconds)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else to_text(moment)
