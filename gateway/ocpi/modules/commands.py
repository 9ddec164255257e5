"""Commands, Receiver interface (mod_commands 13.2.1): answered now, carried out by the service.

The CommandResponse says whether we took the command; what the charge point made of it goes to
response_url later, in another enum (ocpi-rules 16).
"""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.ocpi.calls import Call, Route
from gateway.ocpi.envelope import Answer
from gateway.ocpi.errors import InvalidParameters, LocationNotFound
from gateway.ocpi.platform import Platform
from gateway.ocpi.received_tokens import ReceivedTokens
from gateway.ocpi.versions.wire import Wire
from gateway.services.charging.commands import CommandAnswer, CommandService, StartSession
from gateway.services.roaming.locations import LocationCatalogue, UnknownLocation
from gateway.store import Store

_LONGEST_URL = 2048
_CISTRING = 36


class CommandsReceiver:
    """START_SESSION and STOP_SESSION; every other command is NOT_SUPPORTED."""

    def __init__(
        self,
        wire: Wire,
        platform: Platform,
        store: Store,
        locations: LocationCatalogue,
        tokens: ReceivedTokens,
        commands: CommandService,
    ) -> None:
        self._wire = wire
        self._platform = platform
        self._store = store
        self._locations = locations
        self._tokens = tokens
        self._commands = commands
        self._handlers: dict[str, Callable[[Call], Awaitable[CommandAnswer]]] = {
            "START_SESSION": self._start_session,
            "STOP_SESSION": self._stop_session,
        }

    def routes(self) -> list[Route]:
        """Its URLs."""
        return [Route("POST", "/commands/{command}", self.command)]

    async def command(self, call: Call) -> Answer:
        """One command."""
        handler = self._handlers.get(call.path["command"].upper())
        if handler is None:
            answer = CommandAnswer("NOT_SUPPORTED", message="This command is not supported")
        else:
            answer = await handler(call)
        response: dict[str, Any] = {"result": answer.result, "timeout": answer.timeout}
        if answer.message:
            response["message"] = [{"language": "en", "text": answer.message[:512]}]
        return Answer(response)

    async def _start_session(self, call: Call) -> CommandAnswer:
        body = call.object()
        request = StartSession(
            response_url=_response_url(body),
            token=self._token(call.partner, body),
            location_id=_id(body, "location_id"),
            evse_uid=_optional_id(body, "evse_uid"),
            connector_id=_optional_id(body, "connector_id"),
            authorization_reference=_optional_id(body, "authorization_reference"),
        )
        if request.connector_id is not None and request.evse_uid is None:
            raise InvalidParameters("evse_uid is required when connector_id is set")
        party = await self._party_of_location(call, request.location_id)
        try:
            return await self._commands.start_session(call.partner, party, request)
        except UnknownLocation:
            raise LocationNotFound("Unknown location, EVSE or connector") from None

    async def _stop_session(self, call: Call) -> CommandAnswer:
        body = call.object()
        response_url = _response_url(body)
        session_id = _id(body, "session_id")
        for party in self._platform.addressed(call.routing):
            if await self._store.party(party).sessions.get(session_id) is not None:
                return await self._commands.stop_session(
                    call.partner, party, response_url, session_id
                )
        return CommandAnswer("UNKNOWN_SESSION", message="The session is not known")

    async def _party_of_location(self, call: Call, location_id: str) -> Party:
        for party in self._platform.addressed(call.routing):
            if await self._locations.get(party, location_id) is not None:
                return party
        raise LocationNotFound("Unknown location")

    def _token(self, partner: Partner, body: dict[str, Any]) -> dict[str, Any]:
        # "An eMSP sending a StartSession SHALL only use Token that are owned by this eMSP"; its
        # validity is not looked at: "the CPO SHALL NOT check the validity of the Token".
        token = body.get("token")
        if not isinstance(token, dict):
            raise InvalidParameters("token is missing")
        return self._tokens.read(partner, self._wire, token)


def _response_url(body: dict[str, Any]) -> str:
    url = body.get("response_url")
    if isinstance(url, str) and len(url) <= _LONGEST_URL and _is_plain_http(url):
        return url
    raise InvalidParameters("response_url is not an http(s) URL")


def _is_plain_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return named and parts.scheme in ("http", "https") and "@" not in parts.netloc


def _id(body: dict[str, Any], name: str) -> str:
    value = _optional_id(body, name)
    if value is None:
        raise InvalidParameters(f"{name} is missing")
    return value


def _optional_id(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= _CISTRING or not value.isprintable():
        raise InvalidParameters(f"{name} is not a CiString({_CISTRING})")
    return value
