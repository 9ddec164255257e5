"""Fetches a hub's whole list of clients: after every registration, and once an hour.

The hub pushes changes; its list is for "when the connected client is not 100% sure the ClientInfo
cache is still correct" (mod_hub_client_info 14.3.2), which after an hour of lost pushes it is not.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from gateway.domain.partners import Partner, PartnerState
from gateway.ocpi.incoming.errors import InvalidParameters
from gateway.ocpi.modules.hub_client_info import read_client_info
from gateway.ocpi.outgoing.client import OcpiClient, PartnerError
from gateway.services.roaming.hub_clients import HubClients
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import Store, StoreError

_log = structlog.get_logger(__name__)

_EVERY_SECONDS = 3600.0
_LOOK_SECONDS = 60.0


class HubClientPull:
    """One pull per hub at a time; `close` ends them."""

    def __init__(
        self,
        client: OcpiClient,
        partners: PartnerDirectory,
        clients: HubClients,
        store: Store,
        now: Callable[[], datetime],
        *,
        every: float = _EVERY_SECONDS,
        look: float = _LOOK_SECONDS,
    ) -> None:
        self._client = client
        self._partners = partners
        self._clients = clients
        self._store = store
        self._now = now
        self._every = every
        self._look = look
        self._wanted: set[str] = set()
        self._wake = asyncio.Event()
        self._closed = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to look, in the background."""
        self._task = asyncio.create_task(self._run(), name="hub client pull")

    async def close(self) -> None:
        """Stop."""
        self._closed = True  # a cancellation may get lost inside the Redis client
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def begin(self, partner_id: str) -> None:
        """Pull this partner's clients now, if it is a hub."""
        self._wanted.add(partner_id)
        self._wake.set()

    async def pull(self, partner: Partner) -> int | None:
        """Fetch one hub's list; returns its length, None where there is none to fetch.

        Raises `PartnerError` and `StoreError`; then what we knew stays.
        """
        url = partner.endpoint("hubclientinfo", "SENDER")
        if not partner.is_hub or partner.state is not PartnerState.REGISTERED:
            return None
        if url is None:
            await self._clients.release(partner)  # what the hub could not deliver, once more
            return None
        asked, found = self._now(), []
        async for item in self._client.pages_of(partner, url):
            try:
                found.append(read_client_info(item, asked))
            except InvalidParameters as error:
                _log.warning("ClientInfo skipped", partner=partner.id, reason=error.message)
        return await self._clients.replace(partner.id, found, asked)

    async def _run(self) -> None:
        while not self._closed:
            self._wake.clear()
            wanted, self._wanted = self._wanted, set()
            for partner in self._partners.all():
                if partner.is_hub and (partner.id in wanted or await self._is_due(partner)):
                    await self._try(partner)
            try:
                async with asyncio.timeout(self._look):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _try(self, partner: Partner) -> None:
        try:
            count = await self.pull(partner)
        except (PartnerError, StoreError) as error:
            _log.warning("hub client pull", partner=partner.id, error=str(error))
        except Exception:
            _log.exception("hub client pull failed", partner=partner.id)
        else:
            _log.info("hub clients pulled", partner=partner.id, count=count)

    async def _is_due(self, partner: Partner) -> bool:
        """Once an hour, by whichever node looks first; the lease simply runs out."""
        try:
            lease = await self._store.bus.lease(f"hub-client-pull:{partner.id}", self._every)
        except StoreError as error:
            _log.warning("hub client pull", partner=partner.id, error=str(error))
            return False
        return lease is not None
