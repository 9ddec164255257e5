"""The partners as this node knows them, in memory, kept fresh.

The hot paths (who calls, who must be told) ask without waiting. A change made here holds here at
once; other nodes re-read when the store announces it on the bus, and every few seconds in case an
announcement was lost, so that a revoked token dies everywhere within moments.
"""

import asyncio
import hashlib
import secrets
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from gateway.domain.partners import Partner, PartnerState
from gateway.domain.party import Party
from gateway.services.roaming.freshness import REREAD_SECONDS, Freshness
from gateway.store import Store, StoreError

# Credentials object: at most 64 printable non-whitespace ASCII characters.
_TOKEN_BYTES = 36
_TOPIC = "partners"

# A suspended partner is owed as well: what it missed goes out when it is resumed.
_TOLD = (PartnerState.REGISTERED, PartnerState.SUSPENDED)


def new_token() -> str:
    """A credentials token: 288 random bits."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


def token_hash(token: str) -> str:
    """How a token that is presented to us is kept: its SHA-256; it is random, so no salt."""
    return hashlib.sha256(token.encode()).hexdigest()


class RegistrationFailed(Exception):
    """The OCPI handshake with a partner did not come to its end; the text says where."""


class PartnerDirectory:
    """All partners, by id and by the token that they present."""

    def __init__(
        self,
        store: Store,
        now: Callable[[], datetime],
        *,
        reread_seconds: float = REREAD_SECONDS,
    ) -> None:
        self._store = store
        self._now = now
        self._by_id: dict[str, Partner] = {}
        self._by_hash: dict[str, Partner] = {}
        self._receivers: dict[tuple[str, Party], list[Partner]] = {}
        self._generation = 0
        self._changed = asyncio.Event()
        self._freshness = Freshness(store, _TOPIC, self._reread, seconds=reread_seconds)

    async def load(self) -> None:
        """Read every partner and stay up to date until `close`. Raises `StoreError`."""
        await self._freshness.start()

    async def close(self) -> None:
        """Stop following changes."""
        await self._freshness.close()

    async def caught_up(self) -> bool:
        """Wait until a change that is known of here is known here; False if there is none."""
        return await self._freshness.caught_up()

    async def changed(self) -> None:
        """Wait for the next change of any partner."""
        await self._changed.wait()

    def by_token(self, token: str) -> Partner | None:
        """Who may present this token to us.

        Compared by hash, so that the time taken says nothing about the tokens we know.
        """
        return self._by_hash.get(token_hash(token))

    def get(self, partner_id: str) -> Partner | None:
        """The partner of this id."""
        return self._by_id.get(partner_id)

    def all(self) -> list[Partner]:
        """Every partner, oldest first."""
        return sorted(self._by_id.values(), key=lambda partner: (partner.created_at, partner.id))

    def receivers(self, module: str, party: Party) -> list[Partner]:
        """Whoever must be told of this party's objects: has a RECEIVER endpoint for them."""
        receivers = self._receivers.get((module, party))
        if receivers is None:
            receivers = [
                partner
                for partner in self._by_id.values()
                if partner.state in _TOLD
                and partner.sees(party)
                and partner.endpoint(module, "RECEIVER")
            ]
            self._receivers[module, party] = receivers
        return receivers

    async def invite(self, name: str) -> tuple[Partner, str]:
        """A new partner and the token A to hand over, shown this once. Raises `ValueError`."""
        name = name.strip()
        if not name or len(name) > 100 or not name.isprintable():
            raise ValueError("a partner's name has 1 to 100 printable characters")
        token = new_token()
        partner = Partner(
            id=uuid.uuid4().hex[:12],
            name=name,
            state=PartnerState.INVITED,
            created_at=self._now(),
            inbound_token_hash=token_hash(token),
        )
        await self.save(partner)
        return partner, token

    async def save(self, partner: Partner) -> None:
        """Store it as it is, whatever was there; from now on this node sees it so."""
        try:
            await self._store.partners.put(partner)
        except StoreError:
            self._freshness.outdated()  # it may have been stored all the same
            raise
        self._set({**self._by_id, partner.id: partner})

    async def change(self, partner_id: str, change: Callable[[Partner], Partner]) -> Partner | None:
        """Make of a partner, as it is stored now, what `change` says; None if there is none.

        What another node changes at the same time is not lost: a token that it has just renewed
        does not come back. `change` may be called several times.
        """
        try:
            changed = await self._store.partners.update(partner_id, change)
        except StoreError:
            self._freshness.outdated()
            raise
        if changed is not None and changed != self._by_id.get(partner_id):
            self._set({**self._by_id, partner_id: changed})
        return changed

    async def suspend(self, used: Partner, why: str) -> None:
        """It does not take the token that we used, unless that is not its token any more."""

        def suspended(now: Partner) -> Partner:
            ours = (now.state, now.outbound_token) == (used.state, used.outbound_token)
            if not ours or now.state is not PartnerState.REGISTERED:
                return now
            return replace(now, state=PartnerState.SUSPENDED, last_error=why)

        await self.change(used.id, suspended)

    async def resume(self, partner: Partner) -> None:
        """A suspended partner called us: it is worth trying again."""

        def resumed(now: Partner) -> Partner:
            away = now.state is PartnerState.SUSPENDED
            back = replace(now, state=PartnerState.REGISTERED, last_error=None)
            return back if away else now

        await self.change(partner.id, resumed)

    async def remove(self, partner_id: str) -> None:
        """Forget it and the drivers' tokens that it gave us; it is unknown from now on."""
        self._without(partner_id)
        try:
            # its record last: with a crash in between it is still there to be removed
            await self._store.tokens.drop_partner(partner_id)
            await self._store.partners.delete(partner_id)
        finally:
            self._freshness.outdated()
        self._without(partner_id)  # it may have been read meanwhile

    def _without(self, partner_id: str) -> None:
        self._set({id_: one for id_, one in self._by_id.items() if id_ != partner_id})

    def _set(self, partners: dict[str, Partner]) -> None:
        self._generation += 1
        self._by_id = partners
        self._by_hash = {
            hashed: partner
            for partner in partners.values()
            if partner.state is not PartnerState.UNREGISTERED
            for hashed in (partner.offered_token_hash, partner.inbound_token_hash)
            if hashed
        }
        self._receivers = {}
        self._changed.set()
        self._changed = asyncio.Event()

    async def _reread(self) -> None:
        generation = self._generation
        partners = await self._store.partners.all()
        # A change made here while reading is newer than what was read.
        if generation == self._generation:
            self._set({partner.id: partner for partner in partners})
        else:
            self._freshness.outdated()
