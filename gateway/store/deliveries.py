"""How the deliveries to each partner stand, for the node that delivers next and for the operator.

The back-off of a partner that is down outlives a restart and moves with its lease, so that no
restart is a reason to call upon everyone at once. Outcomes are counted by the hour; hours older
than a day are forgotten.
"""

from datetime import datetime
from typing import Any

from gateway import exact_json
from gateway.store.keys import delivery_outcomes, delivery_standing
from gateway.store.server import Server

HOURS = 24
_KEPT_SECONDS = (HOURS + 1) * 3600


class DeliveryRecords:
    """One JSON document and one day of counters per partner."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def standing(self, partner_id: str) -> dict[str, Any] | None:
        """What was put last."""
        value = await self._server.command("GET", delivery_standing(partner_id))
        found: dict[str, Any] | None = None if value is None else exact_json.loads(value)
        return found

    async def put_standing(self, partner_id: str, standing: dict[str, Any]) -> None:
        """Remember it."""
        await self._server.command("SET", delivery_standing(partner_id), exact_json.dumps(standing))

    async def count(self, partner_id: str, now: datetime, attempted: int, delivered: int) -> None:
        """Add to the counters of this hour."""
        key, hour = delivery_outcomes(partner_id), _hour(now)
        await self._server.pipeline(
            [
                ("HINCRBY", key, f"{hour}/attempted", attempted),
                ("HINCRBY", key, f"{hour}/delivered", delivered),
                ("HDEL", key, *_fields(hour - HOURS - 24, hour - HOURS)),
                ("EXPIRE", key, _KEPT_SECONDS),
            ]
        )

    async def counted(self, partner_id: str, now: datetime) -> tuple[int, int]:
        """How many pushes were tried and how many delivered in the last day."""
        hour = _hour(now)
        fields = _fields(hour - HOURS + 1, hour + 1)
        values = await self._server.command("HMGET", delivery_outcomes(partner_id), *fields)
        numbers = [int(value or 0) for value in values]
        return sum(numbers[0::2]), sum(numbers[1::2])

    async def forget(self, partner_id: str) -> None:
        """A partner is gone."""
        await self._server.command(
            "DEL", delivery_standing(partner_id), delivery_outcomes(partner_id)
        )


def _hour(moment: datetime) -> int:
    return int(moment.timestamp() // 3600)


def _fields(first: int, end: int) -> list[str]:
    return [f"{hour}/{what}" for hour in range(first, end) for what in ("attempted", "delivered")]
