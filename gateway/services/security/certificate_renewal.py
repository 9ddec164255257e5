"""Certificates that end are renewed in time: the charge point is asked to send a new request.

Looked at when a charge point becomes ready, and now and then for those that stay connected. One
that connected with an expired certificate, which its operator has allowed, is asked at once
(A00.FR.429: nothing else is done with it before).
"""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from gateway.domain.certificates import RequestCertificateSigning, SigningUse
from gateway.domain.commands import CommandReply
from gateway.domain.security_events import OwnEvent
from gateway.domain.timestamps import from_text
from gateway.services.ports import Station
from gateway.services.security.allowances import Allowances
from gateway.services.security.certificate_signing import CERTIFICATE
from gateway.services.security.security_events import SecurityEvents
from gateway.services.stations.initiative import Occasion
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.store import Store, StoreError

log = structlog.get_logger(__name__)

_CALL_SECONDS = 30.0
_SWEEP_SECONDS = 3600.0
_AGAIN_SECONDS = 6 * 3600.0
_NEVER = datetime.min.replace(tzinfo=UTC)
_FORGOTTEN_AFTER = timedelta(days=30)  # an expired certificate is refused for being expired


class CertificateRenewal:
    """Watches the end of the certificates of this node's charge points."""

    def __init__(
        self,
        store: Store,
        router: StationRouter,
        security_events: SecurityEvents,
        renew_before: timedelta,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._router = router
        self._events = security_events
        self._renew_before = renew_before
        self._now = now
        self._asked = Allowances(1, _AGAIN_SECONDS)
        self._tasks: set[asyncio.Task[None]] = set()

    async def routine(self, state: StationState, station: Station, occasion: Occasion) -> None:
        """Renew when this charge point's certificate ends soon."""
        found = await self._store.party(state.party).stations.load(state.identity)
        issued, shown = found.get(CERTIFICATE), state.certificate
        ends = [] if issued is None else [from_text(issued["not_after"])]
        if shown is not None and shown.expires_at > max(ends, default=_NEVER):
            # issued elsewhere: watched from now on
            ends.append(shown.expires_at)
            await self._store.certificates.expires(state.identity, shown.expires_at)
        if ends and self._ends_soon(max(ends)):
            await self._renew(state, station)

    def expired(self, state: StationState, station: Station) -> None:
        """The charge point has connected with an expired certificate: have it renewed now."""
        self._in_background(self._ask(state, station))

    async def look(self) -> None:
        """Renew what ends soon on this node; forget what ended long ago."""
        now = self._now()
        records = self._store.certificates
        for identity in await records.expiring(now + self._renew_before):
            here = self._router.local(identity)
            if here is not None and here[0].boot_accepted and here[0].record.provision:
                await self._renew(*here)
        ended = now - _FORGOTTEN_AFTER
        for identity in await records.expiring(ended):
            await records.expires(identity, None)
        await records.forget_issued(
            [
                one["serial_number"]
                for one in await records.all_issued()
                # what was revoked stays known: its station may be one that may come expired
                if one["revoked_at"] is None and from_text(one["not_after"]) < ended
            ]
        )

    def start(self) -> None:
        """Look again every hour."""
        self._in_background(self._sweep())

    async def close(self) -> None:
        """Stop."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ends_soon(self, end: datetime) -> bool:
        return end - self._now() < self._renew_before

    async def _renew(self, state: StationState, station: Station) -> None:
        """Ask, unless it was asked lately: it may take its time, or be unable to."""
        if self._asked.take(state.identity, self._now()) is not None:
            await self._ask(state, station)

    async def _ask(self, state: StationState, station: Station) -> None:
        command = RequestCertificateSigning(SigningUse.CHARGING_STATION)
        reply = await station.execute(command, _CALL_SECONDS)
        log.info("certificate renewal", charge_point=state.identity, answer=_said(reply))
        if not reply.accepted:
            info = f"it ends soon and the charge point does not renew it: {_said(reply)}"
            await self._events.noted(
                state.identity, state.party, OwnEvent.CERTIFICATE_EXPIRES, info
            )

    async def _sweep(self) -> None:
        while True:
            try:
                await self.look()
            except StoreError as error:
                log.warning("expiring certificates not looked at", reason=repr(error))
            await asyncio.sleep(_SWEEP_SECONDS)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="certificate renewal")
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("certificate renewal failed", exc_info=task.exception())


def _said(reply: CommandReply) -> str:
    return reply.status or reply.outcome.value
