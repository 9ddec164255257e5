"""Our own parties, as the operator has told them; the first one's name may come from a setting."""

from dataclasses import dataclass
from typing import Any

from gateway import exact_json
from gateway.domain.party import Party
from gateway.store.bus import Bus
from gateway.store.keys import PARTIES
from gateway.store.server import Server

PARTIES_TOPIC = "parties"


@dataclass(frozen=True, slots=True)
class PartyRecord:
    """One party: its OCPI BusinessDetails, and its place in the order of creation."""

    party: Party
    business_details: dict[str, Any]
    number: int


class PartyRecords:
    """Parties by name. Every change is announced on the bus: `{"party": ...}`, topic "parties"."""

    def __init__(self, server: Server, bus: Bus) -> None:
        self._server = server
        self._bus = bus

    async def put(self, record: PartyRecord) -> None:
        """Store a party, new or not."""
        value = exact_json.dumps(
            {"business_details": record.business_details, "number": record.number}
        )
        await self._server.command("HSET", PARTIES, str(record.party), value)
        await self._bus.publish(PARTIES_TOPIC, {"party": str(record.party)})

    async def delete(self, party: Party) -> bool:
        """Remove a party; False if there was none."""
        existed = bool(await self._server.command("HDEL", PARTIES, str(party)))
        await self._bus.publish(PARTIES_TOPIC, {"party": str(party)})
        return existed

    async def all(self) -> list[PartyRecord]:
        """Every party, the oldest first."""
        found = await self._server.command("HGETALL", PARTIES)
        records = [_record(key.decode(), exact_json.loads(one)) for key, one in found.items()]
        return sorted(records, key=lambda record: (record.number, record.party))


def _record(name: str, document: dict[str, Any]) -> PartyRecord:
    return PartyRecord(Party.parse(name), document["business_details"], int(document["number"]))
