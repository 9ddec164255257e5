"""Fetches the tokens of partners from their Sender interface, in the background.

Wanted after every registration: what a partner pushed before it knew us, it does not push again.
One object that is no token does not cost the others (transport_and_format, GET).
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog

from gateway.domain.partners import Partner, PartnerState
from gateway.ocpi.authentication import RAW_TOKEN_QUIRK
from gateway.ocpi.client import OcpiClient, PartnerError, Routing
from gateway.ocpi.errors import InvalidParameters
from gateway.ocpi.platform import Platform
from gateway.ocpi.received_tokens import ReceivedTokens
from gateway.ocpi.versions.wire import Wire
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import StoreError

_log = structlog.get_logger(__name__)

_PAUSES = (1.0, 5.0, 30.0, 120.0, 600.0)
_AT_ONCE = 4
_BATCH = 50


class TokenPull:
    """At most one pull per partner, a few at a time; `close` ends them."""

    def __init__(
        self,
        client: OcpiClient,
        directory: PartnerDirectory,
        tokens: ReceivedTokens,
        wire: Wire,
        platform: Platform,
        *,
        pauses: Sequence[float] = _PAUSES,
    ) -> None:
        self._client = client
        self._directory = directory
        self._tokens = tokens
        self._wire = wire
        self._platform = platform
        self._pauses = pauses
        self._running: dict[str, asyncio.Task[None]] = {}
        self._places = asyncio.Semaphore(_AT_ONCE)

    def begin(self, partner_id: str) -> None:
        """Pull this partner's tokens, from the beginning."""
        running = self._running.pop(partner_id, None)
        if running is not None:
            running.cancel()
        task = asyncio.create_task(self._pull(partner_id), name=f"token pull {partner_id}")
        self._running[partner_id] = task
        task.add_done_callback(lambda done: self._finished(partner_id, done))

    async def close(self) -> None:
        """Stop pulling."""
        pending = set(self._running.values())
        while pending:
            # again and again: a cancellation may get lost inside the Redis client
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=1.0)

    def _finished(self, partner_id: str, task: "asyncio.Task[None]") -> None:
        if self._running.get(partner_id) is task:
            del self._running[partner_id]
        if not task.cancelled() and task.exception() is not None:
            _log.error("token pull failed", partner=partner_id, exc_info=task.exception())

    async def _pull(self, partner_id: str) -> None:
        for pause in (*self._pauses, None):
            partner = self._directory.get(partner_id)
            url = partner.endpoint("tokens", "SENDER") if partner else None
            if partner is None or url is None or partner.state is not PartnerState.REGISTERED:
                return
            try:
                async with self._places:
                    kept, skipped = await self._fetch(partner, url)
            except (PartnerError, StoreError) as error:
                _log.warning("token pull", partner=partner_id, error=str(error), retry_in=pause)
            else:
                _log.info("tokens pulled", partner=partner_id, kept=kept, skipped=skipped)
                return
            if pause is not None:
                await asyncio.sleep(pause)

    async def _fetch(self, partner: Partner, url: str) -> tuple[int, int]:
        kept = skipped = 0
        for routing in self._routings(partner):
            batch: list[dict[str, Any]] = []
            pages = self._client.pages(
                url,
                token=partner.outbound_token or "",
                raw_token=RAW_TOKEN_QUIRK in partner.quirks,
                routing=routing,
            )
            async for item in pages:
                batch.append(item)
                if len(batch) == _BATCH:
                    kept, skipped = _add((kept, skipped), await self._keep(partner, batch))
                    batch = []
            kept, skipped = _add((kept, skipped), await self._keep(partner, batch))
        return kept, skipped

    def _routings(self, partner: Partner) -> list[Routing]:
        """One list per party that issues tokens; a hub is addressed itself (GET All via Hubs)."""
        issuers = [role.party for role in partner.roles if role.role in ("EMSP", "HUB")]
        theirs = dict.fromkeys(issuers or [role.party for role in partner.roles])
        return [Routing(self._platform.parties()[0], party) for party in theirs]

    async def _keep(self, partner: Partner, items: list[dict[str, Any]]) -> tuple[int, int]:
        wanted = []
        for item in items:
            try:
                wanted.append(self._tokens.read(partner, self._wire, item))
            except InvalidParameters as error:
                _log.warning("token skipped", partner=partner.id, reason=error.message)
        results = await asyncio.gather(
            *(self._tokens.catch_up(partner, token) for token in wanted), return_exceptions=True
        )
        kept = 0
        for result in results:
            if isinstance(result, InvalidParameters):
                _log.warning("token skipped", partner=partner.id, reason=result.message)
            elif isinstance(result, BaseException):
                raise result
            else:
                kept += 1
        return kept, len(items) - kept


def _add(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]
