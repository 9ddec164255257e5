"""Tokens, Receiver interface (mod_tokens 12.2.1): a partner's tokens as it pushes them."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from gateway.canonical import token_type
from gateway.domain.party import Party
from gateway.domain.timestamps import to_text
from gateway.ocpi import quirks
from gateway.ocpi.incoming.calls import Call, Route
from gateway.ocpi.incoming.envelope import Answer
from gateway.ocpi.incoming.errors import InvalidParameters, TokenNotFound, UnknownTokenResource
from gateway.ocpi.tokens.received_tokens import ReceivedTokens
from gateway.ocpi.versions import Version
from gateway.store import KnownToken

_PATH = "/tokens/{country_code}/{party_id}/{token_uid}"
_IDENTITY = ("country_code", "party_id", "uid", "type")


class TokensReceiver:
    """GET, PUT and PATCH; a token is never deleted, only made invalid."""

    def __init__(
        self, version: Version, tokens: ReceivedTokens, now: Callable[[], datetime]
    ) -> None:
        self._version = version
        self._wire = version.wire
        self._now = now
        self._tokens = tokens

    def routes(self) -> list[Route]:
        """Its URLs."""
        return [
            Route("GET", _PATH, self.get),
            Route("PUT", _PATH, self.put),
            Route("PATCH", _PATH, self.patch),
        ]

    async def get(self, call: Call) -> Answer:
        """The token as we hold it. Another party's is not there ("allowed to respond with 404")."""
        party = _party(call)
        known = await self._find(call, party) if call.speaks_as(party) else None
        if known is None:
            raise UnknownTokenResource("Unknown token")
        return Answer(self._wire.token(known.document))

    async def put(self, call: Call) -> Answer:
        """A new token, or a new version of one."""
        party = _own_space(call)
        token = self._tokens.read(call.partner, self._wire, call.object(), party)
        _same_as_url(call, token)
        created = await self._tokens.put(call.partner, token)
        return Answer(http_status=201 if created else 200)

    async def patch(self, call: Call) -> Answer:
        """Some members of a token.

        "Any request to the PATCH method SHALL contain the last_updated field" (12.2.1.3).
        """
        party = _own_space(call)
        changes = call.object()
        if changes.get("last_updated") is None:
            if quirks.needs_last_updated(self._version, call.partner):
                raise InvalidParameters("last_updated is missing")
            changes = changes | {"last_updated": to_text(self._now())}
        known = await self._find(call, party)
        if known is None:
            raise TokenNotFound("Unknown token: PUT it")
        token = self._tokens.read(call.partner, self._wire, known.document | changes, party)
        if _identity(token) != _identity(known.document):
            raise InvalidParameters("A PATCH cannot change what identifies the token")
        await self._tokens.put(call.partner, token)
        return Answer()

    async def _find(self, call: Call, party: Party) -> KnownToken | None:
        return await self._tokens.get(call.partner, party, call.path["token_uid"], _type(call))


def _party(call: Call) -> Party:
    try:
        return Party(call.path["country_code"], call.path["party_id"])
    except ValueError:
        raise UnknownTokenResource("The URL names no party") from None


def _own_space(call: Call) -> Party:
    party = _party(call)
    if not call.speaks_as(party):
        raise InvalidParameters("country_code and party_id in the URL are none of yours")
    return party


def _type(call: Call) -> str:
    # "Default if omitted: RFID"
    return token_type(call.query.get("type") or "RFID")


def _same_as_url(call: Call, token: dict[str, Any]) -> None:
    url = (call.path["country_code"], call.path["party_id"], call.path["token_uid"], _type(call))
    if tuple(word.lower() for word in url) != _identity(token):
        raise InvalidParameters("The URL names another token than the body")


def _identity(token: dict[str, Any]) -> tuple[str, ...]:
    return tuple(token[name].lower() for name in _IDENTITY)
