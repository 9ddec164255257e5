"""The built-in certificate authority's keys, what it has issued, and when that expires.

Shared by all nodes. The keys are sealed with the gateway's secret key; serial numbers are
lower-case hex.
"""

from datetime import datetime
from typing import Any

from gateway import exact_json
from gateway.domain.timestamps import to_milliseconds
from gateway.store.keys import CERTIFICATE_AUTHORITY, CERTIFICATE_EXPIRIES, ISSUED_CERTIFICATES
from gateway.store.sealing import Sealer
from gateway.store.server import Server

_BELONGS_TO = "certificate authority"
_PIECE = 1_000


class CertificateRecords:
    """Of all parties: a certificate is found by its serial number alone."""

    def __init__(self, server: Server, sealer: Sealer) -> None:
        self._server = server
        self._sealer = sealer

    async def authority(self, name: str) -> str | None:
        """What was kept under this name. Raises StoreError if sealed with another key."""
        sealed = await self._server.command("HGET", CERTIFICATE_AUTHORITY, name)
        if sealed is None:
            return None
        return self._sealer.unseal(sealed.decode(), f"{_BELONGS_TO} {name}")

    async def keep_authority(self, name: str, text: str) -> str:
        """Keep it, unless another node was faster; returns what is kept now."""
        sealed = self._sealer.seal(text, f"{_BELONGS_TO} {name}")
        if await self._server.command("HSETNX", CERTIFICATE_AUTHORITY, name, sealed):
            return text
        kept = await self.authority(name)
        return text if kept is None else kept

    async def issued(self, serial: str) -> dict[str, Any] | None:
        """What was issued under this serial number."""
        value = await self._server.command("HGET", ISSUED_CERTIFICATES, serial)
        return None if value is None else _document(value)

    async def all_issued(self) -> list[dict[str, Any]]:
        """Everything that was issued and not forgotten, by serial number."""
        found = await self._server.command("HGETALL", ISSUED_CERTIFICATES)
        return [_document(found[serial]) for serial in sorted(found)]

    async def put_issued(self, serial: str, document: dict[str, Any]) -> None:
        """Keep what was issued, or a change of it."""
        await self._server.command("HSET", ISSUED_CERTIFICATES, serial, exact_json.dumps(document))

    async def forget_issued(self, serials: list[str]) -> None:
        """Drop what nobody needs to ask for any more."""
        for first in range(0, len(serials), _PIECE):
            piece = serials[first : first + _PIECE]
            await self._server.command("HDEL", ISSUED_CERTIFICATES, *piece)

    async def expires(self, identity: str, at: datetime | None) -> None:
        """Note when a charge point's own certificate ends; None: it no longer matters."""
        if at is None:
            await self._server.command("ZREM", CERTIFICATE_EXPIRIES, identity)
            return
        await self._server.command("ZADD", CERTIFICATE_EXPIRIES, to_milliseconds(at), identity)

    async def expiring(self, before: datetime) -> list[str]:
        """The charge points whose certificate ends before that moment, the first one first."""
        found = await self._server.command(
            "ZRANGEBYSCORE", CERTIFICATE_EXPIRIES, "-inf", f"({to_milliseconds(before)}"
        )
        return [identity.decode() for identity in found]


def _document(value: bytes) -> dict[str, Any]:
    document: dict[str, Any] = exact_json.loads(value)
    return document
