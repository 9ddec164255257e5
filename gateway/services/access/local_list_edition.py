"""What all stations' lists are cut from, read from the store once for each state of the tokens.

An `Edition` belongs to one revision of the tokens. The first station that needs a list of some
length pays for reading it; all others of this node share it, and the differences as well.
"""

import asyncio

from gateway.domain.local_list import (
    Held,
    Limits,
    Listed,
    Wanted,
    choose,
    difference,
    entry_of,
    key_of,
    ranges_below,
)
from gateway.domain.local_list import ListEntry as Entry
from gateway.domain.party import Party
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import KnownToken, Store

# More than this is cheaper sent anew.
MOST_CHANGES = 10_000
# What has been off all lists for so many changes is forgotten; a station that has not been told
# since is told everything.
_REMEMBERED_CHANGES = 100_000
_PIECE = 1_000
_MOST_EDITIONS = 100
_ANY = 2**53

Changes = tuple[tuple[Entry, ...], tuple[str, ...]]


class Editions:
    """The current editions: one for all parties whose stations the same partners pay at."""

    def __init__(self, store: Store, partners: PartnerDirectory, master_group: str | None) -> None:
        self._store = store
        self._partners = partners
        self._master_group = master_group
        self._revision = 0
        self._owners: tuple[str, ...] = ()
        self._made: dict[tuple[str, ...], Edition] = {}

    async def current(self, party: Party) -> "Edition":
        """The edition of what the tokens are now, for the stations of this party."""
        await self.refresh()
        return self.of(party)

    async def refresh(self) -> int:
        """Look at what the tokens are now; returns their revision."""
        listed = self._store.listed_tokens
        revision = await listed.revision()
        self._owners = tuple(await listed.owners())
        if revision != self._revision or len(self._made) > _MOST_EDITIONS:
            self._made = {}
        self._revision = revision
        return revision

    def of(self, party: Party) -> "Edition":
        """The edition for the stations of this party, as of the last look."""
        withdrawn = tuple(owner for owner in self._owners if not self._pays(owner, party))
        edition = self._made.get(withdrawn)
        if edition is None:
            edition = Edition(self._store, self._revision, withdrawn, self._master_group)
            self._made[withdrawn] = edition
        return edition

    def _pays(self, owner: str, party: Party) -> bool:
        partner = self._partners.get(owner)
        return partner is not None and partner.pays_at(party)


class Edition:
    """The listed tokens at one revision, but those of the partners in `withdrawn`.

    They charge nowhere at the stations that it is for, as nobody would pay. Revision 0: no token
    was ever listed.
    """

    def __init__(
        self,
        store: Store,
        revision: int,
        withdrawn: tuple[str, ...],
        master_group: str | None,
    ) -> None:
        self.revision = revision
        self.withdrawn = withdrawn
        self._listed = store.listed_tokens
        self._master_group = master_group
        self._wanted: dict[tuple[int, int], Wanted] = {}
        self._changes: dict[tuple[Held, int, int], Changes | None] = {}
        self._lock = asyncio.Lock()

    async def wanted(self, limits: Limits) -> Wanted:
        """The list of a station with these limits."""
        shape = (limits.capacity, limits.longest_uid)
        async with self._lock:
            if shape not in self._wanted:
                own = await self._newest(own=True, limits=limits)
                partners = await self._newest(own=False, limits=limits)
                self._wanted[shape] = choose(self.revision, own, partners, limits.capacity)
        return self._wanted[shape]

    async def changes(self, held: Held, limits: Limits) -> Changes | None:
        """What to put and to take off; None: so much, or so long ago, that all is sent anew."""
        wanted = await self.wanted(limits)
        # the version is the station's own matter
        shape = (Held(0, held.revision, held.floors), limits.capacity, limits.longest_uid)
        async with self._lock:
            if shape not in self._changes:
                self._changes[shape] = await self._difference(held, wanted)
        return self._changes[shape]

    async def _difference(self, held: Held, wanted: Wanted) -> Changes | None:
        if held.revision < self.revision - _REMEMBERED_CHANGES:
            return None
        changed: list[str] = []
        for own in (True, False):
            changed += await self._listed.between(own, held.revision + 1, _ANY, MOST_CHANGES + 1)
        below: list[str] = []
        for own, (first, last) in ranges_below(held, wanted).items():
            below += await self._listed.between(own, first, last, MOST_CHANGES + 1)
        if len(changed) + len(below) > MOST_CHANGES:
            return None
        return difference(held, wanted, changed, below)

    async def _newest(self, *, own: bool, limits: Limits) -> list[Listed]:
        """The newest of a kind: as many as fit, and one more if there is one."""
        found: dict[str, Listed] = {}
        first = 0
        forgotten: list[int] = []
        while len(found) <= limits.capacity:
            ranked = await self._listed.newest(own, first, _PIECE)
            if not ranked:
                break
            first += len(ranked)
            tokens = await self._listed.tokens([uid for uid, _ in ranked])
            for (uid, revision), candidates in zip(ranked, tokens, strict=True):
                entry = self._entry(candidates, own)
                if entry is not None and len(entry.uid) <= limits.longest_uid:
                    found.setdefault(key_of(uid), Listed(revision, own, entry))
                elif not candidates and revision < self.revision - _REMEMBERED_CHANGES:
                    forgotten.append(revision)
        await self._listed.forget(own, forgotten)
        return list(found.values())[: limits.capacity + 1]

    def _entry(self, candidates: list[KnownToken], own: bool) -> Entry | None:
        valid = [
            (one.document, one.partner_id)
            for one in candidates
            if one.partner_id is None or one.partner_id not in self.withdrawn
        ]
        found = entry_of(valid, self._master_group)
        return found[0] if found is not None and found[1] is own else None
