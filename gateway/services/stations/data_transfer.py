"""DataTransfer: where vendors' extensions are plugged in.

A handler is registered for a vendor id, or for one message id of it. Every message is kept for
the operator, whether or not somebody understands it. A handler that fails or takes too long is
the station's `Rejected` and our log line, never more.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from gateway.domain.data_transfer import DataTransferred, TransferAnswer, TransferStatus
from gateway.services.stations.station_state import StationState
from gateway.store import Fenced, StoreError

log = structlog.get_logger(__name__)

TransferHandler = Callable[[str, DataTransferred], Awaitable[TransferAnswer]]
"""Called with the charge point's identity and its message."""

Keep = Callable[[StationState, str, dict[str, Any]], Awaitable[None]]
"""Keeps a message of an action for the operator, durably."""

_TIMEOUT = 10.0  # seconds a handler may take; the station's other messages wait behind it


class DataTransfers:
    """The registered handlers."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._handlers: dict[tuple[str, str | None], TransferHandler] = {}

    def register(
        self, vendor_id: str, handler: TransferHandler, message_id: str | None = None
    ) -> None:
        """Answer this vendor's messages, or those with one message id, by `handler`.

        Raises `ValueError` when somebody else does so already.
        """
        key = (vendor_id, message_id)
        if key in self._handlers:
            raise ValueError(f"{vendor_id} {message_id or ''} has a handler already")
        self._handlers[key] = handler

    async def received(self, state: StationState, event: DataTransferred) -> TransferAnswer:
        """Keep a station's message and answer it."""
        payload = {
            "vendorId": event.vendor_id,
            "messageId": event.message_id,
            "data": event.data,
        }
        await self._keep(state, "DataTransfer", payload)
        handler = self._handlers.get((event.vendor_id, event.message_id))
        handler = handler or self._handlers.get((event.vendor_id, None))
        if handler is None:
            return TransferAnswer(self._unknown(event.vendor_id))
        try:
            async with asyncio.timeout(_TIMEOUT):
                return await handler(state.identity, event)
        except (Fenced, StoreError):
            raise  # not durable: the link leaves it unanswered
        except Exception:
            log.exception(
                "data transfer handler failed",
                charge_point=state.identity,
                vendor=event.vendor_id,
                message=event.message_id,
            )
            return TransferAnswer(TransferStatus.REJECTED)

    def _unknown(self, vendor_id: str) -> TransferStatus:
        """A vendor of whom some messages are known has an unknown message (1.6 4.3, P01)."""
        if any(known == vendor_id for known, _ in self._handlers):
            return TransferStatus.UNKNOWN_MESSAGE
        return TransferStatus.UNKNOWN_VENDOR
