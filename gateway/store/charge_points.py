"""The operator's register of charge points."""

from datetime import datetime
from typing import Any

from gateway import exact_json
from gateway.domain.charge_points import ChargePointRecord, SecurityProfile
from gateway.domain.party import Party
from gateway.domain.timestamps import from_text
from gateway.store.keys import CHARGE_POINTS
from gateway.store.server import Server


class ChargePointRegistry:
    """Charge points by identity, whole and case-sensitive (OCPP identities are)."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def get(self, identity: str) -> ChargePointRecord | None:
        """One record, or None."""
        value = await self._server.command("HGET", CHARGE_POINTS, identity)
        return None if value is None else _record(identity, exact_json.loads(value))

    async def put(self, record: ChargePointRecord) -> None:
        """Store a record, new or not."""
        value = exact_json.dumps(_document(record))
        await self._server.command("HSET", CHARGE_POINTS, record.identity, value)

    async def delete(self, identity: str) -> bool:
        """Remove a record; False if there was none."""
        return bool(await self._server.command("HDEL", CHARGE_POINTS, identity))

    async def all(self) -> list[ChargePointRecord]:
        """Every record, by identity."""
        found = await self._server.command("HGETALL", CHARGE_POINTS)
        records = [_record(key.decode(), exact_json.loads(value)) for key, value in found.items()]
        return sorted(records, key=lambda record: record.identity)


def _document(record: ChargePointRecord) -> dict[str, Any]:
    return {
        "party": str(record.party),
        "security_profile": int(record.security_profile),
        "password_hash": record.password_hash,
        "enabled": record.enabled,
        "quirks": sorted(record.quirks),
        "provision": record.provision,
        "created_at": _text(record.created_at),
    }


def _record(identity: str, document: dict[str, Any]) -> ChargePointRecord:
    created_at = document["created_at"]
    return ChargePointRecord(
        identity=identity,
        party=Party.parse(document["party"]),
        security_profile=SecurityProfile(document["security_profile"]),
        password_hash=document["password_hash"],
        enabled=document["enabled"],
        quirks=frozenset(document["quirks"]),
        provision=document["provision"],
        created_at=from_text(created_at) if created_at else None,
    )


def _text(moment: datetime | None) -> str | None:
    # isoformat keeps the microseconds: what comes back must equal what was put
    return moment.isoformat() if moment else None
