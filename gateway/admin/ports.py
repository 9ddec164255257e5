"""What the operator's API needs from other edges, which it must not import."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from gateway.domain.partners import Partner

Check = Callable[[], Awaitable[str | None]]
"""A part of readiness: None when all is well, else the reason why not."""

Frames = Callable[[str], list[dict[str, Any]]]
"""The last frames of a charge point, both ways, secrets masked."""


Warnings = Callable[[], list[str]]
"""What does not keep anybody from being served, and should be looked at in time."""


class Registrar(Protocol):
    """The credentials handshake towards partners."""

    @property
    def versions(self) -> tuple[str, ...]:
        """The OCPI versions spoken here, best first."""
        ...

    async def register(
        self,
        partner_id: str | None,
        versions_url: str,
        token_a: str,
        name: str,
        version: str | None = None,
    ) -> Partner:
        """Register with a platform that gave us its token. Raises `RegistrationFailed`."""
        ...

    async def update(self, partner_id: str, version: str | None = None) -> Partner:
        """Renew tokens, endpoints, and the version if one is named. `RegistrationFailed`."""
        ...

    async def unregister(self, partner_id: str) -> None:
        """End a registration, here whatever the partner answers. Raises `RegistrationFailed`."""
        ...
