"""ChargingProfiles, Receiver interface (2.2.1 mod_charging_profiles 14.5.1).

As with commands: a ChargingProfileResponse now, the station's word to response_url later.
"""

from typing import Any

from gateway.domain.party import Party
from gateway.ocpi.incoming import request_bodies as read
from gateway.ocpi.incoming.calls import Call, Route
from gateway.ocpi.incoming.envelope import Answer
from gateway.ocpi.incoming.errors import InvalidParameters
from gateway.ocpi.incoming.own_sessions import OwnSessions, reply_to
from gateway.ocpi.platform import Platform
from gateway.ocpi.profiles_on_the_wire import read_schedule
from gateway.services.charging.in_flight import CommandAnswer
from gateway.services.charging.partner_profiles import PartnerProfiles
from gateway.services.ports import ReplyTo
from gateway.store import Store

_MOST_SECONDS = 7 * 24 * 3600
_UNKNOWN_SESSION = CommandAnswer("UNKNOWN_SESSION")

Session = dict[str, Any]


class ChargingProfilesReceiver:
    """PUT, GET and DELETE of the profile of a partner's own session."""

    def __init__(self, platform: Platform, store: Store, profiles: PartnerProfiles) -> None:
        self._sessions = OwnSessions(platform, store)
        self._profiles = profiles

    def routes(self) -> list[Route]:
        """Its URLs."""
        path = "/chargingprofiles/{session_id}"
        return [
            Route("PUT", path, self.put),
            Route("GET", path, self.get),
            Route("DELETE", path, self.delete),
        ]

    async def put(self, call: Call) -> Answer:
        """SetChargingProfile."""
        body = call.object()
        url, schedule = read.response_url(body), read_schedule(body.get("charging_profile"))
        found = await self._found(call)
        if found is None:
            return _answer(_UNKNOWN_SESSION)
        to = _to(call, found, url)
        return _answer(await self._profiles.set(to, found[1], schedule))

    async def get(self, call: Call) -> Answer:
        """ActiveChargingProfile; "all parameters are added to the URL"."""
        url, duration = read.response_url(call.query), _duration(call.query.get("duration"))
        found = await self._found(call)
        if found is None:
            return _answer(_UNKNOWN_SESSION)
        to = _to(call, found, url)
        return _answer(await self._profiles.active(to, found[1], duration))

    async def delete(self, call: Call) -> Answer:
        """ClearProfile."""
        url = read.response_url(call.query)
        found = await self._found(call)
        if found is None:
            return _answer(_UNKNOWN_SESSION)
        return _answer(await self._profiles.clear(_to(call, found, url), found[1]))

    async def _found(self, call: Call) -> tuple[Party, Session] | None:
        return await self._sessions.find(call, call.path["session_id"])


def _to(call: Call, found: tuple[Party, Session], url: str) -> ReplyTo:
    return reply_to(call, found[0], url)


def _duration(text: str | None) -> int:
    if text is not None and text.isascii() and text.isdecimal() and len(text) < 10:
        seconds = int(text)
        if 0 < seconds <= _MOST_SECONDS:
            return seconds
    raise InvalidParameters(f"duration is 1 to {_MOST_SECONDS} seconds")


def _answer(answer: CommandAnswer) -> Answer:
    """ChargingProfileResponse: it has no message."""
    return Answer({"result": answer.result, "timeout": answer.timeout})
