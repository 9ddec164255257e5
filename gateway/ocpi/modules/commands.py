"""Commands, Receiver interface (mod_commands 13.2.1): answered now, carried out by the service.

The CommandResponse says whether we took the command; what the charge point made of it goes to
response_url later, in another enum (ocpi-rules 16).
"""

from collections.abc import Awaitable, Callable
from typing import Any

from gateway.domain.party import Party
from gateway.ocpi.incoming import request_bodies as read
from gateway.ocpi.incoming.calls import Call, Route
from gateway.ocpi.incoming.envelope import Answer
from gateway.ocpi.incoming.errors import InvalidParameters, LocationNotFound
from gateway.ocpi.incoming.own_sessions import OwnSessions, reply_to
from gateway.ocpi.platform import Platform
from gateway.ocpi.tokens.received_tokens import ReceivedTokens
from gateway.ocpi.versions import Version
from gateway.services.charging.commands import CommandService, StartSession
from gateway.services.charging.in_flight import CommandAnswer
from gateway.services.charging.targets import ConnectorRequired, Place
from gateway.services.reservations.partner_reservations import ReserveOrder
from gateway.services.roaming.locations import LocationCatalogue, UnknownLocation
from gateway.store import Store

_NOT_SUPPORTED = CommandAnswer("NOT_SUPPORTED", message="This command is not supported")
_UNKNOWN_SESSION = CommandAnswer("UNKNOWN_SESSION", message="The session is not known")
# CommandResponseType has no word for it: UNKNOWN_RESERVATION is the charge point's
_UNKNOWN_RESERVATION = CommandAnswer("REJECTED", message="The reservation is not known")

_MOST = 2**63 - 1


class CommandsReceiver:
    """The commands that the version has; any other is NOT_SUPPORTED."""

    def __init__(
        self,
        version: Version,
        platform: Platform,
        store: Store,
        locations: LocationCatalogue,
        tokens: ReceivedTokens,
        commands: CommandService,
    ) -> None:
        self._version = version
        self._wire = version.wire
        self._words = version.commands
        self._platform = platform
        self._sessions = OwnSessions(platform, store)
        self._locations = locations
        self._tokens = tokens
        self._commands = commands
        self._handlers: dict[str, Callable[[Call], Awaitable[CommandAnswer]]] = {
            "CANCEL_RESERVATION": self._cancel_reservation,
            "RESERVE_NOW": self._reserve_now,
            "START_SESSION": self._start_session,
            "STOP_SESSION": self._stop_session,
            "UNLOCK_CONNECTOR": self._unlock_connector,
        }

    def routes(self) -> list[Route]:
        """Its URLs."""
        return [Route("POST", "/commands/{command}", self.command)]

    async def command(self, call: Call) -> Answer:
        """One command."""
        name = call.path["command"].upper()
        answer = _NOT_SUPPORTED
        if name in self._words.commands:
            answer = await self._judged(call, self._handlers[name])
        response: dict[str, Any] = {"result": answer.result}
        if self._words.has_timeout:
            response["timeout"] = answer.timeout
            if answer.message:
                response["message"] = [{"language": "en", "text": answer.message[:512]}]
        return Answer(response)

    async def _judged(
        self, call: Call, handler: Callable[[Call], Awaitable[CommandAnswer]]
    ) -> CommandAnswer:
        try:
            return await handler(call)
        except UnknownLocation:
            raise LocationNotFound("Unknown location, EVSE or connector") from None
        except ConnectorRequired:
            raise InvalidParameters("connector_id is required at this EVSE") from None

    async def _start_session(self, call: Call) -> CommandAnswer:
        body = call.object()
        url = read.response_url(body)
        place = self._place(body)
        if place.connector_id is not None and place.evse_uid is None:
            raise InvalidParameters("evse_uid is required when connector_id is set")
        request = StartSession(
            token=self._token(call, body),
            location_id=place.location_id,
            evse_uid=place.evse_uid,
            connector_id=place.connector_id,
            authorization_reference=read.optional_id(body, "authorization_reference"),
        )
        party = await self._party_of_location(call, place.location_id)
        return await self._commands.start_session(reply_to(call, party, url), request)

    async def _stop_session(self, call: Call) -> CommandAnswer:
        body = call.object()
        url = read.response_url(body)
        session_id = read.id_(body, "session_id")
        found = await self._sessions.find(call, session_id)
        if found is None:
            return _UNKNOWN_SESSION
        return await self._commands.stop_session(reply_to(call, found[0], url), session_id)

    async def _reserve_now(self, call: Call) -> CommandAnswer:
        body = call.object()
        url = read.response_url(body)
        place = self._place(body)
        order = ReserveOrder(
            token=self._token(call, body),
            expires_at=read.moment(body, "expiry_date"),
            reservation_id=self._reservation_id(body),
            place=Place(place.location_id, place.evse_uid),
            authorization_reference=read.optional_id(body, "authorization_reference"),
        )
        party = await self._party_of_location(call, place.location_id)
        return await self._commands.reserve_now(reply_to(call, party, url), order)

    async def _cancel_reservation(self, call: Call) -> CommandAnswer:
        body = call.object()
        url = read.response_url(body)
        reservation_id = self._reservation_id(body)
        for party in self._platform.addressed(call.partner, call.routing):
            to = reply_to(call, party, url)
            answer = await self._commands.cancel_reservation(to, reservation_id)
            if answer is not None:
                return answer
        return _UNKNOWN_RESERVATION

    async def _unlock_connector(self, call: Call) -> CommandAnswer:
        body = call.object()
        url = read.response_url(body)
        place = self._place(body)
        if place.evse_uid is None or place.connector_id is None:
            raise InvalidParameters("evse_uid and connector_id are required")
        party = await self._party_of_location(call, place.location_id)
        return await self._commands.unlock_connector(reply_to(call, party, url), place)

    # --- members --------------------------------------------------------------------------

    def _place(self, body: dict[str, Any]) -> Place:
        longest = self._words.longest_id
        return Place(
            read.id_(body, "location_id", longest),
            read.optional_id(body, "evse_uid", longest),
            read.optional_id(body, "connector_id"),
        )

    def _reservation_id(self, body: dict[str, Any]) -> str:
        """The partner's own; a number is the same as its text, which some 2.2.1 peers confuse."""
        value = body.get("reservation_id")
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MOST:
            return str(value)
        if self._words.number_ids:
            raise InvalidParameters("reservation_id is not an int")
        return read.id_(body, "reservation_id")

    async def _party_of_location(self, call: Call, location_id: str) -> Party:
        restricted = self._version.has_restricted_locations
        for party in self._platform.addressed(call.partner, call.routing):
            if await self._locations.get(party, location_id, restricted=restricted) is not None:
                return party
        raise LocationNotFound("Unknown location")

    def _token(self, call: Call, body: dict[str, Any]) -> dict[str, Any]:
        # "An eMSP sending a StartSession SHALL only use Token that are owned by this eMSP"; its
        # validity is not looked at: "the CPO SHALL NOT check the validity of the Token".
        token = body.get("token")
        if not isinstance(token, dict):
            raise InvalidParameters("token is missing")
        read_token = self._tokens.read(call.partner, self._wire, token)
        if not call.speaks_as(Party(read_token["country_code"], read_token["party_id"])):
            raise InvalidParameters("The token belongs to another party than OCPI-from")
        return read_token
