"""Credentials (credentials 7.2), as the server."""

from gateway.ocpi.calls import Call, Route
from gateway.ocpi.envelope import Answer
from gateway.ocpi.handshake import read_credentials
from gateway.ocpi.platform import Platform
from gateway.ocpi.registration import Registration


class CredentialsModule:
    """GET, POST, PUT and DELETE of one version."""

    def __init__(self, version: str, platform: Platform, registration: Registration) -> None:
        self._version = version
        self._platform = platform
        self._registration = registration

    def routes(self) -> list[Route]:
        """Its URLs."""
        handlers = (
            ("GET", self.get),
            ("POST", self.post),
            ("PUT", self.put),
            ("DELETE", self.delete),
        )
        return [
            Route(method, "/credentials", handler, configuration=True)
            for method, handler in handlers
        ]

    async def get(self, call: Call) -> Answer:
        """The credentials that the caller uses; the token is known to it and not to us."""
        return Answer(self._platform.credentials(call.token))

    async def post(self, call: Call) -> Answer:
        """Register."""
        token = await self._registration.accept(
            call.partner, call.token, read_credentials(call.object()), self._version
        )
        return Answer(self._platform.credentials(token))

    async def put(self, call: Call) -> Answer:
        """Update: endpoints are fetched again "even if the version has not changed"."""
        token = await self._registration.renew(
            call.partner, call.token, read_credentials(call.object()), self._version
        )
        return Answer(self._platform.credentials(token))

    async def delete(self, call: Call) -> Answer:
        """Unregister."""
        await self._registration.end(call.partner, call.token)
        return Answer()
