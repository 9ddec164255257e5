"""Objects that partners own and give to us, other than tokens: by their owner's name and id.

`owner` is a partner's id, or the name of one party behind a hub (`list_behind`). Ids are CiStrings.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway import exact_json
from gateway.domain.timestamps import to_milliseconds
from gateway.store import keys
from gateway.store.server import Server


@dataclass(frozen=True, slots=True)
class OwnedObject:
    """One object, and whose it is."""

    owner: str
    document: dict[str, Any]

    @property
    def partner_id(self) -> str:
        """The partner that it came from."""
        return _partner(self.owner)


class PartnerObjects:
    """All objects of one kind."""

    def __init__(self, server: Server, kind: str) -> None:
        self._server = server
        self._kind = kind
        self._objects = keys.partner_objects(kind)
        self._references = keys.partner_object_references(kind)

    async def get(self, owner: str, id: str) -> dict[str, Any] | None:
        """One of that owner's, or None."""
        value = await self._server.command("HGET", self._objects, keys.owned_field(owner, id))
        return None if value is None else _object(value).document

    async def put(
        self,
        owner: str,
        id: str,
        document: dict[str, Any],
        updated: datetime,
        *,
        reference: str | None = None,
    ) -> bool:
        """Keep it; True if it is new. The last one put under a reference is found by that."""
        member, score = keys.owned_field(owner, id), to_milliseconds(updated)
        # the object last: whatever is lost on the way, what is found is whole
        commands: list[Sequence[str | bytes | int]] = [
            ("ZADD", keys.partner_objects_order(self._kind), score, member),
            ("ZADD", keys.partner_objects_order(self._kind, _partner(owner)), score, member),
        ]
        if reference is not None:
            commands.append(("HSET", self._references, keys.owned_field(owner, reference), member))
        value = exact_json.dumps([owner, document])
        commands.append(("HSET", self._objects, member, value))
        return bool((await self._server.pipeline(commands))[-1])

    async def delete(self, owner: str, id: str) -> bool:
        """Forget it; False if there was none."""
        member = keys.owned_field(owner, id)
        removed, *_ = await self._server.pipeline(
            [
                ("HDEL", self._objects, member),
                ("ZREM", keys.partner_objects_order(self._kind), member),
                ("ZREM", keys.partner_objects_order(self._kind, _partner(owner)), member),
            ]
        )
        return bool(removed)

    async def newest(
        self, partner_id: str | None, offset: int, limit: int | None
    ) -> tuple[list[OwnedObject], int]:
        """A part of all, or of one partner's, last updated first; and how many there are."""
        order = keys.partner_objects_order(self._kind, partner_id)
        last = -1 if limit is None else offset + limit - 1
        window = ("ZREVRANGE", order, offset, last)
        total, members = await self._server.pipeline([("ZCARD", order), window])
        return await self._read(members if limit != 0 else []), total

    async def by_reference(self, owner: str, reference: str) -> dict[str, Any] | None:
        """The last one that was put under this reference."""
        field = keys.owned_field(owner, reference)
        member = await self._server.command("HGET", self._references, field)
        found = [] if member is None else await self._read([member])
        return found[0].document if found else None

    async def _read(self, members: Iterable[bytes]) -> list[OwnedObject]:
        fields = list(members)
        if not fields:
            return []
        values = await self._server.command("HMGET", self._objects, *fields)
        return [_object(value) for value in values if value is not None]


def _partner(owner: str) -> str:
    return owner.partition("/")[0]


def _object(value: bytes) -> OwnedObject:
    owner, document = exact_json.loads(value)
    return OwnedObject(owner, document)
