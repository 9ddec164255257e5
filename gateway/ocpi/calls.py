"""One request of a partner, after authentication and parsing, as the modules' handlers get it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.domain.partners import Partner
from gateway.ocpi.envelope import Answer
from gateway.ocpi.errors import InvalidParameters
from gateway.ocpi.message_routing import MessageRouting


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

    `configuration`: one of the modules that are between platforms, which token A may call and
    where "routing headers SHALL NOT be used".
    """

    method: str
    path: str
    handler: Handler
    configuration: bool = False
