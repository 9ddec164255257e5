"""The parties of this platform, whose charge points and locations partners meet here.

The first one is set at start and always there; the operator adds others while the gateway runs.
All nodes have them in memory, because the hot paths ask without waiting: a change made here holds
here at once, elsewhere as soon as the store has announced it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.domain.party import Party
from gateway.services.roaming.freshness import REREAD_SECONDS, Freshness
from gateway.store import PageQuery, PartyRecord, PartyStore, Store, StoreError

_TOPIC = "parties"
_PIECE = 500


class PartyInUse(Exception):
    """The party cannot be removed; `reasons` say what it still has."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class PartyInfo:
    """A party, the name that partners see in our credentials, and the rest of BusinessDetails."""

    party: Party
    business_name: str
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def business_details(self) -> dict[str, Any]:
        """OCPI BusinessDetails: name (100 characters), and website and logo where given."""
        return {**self.details, "name": self.business_name[:100]}


class PartyBook:
    """All parties whose charge points this platform runs. Without a store it never changes."""

    def __init__(
        self,
        first: PartyInfo,
        *others: PartyInfo,
        store: Store | None = None,
        reread_seconds: float = REREAD_SECONDS,
    ) -> None:
        self._fixed = {info.party: info for info in (first, *others)}
        self._parties = dict(self._fixed)
        self.default = first.party
        self._store = store
        self._generation = 0
        self._freshness: Freshness | None = None
        if store is not None:
            self._freshness = Freshness(store, _TOPIC, self._reread, seconds=reread_seconds)

    async def load(self) -> None:
        """Read the parties and stay up to date until `close`. Raises `StoreError`."""
        if self._freshness is not None:
            await self._freshness.start()

    async def close(self) -> None:
        """Stop following changes."""
        if self._freshness is not None:
            await self._freshness.close()

    def all(self) -> list[PartyInfo]:
        """The parties, the first one first, the others in the order in which they came."""
        return list(self._parties.values())

    def get(self, party: Party) -> PartyInfo | None:
        """One of them."""
        return self._parties.get(party)

    def knows(self, party: Party) -> bool:
        """Whether this is one of ours."""
        return party in self._parties

    async def put(self, info: PartyInfo) -> bool:
        """Add a party or change its details; True if it is new. Raises `StoreError`.

        What is told of the first party replaces the name that was set.
        """
        store, known = self._kept(), self._parties.get(info.party)
        records = {record.party: record for record in await store.parties.all()}
        last = max((record.number for record in records.values()), default=0)
        old = records.get(info.party)
        number = old.number if old else last + 1
        try:
            await store.parties.put(PartyRecord(info.party, info.business_details, number))
        except StoreError:
            self._outdated()  # it may have been stored all the same
            raise
        self._set({**self._parties, info.party: info})
        return known is None

    async def remove(self, party: Party) -> None:
        """Forget a party. Raises `PartyInUse` while anything of it is in use, and `StoreError`."""
        store = self._kept()
        reasons = [] if party != self.default else ["it is the first party, which is set"]
        reasons += await in_use(store, party)
        if reasons:
            raise PartyInUse(reasons)
        self._set({one: info for one, info in self._parties.items() if one != party})
        self._outdated()
        await store.parties.delete(party)

    def _kept(self) -> Store:
        if self._store is None:
            raise RuntimeError("this book was made without a store")
        return self._store

    def _outdated(self) -> None:
        if self._freshness is not None:
            self._freshness.outdated()

    def _set(self, parties: dict[Party, PartyInfo]) -> None:
        self._generation += 1
        self._parties = parties

    async def _reread(self) -> None:
        generation = self._generation
        records = await self._kept().parties.all()
        # A change made here while reading is newer than what was read.
        if generation == self._generation:
            self._set({**self._fixed, **{one.party: _info(one) for one in records}})
        else:
            self._outdated()


async def in_use(store: Store, party: Party) -> list[str]:
    """What of a party is still in use: charge points, locations, tariffs, open sessions."""
    books, reasons = store.party(party), []
    stations = sum(record.party == party for record in await store.charge_points.all())
    if stations:
        reasons.append(f"{stations} charge points")
    for name, found in (
        ("locations", await _count(books, "locations")),
        ("tariffs", (await books.tariffs.page(PageQuery(limit=0))).total),
        ("open sessions", await _count(books, "sessions")),
    ):
        if found:
            reasons.append(f"{found} {name}")
    return reasons


async def _count(books: PartyStore, kind: str) -> int:
    """How many documents are in use. A location is never deleted, its EVSEs become REMOVED."""
    documents, is_used = {
        "locations": (books.locations, _in_service),
        "sessions": (books.sessions, _open),
    }[kind]
    count = offset = 0
    while page := (await documents.page(PageQuery(offset=offset, limit=_PIECE))).items:
        count += sum(map(is_used, page))
        offset += _PIECE
    return count


def _in_service(location: Mapping[str, Any]) -> bool:
    evses: Iterable[Mapping[str, Any]] = location.get("evses") or ()
    return any(evse.get("status") != "REMOVED" for evse in evses)


def _open(session: Mapping[str, Any]) -> bool:
    return session.get("status") in ("ACTIVE", "PENDING", "RESERVATION")


def _info(record: PartyRecord) -> PartyInfo:
    details = dict(record.business_details)
    return PartyInfo(record.party, str(details.pop("name")), details)
