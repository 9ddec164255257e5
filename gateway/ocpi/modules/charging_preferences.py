"""Charging preferences, of the Sessions module's Sender interface (2.2.1 mod_sessions 9.2.1.2)."""

from typing import Any

from gateway.domain.charging_preferences import Preferences
from gateway.ocpi.incoming import request_bodies as read
from gateway.ocpi.incoming.calls import Call, Route
from gateway.ocpi.incoming.envelope import Answer
from gateway.ocpi.incoming.errors import InvalidParameters, UnknownFeature, UnknownResource
from gateway.ocpi.incoming.own_sessions import OwnSessions
from gateway.ocpi.platform import Platform
from gateway.services.billing.charging_preferences import (
    ChargingPreferences,
    NotCapable,
    NotRunning,
)
from gateway.store import Store

_LONGEST_WORD = 36


class ChargingPreferencesReceiver:
    """PUT by the partner whose session it is."""

    def __init__(self, platform: Platform, store: Store, preferences: ChargingPreferences) -> None:
        self._sessions = OwnSessions(platform, store)
        self._preferences = preferences

    def routes(self) -> list[Route]:
        """ "The /charging_preferences URL suffix is required"."""
        return [Route("PUT", "/sessions/{session_id}/charging_preferences", self.put)]

    async def put(self, call: Call) -> Answer:
        """The answer's data is a bare ChargingPreferencesResponse."""
        wanted = _read(call.object())
        found = await self._sessions.find(call, call.path["session_id"])
        if found is None:
            raise UnknownResource("Unknown session")
        try:
            answer = await self._preferences.put(call.partner, *found, wanted)
        except NotRunning:
            raise UnknownResource("The session is not running") from None
        except NotCapable:
            raise UnknownFeature("The EVSE is not CHARGING_PREFERENCES_CAPABLE") from None
        return Answer(answer.value)


def _read(body: dict[str, Any]) -> Preferences:
    discharge = body.get("discharge_allowed")
    if discharge is not None and not isinstance(discharge, bool):
        raise InvalidParameters("discharge_allowed is not a boolean")
    return Preferences(
        profile_type=read.id_(body, "profile_type", _LONGEST_WORD),
        departure_time=read.optional_moment(body, "departure_time"),
        energy_need=read.optional_number(body, "energy_need"),
        discharge_allowed=bool(discharge),
    )
