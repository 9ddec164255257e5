"""Charging preferences of drivers, by Session (OCPI mod_sessions 9.2.1.2).

They are kept and shown to the operator, whose energy management may act on them: "although this is
no guarantee that they will be fulfilled". All nodes hear of new ones on the bus.
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
from gateway.domain.timestamps import to_text
from gateway.services.charging.targets import Targets
from gateway.store import Store

CAPABLE = "CHARGING_PREFERENCES_CAPABLE"
PREFERENCES_TOPIC = "charging-preferences"


class NotCapable(ValueError):
    """The EVSE does not have the capability CHARGING_PREFERENCES_CAPABLE."""


class NotRunning(LookupError):
    """No such session of the partner is running."""


class ChargingPreferences:
    """Takes and keeps them."""

    def __init__(self, store: Store, targets: Targets, now: Callable[[], datetime]) -> None:
        self._store = store
        self._targets = targets
        self._now = now

    async def put(
        self, partner: Partner, party: Party, session: Mapping[str, Any], wanted: Preferences
    ) -> PreferencesAnswer:
        """Judge and, if accepted, keep them. Raises `NotRunning`, `NotCapable`.

        They come "during an ongoing session".
        """
        if await self._targets.running(partner, party, session["id"]) is None:
            raise NotRunning(session["id"])
        evse = await self._targets.evse_of(party, session)
        if evse is None or CAPABLE not in (evse.get("capabilities") or ()):
            raise NotCapable(session["id"])
        connectors = [
            one for one in evse["connectors"] if one["id"] == session["connector_id"]
        ] or evse["connectors"]
        judged = answer(
            wanted,
            tariff_types=await self._tariff_types(party, connectors),
            most_kw=max(most_power(one) for one in connectors),
            now=self._now(),
        )
        if judged is PreferencesAnswer.ACCEPTED:
            await self._keep(party, session["id"], wanted)
        return judged

    async def _tariff_types(self, party: Party, connectors: list[dict[str, Any]]) -> set[str]:
        ids = [id_ for one in connectors for id_ in one.get("tariff_ids") or ()]
        tariffs = await self._store.party(party).tariffs.get_many(ids)
        return {one["type"] for one in tariffs if one is not None and one.get("type")}

    async def _keep(self, party: Party, session_id: str, wanted: Preferences) -> None:
        at = to_text(self._now())
        document = msgspec.to_builtins(wanted) | {
            "departure_time": to_text(wanted.departure_time) if wanted.departure_time else None,
            "energy_need": wanted.energy_need,
            "set_at": at,
        }
        store = self._store.party(party)
        change = store.change()
        store.preferences.put(change, session_id, document)
        about = {"party": str(party), "session_id": session_id, **document}
        change.publish(PREFERENCES_TOPIC, about)
        await self._store.commit(change)
