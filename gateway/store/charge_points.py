"""The operator's register of charge points."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

from gateway import exact_json
from gateway.domain.boot import BootPolicy
from gateway.domain.charge_points import ChargePointRecord, PendingPassword, SecurityProfile
from gateway.domain.party import Party
from gateway.domain.timestamps import from_text
from gateway.store import scripts
from gateway.store.errors import StoreUnavailable
from gateway.store.keys import CHARGE_POINTS
from gateway.store.server import Server

_ATTEMPTS = 20  # at an update that others keep overtaking
_PIECE = 500


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

    async def update(
        self, identity: str, change: Callable[[ChargePointRecord], ChargePointRecord]
    ) -> ChargePointRecord | None:
        """Replace a record by what `change` makes of it, atomically; None if there is none.

        `change` is called again when another node was faster.
        """
        for _ in range(_ATTEMPTS):
            read = await self._server.command("HGET", CHARGE_POINTS, identity)
            if read is None:
                return None
            record = change(_record(identity, exact_json.loads(read)))
            put = exact_json.dumps(_document(record))
            if put == read or await self._server.script(
                scripts.RECORD_REPLACE, [CHARGE_POINTS], identity, read, put
            ):
                return record
        raise StoreUnavailable("the charge point's record is being changed by many at once")

    async def delete(self, identity: str) -> bool:
        """Remove a record; False if there was none."""
        return bool(await self._server.command("HDEL", CHARGE_POINTS, identity))

    async def identities(self) -> AsyncIterator[list[str]]:
        """All identities, piece by piece; one that is added or removed meanwhile may be missed."""
        cursor: bytes | int = 0
        while True:
            cursor, found = await self._server.command(
                "HSCAN", CHARGE_POINTS, cursor, "COUNT", _PIECE
            )
            names = found if isinstance(found, dict) else found[::2]
            yield [name.decode() for name in names]
            if int(cursor) == 0:
                return

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
        "boot": record.boot.value,
        "heartbeat_interval": record.heartbeat_interval,
        "serial_number": record.serial_number,
        "pending_passwords": [[one.hash, one.after_reboot] for one in record.pending_passwords],
        "next_profile": record.next_profile,
        "profile_floor": record.profile_floor,
        "allow_security_profile_downgrade": record.allow_security_profile_downgrade,
        "allow_expired_certificate": record.allow_expired_certificate,
        "allow_legacy_tls": record.allow_legacy_tls,
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
        boot=BootPolicy(document.get("boot", BootPolicy.ACCEPT)),
        heartbeat_interval=document.get("heartbeat_interval"),
        serial_number=document.get("serial_number"),
        pending_passwords=tuple(
            PendingPassword(*one) for one in document.get("pending_passwords", ())
        ),
        next_profile=_profile(document.get("next_profile")),
        profile_floor=_profile(document.get("profile_floor")),
        allow_security_profile_downgrade=document.get("allow_security_profile_downgrade", False),
        allow_expired_certificate=document.get("allow_expired_certificate", False),
        allow_legacy_tls=document.get("allow_legacy_tls", False),
    )


def _profile(number: int | None) -> SecurityProfile | None:
    return None if number is None else SecurityProfile(number)


def _text(moment: datetime | None) -> str | None:
    # isoformat keeps the microseconds: what comes back must equal what was put
    return moment.isoformat() if moment else None
