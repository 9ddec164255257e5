"""Deliveries to one partner: what goes out next, and what follows from how it went.

The package's docstring tells the design. This loop never ends by itself: trouble with the store,
the partner or an object each has its own answer, and none of them is to stop.
"""

import asyncio
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from itertools import zip_longest
from random import Random
from typing import Any, NamedTuple

import structlog
from prometheus_client import Counter, Gauge, Histogram

from gateway.delivery.clock import Clock
from gateway.delivery.condition import Condition
from gateway.delivery.ending import end
from gateway.delivery.leadership import Leadership
from gateway.delivery.owing import Owing, going_before, whole_first
from gateway.delivery.pacing import Pace
from gateway.delivery.policy import DeliveryPolicy
from gateway.delivery.ports import Transport
from gateway.delivery.standing import text
from gateway.delivery.suspects import Suspects
from gateway.domain.delivery import ObjectKind, Verdict, VerdictKind
from gateway.domain.partners import Partner, PartnerState
from gateway.domain.party import Party
from gateway.services.roaming.introduction import introduce
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import Store, StoreError

# How many objects of a busy lane may lie before those of a free one without hiding them.
_SLACK = 256

# Whoever refuses a session's updates is not sent them any more often than who takes them.
_ANSWERED = (VerdictKind.DELIVERED, VerdictKind.REFUSED)

_log = structlog.get_logger(__name__)

_STORE_AWAY = "deliveries wait for the store"
_deliveries = Counter("gateway_deliveries_total", "Pushes to partners", ["kind", "verdict"])
_seconds = Histogram("gateway_delivery_seconds", "Duration of a push", ["kind"])
_owed = Gauge("gateway_delivery_owed_objects", "Objects owed, as last seen", ["partner"])
_waiting = Gauge("gateway_delivery_waiting_objects", "Objects put aside, as last seen", ["partner"])


class _Push(NamedTuple):
    owing: Owing
    task: asyncio.Task[None]


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
        self._policy = policy
        self._condition = Condition(partner_id, store, clock, random, policy)
        self._suspects = Suspects()
        self._pace = Pace(policy.session_interval)
        self._delivered = 0
        self._refused = 0
        self._batch: list[Owing] = []
        self._owing: set[Party] = set()
        self._look_at_all = 0.0
        self._in_flight: dict[Hashable, _Push] = {}
        self._in_doubt: list[Owing] = []
        self._wake = asyncio.Event()
        self._leadership = Leadership(partner_id, store, clock, policy.poll)
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    @property
    def leads(self) -> bool:
        """Whether it is this node that delivers to the partner."""
        return self._leadership.held

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=f"delivery to {self.partner_id}")

    def look(self, party: Party | None = None) -> None:
        """Something of this party is owed; without one, anything may have changed."""
        if party is None:
            self._look_at_all = 0.0
        else:
            self._owing.add(party)
        self._wake.set()

    def called(self) -> None:
        """The partner has called us: it is there."""
        self._condition.called()
        self._wake.set()

    async def close(self) -> None:
        """Let what is in flight end, within the policy's `drain`; then stop."""
        self._closing = True
        pushes = [push.task for push in self._in_flight.values()]
        if pushes:
            await asyncio.wait(pushes, timeout=self._policy.drain)
        await end([*pushes, *([self._task] if self._task else [])])
        self._in_flight.clear()
        await self._condition.store()
        await self._leadership.resign()
        self._condition.close()
        for gauge in (_owed, _waiting):
            gauge.remove_by_labels({"partner": self.partner_id})

    async def status(self) -> dict[str, Any]:
        """Describe for the operator: what is owed and since when, what waits, and how it goes.

        `delivered` and `refused` are of this node since its start.
        """
        books = [self._store.party(party).owed for party in self._parties()]
        since = [await one.since(self.partner_id) for one in books]
        return {
            "delivers_here": self.leads,
            "owed": sum([await one.count(self.partner_id) for one in books]),
            "owed_since": text(min((moment for moment in since if moment), default=None)),
            "waiting": await self._put_aside(),
            "in_flight": len(self._in_flight),
            "delivered": self._delivered,
            "refused": self._refused,
            **await self._condition.shown(),
        }

    async def _run(self) -> None:
        while True:
            self._wake.clear()
            try:
                seconds = await self._step()
            except StoreError as error:
                _log.warning(_STORE_AWAY, partner=self.partner_id, why=str(error))
                self._look_at_all = 0.0
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
        await self._condition.load()
        await self._condition.store_sometimes()
        if partner.state is PartnerState.SUSPENDED:
            partner = await self._revived(partner)
        if partner.state is not PartnerState.REGISTERED:
            return poll
        self._pace.interval = partner.session_interval_or(self._policy.session_interval)
        self._condition.note_registration(partner)
        if partner.to_introduce:  # left undone by a node that has died
            await introduce(self._store, self._partners, partner)
        wait = self._condition.wait()
        room = (1 if self._condition.failing else self._policy.in_flight) - len(self._in_flight)
        if wait > 0 or room <= 0 or self._closing:
            return min(wait, poll) if wait > 0 else poll
        self._pace.forget_old(self._clock.elapsed())
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
        batch, self._batch = whole_first(self._batch), []
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
        if self._clock.elapsed() >= self._look_at_all:
            _waiting.labels(self.partner_id).set(await self._put_aside())
        for party in self._parties_to_look_at():
            due = await self._store.party(party).owed.due(self.partner_id, limit)
            if due:
                self._owing.add(party)
                lists.append([Owing(party, ref, version) for ref, version in due])
        _owed.labels(self.partner_id).set(sum(map(len, lists)))
        in_turn = [owing for row in zip_longest(*lists) for owing in row if owing is not None]
        idle = [owing for owing in in_turn if owing.lane not in under_way]
        return sorted(idle, key=lambda owing: ranks.get(owing.lane, 0)) if ranks else idle

    async def _put_aside(self) -> int:
        """What waits for a party that is not connected, or that the partner is not told of."""
        books = [self._store.party(party).parked for party in self._parties()]
        return sum([await one.count(self.partner_id) for one in books])

    def _parties_to_look_at(self) -> list[Party]:
        """Those that owe something as far as is known, and with every poll all of them."""
        now, owing, self._owing = self._clock.elapsed(), self._owing, set()
        if now < self._look_at_all:
            return [party for party in self._parties() if party in owing]
        self._look_at_all = now + self._policy.poll
        return list(self._parties())

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
        push = self._attempt(partner, owing, status)
        task = asyncio.create_task(push, name=f"push to {self.partner_id}")
        self._in_flight[owing.lane] = _Push(owing, task)
        task.add_done_callback(lambda done: self._ended(owing, done))

    def _ended(self, owing: Owing, task: asyncio.Task[None]) -> None:
        self._in_flight.pop(owing.lane, None)
        self._wake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("delivery ended badly", partner=self.partner_id, exc_info=error)

    async def _attempt(self, partner: Partner, owing: Owing, status: str | None) -> None:
        began = self._clock.elapsed()
        kind = owing.ref.kind.value
        try:
            current = await self._as_owed_now(owing)
            if current is None or not self._leadership.is_sure():
                return
            with _seconds.labels(kind).time():
                verdict = await self._deliver(partner, current)
            if not self._leadership.is_sure():
                self._in_doubt.append(owing)
                return
            _deliveries.labels(kind, verdict.kind.value).inc()
            if verdict.kind in _ANSWERED and current.ref.kind is ObjectKind.SESSION:
                self._pace.pushed(current.key, status, began)
            await self._conclude(partner, current, verdict, began)
        except StoreError as error:
            # Not the partner's fault, but without the store nothing can be settled, and pushing
            # the same object over and over would be worse than a pause.
            _log.warning(_STORE_AWAY, partner=self.partner_id, why=str(error))
            await self._condition.pause(f"the store did not answer: {error}", began)

    async def _as_owed_now(self, owing: Owing) -> Owing | None:
        """With the versions of this moment; None if it is not owed any more.

        It may have been read long ago, before an outage. What is pushed now is its state of now,
        so this version is settled by it; else it would be pushed once more for nothing. A CDR
        lets its Session and the CDRs before it pass, which may have been marked after it.
        """
        every = (*going_before(owing), owing, *owing.parts)
        owed = self._store.party(owing.party).owed
        versions = await owed.versions(self.partner_id, [one.ref for one in every])
        if versions[every.index(owing)] is None:
            return None
        if owing.ref.kind is ObjectKind.CDR:
            first, version = next(
                (one, version)
                for one, version in zip(every, versions, strict=True)
                if version is not None
            )
            return replace(first, version=version)
        current = [
            replace(one, version=version, parts=())
            for one, version in zip(every, versions, strict=True)
            if version is not None
        ]
        return replace(current[0], parts=tuple(current[1:]))

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
        self._condition.count(verdict.kind)
        match verdict.kind:
            case VerdictKind.DELIVERED:
                await self._answered(owing)
                self._condition.accepted()
                self._delivered += 1
                await self._settle(owing)
            case VerdictKind.NOT_WANTED:
                await self._settle(owing)
            case VerdictKind.REFUSED:
                await self._answered(owing)
                await self._refuse(owing, verdict.detail)
            case VerdictKind.UNREACHABLE:
                give_up = self._suspects.failed(owing.lane, self._clock.elapsed())
                await self._condition.failed(verdict.detail, began, verdict.retry_after)
                if give_up:
                    self._suspects.answered(owing.lane)
                    await self._refuse(owing, f"fails while others pass: {verdict.detail}")
            case VerdictKind.UNAUTHORIZED:
                await self._suspend(partner, verdict.detail, began)

    async def _answered(self, owing: Owing) -> None:
        self._suspects.answered(owing.lane)
        await self._condition.answered()

    async def _settle(self, owing: Owing) -> None:
        # What was marked again meanwhile stays owed, and the loop looks anew anyway.
        owed = self._store.party(owing.party).owed
        for one in (owing, *owing.parts):
            await owed.settle(self.partner_id, one.ref, one.version)

    async def _refuse(self, owing: Owing, why: str) -> None:
        _log.warning("object refused", partner=self.partner_id, object=str(owing.ref), why=why)
        self._refused += 1
        self._condition.note_error(f"{owing.ref}: {why}")
        await self._store.party(owing.party).owed.refuse(
            self.partner_id, owing.ref, owing.version, why, self._clock.now()
        )

    async def _suspend(self, used: Partner, why: str, began: float) -> None:
        if self._condition.settling:
            await self._condition.pause(why, began)
            return
        await self._partners.suspend(used, why)
        partner = self._partners.get(self.partner_id)
        if partner is None or partner.state is not PartnerState.SUSPENDED:
            return  # it was the old token: the partner has just given us a new one
        if await self._condition.suspended(why):
            _log.error("partner suspended, it does not accept our token", partner=self.partner_id)

    async def _revived(self, partner: Partner) -> Partner:
        """A suspended partner that calls us gets another chance, though not with every call."""
        if not self._condition.was_called or self._condition.rest() > 0:
            return partner
        self._condition.revived()
        await self._partners.resume(partner)
        return self._partners.get(self.partner_id) or partner

    async def _lead(self) -> bool:
        """Make sure that exactly one node delivers; drop everything when it is another."""
        led = self._leadership.held
        leads = await self._leadership.claim()
        if led and not leads:
            self._batch = []
            self._condition.hand_over()
            pushes = list(self._in_flight.values())
            await end([push.task for push in pushes])
            self._in_doubt += [push.owing for push in pushes]
        await self._owe_again()
        return leads

    async def _owe_again(self) -> None:
        """What was in flight when the lease ended may have come after the next node's push."""
        while self._in_doubt:
            owing = self._in_doubt[-1]
            books = self._store.party(owing.party)
            change = books.change()
            books.owed.doubt(change, self.partner_id, owing.ref)
            await self._store.commit(change)
            self._in_doubt.pop()
