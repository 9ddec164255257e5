"""Versions and version details (version_information_endpoint)."""

from collections.abc import Iterable

from gateway.ocpi.calls import Call, Route
from gateway.ocpi.envelope import Answer
from gateway.ocpi.platform import Platform

CREDENTIALS_RECEIVER_QUIRK = "credentials_receiver"

# What we are in each module. Credentials: "It is advised to send SENDER".
ENDPOINTS = (
    ("credentials", "SENDER"),
    ("locations", "SENDER"),
    ("sessions", "SENDER"),
    ("cdrs", "SENDER"),
    ("tariffs", "SENDER"),
    ("tokens", "RECEIVER"),
    ("commands", "RECEIVER"),
)


class Versions:
    """What we speak, and where."""

    def __init__(self, platform: Platform, versions: Iterable[str]) -> None:
        self._platform = platform
        self._versions = tuple(versions)

    async def versions(self, _call: Call) -> Answer:
        """Every version."""
        return Answer(
            [
                {"version": version, "url": self._platform.version_url(version)}
                for version in self._versions
            ]
        )

    def routes(self, version: str) -> list[Route]:
        """The details of one version."""

        async def details(call: Call) -> Answer:
            return Answer({"version": version, "endpoints": self._endpoints(version, call)})

        return [Route("GET", "", details, configuration=True)]

    def _endpoints(self, version: str, call: Call) -> list[dict[str, str]]:
        base = self._platform.version_url(version)
        endpoints: tuple[tuple[str, str], ...] = ENDPOINTS
        if CREDENTIALS_RECEIVER_QUIRK in call.partner.quirks:
            # the role "is not relevant", but some platforms look for RECEIVER
            endpoints = (*ENDPOINTS, ("credentials", "RECEIVER"))
        return [
            {"identifier": identifier, "role": role, "url": f"{base}/{identifier}"}
            for identifier, role in endpoints
        ]
