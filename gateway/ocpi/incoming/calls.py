"""One request of a partner, after authentication and parsing, as the modules' handlers get it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.domain.token_owner import list_behind
from gateway.ocpi.incoming.envelope import Answer
from gateway.ocpi.incoming.errors import InvalidParameters
from gateway.ocpi.incoming.message_routing import MessageRouting, speaks_as


@dataclass(frozen=True, slots=True)
class Call:
    """Who wants what. `token` is the credentials token presented, `url` ours without query."""

    partner: Partner
    token: str = field(repr=False)
    url: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    routing: MessageRouting
    body: Any = None

    def speaks_as(self, party: Party | None) -> bool:
        """Whether the sender may read and change what is this party's (of a hub: OCPI-from's)."""
        return party is not None and speaks_as(self.partner, self.routing, party)

    @property
    def list_name(self) -> str:
        """Whose list of Sessions or CDRs it may read: the partner's, or of a hub OCPI-from's."""
        sender, hub = self.routing.sender, self.partner.hub
        if hub is None or sender is None or sender == hub:
            return self.partner.id
        return list_behind(self.partner.id, sender)

    def object(self) -> dict[str, Any]:
        """The body as an object; some Python peers wrap one in an array."""
        body = self.body
        if isinstance(body, list) and len(body) == 1:
            body = body[0]
        if not isinstance(body, dict):
            raise InvalidParameters("The body is not a JSON object")
        return body


Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a path below the version's URL, in aiohttp's template syntax.

    `configuration`: what token A may call, versions and credentials. `routed`: a functional module;
    in the others, which are between platforms, "routing headers SHALL NOT be used".
    """

    method: str
    path: str
    handler: Handler
    configuration: bool = False
    routed: bool = True
