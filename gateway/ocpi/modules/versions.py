"""Versions and version details (version_information_endpoint)."""

from gateway.ocpi import quirks
from gateway.ocpi.incoming.calls import Call, Route
from gateway.ocpi.incoming.envelope import Answer
from gateway.ocpi.platform import Platform
from gateway.ocpi.versions import Version


class Versions:
    """What we speak, and where."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def versions(self, call: Call) -> Answer:
        """Every version that may be spoken with the caller."""
        return Answer(
            [
                {"version": one.number, "url": self._platform.version_url(one.number)}
                for one in quirks.versions_for(call.partner)
            ]
        )

    def routes(self, version: Version) -> list[Route]:
        """The details of one version."""

        async def details(call: Call) -> Answer:
            return Answer({"version": version.number, "endpoints": self._endpoints(version, call)})

        return [Route("GET", "", details, configuration=True)]

    def _endpoints(self, version: Version, call: Call) -> list[dict[str, str]]:
        base = self._platform.version_url(version.number)
        return [
            {"identifier": identifier}
            | ({"role": role} if version.has_roles else {})
            | {"url": quirks.advertised_url(call.partner, f"{base}/{identifier}")}
            for identifier, role in quirks.advertised(version, call.partner)
        ]
