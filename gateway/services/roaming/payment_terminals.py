"""Payment terminals: what providers (PTP) told us of them, and what the operator tells providers.

The provider owns its Terminals, we assign locations and EVSEs to them (OCPI mod_payments 1.1). So
nothing changes here before the provider has agreed; what was agreed is then kept, though the
provider may say it again.
"""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

import structlog

from gateway.canonical import InvalidDocument, validate_confirmation, validate_terminal
from gateway.domain.partners import Partner
from gateway.domain.timestamps import from_text, to_text
from gateway.services.ports import TerminalProviders
from gateway.services.roaming.locations import LocationCatalogue
from gateway.services.roaming.parties import PartyBook
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import OwnedObject, Store

_log = structlog.get_logger(__name__)

Document = dict[str, Any]


class UnknownPlace(LookupError):
    """A location or EVSE that is none of ours."""


class PaymentTerminals:
    """Of all providers."""

    def __init__(
        self,
        store: Store,
        partners: PartnerDirectory,
        parties: PartyBook,
        locations: LocationCatalogue,
        providers: TerminalProviders,
        now: Callable[[], datetime],
    ) -> None:
        self._terminals = store.terminals
        self._confirmations = store.confirmations
        self._partners = partners
        self._parties = parties
        self._locations = locations
        self._providers = providers
        self._now = now

    async def find(self, terminal_id: str, partner_id: str | None) -> list[OwnedObject]:
        """The terminals of this id: one, unless two providers have used the same."""
        owners = [partner_id] if partner_id else [one.id for one in self._partners.all()]
        found = [(owner, await self._terminals.get(owner, terminal_id)) for owner in owners]
        return [OwnedObject(owner, document) for owner, document in found if document is not None]

    async def assign(self, partner: Partner, terminal: Document, changes: Document) -> Document:
        """Other locations and EVSEs. Raises `UnknownPlace`, `ProviderFailed`."""
        await self._check(changes.get("location_ids", ()), changes.get("evse_uids", ()))
        await self._providers.assign(partner, terminal["terminal_id"], changes)
        return await self._keep(partner, terminal | changes)

    async def update(self, partner: Partner, terminal: Document, changes: Document) -> Document:
        """Other data. Raises `InvalidDocument`, `UnknownPlace`, `ProviderFailed`."""
        changed = validate_terminal(terminal | changes | {"last_updated": to_text(self._now())})
        await self._check(changed["location_ids"], changed["evse_uids"])
        await self._providers.update(partner, changed)
        return await self._keep(partner, changed)

    async def activate(self, partner: Partner, document: Document) -> None:
        """Ask for a terminal. Raises `InvalidDocument`, `UnknownPlace`, `ProviderFailed`.

        "The terminal_id is optional in the activation request as it will be set by the PTP": what
        becomes of it is the Terminal that the provider then creates here.
        """
        wanted = {"terminal_id": "#"} | document | {"last_updated": to_text(self._now())}
        terminal = validate_terminal(wanted)
        await self._check(terminal["location_ids"], terminal["evse_uids"])
        if "terminal_id" not in document:
            del terminal["terminal_id"]
        await self._providers.activate(partner, terminal)

    async def deactivate(self, partner: Partner, terminal: Document) -> None:
        """Have it taken out of use. Raises `ProviderFailed`."""
        await self._providers.deactivate(partner, terminal["terminal_id"])

    async def pull(self, partner: Partner) -> dict[str, int]:
        """Fetch all terminals and confirmations of a provider; counts them. `ProviderFailed`.

        "After the object was pushed to/pulled by the CPO there will be the possibility to assign".
        """
        counts = {"terminals": 0, "confirmations": 0, "skipped": 0}
        async for item in self._providers.terminals(partner):
            try:
                terminal = validate_terminal({"last_updated": to_text(self._now())} | item)
                await self._keep(partner, terminal, dated=False)
            except InvalidDocument as error:
                _log.warning("terminal skipped", partner=partner.id, reason=str(error))
                counts["skipped"] += 1
            else:
                counts["terminals"] += 1
        async for item in self._providers.confirmations(partner):
            try:
                await self._keep_confirmation(partner, validate_confirmation(item))
            except InvalidDocument as error:
                _log.warning("confirmation skipped", partner=partner.id, reason=str(error))
                counts["skipped"] += 1
            else:
                counts["confirmations"] += 1
        return counts

    async def _keep(self, partner: Partner, terminal: Document, *, dated: bool = True) -> Document:
        if dated:
            terminal = terminal | {"last_updated": to_text(self._now())}
        updated = from_text(terminal["last_updated"])
        await self._terminals.put(partner.id, terminal["terminal_id"], terminal, updated)
        return terminal

    async def _keep_confirmation(self, partner: Partner, confirmation: Document) -> None:
        await self._confirmations.put(
            partner.id,
            confirmation["id"],
            confirmation,
            from_text(confirmation["last_updated"]),
            reference=confirmation["authorization_reference"],
        )

    async def _check(self, location_ids: Collection[str], evse_uids: Collection[str]) -> None:
        """Raises `UnknownPlace` for what no party of ours has."""
        for location_id in location_ids:
            found = [
                await self._locations.operator_view(own.party, location_id)
                for own in self._parties.all()
            ]
            if not any(found):
                raise UnknownPlace(f"there is no location {location_id}")
        if evse_uids:
            missing = {uid.lower() for uid in evse_uids} - await self._evse_uids()
            if missing:
                raise UnknownPlace(f"there is no EVSE {min(missing)}")

    async def _evse_uids(self) -> set[str]:
        return {
            evse["uid"].lower()
            for own in self._parties.all()
            for location in await self._locations.operator_list(own.party)
            for evse in location.get("evses", ())
        }
