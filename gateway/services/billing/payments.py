"""Payments at the station's own terminal (OCPP 2.1), and what the operator's hooks say of them.

Settlements and VAT numbers are kept before anybody is asked (block C keeps the messages). A hook
that fails or takes too long is our log line; the station is answered all the same.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from gateway.domain.commands import CommandReply
from gateway.domain.payments import (
    Company,
    NotifyWebPayment,
    Receipt,
    SettlementReported,
    VatNumberAsked,
)
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState

log = structlog.get_logger(__name__)

SettlementHook = Callable[[str, SettlementReported], Awaitable[Receipt | None]]
"""`async (identity, settlement) -> Receipt`, None when we make no receipt. A station may report
the same settlement again: `psp_ref` tells."""

VatHook = Callable[[str, VatNumberAsked], Awaitable[Company | None]]
"""`async (identity, asked) -> Company` whose number it is, None when it is not valid."""

_HOOK_SECONDS = 10.0
_TIMEOUT = 30.0


class Payments:
    """What stations report and ask of payments, and what they are told of them."""

    def __init__(
        self,
        router: StationRouter,
        settlement_hook: SettlementHook | None = None,
        vat_hook: VatHook | None = None,
        hook_seconds: float = _HOOK_SECONDS,
    ) -> None:
        self._router = router
        self._settlement_hook = settlement_hook
        self._vat_hook = vat_hook
        self._hook_seconds = hook_seconds

    async def settled(self, state: StationState, event: SettlementReported) -> Receipt | None:
        """Our receipt for it, if the hook makes one."""
        if self._settlement_hook is None:
            return None
        found = await self._asked(state, self._settlement_hook(state.identity, event))
        return found if isinstance(found, Receipt) else None

    async def company(self, state: StationState, event: VatNumberAsked) -> Company | None:
        """Whose VAT number it is; None: it is not valid, or nobody can tell."""
        if self._vat_hook is None:
            return None
        found = await self._asked(state, self._vat_hook(state.identity, event))
        return found if isinstance(found, Company) else None

    async def web_payment(self, identity: str, evse_id: int, timeout: int) -> CommandReply:
        """Tell the station that somebody pays on a web page."""
        return await self._router.execute(identity, NotifyWebPayment(evse_id, timeout), _TIMEOUT)

    async def _asked(self, state: StationState, answer: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout(self._hook_seconds):
                return await answer
        except Exception as error:  # whatever the operator's code raises, the station is answered
            log.error("payment hook failed", charge_point=state.identity, reason=repr(error))
            return None
