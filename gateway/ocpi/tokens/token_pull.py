"""Fetches the tokens of partners from their Sender interface, in the background.

The whole list after every registration (what a partner pushed before it knew us, it does not push
again), when the operator wants it, and once a day; in between, what has changed
(`gateway.domain.token_pulls`). How each pull stands is in the store, and one node at a time pulls
from a partner. One object that is no token does not cost the others (transport_and_format, GET).

"Any older information that is not specified in the response is considered as no longer valid"
(mod_tokens 12.2.2.1): a token that the whole list does not have is made invalid here, not removed,
as "deleting is not possible". Not so when the list may not be the whole: behind a hub, when an
object could not be read, or when half of what we hold would go. Then it is only reported.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog

from gateway.domain.partners import Partner, PartnerState
from gateway.domain.timestamps import to_text
from gateway.domain.token_pulls import PullKind, PullReport, PullRhythm, PullState
from gateway.ocpi.incoming.errors import InvalidParameters
from gateway.ocpi.outgoing.addressing import list_routings
from gateway.ocpi.outgoing.client import OcpiClient, PartnerError, Routing, Unreachable
from gateway.ocpi.platform import Platform
from gateway.ocpi.tokens.received_tokens import ReceivedTokens, token_key
from gateway.ocpi.versions import spoken_with
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import Lease, Store, StoreError

_log = structlog.get_logger(__name__)

_AT_ONCE = 4
_BATCH = 50
_LOOK_SECONDS = 15.0
_PULL_SECONDS = 1_800.0
_LEASE_SECONDS = _PULL_SECONDS + 60.0
_TOPIC = "token-pulls"


@dataclass(slots=True)
class _Tally:
    """What came of a pull so far."""

    received: int = 0
    changed: int = 0
    skipped: int = 0
    listed: set[int] = field(default_factory=set)


class TokenPull:
    """At most one pull per partner on all nodes, a few at a time on this one; `close` ends them."""

    def __init__(
        self,
        client: OcpiClient,
        directory: PartnerDirectory,
        tokens: ReceivedTokens,
        platform: Platform,
        store: Store,
        now: Callable[[], datetime],
        *,
        rhythm: PullRhythm | None = None,
        look: float = _LOOK_SECONDS,
    ) -> None:
        self._client = client
        self._directory = directory
        self._tokens = tokens
        self._platform = platform
        self._store = store
        self._now = now
        self._rhythm = rhythm or PullRhythm()
        self._look = look
        self._wishes: set[str] = set()
        self._running: dict[str, asyncio.Task[bool]] = {}
        self._wake = asyncio.Event()
        self._closed = False
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Begin to look, in the background."""
        self._unsubscribe = self._store.bus.subscribe(_TOPIC, lambda _message: self._wake.set())
        self._task = asyncio.create_task(self._run(), name="token pulls")

    def begin(self, partner_id: str) -> None:
        """Pull this partner's tokens, all of them, now."""
        self._wishes.add(partner_id)
        self._wake.set()

    async def close(self) -> None:
        """Stop pulling."""
        self._closed = True
        self._unsubscribe()
        pending: set[asyncio.Task[Any]] = {*self._running.values()}
        if self._task is not None:
            pending.add(self._task)
        while pending:
            # again and again: a cancellation may get lost inside the Redis client
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=1.0)

    async def _run(self) -> None:
        while not self._closed:
            self._wake.clear()
            pause = self._look
            try:
                pause = await self._begin_due()
            except StoreError as error:
                _log.warning("token pulls wait for the store", error=str(error))
            except Exception:
                _log.exception("token pulls failed")
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _begin_due(self) -> float:
        """Begin what is due and has room; returns after how many seconds to look again."""
        for partner_id in list(self._wishes):
            await self._store.token_pulls.want(partner_id)
            self._wishes.discard(partner_id)
        pause = self._look
        for partner in self._directory.all():
            if partner.id in self._running or _endpoint(partner) is None:
                continue
            state = await self._store.token_pulls.get(partner.id)
            if state.due(partner.id, self._now(), self._rhythm) is None:
                if state.failure is not None:
                    again = (state.failure.again - self._now()).total_seconds()
                    pause = min(pause, max(again, 0.01))
            elif len(self._running) < _AT_ONCE:
                self._begin(partner)
        return pause

    def _begin(self, partner: Partner) -> None:
        task = asyncio.create_task(self._pull(partner), name=f"token pull {partner.id}")
        self._running[partner.id] = task
        task.add_done_callback(lambda done: self._finished(partner.id, done))

    def _finished(self, partner_id: str, task: "asyncio.Task[bool]") -> None:
        if self._running.get(partner_id) is task:
            del self._running[partner_id]
        if task.cancelled():
            return
        if task.exception() is not None:
            _log.error("token pull failed", partner=partner_id, exc_info=task.exception())
        elif task.result():
            self._wake.set()  # there is room for another, or this one is wanted again

    async def _pull(self, partner: Partner) -> bool:
        """Pull if it is still due and no other node is at it; whether it was this node's turn."""
        try:
            lease = await self._store.bus.lease(f"token-pull:{partner.id}", _LEASE_SECONDS)
            if lease is None:
                return False
        except StoreError as error:
            _log.warning("token pull", partner=partner.id, error=str(error))
            return False
        try:
            state = await self._store.token_pulls.get(partner.id)
            kind = state.due(partner.id, self._now(), self._rhythm)
            if kind is not None:  # else another node has just done it
                await self._try(partner, state, kind)
        except StoreError as error:
            _log.warning("token pull", partner=partner.id, error=str(error))
            return False
        finally:
            await self._release(lease, partner.id)
        return True

    async def _release(self, lease: Lease, partner_id: str) -> None:
        try:
            await lease.release()
        except StoreError as error:
            _log.warning("token pull", partner=partner_id, error=str(error))

    async def _try(self, partner: Partner, state: PullState, kind: PullKind) -> None:
        started = self._now()
        try:
            async with asyncio.timeout(_PULL_SECONDS):
                report = await self._fetch(partner, state, kind, started)
        except (PartnerError, TimeoutError) as error:
            failure = state.failed(
                self._now(), state.wanted, str(error) or "took too long", self._rhythm.pauses
            )
            await self._store.token_pulls.fail(partner.id, failure)
            _log.warning("token pull", partner=partner.id, error=failure.error)
            return
        await self._store.token_pulls.complete(partner.id, report, state.wanted)
        counts = {name: getattr(report, name) for name in ("received", "changed", "skipped")}
        _log.info("tokens pulled", partner=partner.id, kind=kind.value, **counts)

    async def _fetch(
        self, partner: Partner, state: PullState, kind: PullKind, started: datetime
    ) -> PullReport:
        url = _endpoint(partner)
        if url is None:
            raise Unreachable("the partner has no tokens to fetch any more")
        params = None
        if kind is PullKind.CHANGES and state.latest is not None:
            params = {"date_from": to_text(state.latest - self._rhythm.overlap)}
        tally = _Tally()
        for routing in self._routings(partner):
            batch: list[dict[str, Any]] = []
            async for item in self._client.pages_of(partner, url, routing=routing, params=params):
                batch.append(item)
                if len(batch) == _BATCH:
                    await self._keep(partner, batch, tally)
                    batch = []
            await self._keep(partner, batch, tally)
        report = PullReport(
            kind, started, self._now(), tally.received, tally.changed, tally.skipped
        )
        if kind is PullKind.CHANGES or partner.is_hub:
            return report
        return await self._compare(partner, tally, report)

    def _routings(self, partner: Partner) -> list[Routing | None]:
        """One per list to fetch, from the first of our parties that the partner knows of."""
        ours = self._platform.shown_to(partner)
        return list_routings(partner, ours[0].party) if ours else []

    async def _compare(self, partner: Partner, tally: _Tally, report: PullReport) -> PullReport:
        """What the whole list does not have is no longer valid, if it was the whole list."""
        before = report.started - self._rhythm.overlap
        gone, held = await self._tokens.missing(partner, tally.listed, before)
        report = replace(report, missing=gone)
        if gone == 0:
            return report
        if tally.skipped or gone * 2 > held:
            _log.warning("tokens missing in the partner's list", partner=partner.id, missing=gone)
            return report
        withdrawn = await self._tokens.withdraw(partner, tally.listed, before)
        _log.info("tokens withdrawn", partner=partner.id, withdrawn=withdrawn)
        return replace(report, withdrawn=withdrawn)

    async def _keep(self, partner: Partner, items: list[dict[str, Any]], tally: _Tally) -> None:
        wanted = []
        for item in items:
            try:
                wanted.append(self._tokens.read(partner, spoken_with(partner).wire, item))
            except InvalidParameters as error:
                _skipped(partner, error, tally)
        results = await asyncio.gather(
            *(self._tokens.catch_up(partner, token) for token in wanted), return_exceptions=True
        )
        tally.received += len(items)
        tally.listed.update(map(token_key, wanted))
        for result in results:
            if isinstance(result, InvalidParameters):
                _skipped(partner, result, tally)
            elif isinstance(result, BaseException):
                raise result
            else:
                tally.changed += result


def _skipped(partner: Partner, error: InvalidParameters, tally: _Tally) -> None:
    tally.skipped += 1
    _log.warning("token skipped", partner=partner.id, reason=error.message)


def _endpoint(partner: Partner) -> str | None:
    """Where the tokens of a registered partner are."""
    registered = partner.state is PartnerState.REGISTERED
    return partner.endpoint("tokens", "SENDER") if registered else None
