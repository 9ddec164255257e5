"""A list of writes within one party, applied by one script: all of them, or none."""

from collections.abc import Iterable
from dataclasses import dataclass

from gateway import exact_json
from gateway.domain.delivery import ObjectRef
from gateway.domain.party import Party
from gateway.store import keys
from gateway.store.scripts import COMMIT

Value = str | bytes | int | float

# Lua's unpack is limited by its C stack (8,000); far below that, a list is sent in pieces.
_MAX_ARGUMENTS = 1_000


@dataclass(frozen=True, slots=True)
class Fence:
    """What a connection must still hold when it writes: the epoch that it was given."""

    identity: str
    epoch: int


class Change:
    """What is to be written. Build it, then `Store.commit` it; the order of calls is kept.

    With a fence, nothing is written once a newer connection of that charge point has its epoch.
    """

    __slots__ = ("_checks", "_keys", "_owed_to", "_writes", "fence", "party", "party_keys")

    def __init__(
        self,
        party: Party,
        fence: Fence | None = None,
        party_keys: keys.PartyKeys | None = None,
    ) -> None:
        self.party = party
        self.fence = fence
        self.party_keys = party_keys or keys.PartyKeys(party)
        self._keys: dict[str, int] = {}
        self._checks: list[Value] = []
        self._writes: list[Value] = []
        self._owed_to: set[str] = set()
        if fence:
            self._index(self.party_keys.station(fence.identity))

    def _index(self, key: str) -> int:
        index = self._keys.get(key)
        if index is None:
            if not key.startswith(self.party_keys.prefix):
                raise ValueError(f"{key} is not a key of {self.party}")
            index = self._keys[key] = len(self._keys) + 1
        return index

    def expect_absent(self, key: str, field: str) -> None:
        """Apply nothing, and raise Conflict, if the hash already has this field."""
        self._checks += (self._index(key), field, "-")

    def expect(self, key: str, field: str, value: bytes) -> None:
        """Apply nothing, and raise Conflict, unless the hash's field holds just this."""
        self._checks += (self._index(key), field, b"=" + value)

    def hset(self, key: str, field: str, value: Value) -> None:
        """Set one field of a hash."""
        self._writes += ("HSET", self._index(key), 2, field, value)

    def hdel(self, key: str, field: str) -> None:
        """Remove one field of a hash."""
        self._writes += ("HDEL", self._index(key), 1, field)

    def zadd(self, key: str, member: str, score: int) -> None:
        """Give a member of a sorted set this score."""
        self._writes += ("ZADD", self._index(key), 2, score, member)

    def zadd_max(self, key: str, member: str, score: int) -> None:
        """The same, but a score never goes down."""
        self._writes += ("ZADD", self._index(key), 3, "GT", score, member)

    def zrem(self, key: str, member: str) -> None:
        """Remove a member of a sorted set."""
        self._writes += ("ZREM", self._index(key), 1, member)

    def number(self, key: str, counter: str, withdrawn: str, member: str) -> None:
        """Unless the member has a score: give it the one it had before, else count up.

        `withdrawn` is where `withdraw` has put it.
        """
        indexes = self._index(counter), self._index(withdrawn)
        self._writes += ("number", self._index(key), 3, *indexes, member)

    def withdraw(self, key: str, withdrawn: str, member: str) -> None:
        """Remove a member of a sorted set, but keep its score for `number`."""
        self._writes += ("withdraw", self._index(key), 2, self._index(withdrawn), member)

    def sadd(self, key: str, member: str) -> None:
        """Add a member to a set."""
        self._writes += ("SADD", self._index(key), 1, member)

    def rpush(self, key: str, *values: Value, cap: int | None = None) -> None:
        """Append to a list; with `cap`, keep only so many of its last elements."""
        index = self._index(key)
        while values:
            piece, values = values[:_MAX_ARGUMENTS], values[_MAX_ARGUMENTS:]
            self._writes += ("RPUSH", index, len(piece), *piece)
        if cap is not None:
            self._writes += ("LTRIM", index, 2, -cap, -1)

    def set(self, key: str, value: Value) -> None:
        """Set a plain key."""
        self._writes += ("SET", self._index(key), 1, value)

    def delete(self, key: str) -> None:
        """Remove a key of any type."""
        self._writes += ("DEL", self._index(key), 0)

    def owe(self, partner_ids: Iterable[str], ref: ObjectRef) -> None:
        """Mark an object as not yet delivered, and wake each partner's delivery once."""
        version = self._index(self.party_keys.owed_version)
        for partner_id in partner_ids:
            owed = self._index(self.party_keys.owed(partner_id))
            since = self._index(self.party_keys.owed_since(partner_id))
            self._writes += ("owe", owed, 3, version, since, str(ref))
            self._owed_to.add(partner_id)

    def publish(self, topic: str, message: object) -> None:
        """Tell all nodes, if and when the change is applied."""
        self._writes += ("publish", 0, 2, keys.bus(topic), exact_json.dumps(message))

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._writes)

    def command(self) -> tuple[Value, ...]:
        """The script call that applies this change."""
        writes = self._writes
        if self._owed_to:
            party = str(self.party)
            writes = writes.copy()
            for partner_id in self._owed_to:
                wake_up = exact_json.dumps({"partner": partner_id, "party": party})
                writes += ("publish", 0, 2, keys.bus(keys.OWED_TOPIC), wake_up)
        return (
            "EVALSHA",
            COMMIT.digest,
            len(self._keys),
            *self._keys,
            self.fence.epoch if self.fence else "",
            len(self._checks) // 3,
            *self._checks,
            *writes,
        )

    def expectation(self, number: int) -> tuple[str, str]:
        """Key and field of the expectation with this number, counted from 1."""
        index, field = self._checks[number * 3 - 3 : number * 3 - 1]
        return list(self._keys)[int(index) - 1], str(field)
