"""Payments, Receiver interface (2.3.0 release payments, mod_payments 1.2.2).

A Payment Terminal Provider (PTP) creates its Terminals here, and the FinancialAdviceConfirmations
of what it has captured. It is their owner; nobody else sees them, or may make any. POST and GET
are all that this interface has: what is posted again is a new version of it, but the locations and
EVSEs of a Terminal stay as assigned, as "the assignment will be done by the CPO".
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog

from gateway.canonical import InvalidDocument, validate_confirmation, validate_terminal
from gateway.domain.timestamps import from_text, to_text
from gateway.ocpi.incoming.calls import Call, Route
from gateway.ocpi.incoming.envelope import Answer
from gateway.ocpi.incoming.errors import InvalidParameters, UnknownResource
from gateway.store import Store

_TERMINALS = "/payments/terminals"
_CONFIRMATIONS = "/payments/financial-advice-confirmations"
_ASSIGNED = ("location_ids", "evse_uids")

_log = structlog.get_logger(__name__)


class PaymentsReceiver:
    """Terminals and FinancialAdviceConfirmations of the partner that calls."""

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._terminals = store.terminals
        self._confirmations = store.confirmations
        self._now = now

    def routes(self) -> list[Route]:
        """Its URLs."""
        return [
            Route("GET", _TERMINALS + "/{terminal_id}", self.terminal),
            Route("POST", _TERMINALS, self.post_terminal),
            Route("GET", _CONFIRMATIONS + "/{id}", self.confirmation),
            Route("POST", _CONFIRMATIONS, self.post_confirmation),
        ]

    async def terminal(self, call: Call) -> Answer:
        """A Terminal as we hold it."""
        found = await self._terminals.get(call.list_name, call.path["terminal_id"])
        if found is None:
            raise UnknownResource("Unknown terminal")
        return Answer(found)

    async def post_terminal(self, call: Call) -> Answer:
        """A new Terminal: "just the terminal id or an object with additional data"."""
        _only_a_provider(call)
        body = self._dated(call)
        known = await self._terminals.get(call.list_name, str(body.get("terminal_id")))
        try:
            terminal = validate_terminal(body)
        except InvalidDocument as error:
            raise InvalidParameters(f"Terminal: {error}") from None
        for name in _ASSIGNED:
            if known is not None and not terminal[name]:
                terminal[name] = known[name]
        updated = from_text(terminal["last_updated"])
        created = await self._terminals.put(
            call.list_name, terminal["terminal_id"], terminal, updated
        )
        return Answer(http_status=201 if created else 200)

    async def confirmation(self, call: Call) -> Answer:
        """A FinancialAdviceConfirmation as we hold it."""
        found = await self._confirmations.get(call.list_name, call.path["id"])
        if found is None:
            raise UnknownResource("Unknown financial advice confirmation")
        return Answer(found)

    async def post_confirmation(self, call: Call) -> Answer:
        """What was captured, by the authorization_reference of its StartSession."""
        _only_a_provider(call)
        try:
            confirmation = validate_confirmation(self._dated(call))
        except InvalidDocument as error:
            raise InvalidParameters(f"FinancialAdviceConfirmation: {error}") from None
        created = await self._confirmations.put(
            call.list_name,
            confirmation["id"],
            confirmation,
            from_text(confirmation["last_updated"]),
            reference=confirmation["authorization_reference"],
        )
        _log.info(
            "financial advice",
            partner=call.partner.id,
            id=confirmation["id"],
            status=confirmation["capture_status_code"],
        )
        return Answer(http_status=201 if created else 200)

    def _dated(self, call: Call) -> dict[str, Any]:
        """The body; the standard's own examples do not all have a last_updated."""
        body = call.object()
        if body.get("last_updated") is None:
            return body | {"last_updated": to_text(self._now())}
        return body


def _only_a_provider(call: Call) -> None:
    """Payments come from a PTP, or through a hub that speaks for one."""
    partner = call.partner
    if not partner.is_hub and all(role.role != "PTP" for role in partner.roles):
        raise InvalidParameters("You are registered in no role PTP")
