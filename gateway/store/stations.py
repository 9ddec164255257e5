"""The live state of charge points, and which node holds each one's socket.

`connect` gives out epochs: the newest connection of a charge point has the highest one, and every
write that carries an older one is refused (see `Fence`).
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway import exact_json
from gateway.domain.timestamps import from_text, to_text
from gateway.store import scripts
from gateway.store.change import Change, Fence
from gateway.store.keys import EPOCH, PartyKeys, state_field
from gateway.store.server import Server

# Of one stream; a frame may have a megabyte, and a store that is full stands still for everybody.
MOST_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Route:
    """Where the live socket of a charge point is."""

    node_id: str
    epoch: int
    protocol: str
    connected_at: datetime


class Stations:
    """The charge points of one party, by OCPP identity."""

    def __init__(self, server: Server, keys: PartyKeys) -> None:
        self._server = server
        self._keys = keys

    async def connect(
        self, identity: str, *, node_id: str, protocol: str, remote: str, at: datetime
    ) -> tuple[int, dict[str, Any]]:
        """Take a new epoch and record the route; returns the epoch and all state kept so far."""
        route = {"node": node_id, "protocol": protocol, "remote": remote, "at": to_text(at)}
        epoch, stored = await self._server.script(
            scripts.CONNECT,
            [self._keys.station(identity), self._keys.epochs, self._keys.nodes],
            *(part for pair in route.items() for part in pair),
        )
        names, values = stored[::2], stored[1::2]
        return int(epoch), _state(dict(zip(names, values, strict=True)))

    async def disconnect(self, fence: Fence, last_seen: datetime) -> bool:
        """Clear the route, unless a newer connection has it; returns whether it was ours.

        The state then says `last_seen` and the `protocol` of the connection that has ended.
        """
        station = self._keys.station(fence.identity)
        seen = exact_json.dumps(to_text(last_seen))
        ours = await self._server.script(scripts.DISCONNECT, [station], fence.epoch, seen)
        return bool(ours)

    async def abandon(self, identity: str, route: Route, beat: int) -> Fence | None:
        """Clear the route of a node that is gone, by a new epoch, which is returned.

        None, and nothing has changed, if the charge point has connected since the route was read,
        or the node has stirred since its beat was.
        """
        epoch = await self._server.script(
            scripts.ABANDON,
            [self._keys.station(identity), self._keys.epochs, self._keys.nodes],
            route.node_id,
            beat,
            route.epoch,
            exact_json.dumps(to_text(route.connected_at)),
        )
        return None if epoch is None else Fence(identity, int(epoch))

    async def beat(self, node_id: str) -> None:
        """A node says that it lives."""
        await self._server.command("HINCRBY", self._keys.nodes, node_id, 1)

    async def beats(self) -> dict[str, int]:
        """How often each node that may hold charge points of this party has said so."""
        found = await self._server.command("HGETALL", self._keys.nodes)
        return {node_id.decode(): int(beat) for node_id, beat in found.items()}

    async def forget_node(self, node_id: str, beat: int) -> None:
        """Drop a node that holds nothing any more, unless it has stirred."""
        await self._server.script(scripts.NODE_FORGET, [self._keys.nodes], node_id, beat)

    async def fence(self, identity: str) -> Fence | None:
        """That of the newest connection, be it that it has ended; None: it never connected."""
        epoch = await self._server.command("HGET", self._keys.station(identity), EPOCH)
        return None if epoch is None else Fence(identity, int(epoch))

    async def route(self, identity: str) -> Route | None:
        """Where the live socket is, None while there is none."""
        node, epoch, protocol, at = await self._server.command(
            "HMGET", self._keys.station(identity), "node", EPOCH, "protocol", "at"
        )
        if node is None:
            return None
        return Route(node.decode(), int(epoch), protocol.decode(), from_text(at.decode()))

    async def is_newest(self, fence: Fence) -> bool:
        """Whether nobody has connected since, be it that the connection has ended."""
        return await self.fence(fence.identity) == fence

    async def load(self, identity: str) -> dict[str, Any]:
        """Everything that `put` has kept, whether or not the charge point is connected."""
        return _state(await self._server.command("HGETALL", self._keys.station(identity)))

    async def get(self, identity: str, field: str) -> Any:
        """One piece of state, None if it is not there."""
        station = self._keys.station(identity)
        value = await self._server.command("HGET", station, state_field(field))
        return None if value is None else exact_json.loads(value)

    def put(self, change: Change, identity: str, field: str, value: Any) -> None:
        """Keep a piece of state under a name such as `boot` or `evse:1`."""
        change.hset(self._keys.station(identity), state_field(field), exact_json.dumps(value))

    def drop(self, change: Change, identity: str, field: str) -> None:
        """Forget a piece of state."""
        change.hdel(self._keys.station(identity), state_field(field))

    async def forget(self, change: Change, identity: str) -> None:
        """Drop what is known of a charge point, kept reports (personal data) among it.

        What the operator says of its EVSEs stays (`binding:`), and so does the epoch, without
        which a connection that still lives would not be fenced off. Transactions stay too: they
        are part of the party's books.
        """
        station, index = self._keys.station(identity), self._keys.kept_streams(identity)
        for name in await self._server.command("HKEYS", station):
            field = name.decode()
            if field != EPOCH and not field.startswith(state_field("binding:")):
                change.hdel(station, field)
        for stream in await self._server.command("SMEMBERS", index):
            change.delete(self._keys.kept(identity, stream.decode()))
        change.delete(index)
        change.delete(self._keys.remote_starts(identity))
        change.delete(self._keys.reservations(identity))
        change.delete(self._keys.station_records("operations", identity))
        change.delete(self._keys.station_records("files", identity))

    def keep(self, change: Change, identity: str, stream: str, value: Any, cap: int) -> int:
        """Append a report to a stream that holds only its last `cap` ones; fewer huge ones.

        Returns how many the stream now holds at most.
        """
        text = exact_json.dumps(value)
        fitting = max(1, min(cap, MOST_BYTES // len(text)))
        change.sadd(self._keys.kept_streams(identity), stream)
        change.rpush(self._keys.kept(identity, stream), text, cap=fitting)
        return fitting

    def clear(self, change: Change, identity: str, stream: str) -> None:
        """Empty a stream."""
        change.delete(self._keys.kept(identity, stream))

    async def kept(self, identity: str, stream: str, limit: int) -> list[Any]:
        """The last reports of a stream, oldest first."""
        key = self._keys.kept(identity, stream)
        values = await self._server.command("LRANGE", key, -limit, -1)
        return [exact_json.loads(value) for value in values] if limit > 0 else []

    async def kept_count(self, identity: str, stream: str) -> int:
        """How many reports a stream holds."""
        return int(await self._server.command("LLEN", self._keys.kept(identity, stream)))

    async def kept_counts(self, identity: str) -> dict[str, int]:
        """How many reports each stream of a charge point holds."""
        names = await self._server.command("SMEMBERS", self._keys.kept_streams(identity))
        streams = [name.decode() for name in names]
        counts = await asyncio.gather(*(self.kept_count(identity, name) for name in streams))
        return dict(zip(streams, counts, strict=True))


def _state(stored: dict[bytes, bytes]) -> dict[str, Any]:
    return {
        name[1:].decode(): exact_json.loads(value)
        for name, value in stored.items()
        if name.startswith(b":")
    }
