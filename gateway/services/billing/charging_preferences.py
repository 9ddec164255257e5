"""Charging preferences of drivers, by Session (OCPI mod_sessions 9.2.1.2).

They are kept and shown to the operator, whose energy management may act on them: "although this is
no guarantee that they will be fulfilled". What is certain is the price: the tariff of the profile
that was accepted last is the session's (ADR 0025). All nodes hear of new ones on the bus.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from gateway.domain.charging_preferences import (
    Preferences,
    PreferencesAnswer,
    answer,
    most_power,
)
from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.domain.tariffs.choice import profile_types
from gateway.domain.timestamps import to_text
from gateway.domain.transactions import UnknownTransaction
from gateway.services.billing.preferred_tariffs import Preferred, PreferredTariffs
from gateway.services.charging.targets import Running, Targets
from gateway.services.ports import UnknownChargePoint
from gateway.store import Store

CAPABLE = "CHARGING_PREFERENCES_CAPABLE"


class NotCapable(ValueError):
    """The EVSE does not have the capability CHARGING_PREFERENCES_CAPABLE."""


class NotRunning(LookupError):
    """No such session of the partner is running."""


class ChargingPreferences:
    """Takes and keeps them."""

    def __init__(
        self,
        store: Store,
        targets: Targets,
        tariffs: PreferredTariffs,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._targets = targets
        self._tariffs = tariffs
        self._now = now

    async def put(
        self, partner: Partner, party: Party, session: Mapping[str, Any], wanted: Preferences
    ) -> PreferencesAnswer:
        """Judge and, if accepted, keep them.

        They come "during an ongoing session". Raises `NotRunning`, `NotCapable`, `StoreError`.
        """
        running = await self._targets.running(partner, party, session["id"])
        if running is None:
            raise NotRunning(session["id"])
        evse = await self._targets.evse_of(party, session)
        if evse is None or CAPABLE not in (evse.get("capabilities") or ()):
            raise NotCapable(session["id"])
        connectors = [
            one for one in evse["connectors"] if one["id"] == session["connector_id"]
        ] or evse["connectors"]
        judged = answer(
            wanted,
            tariff_types=await self._tariff_types(partner, party, running),
            most_kw=max(most_power(one) for one in connectors),
            now=self._now(),
        )
        if judged is PreferencesAnswer.ACCEPTED:
            await self._keep(running, session["id"], wanted)
        return judged

    async def _tariff_types(self, partner: Partner, party: Party, running: Running) -> set[str]:
        """Of the tariffs that the driver could see at the start."""
        transactions = self._store.party(party).transactions
        kept = await transactions.snapshot(running.identity, running.transaction_id)
        offer = (kept or {}).get("offer")
        return profile_types(offer["tariffs"], partner.id) if offer else set()

    async def _keep(self, running: Running, session_id: str, wanted: Preferences) -> None:
        document = msgspec.to_builtins(wanted) | {
            "departure_time": to_text(wanted.departure_time) if wanted.departure_time else None,
            "energy_need": wanted.energy_need,
            "set_at": to_text(self._now()),
        }
        preferred = Preferred(running.identity, running.transaction_id, session_id, document)
        try:
            await self._tariffs.keep(preferred)
        except (UnknownTransaction, UnknownChargePoint):
            raise NotRunning(session_id) from None
