"""Credentials (credentials 7.2), as the server."""

from gateway.domain.partners import Partner
from gateway.ocpi.credentials.registration import Registration
from gateway.ocpi.incoming.calls import Call, Route
from gateway.ocpi.incoming.envelope import Answer
from gateway.ocpi.platform import Platform
from gateway.ocpi.versions import Version, credentials


class CredentialsModule:
    """GET, POST, PUT and DELETE of one version."""

    def __init__(self, version: Version, platform: Platform, registration: Registration) -> None:
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
        return self._ours(call.partner, call.token)

    async def post(self, call: Call) -> Answer:
        """Register."""
        given = credentials.read(self._version, call.object())
        token = await self._registration.accept(call.partner, call.token, given, self._version)
        return self._ours(self._registration.holder(token) or call.partner, token)

    async def put(self, call: Call) -> Answer:
        """Update: "will switch to the version that contains this credentials endpoint"."""
        given = credentials.read(self._version, call.object())
        return self._ours(
            call.partner,
            await self._registration.renew(call.partner, call.token, given, self._version),
        )

    async def delete(self, call: Call) -> Answer:
        """Unregister."""
        await self._registration.end(call.partner, call.token)
        return Answer()

    def _ours(self, partner: Partner, token: str) -> Answer:
        return Answer(self._platform.credentials(partner, self._version, token))
